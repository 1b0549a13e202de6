"""Each record survives its own strict decoder, or becomes a fault of its entry."""

from typing import Any

import msgspec
import pytest

from hashaudit.model.entry import Consistency, Entry, Stat
from hashaudit.model.faults import Fault, FaultCode, PathFault, Stage
from hashaudit.model.location import DirectoryRef, Location
from hashaudit.model.results import AlgorithmName, EntryResult, Match, MatchType, Role
from hashaudit.record import convert
from hashaudit.record.codec import MAX_LINE_BYTES, decode_line, encode_line
from hashaudit.record.schema import FaultRecord
from hashaudit.scan.main_loop import checked, of_walk

ENTRY = Entry(Location(DirectoryRef(b"/r", 1, 9), b"f\xff"), Stat(0o100644, 1, 2, 1, 3, 4, 5))
MATCH = Match(1, "line 1", AlgorithmName("sha256"), MatchType.EXACT, Role.DENY, {})
FAULT = Fault(Stage.READ, FaultCode.IO_ERROR, "x")
RESULT = EntryResult(0, ENTRY.stat, 3, Consistency.STABLE, {"sha256": "0a" * 32}, (MATCH,), (), (FAULT,))


def record_of(result: EntryResult) -> Any:
    return convert.of_result(ENTRY, result, 10**18, {1: "a"}, record_all=True)


def test_an_honest_record_is_kept() -> None:
    record = record_of(RESULT)
    assert checked(record, ENTRY, 10**18) is record


@pytest.mark.parametrize(
    "changes",
    [
        {"digests": {"sha256": "not hex at all"}},
        {"digests": {"sha256": "\ud800"}},
        {"faults": (msgspec.structs.replace(FAULT, attempts=-7),)},
        {"faults": (msgspec.structs.replace(FAULT, message="x" * MAX_LINE_BYTES),)},
        {"faults": (msgspec.structs.replace(FAULT, signal=-9),)},
        {"matches": (msgspec.structs.replace(MATCH, distance=1 << 63),)},
        {"matches_omitted": -1},
        {"stat": msgspec.structs.replace(ENTRY.stat, size=-1)},
        {"stat": msgspec.structs.replace(ENTRY.stat, inode=-1)},
        {"from_run": "nonsense"},
    ],
)
def test_a_record_that_no_reader_takes_becomes_a_fault_of_its_entry(changes: dict[str, Any]) -> None:
    record = checked(record_of(msgspec.structs.replace(RESULT, **changes)), ENTRY, 10**18)
    assert isinstance(record, FaultRecord)
    assert record.faults[0].code is FaultCode.INTERNAL_ERROR
    assert record.entry.path_uri == "/r/f%FF"
    numbered = msgspec.structs.replace(record, seq=7)
    assert decode_line(encode_line(numbered)[:-1]) == numbered


@pytest.mark.parametrize("directory", [True, False])
@pytest.mark.parametrize(
    "met",
    [
        PathFault(b"/r", msgspec.structs.replace(FAULT, message="x" * MAX_LINE_BYTES)),
        PathFault(b"/" + b"\xff" * (MAX_LINE_BYTES // 6), FAULT),
        PathFault(b"/r", msgspec.structs.replace(FAULT, attempts=-1)),
        PathFault(b"/r", FAULT, root=-1),
        PathFault(b"/r", FAULT, root=1 << 70),
    ],
)
def test_a_fault_of_the_walk_that_no_reader_takes_is_one_fault(met: PathFault, directory: bool) -> None:  # a parameter
    record = of_walk(msgspec.structs.replace(met, directory=directory), 10**18)
    assert record.faults[0].code is FaultCode.INTERNAL_ERROR
    numbered = msgspec.structs.replace(record, seq=7)
    assert decode_line(encode_line(numbered)[:-1]) == numbered


def test_an_honest_fault_of_the_walk_is_kept() -> None:
    assert of_walk(PathFault(b"/r", FAULT), 10**18).faults[0].code is FaultCode.IO_ERROR
