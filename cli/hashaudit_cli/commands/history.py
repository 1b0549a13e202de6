"""``hashaudit history``: a series of scans over time, from their findings files alone."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import msgspec

from hashaudit.exit_codes import ExitCode
from hashaudit.scan.option import Option, options_of
from hashaudit_cli.command import command
from hashaudit_cli.options import JsonOption, SignerOption, TrustOptions
from hashaudit_cli.settings import Settings
from hashaudit_cli.ui.terminal import bytes_shown, counted, log, print_json

if TYPE_CHECKING:
    from hashaudit.report.run_history import History, HistoryRun

COLUMNS = ("START", "FILE", "ENTRIES", "READ", "FINDINGS", "NEW", "GONE", "NOT EXAMINED", "STATE")


class HistoryOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options of the command."""

    paths: Annotated[
        tuple[str, ...],
        Option("paths", "Directories with findings files, or findings files.", argument=True, metavar="PATH"),
    ]


@command(
    "history",
    options_of(HistoryOptions),
    options_of(SignerOption),
    options_of(TrustOptions),
    options_of(JsonOption),
    examples=(
        "hashaudit history /var/lib/hashaudit",
        "hashaudit history /var/lib/hashaudit --json | jq '.series[].runs[-1]'",
    ),
)
def history(settings: Settings) -> int:
    """Show scans over time: entries, bytes, findings that are new and gone, and what was not examined.

    Scans of the same roots on the same host are one series. Every file is verified. STATE says what is unusual: a file
    that does not verify, an early end, other lists than before, a gap (the pause is more than twice the median), or an
    overlap with the run before. That a run is missing at the end of a series cannot be seen from the files.

    Exit code 0: every file verifies. 3: all are intact, a signer is unknown (--allow-any-signer). 4: a file does not
    verify.
    """
    from hashaudit.report.run_history import find_findings_files, read_history
    from hashaudit.scan.trust_policy import choose_trust

    own, stated = settings.make(HistoryOptions), settings.make(TrustOptions)
    trust = choose_trust(**msgspec.structs.asdict(stated), key=settings.make(SignerOption).signer)
    files = [file for path in own.paths for file in find_findings_files(path)]
    found = read_history(files, trust, any_signer=stated.allow_any_signer)
    if settings.make(JsonOption).as_json:
        print_json(found)
    else:
        print("\n".join(_lines(found)))
    runs = [run for series in found.series for run in series.runs]
    for name in found.skipped:
        log(f"warning: not a findings file: '{name}'")
    log(f"{counted(len(runs), 'scan')} in {counted(len(found.series), 'series', 'series')}")
    if all(run.verified for run in runs):
        return ExitCode.COMPLETE
    intact = all(run.verified or run.trust == "signer_unknown" for run in runs)
    return ExitCode.SIGNER_UNKNOWN if intact and stated.allow_any_signer else ExitCode.CANNOT_START


def _lines(found: "History") -> Iterator[str]:
    for number, series in enumerate(found.series):
        if number:
            yield ""
        shard = "" if series.shard is None else f", shard {series.shard}"
        yield f"{', '.join(series.roots)} on {series.host}{shard}"
        rows = [COLUMNS, *(_row(run) for run in series.runs)]
        widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS))]
        for row in rows:
            cells = [
                cell.rjust(width) if 2 <= column < 8 else cell.ljust(width)
                for column, (cell, width) in enumerate(zip(row, widths, strict=True))
            ]
            yield "  ".join(cells).rstrip()


def _row(run: "HistoryRun") -> tuple[str, ...]:
    states = [] if run.verified else [run.trust.replace("_", " ").upper()]
    states += [] if run.complete else ["INCOMPLETE"]
    states += ["gap before"] if run.gap_before else []
    states += ["overlaps"] if run.overlaps else []
    states += ["other lists"] if run.lists_changed else []
    return (
        f"{run.start[:16].replace('T', ' ')}",
        run.file,
        f"{run.entries:,}",
        bytes_shown(run.bytes_read),
        f"{run.findings:,}",
        "-" if run.new is None else f"{run.new:,}",
        "-" if run.gone is None else f"{run.gone:,}",
        f"{run.not_examined:,}",
        ", ".join(states) or "ok",
    )
