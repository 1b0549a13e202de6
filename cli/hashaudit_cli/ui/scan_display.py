"""Follows a run to its end with a bar, whatever it is for."""

from collections.abc import Callable

from hashaudit.record.schema import FaultRecord, FindingRecord
from hashaudit.scan.control import Control
from hashaudit.scan.events import Finished, Paused, Progress, Recorded, StatusReport
from hashaudit.scan.main_loop import Scan
from hashaudit_cli.ui.progress import display
from hashaudit_cli.ui.signals import suspend
from hashaudit_cli.ui.status import log_status


def follow(
    run: Scan,
    requests: Control,
    *,
    quiet: bool,
    on_record: Callable[[FindingRecord | FaultRecord], None] | None = None,
) -> Finished:
    """Runs to the end, pauses and reports where asked to, and gives each finding and fault to ``on_record``."""
    finished = None
    with display(quiet=quiet) as bar:
        for event in run.events():
            match event:
                case Progress():
                    bar.show(event)
                case Recorded(record=record):
                    if on_record is not None:
                        on_record(record)
                case StatusReport():
                    bar.clear()
                    log_status(event)
                case Paused():
                    bar.clear()
                    suspend(requests, quiet=quiet)
                case Finished():
                    finished = event
    if finished is None:
        raise RuntimeError("a run ended without saying how")
    return finished
