"""The standard streams: closed ones are replaced, and no name that a locale cannot write ends a command."""

import io
import os
import sys

STANDARD_INPUT = 0
STANDARD_OUTPUT = 1
STANDARD_ERROR = 2

opened_in_place: set[int] = set()
"""Standard descriptors that the caller had closed. They lead to /dev/null, so no opened file takes their number."""


def secure_standard_streams() -> None:
    """Opens closed standard descriptors on /dev/null and escapes what the locale cannot write.

    To write to a closed standard output is an error, because a result would be lost. A message may be lost.
    """
    for descriptor, mode in ((0, os.O_RDONLY), (1, os.O_RDONLY), (2, os.O_WRONLY)):
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
