"""Turns the way a command ended into its exit code and the message that says why."""

import os
import signal
import sys
from collections.abc import Callable

from hashaudit.errors import (
    CacheError,
    FindingsError,
    HashauditError,
    HostError,
    ListError,
    OutputClosedError,
    OutputError,
    SigningKeyError,
    UsageError,
)
from hashaudit.exit_codes import ExitCode
from hashaudit_cli.ui.signals import InterruptedBySignalError
from hashaudit_cli.ui.terminal import log_error


def guarded(command: Callable[[], int]) -> int:
    """Runs a command's body and turns a foreseen error into its exit code and a message on standard error.

    Any other exception is a defect. It propagates and ends as Python's own crash: exit code 1, never a verdict.

    Raises:
        UsageError: the options contradict each other; the caller reports it, because it knows the command.
    """
    try:
        code = command()
        sys.stdout.flush()
    except (OutputClosedError, BrokenPipeError):
        _close_standard_output()
        return ExitCode.CLOSED_PIPE
    except InterruptedBySignalError as interruption:
        log_error(f"interrupted by {signal.Signals(interruption.number).name}; nothing was examined")
        return ExitCode.SIGNAL + interruption.number
    except OSError as error:
        # Files have handlers of their own, so this is standard output.
        log_error(f"cannot write to: 'standard output'; {error.strerror}", "make space, or write to another file")
        _close_standard_output()
        return ExitCode.CANNOT_START
    except UsageError:
        raise
    except HashauditError as error:
        log_error(str(error), error.hint or _hint(error))
        return ExitCode.CANNOT_START
    except KeyboardInterrupt:
        return ExitCode.SIGNAL + signal.SIGINT
    return code


HINTS: tuple[tuple[type[HashauditError], str], ...] = (
    (ListError, "'hashaudit lists info FILE' says what a list holds"),
    (SigningKeyError, "'hashaudit keys check FILE' says what is wrong with a key; 'hashaudit keys new' creates one"),
    (OutputError, "check the name, its directory and the space there, or write to another file"),
    (CacheError, "check the name; a scan with --cache creates the file"),
    (FindingsError, "check the name; 'hashaudit scan -o FILE' writes findings files"),
    (HostError, "'hashaudit doctor' checks this host"),
)
"""Hints for errors that have none of their own, by class."""


def _hint(error: HashauditError) -> str | None:
    return next((hint for kind, hint in HINTS if isinstance(error, kind)), None)


def _close_standard_output() -> None:
    """Prevents the interpreter from writing to the closed pipe again when it exits."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
    os.close(null)
