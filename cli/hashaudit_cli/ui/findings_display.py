"""Shows the records of findings files, and says what the files leave unproven."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from hashaudit.errors import FindingsError
from hashaudit.exit_codes import ExitCode
from hashaudit.model import paths
from hashaudit.model.counted import counted
from hashaudit.model.results import Role
from hashaudit.record.entry_path import file_path, joined_path
from hashaudit.record.output import Output
from hashaudit.record.schema import AuditRecord, EndReason, EntryRecord, FindingRecord, Totals
from hashaudit.record.verify.proven_records import ReadRecord
from hashaudit.record.verify.verify_report import Basis, Verification
from hashaudit.triage.extract import write_extract
from hashaudit.triage.findings_counts import FindingsCounts
from hashaudit.triage.findings_input import FindingsInput
from hashaudit.triage.record_filter import RecordFilter
from hashaudit_cli.findings_options import HOW_TO_TRUST
from hashaudit_cli.ui.audit_lines import audit_text
from hashaudit_cli.ui.record_writer import RecordFormat, Shown, View, record_writer
from hashaudit_cli.ui.terminal import log, log_error, print_json, quote, standard_output

MAX_SHOWN_GROUPS = 20
"""Rows of one part of the summary; the largest ones."""


class _Outcome(msgspec.Struct, frozen=True):
    """The end of reading one file."""

    source: FindingsInput
    verification: Verification
    sha256: str
    not_shown: int
    """Records that are not proven and were not shown."""

    @property
    def totals(self) -> Totals | None:
        """The totals of the scan, if the whole file agrees with its signatures."""
        last = self.verification.last
        return last.totals if last is not None and self.verification.unmodified else None


class FindingsDisplay:
    """Shows the records of several files on standard output."""

    def __init__(self, view: View, record_filter: RecordFilter, *, is_summary: bool, unverified: bool) -> None:
        """Prepares the display.

        Args:
            view: the kind of records.
            record_filter: which of them.
            is_summary: show counts of all kinds of records instead.
            unverified: show records that are not proven too.
        """
        self._view = view
        self._filter = record_filter
        self._is_summary = is_summary
        self._unverified = unverified
        self._of_view = 0
        self._counts = FindingsCounts()
        self._shown = 0
        self._outcomes: list[_Outcome] = []

    def run(self, sources: Sequence[FindingsInput], form: RecordFormat, *, null: bool) -> int:
        """Shows everything and returns the exit code.

        Raises:
            FindingsError: a file cannot be read, or is not a findings file.
            OutputError: standard output is closed or fails.
        """
        if self._is_summary:
            for source in sources:
                for _, record in self._records(source):
                    if isinstance(record, AuditRecord):
                        self._counts.add_difference(record)
                    else:
                        self._counts.add(record)
            totals = [one.totals for one in self._outcomes if one.totals is not None]
            is_json = form is RecordFormat.JSONL
            text = _summary_json(self._counts, totals) if is_json else _summary_text(self._counts, totals)
            standard_output().write(f"{text}\n".encode(errors="backslashreplace"))
        else:
            writer = record_writer(standard_output(), form, self._view, null=null)
            for source in sources:
                for item, record in self._records(source):
                    writer.add(item, record)
            writer.close()
        return self._conclude()

    def _records(self, source: FindingsInput) -> Iterator[tuple[ReadRecord, Shown]]:
        reader = source.reader()
        not_shown = 0
        for item in reader:
            if not isinstance(item.record, EntryRecord | AuditRecord):
                continue
            is_accepted = source.accepts(item)
            if not (is_accepted or self._unverified):
                not_shown += 1
            elif self._is_in_view(item.record):
                self._of_view += 1
                if self._accepts(item.record):
                    self._shown += 1
                    yield msgspec.structs.replace(item, is_proven=is_accepted), item.record
        if not reader.verification.recognised:
            why = "it is empty" if not reader.verification.lines else "no line is a record"
            raise FindingsError(f"not a findings file: '{source.name}'; {why}")
        self._outcomes.append(_Outcome(source, reader.verification, reader.sha256, not_shown))

    def _accepts(self, record: Shown) -> bool:
        if isinstance(record, AuditRecord):
            return self._filter.accepts_difference(record)
        return self._filter.accepts(record)

    def _is_in_view(self, record: Shown) -> bool:
        if self._is_summary:
            return True
        if isinstance(record, AuditRecord):
            return self._view is View.DIFFERENCES
        if self._view is View.FILES:
            return True
        if self._view is View.FAULTS:
            return bool(record.faults)
        return self._view is View.FINDINGS and isinstance(record, FindingRecord)

    def _conclude(self) -> int:
        what = "record" if self._is_summary or self._view is View.FILES else self._view.value.removesuffix("s")
        shown = f"{counted(self._shown, what)} shown"
        if self._shown != self._of_view:
            shown += f" of {self._of_view:,}"
        states = []
        worst = ExitCode.COMPLETE
        for outcome in self._outcomes:
            code, state = _state(outcome, unverified=self._unverified)
            worst = max(worst, code)
            states.append(state)
            if code is ExitCode.CANNOT_START:
                _log_problem(outcome)
        log(f"{shown}; {'; '.join(dict.fromkeys(states))}")
        return worst


def _state(outcome: _Outcome, *, unverified: bool) -> tuple[ExitCode, str]:
    found, source = outcome.verification, outcome.source
    if source.is_verified(found, outcome.sha256):
        return ExitCode.COMPLETE, f"verified{_completeness(found)}"
    if unverified:
        return ExitCode.COMPLETE, f"NOT VERIFIED, as accepted with --unverified{_completeness(found)}"
    if source.any_signer and found.unmodified:
        return ExitCode.SIGNER_UNKNOWN, f"intact, signer UNKNOWN{_completeness(found)}"
    return ExitCode.CANNOT_START, "NOT VERIFIED"


def _completeness(found: Verification) -> str:
    if found.last is None or not found.last.final or found.end_reason is not EndReason.COMPLETED:
        return ", scan INCOMPLETE"
    totals = found.last.totals
    unexamined = totals.not_examined
    everything = counted(totals.seen, "entry", "entries")
    if totals.members:
        everything += f" and {counted(totals.members, 'member')}"
    faulted = [f"{unexamined:,} of {everything} not fully examined"] if unexamined else []
    if totals.directories_unlisted:
        faulted.append(f"{counted(totals.directories_unlisted, 'directory', 'directories')} not completely listed")
    if totals.guards_faulted:
        faulted.append(f"{counted(totals.guards_faulted, 'guard')} found less than expected")
    missing = [f"{', '.join(faulted)} (--faults)"] if faulted else []
    unopened = sum(totals.containers_unopened.values())
    looked_for = found.header is not None and any(one.role is Role.DENY for one in found.header.lists)
    if unopened and looked_for:
        missing.append(f"{counted(unopened, 'container')} not opened (--summary)")
    if not missing:
        return f", all {everything} accounted for{audit_text(totals)}"
    return f", {', '.join(missing)}{audit_text(totals)}"


def _log_problem(outcome: _Outcome) -> None:
    found = outcome.verification
    if outcome.source.trust is None and found.unmodified and found.basis is Basis.NAMED_KEY:
        cause, hint = f"signer unknown ({found.fingerprint})", HOW_TO_TRUST
    elif outcome.source.sha256 is not None and outcome.sha256 != outcome.source.sha256:
        cause, hint = "it is not the file that the merge result names", "see hashaudit verify"
    else:
        cause = found.problems[0].message if found.problems else "no signature is accepted"
        hint = "see hashaudit verify; --unverified shows all records"
    shown = f"; {counted(outcome.not_shown, 'record')} not shown" if outcome.not_shown else ""
    log_error(f"not verified: '{outcome.source.name}'; {cause}{shown}", hint)


def show_record(
    sources: Sequence[FindingsInput], path: str | None, seq: int | None, extract: str | None, *, unverified: bool
) -> int:
    """Prints the records with a path or a number as JSON, and whether their segments verify.

    Args:
        sources: the files.
        path: exact path, or joined path of a member.
        seq: number of a record.
        extract: name of a new file for an extract.
        unverified: show records that are not proven too.

    Raises:
        FindingsError: no record has this path or number, or an extract would not verify.
        OutputError: the extract cannot be written.
    """
    found: list[tuple[FindingsInput, ReadRecord]] = []
    outcomes: list[_Outcome] = []
    for source in sources:
        reader = source.reader()
        found += [(source, item) for item in reader if _is_wanted(item, path, seq)]
        outcomes.append(_Outcome(source, reader.verification, reader.sha256, 0))
    if not found:
        wanted = f"record {seq}" if path is None else f"'{quote(os.fsencode(path))}'"
        raise FindingsError(
            f"no record of {wanted}; only findings and faults have one unless scan --record all wrote the file"
        )
    worst = ExitCode.COMPLETE
    for source, item in found:
        is_proven = source.accepts(item)
        if not (is_proven or unverified):
            worst = ExitCode.CANNOT_START
            continue
        print_json({"file": source.name, "segment_verifies": is_proven, "record": msgspec.Raw(item.raw)})
    for outcome in outcomes:
        code, state = _state(outcome, unverified=unverified)
        worst = max(worst, code)
        if code is ExitCode.CANNOT_START:
            _log_problem(outcome)
        log(f"{outcome.source.name}: {state}")
    if extract is not None:
        _extract(outcomes[0], frozenset(item.record.seq for _, item in found), extract, worst)
    return worst


def _is_wanted(item: ReadRecord, path: str | None, seq: int | None) -> bool:
    if path is None:
        return item.record.seq == seq
    if isinstance(item.record, AuditRecord):
        return os.fsencode(path) == paths.from_text(item.record.path, item.record.path_uri)
    if not isinstance(item.record, EntryRecord):
        return False
    return os.fsencode(path) in {file_path(item.record.entry), joined_path(item.record.entry)}


def _extract(outcome: _Outcome, seqs: frozenset[int], path: str, code: int) -> None:
    if code == ExitCode.CANNOT_START or not outcome.verification.unmodified:
        raise FindingsError("no extract written: it would not verify, because the findings file does not")
    output = Output.create(path)
    try:
        written = write_extract(outcome.source.path, seqs, output)
    finally:
        output.close()
    total = outcome.verification.intact_records
    shown = quote(os.fsencode(path))
    log(f"wrote {written:,} of {counted(total, 'record')} to '{shown}'; verify it with: hashaudit verify --extract")


def _summary_text(counts: FindingsCounts, totals: Sequence[Totals]) -> str:
    near = counts.findings - counts.exact_findings
    files = counted(counts.faulted, "entry", "entries")
    directories = counted(counts.directories_faulted, "directory", "directories")
    guards = counted(counts.guards_faulted, "guard")
    lines = [
        f"{counted(counts.findings, 'finding')}: {counts.exact_findings:,} exact, {near:,} near matches only",
        f"{counts.without_caveats:,} of them without a caveat",
        *([f"{counts.accepted:,} of them accepted"] if counts.accepted else []),
        *([f"{counts.acceptances_expired:,} of them with an expired acceptance"] if counts.acceptances_expired else []),
        f"{files} and {directories} without a match and not fully examined",
        *([f"{guards} found less than expected"] if counts.guards_faulted else []),
    ]
    for title, rows in (*_summary_parts(counts), *_total_parts(totals)):
        if rows:
            lines += ["", title]
            lines += [f"{count:>9,}  {name}" for name, count in rows[:MAX_SHOWN_GROUPS]]
            rest = rows[MAX_SHOWN_GROUPS:]
            lines += [f"{sum(count for _, count in rest):>9,}  in {len(rest):,} more"] if rest else []
    return "\n".join(lines)


def _summary_parts(counts: FindingsCounts) -> Iterator[tuple[str, list[tuple[str, int]]]]:
    yield "by list", _sorted(counts.lists)
    yield "by list and category", _sorted({f"{name}: {value}": n for (name, value), n in counts.categories.items()})
    yield "by digests that agree", _sorted(counts.digests)
    near = sorted(counts.distances.items())
    yield "by distance, near matches only", [(f"{name} {distance}", count) for (name, distance), count in near]
    yield "by caveat", _sorted(counts.caveats)
    yield "by directory", _sorted(counts.directories, is_shown=True)
    yield "by fault", _sorted(counts.fault_codes)
    yield "by difference from the manifest", _sorted(counts.outcomes)


def _total_parts(totals: Sequence[Totals]) -> Iterator[tuple[str, list[tuple[str, int]]]]:
    """Yields what the signed totals say about members, containers and the comparison with a manifest."""
    members: Counter[str] = Counter()
    opened: Counter[str] = Counter()
    unopened: Counter[str] = Counter()
    outcomes: Counter[str] = Counter()
    for one in totals:
        members["match a deny list"] += one.members_matched
        members["match a known list only"] += one.members_known
        members["no match"] += one.members_clean
        members["not fully examined"] += one.members_faulted
        opened.update(one.containers)
        unopened.update(one.containers_unopened)
        outcomes.update(one.audit)
    yield "members of containers, in the whole scan", _sorted({name: n for name, n in members.items() if n})
    yield "containers opened, in the whole scan", _sorted(opened)
    yield "containers not opened, in the whole scan: members of them are not examined", _sorted(unopened)
    yield "compared with a manifest, in the whole scan", _sorted(outcomes)


def _sorted(counts: Mapping[str, int], *, is_shown: bool = False) -> list[tuple[str, int]]:
    rows = sorted(counts.items(), key=lambda row: (-row[1], row[0]))
    return [(name if is_shown else quote(name.encode(errors="surrogateescape")), count) for name, count in rows]


def _summary_json(counts: FindingsCounts, totals: Sequence[Totals]) -> str:
    def grouped(names: Iterable[str], rows: Iterable[tuple[tuple[Any, ...], int]]) -> list[dict[str, Any]]:
        return [dict(zip(names, key, strict=True)) | {"findings": count} for key, count in sorted(rows)]

    fields = {
        "findings": counts.findings,
        "findings_exact": counts.exact_findings,
        "findings_without_caveat": counts.without_caveats,
        "findings_accepted": counts.accepted,
        "findings_with_expired_acceptance": counts.acceptances_expired,
        "entries_faulted": counts.faulted,
        "directories_faulted": counts.directories_faulted,
        "guards_faulted": counts.guards_faulted,
        "lists": dict(sorted(counts.lists.items())),
        "categories": grouped(("list", "category"), counts.categories.items()),
        "digests": dict(sorted(counts.digests.items())),
        "distances": grouped(("algorithm", "distance"), counts.distances.items()),
        "caveats": dict(sorted(counts.caveats.items())),
        "directories": dict(sorted(counts.directories.items())),
        "faults": dict(sorted(counts.fault_codes.items())),
        "differences": dict(sorted(counts.outcomes.items())),
        "totals": totals,
    }
    return msgspec.json.encode(fields).decode()
