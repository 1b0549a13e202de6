"""From how a command ended to its exit code, and the one line that says why."""

import os
import signal
import sys
from collections.abc import Callable

from hashaudit.errors import HashauditError, OutputClosedError, UsageError
from hashaudit.exit_codes import ExitCode
from hashaudit_cli.ui.signals import InterruptedBySignalError
from hashaudit_cli.ui.terminal import log_error


def guarded(command: Callable[[], int]) -> int:  # noqa: PLR0911 # one exit code for each way to end
    """Runs a command's body; an error that was foreseen becomes its exit code and one line on standard error.

    Anything else is a defect and goes on as Python's own crash, exit code 1, which is never a verdict.
    """
    try:
        code = command()
        sys.stdout.flush()
    except (OutputClosedError, BrokenPipeError):
        _close_standard_output()
        return ExitCode.CLOSED_PIPE
    except InterruptedBySignalError as interruption:
        log_error(f"stopped by {signal.Signals(interruption.number).name} before anything was examined")
        return ExitCode.SIGNAL + interruption.number
    except OSError as error:
        # Files that are read or written have handlers of their own; this is standard output.
        log_error(f"cannot write to standard output: {error.strerror}")
        _close_standard_output()
        return ExitCode.CANNOT_START
    except UsageError as error:
        log_error(str(error), error.hint)
        return ExitCode.USAGE
    except HashauditError as error:
        log_error(str(error), error.hint)
        return ExitCode.CANNOT_START
    except KeyboardInterrupt:
        return ExitCode.SIGNAL + signal.SIGINT
    return code


def _close_standard_output() -> None:
    """Keeps the interpreter from writing to the closed pipe once more when it ends."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
    os.close(null)
