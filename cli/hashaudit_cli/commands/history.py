"""``hashaudit history``: a series of scans over time, from their findings files alone."""

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import msgspec

from hashaudit.errors import FindingsError, UsageError
from hashaudit.exit_codes import ExitCode
from hashaudit.model.counted import counted
from hashaudit.report.redaction import Redaction
from hashaudit.scan.option import Group, Option, options_of
from hashaudit_cli.command import command
from hashaudit_cli.findings_options import MarkingOption, RedactOption, SignerOption, TrustOptions
from hashaudit_cli.options import JsonOption, output_option
from hashaudit_cli.settings import Settings
from hashaudit_cli.ui.new_file import refuse_existing, write_new
from hashaudit_cli.ui.streams import STANDARD_OUTPUT
from hashaudit_cli.ui.terminal import bytes_shown, log, quote

if TYPE_CHECKING:
    from hashaudit.report.run_history import History, HistoryRun

COLUMNS = ("START", "FILE", "ENTRIES", "READ", "FINDINGS", "ACCEPTED", "NEW", "GONE", "NOT EXAMINED", "STATE")

_HOW_TO_NAME = "name the directory that the findings files are in, not one above it"


class HistoryOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options of the command."""

    paths: Annotated[
        tuple[str, ...],
        Option(
            "paths", "Directories with findings files, or findings files.", argument=True, metavar="PATH", is_input=True
        ),
    ]
    output: Annotated[
        str | None,
        output_option("Write to this new file, with mode 0600.", setting="history-output"),
    ] = None
    is_page: Annotated[bool, Option("html", "Write a page with charts.", Group.OUTPUT)] = False


@command(
    "history",
    options_of(HistoryOptions),
    options_of(RedactOption),
    options_of(MarkingOption),
    options_of(SignerOption),
    options_of(TrustOptions),
    options_of(JsonOption),
    examples=(
        "hashaudit history /var/lib/hashaudit",
        "hashaudit history /var/lib/hashaudit --html -o history.html",
        "hashaudit history /var/lib/hashaudit --json | jq '.series[].runs[-1]'",
    ),
)
def history(settings: Settings) -> int:
    """Show scans over time: entries, bytes, findings that are new and gone, and what was not examined.

    Scans of the same roots on the same host are one series. Every file is verified. STATE says what is unusual: a file
    that does not verify, an early end, other lists than before, a gap (the pause is more than twice the median), or an
    overlap with an earlier run. A run that is missing at the end shows only as a last run that is long ago. ACCEPTED is
    the number of FINDINGS with an acceptance in force.

    Exit code 0: every file verifies. 3: all are intact, a signer is unknown (--allow-any-signer). 4: a file does not
    verify, or is no findings file, or a directory holds none.
    """
    import time

    from hashaudit.report.run_history import find_findings_files, read_history
    from hashaudit.report.run_states import overdue
    from hashaudit.scan.trust_policy import choose_trust

    own, stated = settings.make(HistoryOptions), settings.make(TrustOptions)
    as_json = settings.make(JsonOption).as_json
    _check_options(own, as_json=as_json)
    refuse_existing(own.output)
    trust = choose_trust(**msgspec.structs.asdict(stated), key=settings.make(SignerOption).signer)
    of_paths = {path: tuple(find_findings_files(path)) for path in own.paths}
    files = [file for path in own.paths for file in of_paths[path]]
    redaction = Redaction(frozenset(settings.make(RedactOption).redact))
    empty = [quote(redaction.path(os.fsencode(path))) for path, found in of_paths.items() if not found]
    if not files:
        raise FindingsError(f"no findings file: '{empty[0]}'; the directory holds none", hint=_HOW_TO_NAME)
    found = read_history(files, trust, any_signer=stated.allow_any_signer, redaction=redaction)
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    marking = settings.make(MarkingOption).marking
    write_new(own.output, _rendered(found, own, now, marking, as_json=as_json))
    for series in found.series:
        if late := overdue(series, now):
            log(f"warning: '{', '.join(series.roots)}': {late}")
    runs = [run for series in found.series for run in series.runs]
    for name in found.skipped:
        log(f"warning: not a findings file: '{name}'")
    log(f"{counted(len(runs), 'scan')} in {counted(len(found.series), 'series', 'series')}")
    for name in empty:
        log(f"warning: no findings file: '{name}'; the directory holds none")
    if found.skipped or empty:
        return ExitCode.CANNOT_START
    if all(run.verified for run in runs):
        return ExitCode.COMPLETE
    intact = all(run.verified or run.trust == "signer_unknown" for run in runs)
    return ExitCode.SIGNER_UNKNOWN if intact and stated.allow_any_signer else ExitCode.CANNOT_START


def _check_options(own: HistoryOptions, *, as_json: bool) -> None:
    if own.is_page and as_json:
        raise UsageError("--html and --json are mutually exclusive")
    if own.is_page and own.output is None and os.isatty(STANDARD_OUTPUT):
        raise UsageError("missing option: '--output'; the page is not for a terminal", hint="name a file with -o")


def _rendered(found: "History", own: HistoryOptions, now: str, marking: str, *, as_json: bool) -> Iterator[bytes]:
    if own.is_page:
        from hashaudit import __version__
        from hashaudit.report.history_page import render_history

        yield from render_history(found, made=now, tool=f"hashaudit {__version__}", marking=marking)
    elif as_json:
        yield msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n"
    else:
        for line in _lines(found):
            yield f"{line}\n".encode(errors="backslashreplace")


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
                cell.rjust(width) if 2 <= column < 9 else cell.ljust(width)
                for column, (cell, width) in enumerate(zip(row, widths, strict=True))
            ]
            yield "  ".join(cells).rstrip()


def _row(run: "HistoryRun") -> tuple[str, ...]:
    from hashaudit.report.run_states import run_states

    return (
        f"{run.start[:16].replace('T', ' ')}",
        run.file,
        f"{run.entries:,}",
        bytes_shown(run.bytes_read),
        f"{run.findings:,}",
        f"{run.accepted:,}",
        "-" if run.new is None else f"{run.new:,}",
        "-" if run.gone is None else f"{run.gone:,}",
        f"{run.not_examined:,}",
        ", ".join(state for _, state in run_states(run)),
    )
