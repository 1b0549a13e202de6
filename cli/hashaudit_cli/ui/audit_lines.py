"""An audit's manifests, differences and end, in one line each."""

import os
from collections.abc import Mapping

from hashaudit.model import paths
from hashaudit.model.audit_outcome import AuditOutcome
from hashaudit.model.counted import counted
from hashaudit.record.header import ManifestSource
from hashaudit.record.schema import AuditRecord, FaultRecord, Totals
from hashaudit_cli.ui.summary import shown_path
from hashaudit_cli.ui.terminal import bytes_shown, quote

_WIDEST = max(map(len, AuditOutcome))


def outcome_line(record: AuditRecord) -> str:
    """Returns a line about a difference: its outcome, its path, and the other path of a moved or copied file."""
    line = f"{record.outcome:{_WIDEST}}  {quote(paths.from_text(record.path, record.path_uri))}"
    if record.outcome in {AuditOutcome.MOVED, AuditOutcome.COPIED} and record.expected is not None:
        line += f"  (from {quote(paths.from_text(record.expected.path, record.expected.path_uri))})"
    return f"{line}  ({record.note})" if record.note else line


def fault_line(record: FaultRecord) -> str:
    """Returns a line about a file or directory that was not examined completely."""
    fault = record.faults[0]
    return f"{shown_path(record)}: {fault.code}: {quote(os.fsencode(fault.message))}"


def source_line(source: ManifestSource) -> str:
    """Returns a line about a manifest, and about the directory that its paths are below."""
    base = quote(paths.from_text(source.base, source.base_uri))
    place = f"below '{base}'"
    if source.removed_prefix is not None:
        place += f", without '{quote(os.fsencode(source.removed_prefix))}'"
    signer = f", signed by {source.signed_by}" if source.signed_by else ""
    entries = counted(source.entries, "entry", "entries")
    return f"manifest {_named(source)}: {source.format}, {entries}, paths {place}{signer}"


def outside_line(source: ManifestSource) -> str:
    """Returns a line about entries that are outside of every ROOT, or are members although no container is opened."""
    entries = counted(source.outside, "entry is", "entries are")
    return (
        f"manifest {_named(source)}: {entries} outside of every ROOT, or a member of a container, and not "
        "compared; see --base, --strip and --inside"
    )


def audit_summary(totals: Totals) -> str:
    """Returns one line about the end of an audit, with its counts."""
    parts = [f"{counted(totals.examined, 'file')} examined ({bytes_shown(int(totals.bytes))})"]
    parts += filter(None, [outcomes_text(totals.audit)])
    parts.append(counted(sum(totals.faults.values()), "fault"))
    if totals.skipped:
        listed = ", ".join(f"{count:,} {reason.replace('_', ' ')}" for reason, count in totals.skipped.items())
        parts.append(f"{sum(totals.skipped.values()):,} skipped ({listed})")
    return f"audit: {'; '.join(parts)}."


def outcomes_text(counts: Mapping[AuditOutcome, int]) -> str:
    """Returns the number of files by outcome; empty if there are none."""
    return "; ".join(f"{counts[name]:,} {name}" for name in AuditOutcome if counts.get(name))


def audit_text(totals: Totals) -> str:
    """Returns the outcomes of an audit behind other counts; empty for a scan that was none."""
    return f"; audit: {outcomes_text(totals.audit)}" if totals.audit else ""


def _named(source: ManifestSource) -> str:
    return quote(paths.from_text(source.path, source.path_uri))
