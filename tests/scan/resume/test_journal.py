"""The content of a journal, its compaction, and that its failure never stops the scan."""

import errno
import os
from collections.abc import Generator, Sequence
from functools import partial
from pathlib import Path

import pytest

from findings_lab import RUN_ID, entry, examination, signing_key, stat
from hashaudit.host.process_owner import this_process
from hashaudit.scan.config import ScanConfig
from hashaudit.scan.dispatcher import WalkState
from hashaudit.scan.ordering import Count, ResumePoint
from hashaudit.scan.resume import journal as journals
from hashaudit.scan.resume.journal import Begin, Done, Journal, JournaledLink, JournaledPoint, seal_key
from hashaudit.scan.resume.journal_file import AuthenticatedLog
from hashaudit.scan.resume.resume_state import JournalContent, read_journal
from hashaudit.sources.interface import Position

KEY = seal_key(None, RUN_ID)


class Lab:
    """A journal, and the lines that its run has not signed yet."""

    def __init__(self, folder: Path, config: ScanConfig | None = None) -> None:
        self.path = os.fsencode(folder / "f.journal")
        self.lines: list[bytes] = []
        self.next_seq = 1
        begin = Begin(RUN_ID, config or ScanConfig(roots=(b"/srv",)), this_process())
        self.log = AuthenticatedLog(self.path, KEY, set())
        self.journal = Journal(self.log, begin, self.unsigned)
        self.links: list[JournaledLink] = []

    def unsigned(self) -> tuple[Sequence[bytes], int]:
        return tuple(self.lines), self.next_seq

    def line(self, data: bytes) -> None:
        self.lines.append(data)
        self.next_seq += 1

    def write(self, resume_point: ResumePoint[WalkState] | None = None) -> None:
        self.journal.write(resume_point, lambda: self.links)

    def read(self) -> JournalContent:
        content = read_journal(self.path, KEY, RUN_ID)
        assert content is not None
        return content


@pytest.fixture
def lab(tmp_path: Path) -> Generator[Lab]:
    made = Lab(tmp_path)
    made.journal.begin()
    yield made
    made.log.close()


def done(*names: bytes) -> Done:
    return Done(tuple(map(entry, names)), (), (), 10 * len(names))


def cut_at(first: int, name: bytes = b"0x") -> ResumePoint[WalkState]:
    return ResumePoint(first, WalkState(Position(0, (name,)), first), Count(first, 0, 10 * first))


def test_it_says_which_run_it_is_of_and_who_writes_it(lab: Lab) -> None:
    content = lab.read()
    assert (content.begin.run_id, content.begin.holder) == (RUN_ID, this_process())
    assert content.begin.config == ScanConfig(roots=(b"/srv",))
    assert read_journal(lab.path, KEY, "01890a5d-ac96-774b-bcce-b302099a8058") is None
    assert read_journal(lab.path, seal_key(signing_key(), RUN_ID), RUN_ID) is None
    assert read_journal(lab.path + b"absent", KEY, RUN_ID) is None


def test_a_configuration_that_is_no_text_is_left_out(tmp_path: Path) -> None:
    lab = Lab(tmp_path, ScanConfig(roots=(b"/srv",), case="\udcff"))
    lab.journal.begin()
    assert lab.read().begin.config is None


def test_keys_differ_by_run_and_by_signer() -> None:
    keys = {seal_key(signer, run) for signer in (None, signing_key(1), signing_key(2)) for run in (RUN_ID, "other")}
    assert len(keys) == 6
    assert seal_key(signing_key(1), RUN_ID) == seal_key(signing_key(1), RUN_ID)


def test_what_is_new_is_written_once(lab: Lab) -> None:
    lab.line(b"one")
    lab.journal.note(0, partial(done, b"a"))
    lab.write()
    lab.line(b"two")
    lab.journal.link(JournaledLink(entry(b"a").location, stat(), examination()))
    lab.write()
    size = os.path.getsize(lab.path)
    lab.write()
    assert os.path.getsize(lab.path) == size
    content = lab.read()
    assert content.lines == {1: b"one", 2: b"two"}
    assert content.done == [done(b"a")]
    assert content.links == [JournaledLink(entry(b"a").location, stat(), examination())]
    assert content.resume_point is None


def test_a_resume_point_has_the_number_of_lines_before_it(lab: Lab) -> None:
    lab.line(b"one")
    lab.journal.note(0, partial(done, b"a"))
    lab.journal.note(1, partial(done, b"b"))
    lab.write(cut_at(1))
    content = lab.read()
    assert content.resume_point == JournaledPoint(1, WalkState(Position(0, (b"0x",)), 1), Count(1, 0, 10))
    assert content.done == [done(b"b")]  # what is before the cut needs no word
    assert content.lines == {1: b"one"}


def test_compaction_keeps_everything_beyond_the_resume_point(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journals, "LEAST_COMPACTED_BYTES", 0)
    for number in range(200):
        lab.journal.note(number, partial(done, b"%d" % number))
        lab.write(cut_at(number))
    lab.line(b"one")
    lab.links.append(JournaledLink(entry(b"a").location, stat(), examination()))
    lab.write(cut_at(200))
    assert os.path.getsize(lab.path) < 3000
    content = lab.read()
    assert content.resume_point is not None
    assert content.resume_point.walk.seen == 200
    assert content.lines == {1: b"one"}


def test_what_is_far_ahead_is_bounded(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journals, "MAX_AHEAD_BYTES", 1000)
    for number in range(1, 400):
        lab.journal.note(number, partial(done, b"%d" % number))
        lab.write()
    assert len(lab.read().done) < 20
    lab.write(cut_at(400))
    lab.journal.note(401, partial(done, b"later"))
    lab.write()
    assert lab.read().done[-1] == done(b"later")


def test_carried_entries_stay_until_the_walk_has_passed_them(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journals, "LEAST_COMPACTED_BYTES", 0)
    resume_point = JournaledPoint(0, WalkState(Position(0, (b"0x",))), Count())
    lab.journal.begin((resume_point, JournaledLink(entry(b"a").location, stat(), examination()), done(b"carried")))
    content = lab.read()
    assert (content.resume_point, content.done, len(content.links)) == (resume_point, [done(b"carried")], 1)
    lab.write(cut_at(1))
    lab.write(cut_at(2))
    assert lab.read().done == [done(b"carried")]
    lab.journal.drop_carried_behind(2)
    for first in range(3, 9):
        lab.journal.note(first, partial(done, b"x" * 100))
        lab.write(cut_at(first))
    assert done(b"carried") not in lab.read().done


@pytest.mark.parametrize("name", ["write", "fsync", "replace"])
def test_one_that_fails_is_given_up(lab: Lab, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(journals, "LEAST_COMPACTED_BYTES", 0)
    lab.line(b"one")

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, name, fail)
        for number in range(50):
            lab.journal.note(number, partial(done, b"%d" % number))
            lab.write()
    assert lab.journal.failure == "No space left on device"
    assert not lab.journal.is_due()
    lab.line(b"two")
    lab.journal.link(JournaledLink(entry(b"a").location, stat(), examination()))
    lab.journal.write_links()
    lab.write(cut_at(1))
    assert 2 not in lab.read().lines
    lab.journal.remove()
    assert not os.path.exists(lab.path)
