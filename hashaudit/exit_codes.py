"""The exit codes of every command, in one table. docs/reference/exit-codes.md is generated from it.

They are in the library because the last line of a findings file states the scan's exit code. 1 stays with Python's own
crash and 2 with usage errors, so that neither can be mistaken for a result.
"""

from enum import IntEnum


class ExitCode(IntEnum):
    """The codes that a script may rely on."""

    COMPLETE = 0
    INTERNAL_ERROR = 1
    USAGE = 2
    CANNOT_START = 4
    FINDINGS = 8
    INCOMPLETE = 16
    FINDINGS_INCOMPLETE = 24
    SIGNAL = 128
    CLOSED_PIPE = 141


MEANINGS: dict[ExitCode, str] = {
    ExitCode.COMPLETE: "Everything was examined, without a deny match; for `verify`: everything is proven.",
    ExitCode.INTERNAL_ERROR: "A defect in hashaudit. Says nothing about the scanned data.",
    ExitCode.USAGE: "The command line is wrong; nothing was examined.",
    ExitCode.CANNOT_START: (
        "Cannot start or continue: a list, key, output or this host; for `verify`: something does not verify."
    ),
    ExitCode.FINDINGS: "Everything was examined, and at least one file has a deny match.",
    ExitCode.INCOMPLETE: "No deny match, but something was not examined: see the `fault` records.",
    ExitCode.FINDINGS_INCOMPLETE: "At least one file has a deny match, and something was not examined (8 + 16).",
    ExitCode.SIGNAL: "Ended by signal N (130 Ctrl-C, 143 SIGTERM). Everything signed until then verifies.",
    ExitCode.CLOSED_PIPE: "The reader of standard output closed its end (128 + 13, SIGPIPE).",
}


def of_run(*, findings: int, faults: int, signal_number: int | None = None) -> int:
    """Returns the exit code of a scan.

    Args:
        findings: number of findings.
        faults: number of faults.
        signal_number: signal that ended the scan; overrides the counts.
    """
    if signal_number is not None:
        return ExitCode.SIGNAL + signal_number
    return (ExitCode.FINDINGS if findings else 0) | (ExitCode.INCOMPLETE if faults else 0)
