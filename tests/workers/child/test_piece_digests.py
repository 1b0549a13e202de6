"""The pieces of a file: any division into reads gives the same ones, and the parent believes nothing else."""

import hashlib

import msgspec
import pytest

from hashaudit.model.entry import Consistency, Entry, Stat
from hashaudit.model.file_pieces import PieceConfig, parse_piece
from hashaudit.model.location import DirectoryRef, Location, Member
from hashaudit.model.results import AlgorithmName, EntryResult, MemberResult
from hashaudit.workers.answer_check import AnswerCheck
from hashaudit.workers.child.piece_digests import FRAME_RESULTS, PieceDigests
from hashaudit.workers.protocol import MemberFrame, WorkerConfig
from hashaudit.workers.tasks import Task

MD5 = AlgorithmName("md5")
TASK = Task(None, Entry(Location(DirectoryRef(b"/r", 1, 9), b"f"), Stat(0o100644, 1, 2, 1, 3, 4, 5)), report=True)


def pieces_of(content: bytes, reads: int, config: PieceConfig) -> list[MemberFrame]:
    frames: list[MemberFrame] = []
    running = PieceDigests((MD5,), config, (1, 0), frames.append)
    for at in range(0, len(content), reads):
        running.update(memoryview(content)[at : at + reads])
    assert running.finish() == sum(len(frame.results) for frame in frames)
    return frames


@pytest.mark.parametrize("reads", [1, 3, 4, 5, 8, 100])
@pytest.mark.parametrize("length", [0, 1, 3, 4, 5, 8, 9])
def test_pieces_do_not_depend_on_the_reads(length: int, reads: int) -> None:
    content = bytes(range(length))
    (frame,) = pieces_of(content, reads, PieceConfig(4))
    found = [(parse_piece(one.within[0].name.decode()), one.result.digests["md5"]) for one in frame.results]
    expected = [content[at : at + 4] for at in range(0, length, 4)] or [b""]
    assert [digest for _, digest in found] == [hashlib.md5(part).hexdigest() for part in expected]
    assert [piece for piece, _ in found] == [(4 * number, len(part)) for number, part in enumerate(expected)]
    (first,) = pieces_of(content, reads, PieceConfig(4, first_only=True))
    assert first.results == frame.results[:1]


def test_many_pieces_are_sent_in_frames_that_the_parent_believes() -> None:
    frames = pieces_of(bytes(2 * FRAME_RESULTS + 1), 7, PieceConfig(1))
    assert [(frame.first, len(frame.results)) for frame in frames] == [(0, 1000), (1000, 1000), (2000, 1)]
    check = AnswerCheck(WorkerConfig((MD5,), True, (), pieces=PieceConfig(1)))
    assert all(check.are_members(frame, TASK) for frame in frames)
    # Without pieces, nobody asked for them.
    assert not AnswerCheck(WorkerConfig((MD5,), True, ())).are_members(frames[0], TASK)


def test_a_lie_about_a_piece_is_not_believed() -> None:
    (frame,) = pieces_of(b"12345", 5, PieceConfig(4))
    check = AnswerCheck(WorkerConfig((MD5,), True, (), pieces=PieceConfig(4)))
    one = frame.results[1]
    assert check.are_members(frame, TASK)
    lies = (
        MemberResult((Member("piece", b"8+1", 1),), one.result),
        MemberResult((Member("zip", b"4+1", 1),), one.result),
        MemberResult((*one.within, *one.within), one.result),
        MemberResult(one.within, msgspec.structs.replace(one.result, digests={"md5": "0a"})),
        MemberResult(one.within, msgspec.structs.replace(one.result, digests={})),
        MemberResult(
            one.within, msgspec.structs.replace(one.result, digests={**one.result.digests, "sha1": "00" * 20})
        ),
        MemberResult(one.within, msgspec.structs.replace(one.result, matches_omitted=1)),
        MemberResult((Member("piece", b"4+9", 1),), msgspec.structs.replace(one.result, bytes_read=9)),
        MemberResult((Member("piece", b"4+-1", 1),), msgspec.structs.replace(one.result, bytes_read=-1)),
    )
    for lie in lies:
        assert not check.are_members(msgspec.structs.replace(frame, results=(frame.results[0], lie)), TASK), lie


def test_an_entry_names_no_more_pieces_than_were_asked_for() -> None:
    result = EntryResult(0, TASK.entry.stat, 1, Consistency.STABLE, {"md5": "00" * 16}, pieces=1)
    assert result.lines == 1
