"""``hashaudit run`` and ``hashaudit job``: scans that run unattended from a job file."""

import os
import re
import shlex
import shutil
import sys
import time
from typing import Annotated

import msgspec

from hashaudit.errors import UsageError
from hashaudit.exit_codes import ExitCode
from hashaudit.jobs.job import Job, job_of
from hashaudit.jobs.job_lock import JobLock
from hashaudit.jobs.outputs import delete_old, interrupted_output, last_complete
from hashaudit.jobs.schedules import DEFAULT_CALENDAR, cron_line, service_unit, timer_unit
from hashaudit.record.output import Output
from hashaudit.scan.acceptances import load_acceptances
from hashaudit.scan.option import Option, options_of
from hashaudit_cli.command import all_options, command, find_command
from hashaudit_cli.config_file import open_config_file
from hashaudit_cli.options import QuietOption
from hashaudit_cli.settings import Settings
from hashaudit_cli.ui.terminal import log, quote

TEMPLATE = """# A job of hashaudit. Check it with: hashaudit job check {path}
# Run it with: hashaudit run {path}

[job]
name = "nightly"
roots = ["/srv"]
# Each run has a new file. {{host}} and {{job}} can be in the name too. Times are UTC.
output = "/var/lib/hashaudit/{{job}}-{{date}}-{{time}}.jsonl"
# Continue an interrupted run instead of starting a new one.
resume = true
# Messages are about findings that the last complete run did not have. The record has all.
#only-new = true
# Delete older runs, but never the last complete one or one with findings.
#keep = 30
#keep-days = 90

# Options of hashaudit scan, by their long names: hashaudit scan --help
[scan]
list = ["/etc/hashaudit/list.txt"]
#known = ["/etc/hashaudit/known.txt"]
#exclude = ["*.tmp"]
# Findings that people know and accept, with a reason and a last day.
#accept = ["/etc/hashaudit/accepted.toml"]
# Report a ROOT that is not mounted or has too few files, and a list that is too small or too old, instead of
# calling the scan clean (exit code 16). A ROOT without any file is always reported, unless min-files is 0.
#require-mount = true
#min-files = 1000
#min-entries = 1000
#max-list-age = "30d"
#cache = "/var/lib/hashaudit/cache.db"
#max-time = "6h"
#metrics = "/var/lib/node_exporter/hashaudit.prom"
#on-findings = "mail -s 'hashaudit: findings' root"
"""


class JobArgument(msgspec.Struct, frozen=True, kw_only=True):
    """The argument of commands about a job."""

    file: Annotated[str, Option("file", "The job file.", argument=True, metavar="JOB.toml")]


class RunOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options of ``run``."""

    wait_s: Annotated[
        float, Option("wait", "Wait this long for another run of the job.", metavar="S", unit="seconds")
    ] = 0.0
    only_new: Annotated[
        bool, Option("only-new", "Messages are about findings that the last complete run did not have.")
    ] = False


class InitOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options of ``job init``."""

    file: Annotated[str, Option("file", "Create this file.", argument=True, metavar="JOB.toml")]


class UnitOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options of ``job units``."""

    calendar: Annotated[
        str, Option("calendar", "Run at these times, as systemd.time(7) writes them.", metavar="TIME")
    ] = DEFAULT_CALENDAR
    findings_succeed: Annotated[
        bool, Option("findings-succeed", "Findings (exit code 8) are no failure of the unit.")
    ] = False
    write: Annotated[
        str | None,
        Option("write", "Write both units to this directory.", metavar="DIR", shown="print them"),
    ] = None


class CronOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options of ``job cron``."""

    schedule: Annotated[str, Option("schedule", "The five fields of crontab(5).", metavar="FIELDS")] = "0 2 * * *"


@command(
    "run",
    options_of(JobArgument),
    options_of(RunOptions),
    options_of(QuietOption),
    examples=("hashaudit run /etc/hashaudit/nightly.toml -q",),
)
def run(settings: Settings) -> int:
    """Run the scan of a job file.

    One run of a job takes place at a time; a second start ends with exit code 4 and names the process. An interrupted
    run is continued. Each run names the one before it in its header, and reports what is new since.
    """
    own, quiet = settings.make(JobArgument), settings.make(QuietOption).quiet
    job = _job(own.file)
    options = settings.make(RunOptions)
    with JobLock(job, options.wait_s):
        return _run(job, own.file, quiet=quiet, only_new=options.only_new or job.only_new)


@command(
    "job check",
    options_of(JobArgument),
    examples=("hashaudit job check nightly.toml",),
)
def check(settings: Settings) -> int:
    """Check a job file without running it: every key, every option, and the directory of the outputs."""
    file = settings.make(JobArgument).file
    job = _job(file)
    scan = _scan_settings(file, {"roots": list(job.roots), "output": job.output_at(time.time())}, quiet=True)
    load_acceptances(scan.value("accept"), scan.value("accept_signers"))
    directory = job.output_pattern()[0]
    if not os.access(directory, os.W_OK | os.X_OK):
        raise UsageError(f"invalid output: '{quote(os.fsencode(directory))}' is no directory that can be written")
    print(f"job {job.name}: the next run writes {quote(os.fsencode(job.output_at(time.time())))}")
    print(f"to check this host too: hashaudit doctor {shlex.join(job.roots)}")
    return ExitCode.COMPLETE


