"""One server for all processes of a run of the suite: the first that needs it starts it, and it ends after the last."""

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from installed import wait_until


@contextlib.contextmanager
def shared_server(
    folder: Path, name: str, words: Sequence[str], environment: Mapping[str, str], url_of: Callable[[str], str | None]
) -> Iterator[str]:
    """The URL of a server.

    Args:
        folder: the same one for all processes of the run.
        name: of the server's files in it.
        words: a program that ends when its standard input does. All processes hold the other end of that.
        environment: of the program.
        url_of: finds the URL in what the program has printed; ``None``: it is not there yet.
    """
    held, printed = folder / f"{name}.held", folder / f"{name}.printed"
    with open(folder / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not held.exists():
            os.mkfifo(held, 0o600)
        try:
            end = os.open(held, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:  # no server reads it
            end = _start(held, printed, words, environment)
            wait_until(lambda: url_of(printed.read_text()))
        url = url_of(printed.read_text())
    try:
        assert url is not None
        yield url
    finally:
        os.close(end)


def _start(held: Path, printed: Path, words: Sequence[str], environment: Mapping[str, str]) -> int:
    """Starts the server; returns our end of its standard input."""
    theirs = os.open(held, os.O_RDONLY | os.O_NONBLOCK)
    ours = os.open(held, os.O_WRONLY)
    os.set_blocking(theirs, True)
    with open(printed, "wb") as output:
        streams = [(os.POSIX_SPAWN_DUP2, theirs, 0), (os.POSIX_SPAWN_DUP2, output.fileno(), 1)]
        # Not an object of subprocess, which would want its end before ours.
        os.posix_spawnp(words[0], list(words), environment, file_actions=streams)
    os.close(theirs)
    return ours
