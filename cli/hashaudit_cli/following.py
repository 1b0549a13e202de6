"""Follows a run to its end with a bar, whatever it is for."""

from collections.abc import Callable

from hashaudit.audit.events import Finished, Progress, Recorded
from hashaudit.audit.run import Run
from hashaudit.findings.schema import FaultRecord, FindingRecord
from hashaudit_cli.progress import display


def follow(
    run: Run, *, quiet: bool, on_record: Callable[[FindingRecord | FaultRecord], None] | None = None
) -> Finished:
    """Runs to the end; shows how far it is, and gives each finding and fault to ``on_record``."""
    finished = None
    with display(quiet=quiet) as bar:
        for event in run.events():
            match event:
                case Progress():
                    bar.show(event)
                case Recorded(record=record):
                    if on_record is not None:
                        on_record(record)
                case Finished():
                    finished = event
    if finished is None:
        raise RuntimeError("a run ended without saying how")
    return finished