@command("job init", options_of(InitOptions), examples=("hashaudit job init nightly.toml",))
def init(settings: Settings) -> int:
    """Create a commented job file."""
    path = settings.make(InitOptions).file
    output = Output.create(path)
    try:
        output.write(TEMPLATE.format(path=shlex.quote(path)).encode())
        output.sync()
    finally:
        output.close()
    log(f"edit it, then run: hashaudit job check {shlex.quote(path)}")
    return ExitCode.COMPLETE


@command(
    "job units",
    options_of(JobArgument),
    options_of(UnitOptions),
    examples=(
        "hashaudit job units /etc/hashaudit/nightly.toml",
        "hashaudit job units /etc/hashaudit/nightly.toml --write /etc/systemd/system",
    ),
)
def units(settings: Settings) -> int:
    """Print a hardened service and a timer of systemd for a job, or write them."""
    file, own = settings.make(JobArgument).file, settings.make(UnitOptions)
    job = _job(file)
    scan = _scan_settings(file, {"roots": list(job.roots), "output": job.output_at(0)}, quiet=True)
    written = [scan.value(name) for name in ("cache", "metrics", "summary")]
    service = service_unit(
        job,
        _command(file),
        findings_succeed=own.findings_succeed,
        writable=[os.path.dirname(os.path.abspath(path)) for path in written if path],
    )
    texts = {f"hashaudit-{job.name}.service": service, f"hashaudit-{job.name}.timer": timer_unit(job, own.calendar)}
    for name, text in texts.items():
        if own.write is None:
            print(f"# {name}\n{text}")
            continue
        path = os.path.join(own.write, name)
        output = Output.create(path)
        try:
            output.write(text.encode())
            output.sync()
        finally:
            output.close()
        os.chmod(path, 0o644)
    if own.write is not None:
        log(f"to start it: systemctl daemon-reload && systemctl enable --now hashaudit-{job.name}.timer")
    return ExitCode.COMPLETE


@command(
    "job cron",
    options_of(JobArgument),
    options_of(CronOptions),
    examples=("hashaudit job cron /etc/hashaudit/nightly.toml --schedule '30 1 * * 1-5'",),
)
def cron(settings: Settings) -> int:
    """Print a line of crontab for a job. Cron mails what the job prints: nothing if and only if its exit code is 0."""
    file = settings.make(JobArgument).file
    _job(file)
    print(cron_line(_command(file), settings.make(CronOptions).schedule), end="")
    return ExitCode.COMPLETE


def _job(path: str) -> Job:
    """Returns the job of a file.

    Raises:
        UsageError: the file cannot be used.
    """
    file = open_config_file(path)
    if file is None:
        raise RuntimeError("a stated file was not opened")
    keys = [field.encode_name for field in msgspec.structs.fields(Job)]
    file.check_table("job", keys)
    try:
        return job_of(file.table("job"))
    except UsageError as error:
        table = file.table("job")
        named = [
            key for key in re.findall(r"[a-z]+(?:-[a-z]+)*", str(error)) if isinstance(table, dict) and key in table
        ]
        place = file.place(("job", named[-1] if "$." in str(error) else named[0])) if named else f"'{path}'"
        raise UsageError(f"invalid job file: {place}; {error}", hint=error.hint) from error


def _scan_settings(path: str, given: dict[str, object], *, quiet: bool) -> Settings:
    scan = find_command(["scan"])
    if scan is None:
        raise RuntimeError("there is no command scan")
    return Settings("scan", scan.options, given | {"config": path, "quiet": quiet or None}, all_options)


def _run(job: Job, path: str, *, quiet: bool, only_new: bool) -> int:
    from hashaudit_cli.commands.scan import run_scan

    interrupted = interrupted_output(job) if job.resume else None
    output = interrupted or job.output_at(time.time())
    previous = last_complete(job, before=output)
    given: dict[str, object] = (
        {"resume": output} if interrupted is not None else {"roots": list(job.roots), "output": output}
    )
    if interrupted is not None and not quiet:
        log(f"continuing the interrupted run {quote(os.fsencode(output))}")
    code = run_scan(_scan_settings(path, given, quiet=quiet), previous, only_new=only_new)
    for deleted in delete_old(job):
        if not quiet:
            log(f"deleted {quote(os.fsencode(deleted))}")
    return code


def _command(file: str) -> list[str]:
    program = shutil.which(sys.argv[0]) or sys.argv[0]
    return [os.path.abspath(program), "run", os.path.abspath(file), "-q"]
