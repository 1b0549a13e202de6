"""The exit codes of every command. :mod:`hashaudit.explanations` says what they mean.

They are in the library because the last line of a findings file states the scan's exit code. 1 stays with Python's own
crash and 2 with usage errors, so that neither can be mistaken for a result. 3 is the verdict of ``verify`` between 0
and 4.
"""

from enum import IntEnum


class ExitCode(IntEnum):
    """The codes that a script may rely on."""

    COMPLETE = 0
    INTERNAL_ERROR = 1
    USAGE = 2
    SIGNER_UNKNOWN = 3
    CANNOT_START = 4
    FINDINGS = 8
    INCOMPLETE = 16
    FINDINGS_INCOMPLETE = 24
    TIME_LIMIT = 48
    FINDINGS_TIME_LIMIT = 56
    SIGNAL = 128
    CLOSED_PIPE = 141


def of_run(
    *,
    findings: int,
    faults: int,
    signal_number: int | None = None,
    stopped: bool = False,
    time_limit: bool = False,
) -> int:
    """Returns the exit code of a scan.

    Args:
        findings: number of findings.
        faults: number of faults.
        signal_number: signal that ended the scan; overrides the counts.
        stopped: the scan was stopped early, so something was not examined.
        time_limit: its time limit stopped it.
    """
    if signal_number is not None:
        return ExitCode.SIGNAL + signal_number
    code = (ExitCode.FINDINGS if findings else 0) | (ExitCode.INCOMPLETE if faults or stopped else 0)
    return code | ExitCode.TIME_LIMIT if time_limit else code
