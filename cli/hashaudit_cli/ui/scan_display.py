"""Displays the events of a scan: log lines, a progress bar, and tables at the end. All of it is on standard error."""

import os
from collections.abc import Callable, Iterator

from hashaudit.model.counted import counted
from hashaudit.scan.control import Control
from hashaudit.scan.events import (
    AlreadyComplete,
    CacheSkipped,
    Event,
    Finished,
    Found,
    JournalFailed,
    KeyCreated,
    ListLoaded,
    Notice,
    NoticeSource,
    Paused,
    Prepared,
    PriorityNotLowered,
    Progress,
    Recorded,
    Resumed,
    StatusReport,
)
from hashaudit_cli.ui.event_fields import event_fields
from hashaudit_cli.ui.finding_lines import FindingLines
from hashaudit_cli.ui.progress import display
from hashaudit_cli.ui.signals import suspend
from hashaudit_cli.ui.status import log_status
from hashaudit_cli.ui.terminal import log, quote, warn


def show_preparation(events: Iterator[Event], *, quiet: bool) -> None:
    """Displays the events up to ``Prepared``."""
    for event in events:
        if isinstance(event, Prepared):
            return
        show(event, quiet=quiet)


def follow(
    events: Iterator[Event],
    control: Control,
    *,
    quiet: bool,
    on_event: Callable[[Event], None] = lambda _: None,
    lines: FindingLines | None = None,
) -> None:
    """Displays the events of a running scan with a bar, and suspends the process where the scan pauses.

    Args:
        events: all events after the preparation.
        control: requests to the scan.
        quiet: display warnings and answers only.
        on_event: receives every event.
        lines: displays findings and faults as they are found; ``None``: they are not displayed.
    """
    with display(quiet=quiet) as bar:
        for event in events:
            on_event(event)
            if lines is not None and (line := lines.line(event)) is not None:
                bar.clear()
                log(line, **event_fields(event))
            match event:
                case Progress():
                    bar.show(event)
                case StatusReport():
                    bar.clear()
                    log_status(event)
                case Paused():
                    bar.clear()
                    suspend(control, quiet=quiet)
                case Found() | Recorded() | Finished() | CacheSkipped():
                    pass
                case _:
                    bar.clear()
                    show(event, quiet=quiet)


def show(event: Event, *, quiet: bool) -> None:
    """Displays an event that is a sentence. ``quiet`` displays only warnings."""
    match event:
        case JournalFailed(reason=reason):
            warn(
                f"cannot write the resume journal ({reason}); if interrupted, "
                "files without a record will be re-examined"
            )
        case Notice(source=NoticeSource.MANIFEST, message=message):
            # Who wrote the manifest decides what the audit means.
            log(message)
        case Notice(source=NoticeSource.CACHE, message=message):
            warn(message)
        case ListLoaded(info=info) if quiet:
            for warning in info.omissions:
                warn(f"list {info.name}: {warning}")
        case AlreadyComplete(exit_code=code) if quiet and code:
            log(f"this scan is already complete; its exit code is {code}")
        case _:
            for line in () if quiet else _sentences(event):
                log(line)


def _sentences(event: Event) -> Iterator[str]:
    match event:
        case KeyCreated():
            shown = quote(os.fsencode(event.path))
            yield (
                f"created signing key {shown} ({event.fingerprint}); allowed_signers line for others: "
                f"{event.allowed_signers_line}"
            )
        case AlreadyComplete():
            yield "this scan is already complete; nothing to resume"
        case PriorityNotLowered(resource=resource):
            yield f"--low-impact: lowering {resource} priority is not supported here"
        case ListLoaded(info=info):
            rejected = ", ".join(f"{count:,} {reason.replace('_', ' ')}" for reason, count in info.rejected.items())
            skipped = f", skipped: {rejected}" if rejected else ""
            kept = counted(info.kept, "entry", "entries")
            yield f"list {info.name}: {info.format}, {', '.join(info.algorithms)}, {kept}{skipped}"
            yield from (f"list {info.name}: {warning}" for warning in info.warnings)
        case Notice(message=message):
            yield message
        case Resumed():
            yield f"resuming the scan started at {event.begun}, after record {event.last_record:,}"
            if event.quarantined is not None:
                yield f"moved {event.quarantined.size:,} unsigned trailing bytes to {quote(event.quarantined.path)}"
            for different in event.different_roots:
                yield f"warning: other storage than before: {different}"
            if not event.journal_used:
                yield "journal unusable: files without a record will be re-examined"
        case CacheSkipped(filesystem_types=types):
            yield (
                f"files on {', '.join(types)} are not cached: "
                "on this filesystem, unchanged metadata does not prove unchanged content"
            )
        case _:
            pass
