"""Builds a report from verified findings files."""

import os
from collections import Counter
from collections.abc import Iterator, Sequence

import msgspec

from hashaudit.model import paths
from hashaudit.model.audit_outcome import DIFFERENCES, AuditOutcome
from hashaudit.model.counted import counted
from hashaudit.model.results import Caveat
from hashaudit.record.header import Root, RootType
from hashaudit.record.schema import AuditRecord, EntryRecord, FindingRecord
from hashaudit.report.compare_runs import RunIndex, finding_key, is_series
from hashaudit.report.finding_rows import CAVEAT_NAMES, RowMaker, caveat_texts
from hashaudit.report.redaction import HIDDEN, Redact, Redaction
from hashaudit.report.report_values import (
    MAX_DIFFERENCE_ROWS,
    MAX_FAULT_ROWS,
    MAX_ROWS,
    MAX_STATIC_ROWS,
    Bar,
    Comparison,
    DifferenceRow,
    FaultRow,
    FindingRow,
    Report,
    RunFacts,
    Trust,
)
from hashaudit.report.run_facts import run_facts
from hashaudit.report.visible_text import Shown, shown, shown_bytes
from hashaudit.triage.findings_counts import FindingsCounts
from hashaudit.triage.findings_input import VerifiedInput

MAX_BARS = 12
"""Bars of one chart; the largest ones."""

_DISTANCE_STEPS = 8
"""Bars of the chart of distances."""

_ROW_ENCODER = msgspec.json.Encoder()


def build_report(
    files: Sequence[VerifiedInput],
    *,
    made: str,
    tool: str,
    marking: str = "",
    redaction: Redaction | None = None,
    unverified: bool = False,
) -> Report:
    """Returns the report of some findings files.

    Args:
        files: the files. Runs of one scan over time are compared; other runs are shown together.
        made: when the report is made.
        tool: name and version of this program.
        marking: text above and below every page.
        redaction: what is hidden.
        unverified: show records that are not proven too, each marked.

    Raises:
        FindingsError: a file changed since it was verified.
    """
    ordered = sorted(files, key=lambda one: one.outcome.header.start if one.outcome.header else "")
    builder = _Builder(ordered, redaction or Redaction(frozenset()), unverified=unverified)
    return builder.build(made, tool, marking)


