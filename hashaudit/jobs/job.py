"""A job as its file describes it: the table ``[job]``."""

import re
import socket
import time

import msgspec

from hashaudit.errors import UsageError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_FIELD = re.compile(r"\{([^{}]*)\}")

FIELDS = ("job", "host", "date", "time")
"""Fields of the name of an output."""


class Job(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="kebab"):
    """The table ``[job]``. The options of the scan are in ``[scan]``, as in a configuration file."""

    name: str
    """For messages, the lock and the names of outputs: letters, digits, ``.``, ``_`` and ``-``."""
    roots: tuple[str, ...]
    """Roots of the scan, as on the command line."""
    output: str
    """Path of a run's findings file, with ``{date}`` and ``{time}`` in the last name, and ``{job}`` and ``{host}``."""
    resume: bool = True
    """Continue an interrupted run of this job instead of starting a new one."""
    only_new: bool = False
    """Messages are about findings that the last complete run did not have. The record has all."""
    keep: int | None = None
    """Number of runs to keep. ``None`` keeps all. See :mod:`hashaudit.jobs.outputs`."""
    keep_days: float | None = None
    """Days after which a run is deleted. ``None``: never."""

    def __post_init__(self) -> None:
        if _NAME.fullmatch(self.name) is None:
            raise ValueError(f"invalid name '{self.name}'; must be letters, digits, '.', '_' and '-'")
        if not self.roots:
            raise ValueError("roots is empty")
        unknown = [name for name in _FIELD.findall(self.output) if name not in FIELDS]
        if unknown:
            raise ValueError(f"unknown field '{{{unknown[0]}}}' in output; must be one of {', '.join(FIELDS)}")
        last = self.output.rpartition("/")[2]
        if "{date}" not in last or "{time}" not in last:
            raise ValueError("output needs {date} and {time} in its last name, because each run has a new file")
        if "{date}" in self.output[: -len(last)] or "{time}" in self.output[: -len(last)]:
            raise ValueError("output has {date} or {time} in a directory; both belong into the last name")
        if self.keep is not None and self.keep < 1:
            raise ValueError("keep must be 1 or more")
        if self.keep_days is not None and self.keep_days <= 0:
            raise ValueError("keep-days must be more than 0")

    def output_at(self, time_s: float) -> str:
        """Returns the path of the findings file of a run that starts at a time, in seconds since the epoch (UTC)."""
        moment = time.gmtime(time_s)
        return self._filled(time.strftime("%Y-%m-%d", moment), time.strftime("%H%M%SZ", moment))

    def output_pattern(self) -> tuple[str, re.Pattern[str]]:
        """Returns the directory of the outputs, and the pattern of their names."""
        directory, _, last = self._filled("{date}", "{time}").rpartition("/")
        pattern = (
            re.escape(last).replace(re.escape("{date}"), r"\d{4}-\d\d-\d\d").replace(re.escape("{time}"), r"\d{6}Z")
        )
        return directory or ("/" if self.output.startswith("/") else "."), re.compile(pattern)

    def _filled(self, date: str, clock: str) -> str:
        values = {"job": self.name, "host": socket.gethostname(), "date": date, "time": clock}
        return _FIELD.sub(lambda match: values[match[1]], self.output)


def job_of(table: object) -> Job:
    """Returns the job of a parsed table ``[job]``.

    Raises:
        UsageError: a key is missing, unknown or has a wrong value.
    """
    if not isinstance(table, dict):
        raise UsageError("no table [job]", hint="make a commented job file with hashaudit job init")
    try:
        return msgspec.convert(table, Job)
    except msgspec.ValidationError as error:
        raise UsageError(f"invalid [job]: {error}") from error
