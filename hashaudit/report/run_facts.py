"""Makes the facts of one run: what is proven, what became of every entry, and how the scan was made."""

import os
import shlex
from collections.abc import Iterator, Mapping
from typing import TypeVar

from hashaudit.errors import FindingsError
from hashaudit.explanations import OUTCOMES, SKIP_REASONS
from hashaudit.model import paths
from hashaudit.model.audit_outcome import AuditOutcome
from hashaudit.model.counted import counted
from hashaudit.model.results import Role
from hashaudit.record import timestamps
from hashaudit.record.header import HashList, RootType, RunHeader
from hashaudit.record.schema import EndReason, Totals
from hashaudit.record.verify.verify_report import ProblemCode, Verification
from hashaudit.report.finding_rows import time_text
from hashaudit.report.redaction import HIDDEN, Redact, Redaction
from hashaudit.report.report_values import Bar, ListFacts, Point, RunFacts, Trust
from hashaudit.report.visible_text import Shown, shown, shown_bytes
from hashaudit.triage.findings_counts import FindingsCounts
from hashaudit.triage.findings_input import VerifiedInput

MAX_POINTS = 40
"""Problems of a file that the report lists. ``verify`` lists all."""

_Key = TypeVar("_Key", bound=str)

_INTERRUPTED = {ProblemCode.NO_FINAL_CHECKPOINT, ProblemCode.UNCLOSED_LINES, ProblemCode.UNREADABLE_LINE}


def trust_of(verified: VerifiedInput) -> Trust:
    """Returns what the verification of a file says, in one word."""
    outcome = verified.outcome
    codes = {problem.code for problem in outcome.problems}
    if verified.is_verified:
        return Trust.VERIFIED
    if outcome.unmodified:
        return Trust.SIGNER_UNKNOWN
    if ProblemCode.UNSIGNED in codes:
        return Trust.UNSIGNED
    if ProblemCode.NO_FINAL_CHECKPOINT in codes and codes <= _INTERRUPTED and outcome.last is not None:
        return Trust.INTERRUPTED
    return Trust.DAMAGED


def run_facts(
    number: int, verified: VerifiedInput, counts: FindingsCounts, redaction: Redaction, *, not_shown: int
) -> RunFacts:
    """Returns the facts of one run.

    Args:
        number: its number in the report.
        verified: the verified file.
        counts: what its records add up to.
        redaction: what is hidden.
        not_shown: records that are not proven and not in the report.
    """
    outcome = verified.outcome
    header, last = outcome.header, outcome.last
    totals = last.totals if last is not None else None
    hides_paths = redaction.hides(Redact.PATHS)
    name = os.path.basename(verified.source.path)
    end = last.end if last is not None and last.end is not None else ""
    return RunFacts(
        number=number,
        file=HIDDEN if hides_paths else shown_bytes(name),
        shell_file="F"
        if hides_paths or not name.decode(errors="replace").isprintable()
        else shlex.quote(name.decode()),
        sha256=verified.sha256,
        is_extract=verified.source.extract,
        trust=trust_of(verified),
        is_trusted=verified.is_verified,
        points=tuple(_points(outcome)),
        is_complete=outcome.end_reason is EndReason.COMPLETED,
        has_end=outcome.complete,
        ended=_ended(outcome),
        run_id=header.run_id if header else "",
        start=time_text(header.start) if header else "",
        end=time_text(end) if end else "",
        duration=_duration(header, end),
        host=shown(header.host) if header else "",
        title=_title(header),
        examiner=shown(header.examiner or "") if header else "",
        fingerprint=outcome.fingerprint or "",
        accounting=tuple(_accounting(totals)) if totals is not None else (),
        seen=totals.seen if totals else 0,
        examined=totals.examined if totals else 0,
        matched=totals.findings if totals else counts.findings,
        unexamined=totals.not_examined if totals else counts.faulted,
        pending=totals.pending if totals else 0,
        directories_faulted=totals.directories_unlisted if totals else counts.directories_faulted,
        guards_faulted=totals.guards_faulted if totals else counts.guards_faulted,
        known=totals.known if totals else 0,
        bytes_read=int(totals.bytes) if totals else 0,
        has_totals=totals is not None,
        looked_for=header is not None and any(one.role is Role.DENY for one in header.lists),
        lists=tuple(_list_facts(one, counts, redaction) for one in header.lists) if header else (),
        scope=tuple(_scope(header, redaction)) if header else (),
        settings=tuple(_settings(header, redaction)) if header else (),
        skipped=tuple(_skipped(totals)) if totals else (),
        members=tuple(_members(totals)) if totals else (),
        unopened=tuple(Bar(kind, count) for kind, count in _largest(totals.containers_unopened)) if totals else (),
        opened=tuple(Bar(kind, count) for kind, count in _largest(totals.containers)) if totals else (),
        is_audit=header is not None and bool(header.against),
        audit=tuple(_audit(totals)) if totals else (),
        not_shown=not_shown,
        clock=header.clock_sync if header else "unknown",
    )


def _points(outcome: Verification) -> Iterator[Point]:
    for text in outcome.proven:
        yield Point("proven", text)
    for text in outcome.unproven:
        yield Point("open", text)
    for problem in outcome.problems[:MAX_POINTS]:
        place = "" if problem.first_line is None else f"line {problem.first_line}: "
        yield Point("problem", f"{place}{problem.message} [{problem.code}]")
    rest = len(outcome.problems) - MAX_POINTS + outcome.problems_omitted
    if rest > 0:
        yield Point("problem", f"and {counted(rest, 'more problem')}: see hashaudit verify")


