"""A resumed scan counts results that an earlier scan had from the cache."""

import io
from pathlib import Path

import msgspec

from findings_lab import LIST_NAMES, RUN_ID, START_NS, entry, examination, finding, write_run
from hashaudit.host.process_owner import this_process
from hashaudit.record import convert
from hashaudit.record.verify.resume_read import Interrupted, read_interrupted
from hashaudit.scan.dispatcher import WalkState
from hashaudit.scan.ordering import Count
from hashaudit.scan.resume.journal import Begin, Done, JournaledPoint
from hashaudit.scan.resume.resume_state import JournalContent, ResumeState
from hashaudit.sources.interface import Position

OTHER_RUN = "01890a5d-ac96-774b-bcce-b302099a8058"
SIZE = 10


def interrupted(path: Path) -> Interrupted:
    """A run with a line of a file that was read, and one of a file that an earlier run had read."""
    recalled = msgspec.structs.replace(examination(), from_run=OTHER_RUN, bytes_read=0)
    line = convert.of_result(entry(b"recalled"), recalled, START_NS, LIST_NAMES, record_all=True)
    assert line is not None
    write_run(path, [[finding(b"read"), line]], finish=False)
    return read_interrupted(io.BytesIO(path.read_bytes()), None)


def test_a_line_tells_whether_its_file_was_read(tmp_path: Path) -> None:
    earlier = ResumeState(interrupted(tmp_path / "findings.jsonl"), None)
    lines = [earlier.line_of(entry(name).location.resume_key) for name in (b"read", b"recalled", b"other")]
    assert [line and (line.bytes_read, line.from_cache) for line in lines] == [(SIZE, False), (0, True), None]


def test_a_batch_reports_which_of_its_files_were_read(tmp_path: Path) -> None:
    names = (b"1", b"2", b"3", b"4")
    reported = msgspec.structs.replace(examination(), item=3, from_run=OTHER_RUN, bytes_read=0)
    batch = Done(tuple(map(entry, names)), (2,), (reported,), SIZE, (0, 2, 3))
    journal = JournalContent(Begin(RUN_ID, None, this_process()), done=[batch])
    earlier = ResumeState(interrupted(tmp_path / "findings.jsonl"), journal)
    found = [earlier.outcome_of(entry(name)) for name in names]
    assert [one and (one[0].from_cache, one[1]) for one in found] == [(True, 0), (False, SIZE), (True, 0), (True, 0)]


def test_a_resume_point_keeps_the_counts(tmp_path: Path) -> None:
    resume_point = JournaledPoint(
        0, WalkState(Position(0, (b"1x",)), seen=5), Count(clean=5, from_cache=3, bytes_from_cache=30)
    )
    journal = JournalContent(Begin(RUN_ID, None, this_process()), resume_point=resume_point)
    tally = ResumeState(interrupted(tmp_path / "findings.jsonl"), journal).tally
    assert (tally.from_cache, tally.bytes_from_cache) == (3, 30)


def test_counts_add_up() -> None:
    count = Count(1, 2, 3, 4, 5)
    count.add(Count(10, 20, 30, 40, 50))
    assert count == Count(11, 22, 33, 44, 55)
