"""Turns the way a command ended into its exit code and the message that says why."""

import os
import signal
import sys
from collections.abc import Callable

from hashaudit.errors import HashauditError, OutputClosedError, UsageError
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
        log_error(f"cannot write to standard output: {error.strerror}")
        _close_standard_output()
        return ExitCode.CANNOT_START
    except UsageError:
        raise
    except HashauditError as error:
        log_error(str(error), error.hint)
        return ExitCode.CANNOT_START
    except KeyboardInterrupt:
        return ExitCode.SIGNAL + signal.SIGINT
    return code


def _close_standard_output() -> None:
    """Prevents the interpreter from writing to the closed pipe again when it exits."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
    os.close(null)