def _ended(outcome: Verification) -> str:
    match outcome.end_reason:
        case None:
            return "its end is not in the file"
        case EndReason.COMPLETED:
            return "completed"
        case EndReason.SIGNAL:
            return "stopped by a signal before its end"
        case EndReason.STOPPED:
            return "stopped by the program that ran it before its end"
        case EndReason.TIME_LIMIT:
            return "stopped by its time limit before its end"
        case EndReason.ERROR:
            return "ended by an error before its end"


def _title(header: RunHeader | None) -> Shown:
    if header is None:
        return "Findings file without a readable header"
    parts = [f"Case {header.case}" if header.case else "", f"exhibit {header.exhibit}" if header.exhibit else ""]
    return shown(
        ", ".join(part for part in parts if part) or f"{'Audit' if header.against else 'Scan'} of {header.host}"
    )


def _duration(header: RunHeader | None, end: str) -> str:
    if header is None or not end:
        return ""
    try:
        seconds = timestamps.to_seconds(end) - timestamps.to_seconds(header.start)
    except FindingsError:  # a forged header can hold a day that does not exist
        return "unknown"
    if seconds < 120:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def _accounting(totals: Totals) -> Iterator[Bar]:
    yield Bar("match a deny list", totals.matched, "red", "findings")
    yield Bar("examined, match a known list only", totals.known, "blue")
    yield Bar("examined, no match", totals.clean, "green")
    yield Bar("not fully examined", totals.faulted, "amber", "faults")
    yield Bar("skipped by rule, not opened", sum(totals.skipped.values()), "grey")
    yield Bar("found, and not reached before the end", totals.pending, "amber")


def _members(totals: Totals) -> Iterator[Bar]:
    if totals.members or totals.members_skipped:
        yield Bar("match a deny list", totals.members_matched, "red")
        yield Bar("examined, match a known list only", totals.members_known, "blue")
        yield Bar("examined, no match", totals.members_clean, "green")
        yield Bar("not fully examined", totals.members_faulted, "amber")
        yield Bar("skipped by a pattern", totals.members_skipped, "grey")


def _largest(counts: Mapping[_Key, int]) -> list[tuple[_Key, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def _audit(totals: Totals) -> Iterator[Bar]:
    for outcome in AuditOutcome:
        if outcome in totals.audit:
            yield Bar(outcome, totals.audit[outcome], note=f"{OUTCOMES[outcome].meaning} {OUTCOMES[outcome].action}")


def _skipped(totals: Totals) -> Iterator[Bar]:
    for reason, count in _largest(totals.skipped):
        yield Bar(reason.replace("_", " "), count, note=SKIP_REASONS[reason].meaning)


def _list_facts(one: HashList, counts: FindingsCounts, redaction: Redaction) -> ListFacts:
    form = f"{one.format} {one.version}" if one.version else one.format
    return ListFacts(
        name=HIDDEN if redaction.hides(Redact.PATHS) else shown(one.name),
        role="looked for" if one.role is Role.DENY else "known files",
        form=form if form.isprintable() else ascii(form),
        algorithms=", ".join(one.algorithms),
        entries=one.kept,
        rejected=sum(one.rejected.values()),
        matched=counts.lists[one.name],
        sha256=one.sha256,
        date=one.date if one.date and one.date.isprintable() else time_text(one.mtime),
        warnings=tuple(shown(text) for text in one.warnings),
    )


def _scope(header: RunHeader, redaction: Redaction) -> Iterator[tuple[str, Shown]]:
    hides = redaction.hides(Redact.PATHS)
    if header.note:
        yield "Note", shown(header.note)
    for root in header.roots:
        path = paths.from_text(root.path, root.path_uri)
        yield "Root", shown_bytes(redaction.path(path, is_file=root.type is RootType.FILE))
        if root.filesystem and not hides:
            options = f" ({', '.join(root.mount_options)})" if root.mount_options else ""
            yield "its filesystem", shown(f"{root.filesystem} on {root.mount_source or 'unknown'}{options}")
    for source in header.against:
        name = HIDDEN if hides else shown_bytes(paths.from_text(source.path, source.path_uri))
        yield "Manifest", name
        signer = f"; signed by {source.signed_by}" if source.signed_by else "; no trusted signature"
        entries, outside = (counted(number, "entry", "entries") for number in (source.entries, source.outside))
        more = f"; {outside} outside of the roots, not compared" if source.outside else ""
        yield (
            "its facts",
            shown(f"{source.format}, {entries}, SHA-256 {source.sha256}{signer}{more}"),
        )
    if not hides:
        yield "Included only", shown(", ".join(header.inclusions) or "everything")
        yield "Excluded", shown(", ".join(header.exclusions) or "nothing")
        # The command line names the files that are roots.
        hides_command = redaction.hides(Redact.NAMES) and any(root.type is RootType.FILE for root in header.roots)
        yield "Command", HIDDEN if hides_command else shown(shlex.join(header.argv))
    versions = ", ".join(f"{name} {version}" for name, version in header.versions.items())
    yield "Program", shown(f"{header.tool.name} {header.tool.version}; {versions}")
    yield "System", shown(f"{header.os.name} {header.os.release} {header.os.machine}, user id {header.uid}")
    yield "Clock", f"{header.clock_sync} when the scan began"
    yield "Sandbox of the processes that read content", shown(", ".join(header.sandbox) or "none")


def _settings(header: RunHeader, redaction: Redaction) -> Iterator[tuple[str, Shown]]:
    if redaction.hides(Redact.PATHS):
        return
    for name, value in sorted(header.config.items()):
        text = ", ".join(value) if isinstance(value, tuple) else str(value)
        source = header.config_sources.get(name)
        yield name, shown(f"{text or 'none'} (from the {source.replace('_', ' ')})" if source else text or "none")
