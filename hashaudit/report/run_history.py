"""A series of scans over time, from their findings files alone: what each found, and where runs are missing."""

import os
import statistics
from collections.abc import Iterator, Sequence

import msgspec

from hashaudit.errors import FindingsError
from hashaudit.host.files import open_regular
from hashaudit.model import paths
from hashaudit.record import timestamps
from hashaudit.record.header import HashList, Root, RootType
from hashaudit.record.schema import EndReason, EntryRecord
from hashaudit.record.verify.trust import Trust
from hashaudit.report.compare_runs import RunIndex, series_key
from hashaudit.report.redaction import HIDDEN, Redact, Redaction
from hashaudit.report.report_values import Trust as ReportTrust
from hashaudit.report.run_facts import trust_of
from hashaudit.triage.findings_input import FindingsInput, VerifiedInput, verify_input

GAP_FACTOR = 2
"""A pause is a gap if it is longer than this many times the median of its series."""

MIN_RUNS_FOR_GAPS = 4
"""Runs that a series needs, so that the median says something."""

_SHOW_ALL = Redaction(frozenset())
_FIRST_BYTES = b'{"kind":"run"'


class ListUse(msgspec.Struct, frozen=True, kw_only=True):
    """A hash list as one scan used it."""

    name: str
    """Name, safe to show."""
    role: str
    """``deny`` or ``known``."""
    sha256: str
    version: str
    """Version of the format as the list states it, safe to show."""
    date: str
    """Date that the list states, or the time of the file's last change; safe to show."""
    entries: int


class HistoryRun(msgspec.Struct, frozen=True, kw_only=True):
    """One scan of a series."""

    file: str
    """Name, safe to show."""
    run_id: str
    start: str
    end: str
    trust: str
    """As in a report: ``verified``, ``signer_unknown``, ``unsigned``, ``interrupted`` or ``damaged``."""
    verified: bool
    complete: bool
    """The scan ended at the end of its roots."""
    entries: int
    examined: int
    bytes_read: int
    findings: int
    accepted: int
    """Findings with an acceptance in force, which are among ``findings``."""
    new: int | None
    """Findings that the intact run before does not have; ``None`` without such a run, or if this file is damaged."""
    gone: int | None
    not_examined: int
    faults: int
    lists: tuple[ListUse, ...]
    lists_changed: bool
    """The run used other lists than the one before, by their SHA-256."""
    pause_s: float | None
    """Seconds since the start of the run before; ``None`` for the first."""
    gap_before: bool
    """The pause since the run before is unusually long."""
    overlaps: bool
    """The run began before an earlier one ended."""
    repeats: bool
    """An earlier file holds the same run: a copy, or a part of it. It is not compared and no run of its own."""


class Series(msgspec.Struct, frozen=True, kw_only=True):
    """The scans of the same roots on the same host, in the order of their start."""

    host: str
    roots: tuple[str, ...]
    shard: str | None
    usual_pause_s: float | None
    """Median of the pauses between starts; ``None`` for fewer than :data:`MIN_RUNS_FOR_GAPS` runs."""
    runs: tuple[HistoryRun, ...]


class History(msgspec.Struct, frozen=True, kw_only=True):
    """All series, and the files that were not used."""

    series: tuple[Series, ...]
    skipped: tuple[str, ...]
    """Files that are not findings files or have no readable header."""
    redacted: tuple[str, ...] = ()
    """Kinds of information that are hidden."""


def find_findings_files(path: str) -> Iterator[bytes]:
    """Yields a file, or the findings files directly in a directory in the order of their names.

    Raises:
        FindingsError: the path cannot be read.
    """
    raw = os.fsencode(path)
    try:
        if not os.path.isdir(raw):
            os.stat(raw)
            yield raw
            return
        names = sorted(os.listdir(raw))
    except OSError as error:
        raise FindingsError(f"cannot read: '{paths.for_terminal(raw)}'; {error.strerror}") from error
    for name in names:
        file = os.path.join(raw, name)
        if os.path.isfile(file) and _begins_like_findings(file):
            yield file


def read_history(
    files: Sequence[bytes], trust: Trust, *, any_signer: bool, redaction: Redaction = _SHOW_ALL
) -> History:
    """Verifies all files and returns their series.

    Args:
        files: findings files.
        trust: whose signatures count.
        any_signer: findings of an intact file by an unknown signer count too.
        redaction: what is hidden.

    Raises:
        FindingsError: a file cannot be read.
    """
    groups: dict[object, list[VerifiedInput]] = {}
    skipped = []
    for file in files:
        source = FindingsInput(path=file, trust=trust, any_signer=any_signer)
        try:
            verified = verify_input(source)
        except FindingsError:
            skipped.append(source.name)
            continue
        if verified.outcome.header is None:
            skipped.append(source.name)
        else:
            groups.setdefault(series_key(verified.outcome.header), []).append(verified)
    return History(
        series=tuple(_series(group, redaction) for group in groups.values()),
        skipped=tuple(HIDDEN if redaction.hides(Redact.PATHS) else name for name in skipped),
        redacted=tuple(sorted(redaction.kinds)),
    )


