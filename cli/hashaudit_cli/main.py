"""Where the console script enters. Imports nothing heavy: ``hashaudit --version`` answers at once."""

import io
import os
import sys

STANDARD_OUTPUT = 1
STANDARD_ERROR = 2

opened_in_place: set[int] = set()
"""Standard descriptors that the caller had closed. They lead nowhere, so that no file takes their place."""


def main() -> None:
    """Runs the command and exits with its code (docs/reference/exit-codes.md)."""
    try:
        _secure_standard_streams()
        if sys.argv[1:] == ["--version"]:
            from hashaudit import __version__  # noqa: PLC0415 # start-up: the command line is not needed for this

            print(f"hashaudit {__version__}", flush=True)
            return
        from hashaudit_cli.app import app  # noqa: PLC0415 # start-up, as above

        app()
    except KeyboardInterrupt:
        sys.exit(130)
    except OSError as error:
        # Only standard output and standard error are left to fail here.
        os.dup2(os.open(os.devnull, os.O_WRONLY), STANDARD_OUTPUT)
        sys.exit(141 if isinstance(error, BrokenPipeError) else 4)
    finally:
        try:
            sys.stderr.flush()
        except OSError:
            # Words for people that could not be written change no exit code.
            os.dup2(os.open(os.devnull, os.O_WRONLY), STANDARD_ERROR)


def _secure_standard_streams() -> None:
    """Opens closed standard descriptors on nothing, and lets no name that a locale cannot write end a command."""
    for descriptor, mode in ((0, os.O_RDONLY), (1, os.O_WRONLY), (2, os.O_WRONLY)):
        try:
            os.fstat(descriptor)
        except OSError:
            opened_in_place.add(descriptor)
            os.dup2(os.open(os.devnull, mode), descriptor)
    if sys.stdout is None:
        sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115 # lives as long as the process
    if sys.stderr is None:
        sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115 # as above
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
