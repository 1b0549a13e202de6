"""Reports the end of a scan to other programs: a summary, metrics, and commands that receive the summary."""

import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from hashaudit.errors import HashauditError, OutputError, UsageError
from hashaudit.exit_codes import ExitCode
from hashaudit.jobs.run_news import RunNews
from hashaudit.record.schema import FaultRecord, FindingRecord
from hashaudit.scan.events import Event
from hashaudit.scan.run_summary import RunSummary, SummaryCollector, metrics_text
from hashaudit_cli.options import EndOptions
from hashaudit_cli.ui.terminal import log, quote

if TYPE_CHECKING:
    from hashaudit_cli.journal_report import JournalReport

COMMAND_TIMEOUT_S = 300
"""Long enough to send a mail, short enough for the next start of a nightly job."""

_METRICS_MODE = 0o644
"""node_exporter runs as another user."""
_SUMMARY_MODE = 0o600


class News(msgspec.Struct, frozen=True):
    """The findings that are new since the run of the same job before."""

    facts: RunNews
    only_new: bool
    """Findings that are not new are no reason for a message."""


class EndReport:
    """Reports the end of one scan. Its failures are errors of their own, because monitoring relies on it."""

    def __init__(
        self,
        options: EndOptions,
        output: str | None,
        is_known: Callable[[FindingRecord | FaultRecord], bool] = lambda _: False,
    ) -> None:
        """Checks the options.

        Args:
            options: what to report.
            output: path of the findings file; ``None`` for none.
            is_known: returns whether a finding is no reason for a message.

        Raises:
            OutputError: a directory cannot be written, or the systemd journal does not run.
            UsageError: a command is not one.
        """
        self._options = options
        self.collector = SummaryCollector(output)
        for name, path in (("summary", options.summary), ("metrics", options.metrics)):
            directory = os.path.dirname(path or "") or "."
            if path is not None and not os.access(directory, os.W_OK | os.X_OK):
                raise OutputError(f"cannot write --{name}: '{quote(os.fsencode(path))}'; its directory is not writable")
        for name, command in (("on-end", options.on_end), ("on-findings", options.on_findings)):
            if command is not None:
                _words(name, command)
        self._journal = _journal(options.journal_socket, is_known) if options.journal else None

    def take(self, event: Event) -> None:
        """Takes the next event of the scan."""
        self.collector.take(event)
        if self._journal is not None:
            self._journal.take(event)

    def report_error(self, error: HashauditError) -> None:
        """Reports an error because of which the scan could not start or continue."""
        self._report(self.collector.summary(ExitCode.CANNOT_START, str(error)))

    def conclude(self, exit_code: int, news: News | None = None) -> int:
        """Reports the end of a scan and returns the exit code: that of the scan, or 4 if only the report failed.

        Args:
            exit_code: of the scan.
            news: what is new since the run of the job before.
        """
        summary = self.collector.summary(exit_code)
        if news is not None:
            facts = news.facts
            summary = msgspec.structs.replace(
                summary, previous_run=facts.previous_run, new_findings=facts.new, gone_findings=facts.gone
            )
        has_failed = self._report(summary, is_news=news is None or not news.only_new or news.facts.new > 0)
        return ExitCode.CANNOT_START if has_failed and not exit_code else exit_code

    def _report(self, summary: RunSummary, *, is_news: bool = True) -> bool:
        """Reports a summary in every way that was asked for; returns whether anything failed.

        Args:
            summary: of the scan.
            is_news: its findings are a reason for a message.
        """
        options = self._options
        text = msgspec.json.format(msgspec.json.encode(summary), indent=2) + b"\n"
        failures = []
        if self._journal is not None:
            self._journal.end(summary)
            failures.append(self._journal.failure)
        if options.summary is not None:
            failures.append(_replaced(options.summary, text, _SUMMARY_MODE))
        if options.metrics is not None:
            metrics = metrics_text(summary, _text_of(options.metrics), with_findings=options.finding_metrics)
            failures.append(_replaced(options.metrics, metrics.encode(errors="backslashreplace"), _METRICS_MODE))
        if options.on_findings is not None and is_news and summary.findings + summary.differences:
            failures.append(_run("on-findings", options.on_findings, text))
        if options.on_end is not None:
            failures.append(_run("on-end", options.on_end, text))
        for failure in filter(None, failures):
            log(f"error: {failure}")
        return any(failures)


def _journal(path: str, is_known: Callable[[FindingRecord | FaultRecord], bool]) -> "JournalReport":
    # Start-up: most scans report to no journal.
    from hashaudit_cli.journal_report import JournalReport  # noqa: PLC0415 # as above

    try:
        return JournalReport(path, is_known)
    except OSError as error:
        raise OutputError(
            f"cannot reach the journal: '{quote(os.fsencode(path))}'; {error.strerror or error}",
            hint="is systemd-journald running here? --journal-socket names another socket",
        ) from error


def _words(name: str, command: str) -> list[str]:
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise UsageError(f"invalid --{name}: '{command}'; {error}") from error
    if not words:
        raise UsageError(f"invalid --{name}: '{command}'; no command")
    return words


def _run(name: str, command: str, text: bytes) -> str | None:
    """Runs a command with a text on its standard input; returns what failed."""
    try:
        # Standard output may have the findings.
        done = subprocess.run(
            _words(name, command), input=text, stdout=sys.stderr.fileno(), check=False, timeout=COMMAND_TIMEOUT_S
        )
    except OSError as error:
        return f"cannot run --{name}: '{command}'; {error.strerror}"
    except subprocess.TimeoutExpired:
        return f"stopped --{name}: '{command}'; it took longer than {COMMAND_TIMEOUT_S} seconds"
    return f"--{name} failed: '{command}'; exit code {done.returncode}" if done.returncode else None


def _text_of(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return stream.read(1 << 20)
    except OSError:
        return ""


def _replaced(path: str, content: bytes, mode: int) -> str | None:
    """Replaces a file in one step, so that no reader sees a part of it; returns what failed."""
    try:
        with tempfile.NamedTemporaryFile(dir=os.path.dirname(path) or ".", prefix=".hashaudit-", delete=False) as new:
            try:
                new.write(content)
                new.flush()
                os.fchmod(new.fileno(), mode)
                os.fsync(new.fileno())
                os.replace(new.name, path)
            except BaseException:
                os.unlink(new.name)
                raise
    except OSError as error:
        return f"cannot write: '{quote(os.fsencode(path))}'; {error.strerror}"
    return None
