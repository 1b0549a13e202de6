"""Verification of hostile files: no byte can change unnoticed, none can crash it or fill the memory."""

import io
import tracemalloc
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from findings_lab import finding, four_segments, signing_key, write_run
from hashaudit.errors import FindingsError
from hashaudit.record.chain import MAX_SEGMENT_LINES
from hashaudit.record.codec import MAX_LINE_BYTES
from hashaudit.record.schema import Record
from hashaudit.record.verify.segments import HeldRecords, NumberedLine
from hashaudit.record.verify.verifier import verify, verify_file
from hashaudit.record.verify.verify_report import MAX_PROBLEMS, MAX_RANGES, ProblemCode, RecordRange, RecordRanges

KEY = signing_key()


@cache
def four() -> list[bytes]:
    with TemporaryDirectory() as folder:
        return four_segments(Path(folder) / "f", KEY)


def segment_of(line: int) -> int:
    """The segment to which a line of the file belongs, counted from 0."""
    return next(number for number, last in enumerate((5, 10, 15, 19, 20), start=1) if line <= last)


@given(st.integers(0, 20), st.data())
def test_no_byte_can_change_unnoticed_and_the_segment_is_named(line: int, data: st.DataObject) -> None:
    lines = list(four())
    position = data.draw(st.integers(0, len(lines[line]) - 1))
    value = data.draw(st.integers(0, 255).filter(lambda value: value != lines[line][position]))
    lines[line] = lines[line][:position] + bytes([value]) + lines[line][position + 1 :]
    for trust in (KEY.public_key, None):
        outcome = verify(io.BytesIO(b"".join(lines)), trust)
        assert not outcome.ok
        named = {problem.segment for problem in outcome.problems} - {None}
        assert segment_of(line) in named
        # A lost newline joins two lines, and the second may open the next segment.
        joined = position == len(lines[line]) - 1
        assert named <= {segment_of(line), segment_of(min(line + 1, 20))} if joined else {segment_of(line)}
        proven = {record for item in outcome.intact for record in range(item.first, item.last + 1)}
        untouched = {1: range(1, 6), 2: range(6, 10), 3: range(10, 14), 4: range(14, 17), 5: range(0)}
        for segment, numbers in untouched.items():
            if segment not in named:
                assert proven >= set(numbers)
        assert proven.isdisjoint(untouched[segment_of(line)])


@given(st.lists(st.integers(0, 20), max_size=30))
def test_no_choice_of_lines_but_the_whole_verifies(chosen: list[int]) -> None:
    outcome = verify(io.BytesIO(b"".join(four()[number] for number in chosen)), KEY.public_key)
    assert not outcome.ok


@given(st.permutations(range(21)))
def test_no_other_order_verifies(order: list[int]) -> None:
    outcome = verify(io.BytesIO(b"".join(four()[number] for number in order)), KEY.public_key)
    assert outcome.ok is (order == list(range(21)))


@given(st.binary(), st.binary(max_size=300))
def test_no_bytes_crash_the_verifier(content: bytes, sidecar: bytes) -> None:
    for data in (content, four()[0] + content, b"".join(four()[:8]) + content + b"".join(four()[8:])):
        outcome = verify(io.BytesIO(data), KEY.public_key, sidecar)
        assert not outcome.ok
        assert all(text.isprintable() for text in (*outcome.proven, *outcome.unproven))
        assert all(problem.message.isprintable() for problem in outcome.problems)


def test_an_empty_file_proves_nothing() -> None:
    outcome = verify(io.BytesIO(b""))
    assert {problem.code for problem in outcome.problems} == {ProblemCode.NO_HEADER, ProblemCode.NO_FINAL_CHECKPOINT}
    assert outcome.proven == ()
    assert outcome.last is None


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(FindingsError, match=r"cannot read .*No such file"):
        verify_file(str(tmp_path / "none"))
    (tmp_path / "f").write_bytes(b"")
    (tmp_path / "f.sig").mkdir()
    with pytest.raises(FindingsError, match="or its sidecar"):
        verify_file(str(tmp_path / "f"))


def test_a_line_that_is_too_long_is_one_problem_and_voids_nothing_else() -> None:
    lines = list(four())
    lines.insert(8, b" " * (3 * MAX_LINE_BYTES) + b"\n")
    outcome = verify(io.BytesIO(b"".join(lines)), KEY.public_key)
    [long] = [problem for problem in outcome.problems if problem.code is ProblemCode.UNREADABLE_LINE]
    assert "longer than" in long.message
    assert (long.segment, long.first_line) == (2, 9)
    assert outcome.intact == (RecordRange(1, 16),)
    assert outcome.lines == 22


