"""From what the program learned to what the file says."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from findings_lab import LIST_NAMES, START_NS, entry, examination, fault, match, stat
from hashaudit.lists.interface import ListInfo, RejectReason
from hashaudit.model.entry import Consistency, Entry, ObjectState
from hashaudit.model.faults import Fault, FaultCode, PathFault, Stage
from hashaudit.model.location import BucketRef, Location
from hashaudit.model.results import AlgorithmName, Caveat, EntryResult, Match, PerceptualHash, Role
from hashaudit.record import convert, schema, timestamps
from hashaudit.record.codec import decode_line, encode_line
from hashaudit.record.fields import Setting


def line_of(found: EntryResult, at: Entry | None = None, *, record_all: bool = False) -> schema.Record | None:
    return convert.of_result(at or entry(), found, START_NS, LIST_NAMES, record_all=record_all)


def test_an_entry_has_at_most_one_line_and_it_says_the_gravest() -> None:
    deny, known, broken = match(), match(Role.KNOWN), fault()
    kinds: list[tuple[list[Match], type[schema.Record]]] = [
        ([deny], schema.FindingRecord),
        ([known, deny], schema.FindingRecord),
        ([known], schema.FileRecord),
        ([], schema.FileRecord),
    ]
    for matches, kind in kinds:
        assert isinstance(line_of(examination(matches=matches), record_all=True), kind)
        faulty = line_of(examination(matches=matches, faults=[broken]), record_all=True)
        assert isinstance(faulty, schema.FindingRecord if deny in matches else schema.FaultRecord)
        quiet = line_of(examination(matches=matches))
        assert (quiet is None) is (kind is schema.FileRecord)


def test_a_known_hit_stands_on_the_line_that_the_file_gets_anyway() -> None:
    known = match(Role.KNOWN)
    for found in (examination(matches=[known]), examination(matches=[known], faults=[fault()])):
        line = line_of(found, record_all=True)
        assert isinstance(line, schema.FileRecord | schema.FaultRecord)
        assert [item.role for item in line.matches] == [Role.KNOWN]


def test_a_finding_holds_all_that_was_learned() -> None:
    found = msgspec.structs.replace(
        examination(matches=[match(name="x"), match(Role.KNOWN)], faults=[fault(FaultCode.CHANGED_WHILE_READ)]),
        needs_confirmation=(Caveat.CHANGED_WHILE_READ,),
        consistency=Consistency.CHANGED_WHILE_READ,
        changed_from=stat(11, inode=13),
        perceptual=(PerceptualHash(AlgorithmName("pdq"), "ab" * 32, quality=100),),
    )
    at = entry(b"\xff")
    at = msgspec.structs.replace(at, location=msgspec.structs.replace(at.location, via_symlink=True))
    line = line_of(found, at)
    assert isinstance(line, schema.FindingRecord)
    assert line.entry == schema.Entry(root=0, path="/srv/\ufffd", path_uri="/srv/%FF", via_symlink=True)
    assert line.human_viewed is False
    assert line.state == schema.FileState(
        size=10,
        mtime=line.time,
        ctime=timestamps.to_text(START_NS + 1),
        mode="0644",
        uid=1000,
        gid=100,
        device="64769",
        inode="12",
        links=1,
    )
    assert line.time == timestamps.to_text(START_NS)
    listed = schema.ListEntry(number=1, name="bad.txt", entry="line 7")
    assert [(item.list_entry, item.labels) for item in line.matches] == [(listed, {"name": "x"}), (listed, {})]
    assert line.perceptual[0].quality == 100
    [broken] = line.faults
    assert (broken.stage, broken.code, broken.attempts) == (Stage.READ, FaultCode.CHANGED_WHILE_READ, 2)
    assert line.changed is not None
    before, after = line.changed.before, line.changed.after
    assert isinstance(before, schema.FileState)
    assert (before.size, before.inode, after.size) == (11, "13", 10)
    assert line.needs_confirmation == (Caveat.CHANGED_WHILE_READ,)


def test_a_fault_record_lists_all_faults_in_their_order() -> None:
    line = line_of(examination(faults=[fault(FaultCode.TIMEOUT), fault(), fault(FaultCode.WORKER_CRASHED)]))
    assert isinstance(line, schema.FaultRecord)
    assert [item.code for item in line.faults] == [FaultCode.TIMEOUT, FaultCode.IO_ERROR, FaultCode.WORKER_CRASHED]
    assert line.digests == {"sha256": "ab" * 32}
    assert line.consistency is Consistency.STABLE


def test_a_file_that_could_not_be_opened_is_identified_by_what_the_walk_saw() -> None:
    found = msgspec.structs.replace(examination(faults=[fault()]), stat=None, digests={})
    line = line_of(found, msgspec.structs.replace(entry(), state=stat(77)))
    assert isinstance(line, schema.FaultRecord)
    assert line.state is not None
    assert (line.state.size, line.consistency, line.digests) == (77, None, {})


def test_a_folder_that_cannot_be_listed_is_told_from_an_entry() -> None:
    failed = Fault(Stage.WALK, FaultCode.PERMISSION_DENIED, "cannot list", signal=9)
    folder = convert.of_path_fault(PathFault(b"/srv/\xff", failed, directory=True), START_NS)
    assert (folder.directory, folder.entry.path_uri, folder.faults[0].signal, folder.state) == (
        True,
        "/srv/%FF",
        9,
        None,
    )
    assert not convert.of_path_fault(PathFault(b"/srv/x", failed), START_NS).directory


def test_an_object_has_the_version_that_was_listed_and_the_state_that_was_read() -> None:
    bucket, listed = BucketRef("s3", "bucket"), ObjectState(5, "a", 1)
    at = Entry(Location(bucket, b"a//\xff", root=2), listed, Consistency.ETAG_PINNED)
    read = ObjectState(6, "b", 2, "v2", "GLACIER")
    found = msgspec.structs.replace(examination(matches=[match()]), stat=read, changed_from=listed)
    line = line_of(found, at)
    assert isinstance(line, schema.FindingRecord)
    assert line.entry == schema.Entry(root=2, path="s3://bucket/a//\ufffd", path_uri="s3%3A//bucket/a//%FF")
    assert line.state == schema.ObjectState(
        size=6, etag="b", last_modified=timestamps.to_text(2), version="v2", storage_class="GLACIER"
    )
    assert line.changed is not None
    assert line.changed.before == schema.ObjectState(size=5, etag="a", last_modified=timestamps.to_text(1))
    assert line.entry.resume_key == at.location.resume_key, "a resumed scan lists no version either"


def test_a_long_name_of_a_list_does_not_fill_a_record() -> None:
    line = convert.of_result(entry(), examination(matches=[match()]), START_NS, {1: "x" * 10_000}, record_all=False)
    assert line is not None
    assert line.matches[0].list_entry.name == "x" * convert.MAX_LIST_NAME_CHARACTERS


@given(st.integers(0, 2**64 - 1), st.integers(-(2**63), 2**63 - 1), st.integers(0, 2**64 - 1))
def test_no_state_of_a_file_is_too_odd_to_be_written(size: int, mtime_ns: int, inode: int) -> None:
    found = examination(matches=[match()], state=stat(size, mtime_ns=mtime_ns * 1000, inode=inode))
    line = line_of(found)
    assert line is not None
    numbered = msgspec.structs.replace(line, seq=1)
    assert decode_line(encode_line(numbered)[:-1]) == numbered


def test_a_list_is_described_without_its_entries() -> None:
    info = ListInfo(
        name="n",
        path="/lists/\udcff",
        role=Role.DENY,
        size=2**60,
        sha256="0" * 64,
        mtime_ns=0,
        format="plain",
        algorithms=(AlgorithmName("md5"),),
        read=5,
        kept=3,
        rejected={"malformed": 1, "empty_input": 1},
        warnings=("others can read it",),
    )
    line = convert.of_list(2, info)
    assert (line.number, line.path, line.path_uri) == (2, "/lists/\ufffd", "/lists/%FF")
    assert line.size == str(2**60)
    assert line.rejected == {RejectReason.MALFORMED: 1, RejectReason.EMPTY_INPUT: 1}
    assert line.mtime == "1970-01-01T00:00:00.000000000Z"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (True, True),
        (None, None),
        ("x", "x"),
        (5, 5),
        (-1, "-1"),
        (2**60, str(2**60)),
        (0.5, "0.5"),
        (b"\xff", "\ufffd"),
        (["b", "a"], ("b", "a")),
        (frozenset({"b", "a"}), ("a", "b")),
        ((1, 2.5), ("1", "2.5")),
    ],
)
def test_settings_are_plain(value: object, shown: Setting) -> None:
    assert convert.of_setting(value) == shown
    assert type(convert.of_setting(value)) is type(shown)
    msgspec.convert(convert.of_setting(value), Setting)
