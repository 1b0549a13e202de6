"""``hashaudit report``: a page about what was found, whether it is complete and whether it can be trusted."""

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import msgspec

from hashaudit.errors import UsageError
from hashaudit.exit_codes import ExitCode
from hashaudit.model.counted import counted
from hashaudit.report.catalogue import Language
from hashaudit.report.redaction import Redaction
from hashaudit.scan.option import Group, Option, options_of
from hashaudit_cli.command import command
from hashaudit_cli.findings_options import (
    HOW_TO_TRUST,
    FindingsArgument,
    MarkingOption,
    RedactOption,
    SignerOption,
    TrustOptions,
)
from hashaudit_cli.options import output_option
from hashaudit_cli.settings import Settings
from hashaudit_cli.ui.new_file import refuse_existing, write_new
from hashaudit_cli.ui.streams import STANDARD_OUTPUT
from hashaudit_cli.ui.terminal import log, log_error, quote

if TYPE_CHECKING:
    from hashaudit.report.report_values import Report


class ReportOptions(FindingsArgument, frozen=True, kw_only=True):
    """The options of the command."""

    output: Annotated[
        str | None,
        output_option("Write to this new file, with mode 0600.", setting="report-output"),
    ] = None
    is_markdown: Annotated[bool, Option("markdown", "Write Markdown, for a ticket.", Group.OUTPUT)] = False
    is_text: Annotated[bool, Option("text", "Write plain text, for mail.", Group.OUTPUT)] = False
    language: Annotated[Language, Option("lang", "Language of the report: en.", Group.OUTPUT)] = Language.ENGLISH
    unverified: Annotated[
        bool,
        Option(
            "unverified",
            "Show records that are not proven too, and exit with 0 although a file does not verify.",
            Group.OUTPUT,
        ),
    ] = False


@command(
    "report",
    options_of(ReportOptions),
    options_of(RedactOption),
    options_of(MarkingOption),
    options_of(SignerOption),
    options_of(TrustOptions),
    examples=(
        "hashaudit report findings.jsonl -o report.html",
        "hashaudit report monday.jsonl tuesday.jsonl -o change.html",
        "hashaudit report findings.jsonl --text --redact paths | mail -s findings team@example.org",
    ),
)
def report(settings: Settings) -> int:
    """Write a report of findings files for people: one self-contained HTML page, Markdown or text.

    The first screen says what was found, whether everything was examined, and whether the file can be trusted: the
    command verifies each file now. The page loads nothing, works without scripts, and prints. It never contains
    content, a preview, or a link to a file. Several runs of one scan give what is new, gone and unchanged.

    Exit code 0: every file verifies. 3: intact, signer unknown (--allow-any-signer). 4: a file does not verify, or the
    scan was interrupted. The report is written all the same and says so at its top; --unverified makes it exit code 0.
    """
    import time

    from hashaudit import __version__
    from hashaudit.report.build_report import build_report
    from hashaudit.scan.trust_policy import choose_trust
    from hashaudit.triage.findings_input import find_inputs, verify_input

    own, stated = settings.make(ReportOptions), settings.make(TrustOptions)
    if own.is_markdown and own.is_text:
        raise UsageError("--markdown and --text are mutually exclusive")
    is_page = not (own.is_markdown or own.is_text)
    if is_page and own.output is None and os.isatty(STANDARD_OUTPUT):
        raise UsageError("missing option: '--output'; the page is not for a terminal", hint="name a file with -o")
    refuse_existing(own.output)
    trust = choose_trust(**msgspec.structs.asdict(stated), key=settings.make(SignerOption).signer)
    any_signer = stated.allow_any_signer or own.unverified
    sources = [one for path in own.files for one in find_inputs(path, trust, any_signer=any_signer)]
    made = build_report(
        [verify_input(source) for source in sources],
        made=time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime()),
        tool=f"hashaudit {__version__}",
        marking=settings.make(MarkingOption).marking,
        redaction=Redaction(frozenset(settings.make(RedactOption).redact)),
        unverified=own.unverified,
    )
    write_new(own.output, _rendered(made, own))
    return _conclude(made, own, any_signer=stated.allow_any_signer)


def _rendered(made: "Report", own: ReportOptions) -> Iterator[bytes]:
    if own.is_markdown or own.is_text:
        from hashaudit.report.plain_report import render_markdown, render_text

        text = (render_markdown if own.is_markdown else render_text)(made, own.language)
        yield text.encode(errors="backslashreplace")
        return
    from hashaudit.report.html_page import render_page

    yield from render_page(made, own.language)


def _conclude(made: "Report", own: ReportOptions, *, any_signer: bool) -> int:
    from hashaudit.report.report_values import Trust

    worst = ExitCode.COMPLETE
    for run in made.runs:
        if run.is_trusted or own.unverified:
            continue
        if any_signer and run.trust is Trust.SIGNER_UNKNOWN:
            worst = max(worst, ExitCode.SIGNER_UNKNOWN)
            continue
        worst = ExitCode.CANNOT_START
        hint = HOW_TO_TRUST if run.trust is Trust.SIGNER_UNKNOWN else "see hashaudit verify; --unverified accepts it"
        log_error(f"not verified: '{run.shell_file}'; {run.trust.replace('_', ' ')}; the report says so", hint)
    where = "" if own.output is None else f" in '{quote(os.fsencode(own.output))}'"
    log(f"report of {counted(len(made.runs), 'file')}{where}: {' '.join(made.sentences)}")
    return worst
