"""The findings files of a job's runs: the last one, an interrupted one, and those that are deleted.

A file with findings, the last complete one, an incomplete one and one that does not verify are never deleted.
"""

import os
import time
from collections.abc import Iterator

import msgspec

from hashaudit.errors import FindingsError
from hashaudit.jobs.found_files import FoundFile, found_file
from hashaudit.jobs.job import Job
from hashaudit.record.output import SIDECAR_SUFFIX
from hashaudit.record.schema import EndReason, FindingRecord
from hashaudit.record.verify.proven_records import FindingsReader
from hashaudit.record.verify.verify_report import ProblemCode, Verification
from hashaudit.scan.resume.journal import SUFFIX

SECONDS_A_DAY = 86_400

_JOURNAL, _SIDECAR = os.fsdecode(SUFFIX), os.fsdecode(SIDECAR_SUFFIX)


class PastRun(msgspec.Struct, frozen=True):
    """A complete run of a job."""

    path: str
    run_id: str
    start: str
    found: frozenset[FoundFile]
    """Findings that are not accepted."""
    has_findings: bool
    """It has findings, accepted or not."""


def outputs_of(job: Job) -> list[str]:
    """Returns the paths of a job's findings files, the latest first."""
    directory, pattern = job.output_pattern()
    try:
        names = [name for name in os.listdir(directory) if pattern.fullmatch(name)]
    except FileNotFoundError:
        return []
    return [os.path.join(directory, name) for name in sorted(names, reverse=True)]


def interrupted_output(job: Job) -> str | None:
    """Returns the path of the latest run if it was interrupted and has a journal."""
    latest = next(iter(outputs_of(job)), None)
    return latest if latest is not None and os.path.exists(latest + _JOURNAL) else None


def last_complete(job: Job, before: str | None = None) -> PastRun | None:
    """Returns the latest complete and intact run.

    Args:
        job: the job.
        before: path of a later run.
    """
    for path in outputs_of(job):
        if before is None or path < before:
            run = _past_run(path)
            if run is not None:
                return run
    return None


def found_files(path: str) -> frozenset[FoundFile]:
    """Returns the findings of a run that are not accepted, each by its path and its strongest digest.

    Raises:
        FindingsError: the file cannot be read.
    """
    return _read(path)[1]


def delete_old(job: Job) -> Iterator[str]:
    """Deletes old runs as the job says, and yields their paths.

    Raises:
        OSError: a file cannot be deleted.
    """
    if job.keep is None and job.keep_days is None:
        return
    oldest_s = -1.0 if job.keep_days is None else time.time() - job.keep_days * SECONDS_A_DAY
    kept = 0
    last: PastRun | None = None
    for path in outputs_of(job):
        is_old = (job.keep is not None and kept >= job.keep) or os.stat(path).st_mtime < oldest_s
        run = _past_run(path) if is_old else None
        if run is not None:
            last = last or last_complete(job)
        if run is None or run.has_findings or last is None or run.path == last.path:
            kept += 1
            continue
        os.unlink(path)
        if os.path.lexists(path + _SIDECAR):
            os.unlink(path + _SIDECAR)
        yield path


def _past_run(path: str) -> PastRun | None:
    """Returns a run if it is complete and intact, by any signer."""
    try:
        report, found = _read(path)
    except FindingsError:
        return None
    damage = [one for one in report.problems if one.code is not ProblemCode.UNSIGNED]
    if report.end_reason is not EndReason.COMPLETED or damage or report.header is None or report.last is None:
        return None
    return PastRun(path, report.header.run_id, report.header.start, found, report.last.totals.findings > 0)


def _read(path: str) -> tuple[Verification, frozenset[FoundFile]]:
    """Verifies a findings file, by any signer, and returns its findings."""
    reader = FindingsReader(path, None)
    found = frozenset(
        found_file(item.record)
        for item in reader
        if isinstance(item.record, FindingRecord) and item.record.accepted is None
    )
    return reader.verification, found
