"""A scan's findings and its end, in one line each."""

from hashaudit.lazy import lazy_pattern
from hashaudit.model.counted import counted
from hashaudit.model.results import Role
from hashaudit.record.entry_path import joined_path
from hashaudit.record.schema import EndReason, FaultRecord, FindingRecord, Match
from hashaudit.scan.events import Finished
from hashaudit_cli.ui.terminal import bytes_shown, quote

MAX_LABEL_CHARACTERS = 100
"""Characters of the labels in a line; the record has all."""

_HASH = lazy_pattern(r"[0-9A-Fa-f]{16,}")

MAX_LISTS = 5
"""Lists in a line."""


def shown_path(record: FindingRecord | FaultRecord) -> str:
    """Returns the path of a record in a form that is safe on a terminal."""
    return quote(joined_path(record.entry))


def safe(text: str) -> str:
    """Returns a text from a list or a file in a form that is safe on a terminal."""
    return quote(text.encode(errors="surrogateescape"))


def label_text(match: Match) -> str:
    """Returns the labels of a match in a few words, without any that looks like a hash of the list."""
    shown = [text for text in match.labels.values() if _HASH.fullmatch(text) is None]
    return "; ".join(shown)[:MAX_LABEL_CHARACTERS]


def finding_line(record: FindingRecord) -> str:
    """Returns one line about a finding: its path, and the lists that name it with their labels."""
    labels: dict[str, str] = {}
    for match in record.matches:
        if match.role is Role.DENY:
            labels.setdefault(match.list_entry.name, label_text(match))
    named = [safe(name) + (f": {safe(text)}" if text else "") for name, text in list(labels.items())[:MAX_LISTS]]
    if len(labels) > MAX_LISTS:
        named.append(f"{len(labels) - MAX_LISTS} more")
    expired = record.acceptance_expired
    ended = "" if expired is None else f"; its acceptance by {safe(expired.by)} ended on {expired.until}"
    return f"finding: {shown_path(record)} (list {', '.join(named)}){ended}"


def summary(finished: Finished) -> str:
    """Returns one line about the end of a scan, with its counts."""
    totals = finished.totals
    ended = {
        EndReason.COMPLETED: "Complete" if not (totals.faulted or totals.faults) else "Incomplete",
        EndReason.SIGNAL: "Stopped by a signal",
        EndReason.STOPPED: "Stopped",
        EndReason.TIME_LIMIT: "Stopped by --max-time",
        EndReason.ERROR: "Aborted",
    }[finished.reason]
    codes = ", ".join(f"{count:,} {code}" for code, count in totals.faults.items())
    parts = [
        f"{counted(totals.examined, 'file')} examined ({bytes_shown(int(totals.bytes))})",
        counted(totals.open_findings, "finding") + (f" and {totals.accepted:,} accepted" if totals.accepted else ""),
        counted(sum(totals.faults.values()), "fault") + (f" ({codes})" if codes else ""),
    ]
    if totals.members:
        parts.insert(1, f"{counted(totals.members, 'member')} of containers ({bytes_shown(int(totals.member_bytes))})")
    if totals.from_cache:
        parts.append(f"{totals.from_cache:,} from the cache ({bytes_shown(int(totals.bytes_from_cache))} not read)")
    if totals.appended:
        parts.append(f"{totals.appended:,} appended to while read")
    if totals.known:
        parts.append(f"{totals.known:,} known")
    if totals.skipped:
        listed = ", ".join(f"{count:,} {reason.replace('_', ' ')}" for reason, count in totals.skipped.items())
        parts.append(f"{sum(totals.skipped.values()):,} skipped ({listed})")
    if totals.members_skipped:
        parts.append(f"{counted(totals.members_skipped, 'member')} skipped")
    if totals.members_deleted_unreadable:
        parts.append(f"{counted(totals.members_deleted_unreadable, 'deleted member')} without content")
    if totals.containers_unopened:
        ranked = sorted(totals.containers_unopened.items(), key=lambda item: (-item[1], item[0]))
        listed = ", ".join(f"{kind} {count:,}" for kind, count in ranked)
        number = counted(sum(totals.containers_unopened.values()), "container")
        parts.append(f"{number} not opened ({listed})")
    if totals.pending:
        parts.append(f"{totals.pending:,} not reached")
    if finished.restarts:
        parts.append(counted(finished.restarts, "worker restarted", "workers restarted"))
    return f"{ended}: {'; '.join(parts)}."
