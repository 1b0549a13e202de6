"""``hashaudit scan``: the main job."""

import contextlib
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import msgspec

import hashaudit
from hashaudit.errors import UsageError
from hashaudit.model.secret_masking import mask_options
from hashaudit.record.output import Output
from hashaudit.record.schema import EndReason, FaultRecord, FindingRecord
from hashaudit.scan.config import ScanConfig
from hashaudit.scan.events import CacheSkipped, Event, Finished, Recorded
from hashaudit.scan.option import Group, Option, Origin, options_of, secret_options
from hashaudit_cli.command import command
from hashaudit_cli.named_files import NamedFilesOptions, with_named_files
from hashaudit_cli.options import EndOptions, QuietOption, SigningOptions, output_option
from hashaudit_cli.reported_run import run_and_report
from hashaudit_cli.settings import Settings
from hashaudit_cli.ui.colors import painted
from hashaudit_cli.ui.event_fields import event_fields
from hashaudit_cli.ui.finding_lines import FindingLines
from hashaudit_cli.ui.scan_display import follow, show, show_preparation
from hashaudit_cli.ui.signals import interrupting_on_signals, obeying_signals
from hashaudit_cli.ui.streams import STANDARD_OUTPUT
from hashaudit_cli.ui.summary import summary
from hashaudit_cli.ui.terminal import log, log_as_json, logs_json, null_output, quote, standard_output, warn

if TYPE_CHECKING:
    from hashaudit.jobs.outputs import PastRun
    from hashaudit.scan.key_policy import Signing
    from hashaudit_cli.end_report import News
    from hashaudit_cli.ui.tables import Tables


DEFAULT_MIN_FILES = 1
"""An unmounted share looks like an empty directory."""


class ScanOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options of the command, besides those of the scan."""

    output: Annotated[
        str | None,
        output_option("Write the findings to this new file, and its signature to FILE.sig.", "FILE"),
    ] = None
    resume: Annotated[
        str | None,
        Option(
            "resume",
            "Resume the scan that wrote FILE. Its options are used; any that are given must match.",
            Group.OUTPUT,
            metavar="FILE",
        ),
    ] = None


@command(
    "scan",
    options_of(ScanConfig),
    options_of(NamedFilesOptions),
    options_of(ScanOptions),
    options_of(SigningOptions),
    options_of(EndOptions),
    options_of(QuietOption),
    examples=(
        "hashaudit scan /srv --list bad.txt -o findings.jsonl",
        "hashaudit scan /mnt/evidence --list md5=case.txt --known nsrl.txt --record all --case 17 -o run.jsonl",
        "hashaudit scan --resume run.jsonl",
    ),
)
def scan(settings: Settings) -> int:
    """Scan every file below each ROOT and write signed findings.

    Each file is read once, hashed, and looked up in the lists. Every file is recorded as examined or failed; the exit
    code is not zero if any file was not examined.
    """
    return run_scan(settings)


def run_scan(settings: Settings, previous: "PastRun | None" = None, *, only_new: bool = False) -> int:
    """Runs a scan and returns its exit code.

    Args:
        settings: its options.
        previous: the last complete run of the same job.
        only_new: messages are about findings that it did not have.

    Raises:
        HashauditError: the scan cannot start or continue.
    """
    from hashaudit_cli.passphrase import signing_options

    if settings.is_on("log_json"):
        # A job file may say so.
        log_as_json()
    for first, second in (("key", "unsigned"), ("passphrase_file", "passphrase_fd"), ("output", "resume")):
        settings.prefer_stronger(first, second)
    own, quiet = settings.make(ScanOptions), settings.make(QuietOption).quiet
    if own.resume is not None and own.output is not None and settings.origin("output") is Origin.COMMAND_LINE:
        raise UsageError("--resume continues FILE", hint="do not use --output")
    if own.resume is not None and settings.origin("files_from") is Origin.COMMAND_LINE:
        raise UsageError("--resume takes the ROOTs from FILE", hint="do not use --files-from")
    config = _config(settings, resumes=own.resume is not None, quiet=quiet)
    if previous is not None:
        config = msgspec.structs.replace(config, previous_run=previous.run_id)
    signing = signing_options(**msgspec.structs.asdict(settings.make(SigningOptions)))
    output = None if own.resume is not None else own.output
    keeps = own.resume is not None or settings.origin("output") is not Origin.DEFAULT or not os.isatty(STANDARD_OUTPUT)
    if not keeps:
        # Nothing is kept, so nothing is signed.
        signing = msgspec.structs.replace(signing, key=None, unsigned=True, passphrase=None)
    path = own.resume or output
    outcome = _Outcome(path, previous, quiet=quiet, only_new=only_new)
    return run_and_report(
        settings.make(EndOptions),
        path,
        lambda take: _run(
            config, output=output, resume=own.resume, keeps=keeps, signing=signing, outcome=outcome, on_event=take
        ),
        outcome.news,
        outcome.lines.is_known,
    )


def _config(settings: Settings, *, resumes: bool, quiet: bool) -> ScanConfig:
    """Returns the options of the scan. A resume without a ROOT takes them from the journal.

    Values from the environment and from a file then have no effect, because they may have changed since the scan began.
    """
    if resumes and not settings.make(ScanConfig).roots:
        dropped = settings.drop_weaker(ScanConfig)
        if dropped and not quiet:
            log(f"the resumed scan keeps its own options; not used: {', '.join(dropped)}")
    path = settings.config_file.path if settings.config_file is not None else None
    config = settings.make(ScanConfig, origins=settings.origins(ScanConfig), config_file=path)
    if not resumes:
        config = with_named_files(settings, config)
    if settings.origin("min_files") is Origin.DEFAULT and config.roots and config.shard is None:
        config = msgspec.structs.replace(config, min_files=DEFAULT_MIN_FILES)
    return config


def _run(
    config: ScanConfig,
    *,
    output: str | None,
    resume: str | None,
    keeps: bool,
    signing: "Signing",
    outcome: "_Outcome",
    on_event: Callable[[Event], None],
) -> int:
    """Runs a scan to its end and returns its exit code.

    Args:
        config: the options. To resume a scan without a ROOT, only the options that may differ from it.
        output: the new findings file; ``None`` for standard output.
        resume: the findings file of an interrupted scan.
        keeps: write records. Without, a person sees findings and faults, and nothing else stays.
        signing: how to sign.
        outcome: displays the end.
        on_event: receives every event.

    Raises:
        HashauditError: the scan cannot start or continue.
    """
    with contextlib.ExitStack() as stack:
        target: Output | str | None = output
        if not keeps:
            target = null_output(stack)
        elif output is None and resume is None:
            target = standard_output()
        control = stack.enter_context(obeying_signals())
        with interrupting_on_signals():
            argv = mask_options(sys.argv, secret_options((SigningOptions,)))
            events = hashaudit.scan(
                config,
                output=target,
                resume=resume,
                signing=signing,
                control=control,
                argv=argv,
                owns_process=True,
            )
        with events:
            with interrupting_on_signals():
                show_preparation(events, quiet=outcome.quiet)

            def take(event: Event) -> None:
                outcome.take(event)
                on_event(event)

            follow(events, control, quiet=outcome.quiet, on_event=take, lines=outcome.lines)
            outcome.show()
            if not keeps and not outcome.quiet:
                log("nothing is kept: write signed findings to a new file with -o FILE, or records here with -o -")
    if events.exit_code is None:
        raise RuntimeError("a scan ended without an exit code")
    return events.exit_code


class _Outcome:
    """Collects what a person sees at the end of a scan: tables, notes, and the next commands."""

    def __init__(self, path: str | None, previous: "PastRun | None", *, quiet: bool, only_new: bool) -> None:
        """Collects nothing yet.

        Args:
            path: the findings file; ``None`` for standard output.
            previous: the last complete run of the same job.
            quiet: print nothing if the exit code is 0, else a line for each finding and one at the end.
            only_new: findings of the run before get no line.
        """
        self.quiet = quiet
        known = previous.found if previous is not None and only_new else frozenset()
        self.lines = FindingLines(quiet=quiet, known=known)
        self._path = path
        self._previous = previous
        self._only_new = only_new
        self._finished: Finished | None = None
        self._skipped: CacheSkipped | None = None
        self._tables: Tables | None = None

    def news(self) -> "News | None":
        """Returns what is new since the run before, if there is one and the scan ended now."""
        if self._previous is None or self._path is None or self._finished is None:
            return None
        from hashaudit.jobs.run_news import news_since
        from hashaudit_cli.end_report import News

        return News(news_since(self._previous, self._path), self._only_new)

    def take(self, event: Event) -> None:
        """Takes the next event."""
        match event:
            case Recorded(record=record):
                if not self.quiet and not self.lines.is_known(record):
                    self._add(record)
            case CacheSkipped():
                self._skipped = event
            case Finished():
                self._finished = event
            case _:
                pass

    def _add(self, record: FindingRecord | FaultRecord) -> None:
        if self._tables is None:
            # Start-up: most scans have nothing to show in a table.
            from hashaudit_cli.ui.tables import Tables

            self._tables = Tables()
        self._tables.add(record)

    def show(self) -> None:
        """Displays the end of a scan, if it ended now."""
        finished, path = self._finished, self._path
        if finished is None:
            return
        for pattern in finished.unmatched:
            warn(f"warning: no file matches --include '{quote(pattern)}'")
        if not finished.totals.seen - sum(finished.totals.skipped.values()) and not finished.totals.faults:
            warn("warning: no file was examined; check the ROOT, that it is mounted, and the patterns")
        if self.quiet and not finished.exit_code:
            return
        news = self.news()
        line = summary(finished) if news is None else f"{summary(finished)[:-1]}; findings: {news.facts.text}."
        if self.quiet or logs_json():
            log(line, **event_fields(finished))
            return
        # A closed standard error changes nothing in the result.
        with contextlib.suppress(OSError, ValueError):
            if self._tables is not None:
                self._tables.print(finished.totals)
            print(painted(line), file=sys.stderr, flush=True)
        if self._skipped is not None:
            show(self._skipped, quiet=False)
        if path is None:
            return
        import shlex  # start-up

        name = quote(os.fsencode(shlex.quote(path)))
        if finished.reason is not EndReason.COMPLETED:
            log(f"to resume this scan: hashaudit scan --resume {name}")
        log(f"to verify the findings: hashaudit verify {name}")
