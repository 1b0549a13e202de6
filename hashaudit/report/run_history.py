"""A series of scans over time, from their findings files alone: what each found, and where runs are missing."""

import itertools
import os
import statistics
from collections.abc import Iterator, Sequence

import msgspec

from hashaudit.errors import FindingsError
from hashaudit.host.files import open_regular
from hashaudit.model import paths
from hashaudit.record import timestamps
from hashaudit.record.schema import EndReason, EntryRecord
from hashaudit.record.verify.trust import Trust
from hashaudit.report.compare_runs import RunIndex, series_key
from hashaudit.report.redaction import Redaction
from hashaudit.report.run_facts import trust_of
from hashaudit.triage.findings_input import FindingsInput, VerifiedInput, verify_input

GAP_FACTOR = 2
"""A pause is a gap if it is longer than this many times the median of its series."""

MIN_RUNS_FOR_GAPS = 4
"""Runs that a series needs, so that the median says something."""

_FIRST_BYTES = b'{"kind":"run"'


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
    new: int | None
    """Findings that the intact run before does not have; ``None`` without such a run, or if this file is damaged."""
    gone: int | None
    not_examined: int
    faults: int
    lists_changed: bool
    """The run used other lists than the one before, by their SHA-256."""
    gap_before: bool
    """The pause since the run before is unusually long."""
    overlaps: bool
    """The run began before the one before it ended."""


class Series(msgspec.Struct, frozen=True, kw_only=True):
    """The scans of the same roots on the same host, in the order of their start."""

    host: str
    roots: tuple[str, ...]
    shard: str | None
    runs: tuple[HistoryRun, ...]


class History(msgspec.Struct, frozen=True, kw_only=True):
    """All series, and the files that were not used."""

    series: tuple[Series, ...]
    skipped: tuple[str, ...]
    """Files that are not findings files or have no readable header."""


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
        raise FindingsError(f"cannot read '{paths.for_terminal(raw)}'; {error.strerror}") from error
    for name in names:
        file = os.path.join(raw, name)
        if os.path.isfile(file) and _begins_like_findings(file):
            yield file


def read_history(files: Sequence[bytes], trust: Trust, *, any_signer: bool) -> History:
    """Verifies all files and returns their series.

    Args:
        files: findings files.
        trust: whose signatures count.
        any_signer: findings of an intact file by an unknown signer count too.

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
    return History(series=tuple(_series(group) for group in groups.values()), skipped=tuple(skipped))


def _series(group: list[VerifiedInput]) -> Series:
    ordered = sorted(group, key=lambda one: one.outcome.header.start if one.outcome.header else "")
    starts = [timestamps.to_seconds(one.outcome.header.start) for one in ordered if one.outcome.header]
    pauses = [later - earlier for earlier, later in itertools.pairwise(starts)]
    usual = statistics.median(pauses) if len(starts) >= MIN_RUNS_FOR_GAPS else None
    runs: list[HistoryRun] = []
    before: RunIndex | None = None
    lists: frozenset[str] | None = None
    for number, one in enumerate(ordered):
        index = _index(one)
        own_lists = frozenset(item.sha256 for item in one.outcome.header.lists) if one.outcome.header else frozenset()
        runs.append(
            _run(
                one,
                index,
                before,
                lists_changed=lists is not None and own_lists != lists,
                gap_before=number > 0 and usual is not None and pauses[number - 1] > GAP_FACTOR * usual,
                previous_end=runs[-1].end if runs else "",
            )
        )
        before = index if one.outcome.unmodified else before
        lists = own_lists
    header = ordered[0].outcome.header
    if header is None:
        raise FindingsError("a series needs a header")
    return Series(
        host=paths.for_terminal(header.host.encode(errors="surrogateescape")),
        roots=tuple(paths.for_terminal(paths.from_text(root.path, root.path_uri)) for root in header.roots),
        shard=str(header.config["shard"]) if header.config.get("shard") is not None else None,
        runs=tuple(runs),
    )


def _index(one: VerifiedInput) -> RunIndex:
    index = RunIndex()
    for item in one.records():
        if item.is_proven and isinstance(item.record, EntryRecord):
            index.add(item.record)
    return index


def _run(
    one: VerifiedInput,
    index: RunIndex,
    before: RunIndex | None,
    *,
    lists_changed: bool,
    gap_before: bool,
    previous_end: str,
) -> HistoryRun:
    header, last = one.outcome.header, one.outcome.last
    is_comparable = before is not None and one.outcome.unmodified
    compared = index.compared_with(before, Redaction(frozenset())) if before is not None and is_comparable else None
    totals = None if last is None else last.totals
    start = header.start if header else ""
    return HistoryRun(
        file=paths.for_terminal(os.path.basename(one.source.path)),
        run_id=header.run_id if header else "",
        start=start,
        end=(last.end or last.time) if last is not None else "",
        trust=trust_of(one),
        verified=one.is_verified,
        complete=one.outcome.end_reason is EndReason.COMPLETED,
        entries=totals.seen if totals else 0,
        examined=totals.examined if totals else 0,
        bytes_read=int(totals.bytes) if totals else 0,
        findings=totals.findings if totals else 0,
        new=compared.new if compared else None,
        gone=compared.gone if compared else None,
        not_examined=totals.not_examined + totals.directories_faulted if totals else 0,
        faults=sum(totals.faults.values()) if totals else 0,
        lists_changed=lists_changed,
        gap_before=gap_before,
        overlaps=bool(previous_end) and start < previous_end,
    )


def _begins_like_findings(path: bytes) -> bool:
    try:
        with open_regular(path) as stream:
            return stream.read(len(_FIRST_BYTES)) == _FIRST_BYTES
    except OSError:
        return False
