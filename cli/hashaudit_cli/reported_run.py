"""Runs a scan, and reports its end to other programs if options ask for it."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from hashaudit.errors import HashauditError
from hashaudit.record.schema import FaultRecord, FindingRecord
from hashaudit.scan.events import Event
from hashaudit_cli.options import EndOptions

if TYPE_CHECKING:
    from hashaudit_cli.end_report import News


def run_and_report(
    options: EndOptions,
    output: str | None,
    run: Callable[[Callable[[Event], None]], int],
    news: "Callable[[], News | None]" = lambda: None,
    is_known: Callable[[FindingRecord | FaultRecord], bool] = lambda _: False,
) -> int:
    """Runs a scan, reports its end as the options say, and returns the exit code.

    Args:
        options: what to report.
        output: path of the findings file; ``None`` for none.
        run: runs the scan to its end and returns its exit code. It gives every event to its argument.
        news: returns what is new since the run before, after the end.
        is_known: returns whether a finding is no reason for a message.

    Raises:
        UsageError: an option cannot be used.
        HashauditError: the scan cannot start or continue.
    """
    if options == EndOptions():
        return run(lambda _: None)
    # Start-up: most scans report to nobody.
    from hashaudit_cli.end_report import EndReport  # noqa: PLC0415 # as above

    report = EndReport(options, output, is_known)
    try:
        exit_code = run(report.take)
    except HashauditError as error:
        report.report_error(error)
        raise
    return report.conclude(exit_code, news())
