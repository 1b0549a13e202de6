import msgspec
import pytest

from hashaudit.model.entry import Consistency, Entry, Stat
from hashaudit.model.faults import Fault, FaultCode, Stage
from hashaudit.model.location import DirectoryRef, Location
from hashaudit.model.results import EntryResult
from hashaudit.scan.hardlinks import LinkGroups

FOLDER = DirectoryRef(b"/d", 1, 2)
STAT = Stat(0o100644, 1, 10, 3, 100, 5, 6)


def entry(name: bytes, stat: Stat = STAT) -> Entry:
    return Entry(Location(FOLDER, name), stat)


def whole() -> EntryResult:
    return EntryResult(0, STAT, 100, Consistency.STABLE, {"md5": "00"})


def faulted() -> EntryResult:
    fault = Fault(Stage.OPEN, FaultCode.NOT_FOUND, "gone")
    return EntryResult(0, None, 0, Consistency.STABLE, {}, faults=(fault,))


def test_later_names_follow_the_primary_until_all_are_seen() -> None:
    groups: LinkGroups[bytes] = LinkGroups()
    assert groups.find(entry(b"a")) is None
    group = groups.primary(entry(b"a"))
    assert group is not None
    assert groups.find(entry(b"b")) is group
    assert groups.find(entry(b"c")) is group
    assert groups.find(entry(b"d")) is None, "a name beyond the link count begins anew"


def test_a_file_with_one_name_leads_nothing() -> None:
    groups: LinkGroups[bytes] = LinkGroups()
    single = entry(b"a", msgspec.structs.replace(STAT, links=1))
    assert groups.primary(single) is None
    assert LinkGroups[bytes](every_file=True).primary(single) is not None


@pytest.mark.parametrize("field", ["size", "mtime_ns", "ctime_ns"])
def test_a_name_seen_in_another_state_is_read_itself(field: str) -> None:
    groups: LinkGroups[bytes] = LinkGroups()
    groups.primary(entry(b"a"))
    assert groups.find(entry(b"b", msgspec.structs.replace(STAT, **{field: 7}))) is None


@pytest.mark.parametrize("field", ["inode", "device"])
def test_another_file_is_no_follower(field: str) -> None:
    groups: LinkGroups[bytes] = LinkGroups()
    groups.primary(entry(b"a"))
    assert groups.find(entry(b"b", msgspec.structs.replace(STAT, **{field: 99}))) is None


def test_a_complete_result_applies_to_all_names() -> None:
    group = LinkGroups[bytes]().primary(entry(b"a"))
    assert group is not None
    group.followers.append(b"b")
    examination = whole()
    assert group.resolve(examination) == [b"b"]
    assert group.result is examination


@pytest.mark.parametrize("result", [None, faulted()])
def test_a_fault_of_the_first_name_says_nothing_about_the_others(result: EntryResult | None) -> None:
    group = LinkGroups[bytes]().primary(entry(b"a"))
    assert group is not None
    group.followers.append(b"b")
    assert group.resolve(result) == [b"b"]
    assert group.resolved
    assert group.result is None


def test_memory_is_bounded_by_reading_again() -> None:
    groups: LinkGroups[bytes] = LinkGroups(max_groups=2)
    for inode in range(5):
        groups.primary(entry(b"a", msgspec.structs.replace(STAT, inode=inode)))
    found = [groups.find(entry(b"b", msgspec.structs.replace(STAT, inode=inode))) is not None for inode in range(5)]
    assert found == [True, True, False, False, False]


def test_behind_a_mount_one_inode_proves_nothing() -> None:
    groups: LinkGroups[bytes] = LinkGroups()
    behind = [msgspec.structs.replace(entry(name), consistency=Consistency.UNVERIFIED_MOUNT) for name in (b"a", b"b")]
    assert groups.primary(behind[0]) is None
    assert groups.primary(entry(b"a")) is not None
    assert groups.find(behind[1]) is None
