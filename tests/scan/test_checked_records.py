"""Each record survives its own strict decoder, or becomes a fault of its entry."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashaudit.model.entry import Consistency, Entry, Stat
from hashaudit.model.faults import Fault, FaultCode, PathFault, Stage
from hashaudit.model.location import DirectoryRef, Location
from hashaudit.model.results import AlgorithmName, EntryResult, Match, MatchType, Role
from hashaudit.record import codec, convert
from hashaudit.record.codec import decode_line, encode_line
from hashaudit.record.schema import FaultRecord
from hashaudit.scan.main_loop import checked, is_plain, is_readable, of_walk
from hashaudit.workers.answer_check import AnswerCheck
from hashaudit.workers.protocol import Answer, Cached, WorkerConfig
from hashaudit.workers.tasks import Task

ENTRY = Entry(Location(DirectoryRef(b"/r", 1, 9), b"f\xff"), Stat(0o100644, 1, 2, 1, 3, 4, 5))
MATCH = Match(1, "line 1", AlgorithmName("sha256"), MatchType.EXACT, Role.DENY, {})
FAULT = Fault(Stage.READ, FaultCode.IO_ERROR, "x")
RESULT = EntryResult(0, ENTRY.stat, 3, Consistency.STABLE, {"sha256": "0a" * 32}, (MATCH,), (), (FAULT,))


MAX_LINE_BYTES = codec.MAX_LINE_BYTES // 16
"""As the format has it, but a sixteenth: lines of its length take seconds."""


@pytest.fixture(autouse=True)
def shorter_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codec, "MAX_LINE_BYTES", MAX_LINE_BYTES)


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


WIDE = st.integers(-(1 << 94), 1 << 94)


def mostly(least: int, most: int) -> st.SearchStrategy[int]:
    """Numbers of a range and at its ends; sometimes any number."""
    inside = st.one_of(st.integers(least, most), st.sampled_from([least, most]))
    return st.integers(0, 19).flatmap(lambda chance: WIDE if chance == 7 else inside)


TIMES = st.one_of(mostly(-(1 << 93) + 1, (1 << 93) - 1), mostly(0, 1 << 62), st.decimals(-(1 << 90), 1 << 90, places=0))
STATES = st.builds(
    Stat,
    mode=mostly(0, (1 << 12) - 1).map(lambda bits: bits | 0o100000),
    device=st.just(1),
    inode=st.just(2),
    links=mostly(0, 1 << 53),
    size=mostly(3, (1 << 63) - 1),
    mtime_ns=TIMES,
    ctime_ns=TIMES,
    uid=mostly(0, (1 << 32) - 1),
    gid=mostly(0, (1 << 32) - 1),
    birth_ns=st.one_of(st.none(), TIMES),
)


def as_bytes(text: str) -> bytes:
    return text.encode(errors="surrogatepass")


DIGESTS = st.one_of(
    st.just({"sha256": "0a" * 32}),
    st.just({"sha256": "0a" * 32}),
    st.dictionaries(st.sampled_from(["sha256", "md5"]), st.text(max_size=64)),
)
CHECK = AnswerCheck(WorkerConfig((AlgorithmName("sha256"),), True, ()))


@given(STATES, DIGESTS, st.one_of(st.binary(min_size=1, max_size=40), st.text(min_size=1).map(as_bytes)))
def test_a_plain_record_of_a_checked_answer_is_readable(state: Stat, digests: dict[str, str], name: bytes) -> None:
    entry = msgspec.structs.replace(ENTRY, location=Location(DirectoryRef(b"/r", 1, 9), name))
    result = EntryResult(0, state, 3, Consistency.STABLE, digests)
    task = Task(None, entry, True)
    if CHECK.invalid_item(Answer(1, (), 0, (result,), Cached((), (), 0)), (task,)) is None:
        record = convert.of_result(entry, result, 10**18, {}, record_all=True)
        assert record is not None
        assert is_readable(record) or not is_plain(record)


@pytest.mark.parametrize("name", [b"a", "\u2028 \ud7ff \U0001f600\x00\n\\".encode()])
def test_the_record_of_a_usual_file_is_plain(name: bytes) -> None:
    entry = msgspec.structs.replace(ENTRY, location=Location(DirectoryRef(b"/r", 1, 9), name))
    result = EntryResult(0, ENTRY.stat, 3, Consistency.STABLE, {"sha256": "0a" * 32})
    record = convert.of_result(entry, result, 10**18, {}, record_all=True)
    assert record is not None
    assert is_plain(record)
    assert is_readable(record)


def test_the_record_of_another_file_is_tried() -> None:
    usual = EntryResult(0, ENTRY.stat, 3, Consistency.STABLE, {"sha256": "0a" * 32})
    known = msgspec.structs.replace(MATCH, role=Role.KNOWN)
    for result in (RESULT, msgspec.structs.replace(usual, matches=(known,)), usual):  # the last has a name in bytes
        assert not is_plain(record_of(result))