def _series(group: list[VerifiedInput], redaction: Redaction) -> Series:
    ordered = sorted(group, key=_start)
    best: dict[str, VerifiedInput] = {}
    # The best file of a run counts as the run, so that a forged copy cannot take the place of a file that verifies.
    for one in sorted(ordered, key=lambda one: (not one.is_verified, not one.outcome.unmodified)):
        best.setdefault(_run_id(one), one)
    repeats = [best[_run_id(one)] is not one for one in ordered]
    pauses = list(_pauses(ordered, repeats))
    known = [pause for pause in pauses if pause is not None]
    usual = statistics.median(known) if len(known) + 1 >= MIN_RUNS_FOR_GAPS else None
    maker = _RunMaker(usual, hides_paths=redaction.hides(Redact.PATHS))
    runs = tuple(
        maker.run(one, pause, is_copy=is_copy) for one, pause, is_copy in zip(ordered, pauses, repeats, strict=True)
    )
    header = ordered[0].outcome.header
    if header is None:
        raise FindingsError("a series needs a header")
    return Series(
        host=_safe(header.host),
        roots=tuple(_root(root, redaction) for root in header.roots),
        shard=str(header.config["shard"]) if header.config.get("shard") is not None else None,
        usual_pause_s=usual,
        runs=runs,
    )


def _root(root: Root, redaction: Redaction) -> str:
    path = paths.from_text(root.path, root.path_uri)
    return paths.for_terminal(redaction.path(path, is_file=root.type is RootType.FILE))


def _start(one: VerifiedInput) -> str:
    return one.outcome.header.start if one.outcome.header else ""


def _run_id(one: VerifiedInput) -> str:
    return one.outcome.header.run_id if one.outcome.header else ""


def _pauses(ordered: list[VerifiedInput], repeats: list[bool]) -> Iterator[float | None]:
    """Yields the seconds since the start of the run before; ``None`` for the first, a copy, and a damaged file."""
    before: float | None = None
    for one, is_copy in zip(ordered, repeats, strict=True):
        is_known = not is_copy and trust_of(one) is not ReportTrust.DAMAGED
        start = _seconds(_start(one)) if is_known else None
        yield None if start is None or before is None else start - before
        before = before if start is None else start


def _seconds(time: str) -> float | None:
    """Returns a time in seconds; ``None`` for one that does not exist, such as that of a forged header."""
    try:
        return timestamps.to_seconds(time)
    except FindingsError:
        return None


def _safe(text: str) -> str:
    return paths.for_terminal(text.encode(errors="surrogateescape"))


class _RunMaker:
    """Makes the runs of a series one after the other."""

    def __init__(self, usual_pause_s: float | None, *, hides_paths: bool) -> None:
        self._usual = usual_pause_s
        self._hides_paths = hides_paths
        self._findings: RunIndex | None = None
        """Findings of the last intact run."""
        self._lists: frozenset[str] | None = None
        self._end = ""
        """Latest end of the runs until now. A damaged file does not count: anyone could have written its end."""

    def run(self, one: VerifiedInput, pause_s: float | None, *, is_copy: bool) -> HistoryRun:
        """Returns the facts of the next run."""
        header, last = one.outcome.header, one.outcome.last
        compared = None
        if one.outcome.unmodified and not is_copy:
            index = _index(one)
            compared = None if self._findings is None else index.compared_with(self._findings, _SHOW_ALL)
            self._findings = index
        totals = None if last is None else last.totals
        lists = () if header is None else tuple(_list_use(used, hides=self._hides_paths) for used in header.lists)
        own_lists = frozenset(used.sha256 for used in lists)
        start = header.start if header else ""
        trust = trust_of(one)
        run = HistoryRun(
            file=HIDDEN if self._hides_paths else paths.for_terminal(os.path.basename(one.source.path)),
            run_id=header.run_id if header else "",
            start=start,
            end=(last.end or last.time) if last is not None else "",
            trust=trust,
            verified=one.is_verified,
            complete=one.outcome.end_reason is EndReason.COMPLETED,
            entries=totals.seen if totals else 0,
            examined=totals.examined if totals else 0,
            bytes_read=int(totals.bytes) if totals else 0,
            findings=totals.findings if totals else 0,
            accepted=totals.accepted if totals else 0,
            new=compared.new if compared else None,
            gone=compared.gone if compared else None,
            not_examined=totals.not_examined + totals.directories_faulted if totals else 0,
            faults=sum(totals.faults.values()) if totals else 0,
            lists=lists,
            lists_changed=self._lists is not None and own_lists != self._lists,
            pause_s=pause_s,
            gap_before=self._usual is not None and pause_s is not None and pause_s > GAP_FACTOR * self._usual,
            overlaps=not is_copy and start < self._end,
            repeats=is_copy,
        )
        self._lists = own_lists
        if trust is not ReportTrust.DAMAGED:
            self._end = max(self._end, run.end)
        return run


def _list_use(used: HashList, *, hides: bool) -> ListUse:
    return ListUse(
        name=HIDDEN if hides else _safe(used.name),
        role=used.role,
        sha256=used.sha256,
        version=_safe(used.version or ""),
        date=_safe(used.date or used.mtime[: len("2026-01-01")]),
        entries=used.kept,
    )


def _index(one: VerifiedInput) -> RunIndex:
    index = RunIndex()
    for item in one.records():
        if item.is_proven and isinstance(item.record, EntryRecord):
            index.add(item.record)
    return index


def _begins_like_findings(path: bytes) -> bool:
    try:
        with open_regular(path) as stream:
            return stream.read(len(_FIRST_BYTES)) == _FIRST_BYTES
    except OSError:
        return False