class _Builder:
    def __init__(self, files: Sequence[VerifiedInput], redaction: Redaction, *, unverified: bool) -> None:
        self._files = files
        self._redaction = redaction
        self._unverified = unverified
        self._is_series = is_series([one.outcome.header for one in files])
        self._counts = FindingsCounts()
        self._lists: dict[str, int] = {}
        self._categories: Counter[str] = Counter()
        self._rows: list[FindingRow] = []
        self._row_json: list[bytes] = []
        self._faults: list[FaultRow] = []
        self._fault_rows = 0
        self._differences: list[DifferenceRow] = []
        self._base = self._common_base()

    def build(self, made: str, tool: str, marking: str) -> Report:
        runs: list[RunFacts] = []
        comparisons: list[Comparison | None] = []
        before: RunIndex | None = None
        for number, one in enumerate(self._files):
            is_current = not self._is_series or number == len(self._files) - 1
            index = RunIndex() if self._is_series else None
            facts = self._read(number, one, index, before if is_current else None, is_current=is_current)
            runs.append(facts)
            compared = index is not None and before is not None
            comparisons.append(index.compared_with(before, self._redaction) if compared and index and before else None)
            before = index
        current = (len(runs) - 1,) if self._is_series else tuple(range(len(runs)))
        shown_runs = [runs[number] for number in current]
        counts = self._counts
        return Report(
            title=shown_runs[0].title if len(shown_runs) == 1 else counted(len(shown_runs), "scan"),
            marking=shown(marking),
            made=made,
            tool=tool,
            redacted=tuple(sorted(self._redaction.kinds)),
            runs=tuple(runs),
            current=current,
            is_series=self._is_series,
            comparisons=tuple(comparisons),
            outcome=_outcome(shown_runs, counts),
            sentences=(*_sentences(shown_runs, counts), *_change(comparisons[-1] if comparisons else None)),
            warning=_warning(runs),
            findings=counts.findings,
            exact=counts.exact_findings,
            without_caveats=counts.without_caveats,
            rows=tuple(self._rows),
            row_json=tuple(self._row_json),
            rows_omitted=counts.findings - len(self._row_json),
            list_names=tuple(HIDDEN if self._hides(Redact.PATHS) else shown(name) for name in self._lists),
            base=shown_bytes(self._base),
            by_list=tuple(self._by_list()),
            by_distance=tuple(_by_distance(counts)),
            by_directory=tuple(self._by_directory()),
            by_caveat=tuple(_by_caveat(counts)),
            caveats=caveat_texts(),
            categories=()
            if self._hides(Redact.LABELS)
            else tuple(name for name, _ in self._categories.most_common(100)),
            faults=tuple(self._faults),
            faults_omitted=self._fault_rows - len(self._faults),
            by_fault=tuple(Bar(name, count) for name, count in counts.fault_codes.most_common()),
            accepted=counts.accepted,
            differences=tuple(self._differences),
            differences_omitted=sum(counts.outcomes.values()) - len(self._differences),
        )

    def _hides(self, kind: Redact) -> bool:
        return self._redaction.hides(kind)

    def _common_base(self) -> bytes:
        """Returns the directory that all roots share, if rows can omit it."""
        roots = [
            _directory_of(root)
            for one in self._files
            if one.outcome.header is not None
            for root in one.outcome.header.roots
        ]
        if not roots or self._hides(Redact.PATHS) or any(b"://" in root for root in roots):
            return b""
        try:
            common = os.path.commonpath(roots)
        except ValueError:
            return b""
        return common.rstrip(b"/") + b"/"

    def _read(
        self, number: int, one: VerifiedInput, index: RunIndex | None, before: RunIndex | None, *, is_current: bool
    ) -> RunFacts:
        own = FindingsCounts()
        maker = RowMaker(number, self._lists, self._redaction, self._base)
        not_shown = 0
        for item in one.records():
            record = item.record
            is_proven = item.is_proven
            if not isinstance(record, EntryRecord | AuditRecord):
                continue
            if not (is_proven or self._unverified):
                not_shown += 1
                continue
            if isinstance(record, AuditRecord):
                self._differ(record, maker, is_proven=is_proven, is_current=is_current)
                continue
            own.add(record)
            if index is not None:
                index.add(record)
            if is_current:
                self._take(record, maker, before, is_proven=is_proven)
        return run_facts(number, one, own, self._redaction, not_shown=not_shown)

    def _take(self, record: EntryRecord, maker: RowMaker, before: RunIndex | None, *, is_proven: bool) -> None:
        self._counts.add(record)
        if isinstance(record, FindingRecord) and len(self._row_json) < MAX_ROWS:
            state = "" if before is None else "same" if finding_key(record) in before else "new"
            row = maker.finding(record, is_proven=is_proven, state=state)
            self._row_json.append(_ROW_ENCODER.encode(row))
            if row.category:
                self._categories[row.category] += 1
            if len(self._rows) < MAX_STATIC_ROWS:
                self._rows.append(row)
        self._fault_rows += len(record.faults)
        if record.faults and len(self._faults) < MAX_FAULT_ROWS:
            self._faults.extend(maker.faults(record, is_proven=is_proven))

    def _differ(self, record: AuditRecord, maker: RowMaker, *, is_proven: bool, is_current: bool) -> None:
        if is_current:
            self._counts.add_difference(record)
            if len(self._differences) < MAX_DIFFERENCE_ROWS:
                self._differences.append(maker.difference(record, is_proven=is_proven))

    def _by_list(self) -> Iterator[Bar]:
        hides = self._hides(Redact.LABELS)
        if hides:
            rows = self._counts.lists.most_common(MAX_BARS)
            yield from (Bar(self._list_name(name), count, "red") for name, count in rows)
            return
        for (name, category), count in self._counts.categories.most_common(MAX_BARS):
            yield Bar(self._list_name(name), count, "red", category)

    def _list_name(self, name: str) -> Shown:
        return HIDDEN if self._hides(Redact.PATHS) else shown(name)

    def _by_directory(self) -> Iterator[Bar]:
        if self._hides(Redact.PATHS):
            return
        base = paths.for_terminal(self._base)
        for name, count in self._counts.directories.most_common(MAX_BARS):
            short = name.removeprefix(base) if self._base else name
            yield Bar(short or ".", count, "grey")


def _directory_of(root: Root) -> bytes:
    path = paths.from_text(root.path, root.path_uri)
    return os.path.dirname(path) if root.type is RootType.FILE else path


