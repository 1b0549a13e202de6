"""The body of ``scan``: runs the library's scan and displays its events."""

import contextlib
import os
import shlex
import sys

import hashaudit
from hashaudit.model.secret_masking import mask_options
from hashaudit.record.schema import EndReason, FindingRecord
from hashaudit.scan.config import ScanConfig
from hashaudit.scan.events import CacheSkipped, Event, Finished, Recorded, Started
from hashaudit.scan.key_policy import Signing
from hashaudit.scan.option import secret_options
from hashaudit_cli.options import SigningOptions
from hashaudit_cli.ui.scan_display import follow, show, show_preparation
from hashaudit_cli.ui.signals import interrupting_on_signals, obeying_signals
from hashaudit_cli.ui.terminal import log, quote, standard_output


def run_scan(config: ScanConfig, *, output: str | None, resume: str | None, signing: Signing, quiet: bool) -> int:
    """Runs a scan to its end and returns its exit code.

    Args:
        config: the options. To resume a scan without a ROOT, only the options that may differ from it.
        output: the new findings file; ``None`` for standard output.
        resume: the findings file of an interrupted scan.
        signing: how to sign.
        quiet: display warnings and errors only.

    Raises:
        HashauditError: the scan cannot start or continue.
    """
    target = standard_output() if output is None and resume is None else output
    outcome = _Outcome(quiet=quiet)
    with obeying_signals() as control:
        with interrupting_on_signals():
            argv = mask_options(sys.argv, secret_options((SigningOptions,)))
            events = hashaudit.scan(config, output=target, resume=resume, signing=signing, control=control, argv=argv)
        with events:
            with interrupting_on_signals():
                show_preparation(events, quiet=quiet)
            follow(events, control, quiet=quiet, on_event=outcome.take)
            outcome.show(resume or output)
    if events.exit_code is None:
        raise RuntimeError("a scan ended without an exit code")
    return events.exit_code


class _Outcome:
    """Collects what a person sees at the end of a scan: tables, notes, and the next commands."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._finished: Finished | None = None
        self._skipped: CacheSkipped | None = None

    def take(self, event: Event) -> None:
        """Takes the next event."""
        match event:
            case Started():
                # Start-up: loaded only now, because the workers are ready.
                from hashaudit_cli.ui.tables import Tables  # noqa: PLC0415 # as above

                self._tables = Tables()
            case Recorded(record=record):
                if not self._quiet:
                    self._tables.add(record)
                elif isinstance(record, FindingRecord):
                    from hashaudit_cli.ui.tables import finding_line  # noqa: PLC0415 # as above

                    log(finding_line(record))
            case CacheSkipped():
                self._skipped = event
            case Finished():
                self._finished = event
            case _:
                pass

    def show(self, path: str | None) -> None:
        """Displays the end of a scan, if it ended now.

        Args:
            path: the findings file; ``None`` for standard output.
        """
        finished = self._finished
        if finished is None:
            return
        if not finished.totals.seen - sum(finished.totals.skipped.values()):
            log("warning: no file was examined; check the ROOT, that it is mounted, and the patterns")
        if self._quiet:
            if finished.exit_code:
                from hashaudit_cli.ui.tables import summary  # noqa: PLC0415 # as above

                log(summary(finished))
            return
        # A closed standard error changes nothing in the result.
        with contextlib.suppress(OSError, ValueError):
            self._tables.print(finished)
        if self._skipped is not None:
            show(self._skipped, quiet=False)
        if path is None:
            return
        name = quote(os.fsencode(shlex.quote(path)))
        if finished.reason is not EndReason.COMPLETED:
            log(f"to resume this scan: hashaudit scan --resume {name}")
        log(f"to verify the findings: hashaudit verify {name}")
