"""The exit codes of every command, in one table. docs/reference/exit-codes.md is generated from it.

They stand in the library because the last line of a findings file states the code that its run ended with. 1 stays with
Python's own crash, 2 with usage errors, so that neither can read as a verdict.
"""

from enum import IntEnum


class ExitCode(IntEnum):
    """What a script may rely on."""

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
    ExitCode.COMPLETE: "Everything was examined and nothing matched; for `verify`: all of it is proven.",
    ExitCode.INTERNAL_ERROR: "A defect in hashaudit. Never a verdict: nothing follows from it about the storage.",
    ExitCode.USAGE: "The command line is wrong; nothing was examined.",
    ExitCode.CANNOT_START: (
        "The run cannot start or go on: a list, key, output or this machine; for `verify`: something does not verify."
    ),
    ExitCode.FINDINGS: "Everything was examined, and at least one file matched a `--list`.",
    ExitCode.INCOMPLETE: "Nothing matched, but something could not be examined: see the fault lines.",
    ExitCode.FINDINGS_INCOMPLETE: "At least one file matched, and something could not be examined (8 + 16).",
    ExitCode.SIGNAL: "128 + N: ended by signal N (130 Ctrl-C, 143 SIGTERM). What was signed until then verifies.",
    ExitCode.CLOSED_PIPE: "The reader of standard output closed its end (128 + 13, SIGPIPE).",
}


def of_run(*, findings: int, faults: int, signal_number: int | None = None) -> int:
    """The exit code of a run with so many findings and faults, or that a signal ended."""
    if signal_number is not None:
        return ExitCode.SIGNAL + signal_number
    return (ExitCode.FINDINGS if findings else 0) | (ExitCode.INCOMPLETE if faults else 0)