def _by_distance(counts: FindingsCounts) -> Iterator[tuple[str, tuple[Bar, ...]]]:
    algorithms: dict[str, Counter[int]] = {}
    for (algorithm, distance), count in counts.distances.items():
        algorithms.setdefault(algorithm, Counter())[distance] += count
    for algorithm, distances in sorted(algorithms.items()):
        largest = max(distances)
        step = max(1, -(-(largest + 1) // _DISTANCE_STEPS))
        bars = []
        for first in range(0, largest + 1, step):
            count = sum(distances[one] for one in range(first, first + step))
            label = str(first) if step == 1 else f"{first}-{first + step - 1}"
            bars.append(Bar(label, count, "blue"))
        yield algorithm, tuple(bars)


def _by_caveat(counts: FindingsCounts) -> Iterator[Bar]:
    meanings = dict(caveat_texts())
    for caveat, count in counts.caveats.most_common():
        name = CAVEAT_NAMES[Caveat(caveat)]
        yield Bar(name, count, "amber", meanings[name])


def _outcome(runs: Sequence[RunFacts], counts: FindingsCounts) -> str:
    if counts.findings or any(run.matched for run in runs):
        return "findings"
    if any(bar.count for run in runs for bar in run.audit if bar.label in DIFFERENCES):
        return "incomplete"
    return "none" if all(_is_whole(run) for run in runs) else "incomplete"


def _is_whole(run: RunFacts) -> bool:
    """Returns whether the run proves that everything was examined."""
    whole = run.is_complete and not run.unexamined and not run.directories_faulted and not run.guards_faulted
    is_compared = all(bar.count == 0 for bar in run.audit if bar.label == AuditOutcome.UNREADABLE)
    has_aim = run.looked_for or run.is_audit
    # A manifest names files, so members of containers matter only to lists.
    is_opened = not (run.looked_for and run.unopened)
    return whole and run.is_trusted and has_aim and is_compared and is_opened


def _sentences(runs: Sequence[RunFacts], counts: FindingsCounts) -> Iterator[str]:
    """Yields the outcome in words. Nothing is called clean, and zero is said with what it covers."""
    whole = all(_is_whole(run) for run in runs)
    is_audit = any(run.is_audit for run in runs)
    if is_audit:
        yield from _compared(runs, whole=whole)
    if any(run.looked_for for run in runs):
        yield from _matched(runs, counts, whole=whole)
    elif not is_audit:
        yield "Nothing was looked for: the scan had no deny list."
    yield from _missing(runs)


def _matched(runs: Sequence[RunFacts], counts: FindingsCounts, *, whole: bool) -> Iterator[str]:
    matched = max(counts.findings, sum(run.matched for run in runs))
    if matched:
        at_least = "" if whole else "At least "
        yield f"{at_least}{counted(matched, 'file matches', 'files match')} what was looked for."
        yield from _accepted(counts)
    elif whole:
        yield "No file matches what was looked for, and every entry was examined or skipped by a rule."
    elif any(run.not_shown for run in runs):
        yield "No proven record names a match, but the file has records that are not proven."
    else:
        yield "No match is recorded, but not everything was examined."


def _missing(runs: Sequence[RunFacts]) -> Iterator[str]:
    """Yields what was not examined, or is not shown."""
    not_shown = sum(run.not_shown for run in runs)
    unexamined = sum(run.unexamined for run in runs)
    directories = sum(run.directories_faulted for run in runs)
    guards = sum(run.guards_faulted for run in runs)
    unopened = sum(bar.count for run in runs if run.looked_for for bar in run.unopened)
    if not_shown:
        yield f"{counted(not_shown, 'record is', 'records are')} not proven and not shown here."
    if unexamined:
        yield f"{counted(unexamined, 'entry or member was', 'entries or members were')} not fully examined."
    if directories:
        yield (
            f"{counted(directories, 'directory', 'directories')} could not be listed completely: "
            "entries below may be unseen."
        )
    if guards:
        yield f"{counted(guards, 'guard', 'guards')} found less than expected: see the faults."
    if unopened:
        yield f"{counted(unopened, 'container was', 'containers were')} not opened: members may match."
    for run in runs:
        if not run.is_complete:
            yield f"The scan did not run to its end ({run.ended}): entries that it did not reach are unknown."
            break


def _compared(runs: Sequence[RunFacts], *, whole: bool) -> Iterator[str]:
    """Yields the outcome of an audit in words."""
    differing = sum(bar.count for run in runs for bar in run.audit if bar.label in DIFFERENCES)
    at_least = "" if whole else "At least "
    if differing:
        yield f"{at_least}{counted(differing, 'file differs', 'files differ')} from the manifest."
    elif whole:
        yield "Every file agrees with the manifest, and no file of it is missing."
    else:
        yield "No difference from the manifest is recorded, but not everything was compared."
    unreadable = sum(bar.count for run in runs for bar in run.audit if bar.label == AuditOutcome.UNREADABLE)
    if unreadable:
        yield f"{counted(unreadable, 'file', 'files')} could not be compared."


def _accepted(counts: FindingsCounts) -> Iterator[str]:
    if counts.accepted:
        accepted = counted(counts.accepted, "of them is", "of them are")
        yield f"{accepted} accepted: the record says by whom and until when."


def _change(compared: Comparison | None) -> Iterator[str]:
    if compared is not None:
        yield f"Since the run before, {counted(compared.new, 'finding is', 'findings are')} new."
        yield f"Gone since then: {counted(compared.gone, 'finding', 'findings')}."


def _warning(runs: Sequence[RunFacts]) -> str:
    worst = max((run.trust for run in runs), key=list(Trust).index)
    return {
        Trust.VERIFIED: "",
        Trust.SIGNER_UNKNOWN: (
            "The findings file is intact, but its signer is unknown: anyone could have written it. "
            "Get the signer's public key from the signer and verify again."
        ),
        Trust.UNSIGNED: "The findings file is not signed: anyone could have written or changed it.",
        Trust.INTERRUPTED: (
            "The scan was interrupted, or the file was truncated: it has no end. "
            "What it records until then is signed; what is missing is unknown."
        ),
        Trust.DAMAGED: "The findings file does not verify: it was damaged or changed. Do not rely on this report.",
    }[worst]
