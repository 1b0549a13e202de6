import pytest

from hashaudit.lists.interface import ListEntry
from hashaudit.lists.selection import EVERYTHING, Selection
from hashaudit.model.results import AlgorithmName


def entry(**labels: str) -> ListEntry:
    return ListEntry("1", {AlgorithmName("md5"): bytes(16)}, labels=labels)


@pytest.mark.parametrize(
    ("selection", "labels"),
    [
        (EVERYTHING, {}),
        (EVERYTHING, {"category": "0", "score": "0"}),
        (Selection(("1",)), {"category": "1"}),
        (Selection(("a1", "2")), {"classification": "A1"}),
        (Selection(min_score=50), {"score": "50"}),
        (Selection(min_score=50), {}),
        (Selection(min_score=50), {"score": "high"}),
    ],
)
def test_accepted_entries(selection: Selection, labels: dict[str, str]) -> None:
    assert selection.selects(entry(**labels))


@pytest.mark.parametrize(
    ("selection", "labels"),
    [
        (Selection(("1",)), {}),
        (Selection(("1",)), {"category": "10"}),
        (Selection(("1",)), {"series": "1"}),
        (Selection(min_score=50), {"score": "49.9"}),
        (Selection(("1",), 50), {"category": "1", "score": "1"}),
    ],
)
def test_skipped_entries(selection: Selection, labels: dict[str, str]) -> None:
    assert not selection.selects(entry(**labels))
    assert not selection.selects_all
