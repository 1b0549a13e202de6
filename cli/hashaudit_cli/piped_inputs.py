"""Inputs that come through a pipe: ``-`` for standard input, and the names that shells give to ``<(command)``.

Lists, manifests and findings are read more than once and from several processes. So what comes through a pipe is copied
to a private file first, which exists as long as the command runs.
"""

import os
import stat
import sys
from types import TracebackType
from typing import Self

from hashaudit.errors import HashauditError, UsageError
from hashaudit.lazy import lazy_pattern
from hashaudit_cli.ui.streams import opened_in_place

STANDARD_INPUT = "-"

COPY_BYTES = 1 << 20

_PIPE = lazy_pattern(r"(?P<algorithm>[A-Za-z0-9_:+-]+=)?(?P<path>-|/dev/stdin|/(?:dev|proc/self)/fd/\d+)")
"""Only names of descriptors that are open already: opening a named pipe could wait for ever."""


class PipedInputs:
    """The pipes that one command reads. A context manager that removes their copies."""

    def __init__(self) -> None:
        self._directory: str | None = None
        self._copies: dict[str, str] = {}
        self.has_read_standard_input = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._directory is not None:
            import shutil  # noqa: PLC0415 # start-up: few commands read a pipe

            shutil.rmtree(self._directory, ignore_errors=True)

    def readable(self, text: str) -> str:
        """Returns an input as the command reads it: a pipe is replaced by the copy of its content.

        Args:
            text: the input as the user named it, possibly with an algorithm, as in ``sha256=-``.

        Raises:
            UsageError: standard input is read twice, or closed.
            HashauditError: it cannot be read, or its copy cannot be written.
        """
        found = _PIPE.fullmatch(text)
        if found is None:
            return text
        path = found["path"]
        is_standard_input = path in {STANDARD_INPUT, "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"}
        if path != STANDARD_INPUT and not _is_pipe(path):
            return text
        if is_standard_input:
            if self.has_read_standard_input:
                raise UsageError("standard input is named twice", hint="write one of the inputs to a file")
            if 0 in opened_in_place:
                raise UsageError("standard input is closed", hint="name a file")
            self.has_read_standard_input = True
        copy = self._copy(path, is_standard_input=is_standard_input)
        self._copies[copy] = path
        return f"{found['algorithm'] or ''}{copy}"

    def given(self, path: str) -> str:
        """Returns the name that the user gave to what is read from a path."""
        return self._copies.get(path, path)

    def restored(self, text: str) -> str:
        """Returns a message that names inputs as the user gave them."""
        for copy, path in self._copies.items():
            text = text.replace(copy, path)
        return text

    def _copy(self, path: str, *, is_standard_input: bool) -> str:
        import tempfile  # noqa: PLC0415 # start-up, as above

        name = "standard-input" if is_standard_input else f"pipe-{os.path.basename(path)}"
        try:
            if self._directory is None:
                # The directory of the login session is in memory, and nobody else can read it.
                session = os.environ.get("XDG_RUNTIME_DIR")
                place = session if session and os.access(session, os.W_OK | os.X_OK) else None
                self._directory = tempfile.mkdtemp(prefix="hashaudit-", dir=place)
            copy = os.path.join(self._directory, name)
            new = os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with (
                open(new, "wb") as target,
                open(sys.stdin.fileno() if is_standard_input else path, "rb", closefd=not is_standard_input) as source,
            ):
                while data := source.read(COPY_BYTES):
                    target.write(data)
        except OSError as error:
            raise HashauditError(f"cannot read a pipe: '{path}'; {error.strerror}") from error
        return copy


def _is_pipe(path: str) -> bool:
    try:
        return stat.S_ISFIFO(os.stat(path).st_mode)
    except OSError:
        return False
