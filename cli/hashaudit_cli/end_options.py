"""The options about the end of a scan."""

from collections.abc import Callable
from typing import Annotated

import msgspec

from hashaudit.errors import HashauditError
from hashaudit.scan.events import Event
from hashaudit.scan.option import Group, Option


class EndOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options about the end of a scan."""

    summary: Annotated[
        str | None,
        Option(
            "summary",
            "Replace FILE by a JSON summary at the end. It has counts, and no path of a file.",
            Group.OUTPUT,
            metavar="FILE",
            shown="none",
        ),
    ] = None
    metrics: Annotated[
        str | None,
        Option(
            "metrics",
            "Replace FILE by metrics for node_exporter's textfile collector at the end.",
            Group.OUTPUT,
            metavar="FILE",
            shown="none",
        ),
    ] = None
    finding_metrics: Annotated[
        bool, Option("finding-metrics", "Include the numbers of findings in the metrics.", Group.OUTPUT)
    ] = True
    on_end: Annotated[
        str | None,
        Option(
            "on-end",
            "Run this command at the end, with the JSON summary on its standard input.",
            Group.OUTPUT,
            metavar="CMD",
            shown="none",
        ),
    ] = None
    on_findings: Annotated[
        str | None,
        Option(
            "on-findings",
            "Run this command at the end if there are findings or differences, in the same way.",
            Group.OUTPUT,
            metavar="CMD",
            shown="none",
        ),
    ] = None


def run_and_report(options: EndOptions, output: str | None, run: Callable[[Callable[[Event], None]], int]) -> int:
    """Runs a scan, reports its end as the options say, and returns the exit code.

    Args:
        options: what to report.
        output: path of the findings file; ``None`` for none.
        run: runs the scan to its end and returns its exit code. It gives every event to its argument.

    Raises:
        UsageError: an option cannot be used.
        HashauditError: the scan cannot start or continue.
    """
    if options == EndOptions():
        return run(lambda _: None)
    # Start-up: most scans report to nobody.
    from hashaudit_cli.end_report import EndReport  # noqa: PLC0415 # as above

    report = EndReport(options, output)
    try:
        exit_code = run(report.collector.take)
    except HashauditError as error:
        report.report_error(error)
        raise
    return report.conclude(exit_code)