def numbered(seq: int) -> Record:
    return msgspec.structs.replace(finding(), seq=seq)


class Endless(io.RawIOBase):
    """A file that repeats one chunk."""

    def __init__(self, chunk: bytes, times: int) -> None:
        self._chunk = chunk
        self._left = times

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override] # the base names no buffer type
        if not self._left:
            return 0
        self._left -= 1
        buffer[: len(self._chunk)] = self._chunk
        return len(self._chunk)


@pytest.mark.parametrize("kind", ["record", "checkpoint", "garbage", "no newline"])
def test_memory_stays_bounded(kind: str) -> None:
    line = {"record": four()[1], "checkpoint": four()[5], "garbage": b"x\n" * 10, "no newline": b"x" * 4096}[kind]
    times = 20_000 if kind == "no newline" else 3 * MAX_SEGMENT_LINES
    tracemalloc.start()
    try:
        outcome = verify(io.BufferedReader(Endless(line, times), len(line)), KEY.public_key)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert not outcome.ok
    assert len(outcome.problems) <= MAX_PROBLEMS
    # Python joins a long line from pieces, which takes it twice.
    assert peak < 5 * MAX_LINE_BYTES


def test_problems_beyond_the_limit_are_counted() -> None:
    outcome = verify(io.BytesIO(b"x\n" * (MAX_PROBLEMS + 50)))
    assert len(outcome.problems) == MAX_PROBLEMS
    assert outcome.problems_omitted == 51, "the end is missing as well"


def test_stretches_of_intact_records_beyond_the_limit_are_counted() -> None:
    intact = RecordRanges()
    for number in range(MAX_RANGES + 10):
        intact.add(2 * number + 1, 2 * number + 1)
    intact.add(2 * (MAX_RANGES + 10), 2 * (MAX_RANGES + 10))
    assert len(intact.ranges) == MAX_RANGES
    assert intact.records == MAX_RANGES + 11


def test_what_waits_for_a_checkpoint_is_bounded_in_number_and_bytes() -> None:
    waiting = HeldRecords()
    small = NumberedLine(1, b"x\n", numbered(1))
    for _ in range(MAX_SEGMENT_LINES):
        waiting.append(small)
    assert waiting.dropped == 0
    waiting.append(small)
    assert waiting.dropped == 1
    assert len(waiting.take_all()) == MAX_SEGMENT_LINES
    large = NumberedLine(2, b"x" * MAX_LINE_BYTES, numbered(2))
    for line in (small, large):
        waiting.append(line)
    assert waiting.dropped == 0
    waiting.append(large)
    assert waiting.dropped == 2
    assert waiting.take(2, 2) == [large]
    waiting.append(large)
    assert waiting.dropped == 2, "what is taken out makes room"


def test_long_segments_verify(tmp_path: Path) -> None:
    # Two full segments and the header: the writer closes each at its limit by itself.
    path = write_run(tmp_path / "f", [[finding()] * (2 * MAX_SEGMENT_LINES + 10)], signer=KEY)
    outcome = verify_file(str(path), KEY.public_key)
    assert outcome.ok
    assert outcome.intact == (RecordRange(1, 2 * MAX_SEGMENT_LINES + 11),)
    lines = path.read_bytes().splitlines(keepends=True)
    del lines[MAX_SEGMENT_LINES]
    path.write_bytes(b"".join(lines))
    outcome = verify_file(str(path), KEY.public_key)
    assert outcome.intact == (RecordRange(MAX_SEGMENT_LINES + 1, 2 * MAX_SEGMENT_LINES + 11),)
    assert ProblemCode.UNCLOSED_LINES in {problem.code for problem in outcome.problems}
    assert ProblemCode.SEGMENT_MISSING not in {problem.code for problem in outcome.problems}


def test_sentences_agree_with_the_number_of_records(tmp_path: Path) -> None:
    said = {}
    for number in (1, 2):
        path = tmp_path / str(number)
        write_run(path, [[finding(b"%d" % one) for one in range(number - 1)]], signer=KEY)
        said[number] = verify_file(str(path), KEY.public_key).proven[0]
        unsigned = tmp_path / f"{number}-unsigned"
        write_run(unsigned, [[finding(b"%d" % one) for one in range(number - 1)]])
        said[-number] = verify_file(str(unsigned)).proven[0]
    assert said[1].startswith("record 1 is unchanged since it was signed")
    assert said[2].startswith("records 1-2 are unchanged since they were signed")
    assert said[-1].startswith("record 1 agrees with its checkpoint,")
    assert said[-2].startswith("records 1-2 agree with their checkpoints,")
