from hashaudit.lists.interface import ListEntry, Rejected, RejectReason
from hashaudit.lists.supersede import LatestRecords, withdrawn
from hashaudit.model.results import AlgorithmName


def entry(number: int) -> ListEntry:
    return ListEntry(id=str(number), digests={AlgorithmName("md5"): bytes([number]) * 16})


def test_a_later_record_replaces_the_earlier() -> None:
    latest = LatestRecords()
    assert latest.put("a", 1, [entry(1)], "2020") is None
    assert latest.put("a", 2, [entry(2)], "2021") == Rejected(
        1, RejectReason.DUPLICATE, "superseded by a later record of the list"
    )
    assert list(latest.items()) == [entry(2)]


def test_an_older_record_that_comes_later_is_void() -> None:
    latest = LatestRecords()
    latest.put("a", 1, [withdrawn(1)], "2021")
    superseded = latest.put("a", 2, [entry(2)], "2020")
    assert superseded is not None
    assert superseded.line == 2
    assert list(latest.items()) == [Rejected(1, RejectReason.WITHDRAWN)]


def test_of_equal_times_the_later_record_counts() -> None:
    latest = LatestRecords()
    latest.put("a", 1, [entry(1)])
    latest.put("a", 2, [withdrawn(2)])
    latest.put("b", 3, [entry(3), entry(4)])
    assert list(latest.items()) == [withdrawn(2), entry(3), entry(4)]


def test_fractions_of_a_second_sort_after_whole_ones() -> None:
    latest = LatestRecords()
    latest.put("a", 1, [entry(1)], "2020-01-01T00:00:00.5Z")
    latest.put("a", 2, [entry(2)], "2020-01-01T00:00:00Z")
    assert list(latest.items()) == [entry(1)]
