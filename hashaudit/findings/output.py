"""Where findings go: a new file that nobody else can read, or a descriptor such as standard output.

Every failure here ends the run: a finding that cannot be written must never look like no finding.
"""

import os
import select
import stat
from contextlib import suppress
from typing import NoReturn, Self

from hashaudit.errors import OutputClosedError, OutputError
from hashaudit.paths import for_terminal

SIDECAR_SUFFIX = b".sig"

_MODE = 0o600
_NEW_FILE = (
    os.O_WRONLY
    | os.O_CREAT
    | os.O_EXCL
    | os.O_APPEND
    # Absent on Windows, where links need a privilege to make and descriptors are not inherited.
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_CLOEXEC", 0)
)


class Output:
    """An open output. After a failed write nothing more is written to it."""

    def __init__(self, descriptor: int, name: str, path: bytes | None) -> None:
        """Wraps an open descriptor; :meth:`create` and :meth:`of_descriptor` are the ways to get one."""
        self._descriptor = descriptor
        self._name = name
        self._path = path
        self._failed = False
        status = os.fstat(descriptor)
        self._regular = stat.S_ISREG(status.st_mode)
        self._own = {(status.st_dev, status.st_ino)} if self._regular else set()

    @classmethod
    def create(cls, path: str | bytes) -> Self:
        """Makes a new file with mode 0600. The sidecar's name must be free as well.

        Raises:
            OutputError: the file or its sidecar exists, or the file cannot be made.
        """
        raw = os.fsencode(path)
        sidecar = raw + SIDECAR_SUFFIX
        if os.path.lexists(sidecar):
            raise OutputError(f"{for_terminal(sidecar)} exists already and is never overwritten: choose another name")
        return cls(_create(raw), for_terminal(raw), raw)

    @classmethod
    def of_descriptor(cls, descriptor: int, name: str = "standard output") -> Self:
        """Takes a descriptor that is open for writing. It is not closed here, and gets no sidecar."""
        return cls(descriptor, name, None)

    @property
    def own_files(self) -> frozenset[tuple[int, int]]:
        """``(device, inode)`` of each regular file that is written here, for a scan to leave out."""
        return frozenset(self._own)

    @property
    def takes_sidecar(self) -> bool:
        """Whether there is a path to put a sidecar beside."""
        return self._path is not None

    def write(self, data: bytes) -> None:
        """Writes all of it.

        Raises:
            OutputClosedError: the reader closed its end.
            OutputError: it cannot be written, or an earlier write failed.
        """
        if self._failed:
            raise OutputError(f"{self._name}: an earlier write failed, so nothing more is written")
        try:
            _write_all(self._descriptor, data)
        except OSError as error:
            self._fail(error)

    def sync(self) -> None:
        """Waits until all that is written is on the disk. Pipes and terminals have nothing to wait for.

        Raises:
            OutputError: the disk refused.
        """
        if not self._regular:
            return
        try:
            os.fsync(self._descriptor)
        except OSError as error:
            self._fail(error)

    def write_sidecar(self, text: str) -> None:
        """Makes ``FILE.sig`` beside a file that was made with :meth:`create`.

        Raises:
            OutputError: there is no file, or the sidecar exists or cannot be written.
        """
        if self._path is None:
            raise OutputError(f"{self._name} has no path to put a sidecar beside")
        path = self._path + SIDECAR_SUFFIX
        descriptor = _create(path)
        try:
            status = os.fstat(descriptor)
            self._own.add((status.st_dev, status.st_ino))
            _write_all(descriptor, text.encode("ascii"))
            os.fsync(descriptor)
        except OSError as error:
            raise OutputError(f"cannot write {for_terminal(path)}: {error.strerror}") from error
        finally:
            os.close(descriptor)

    def close(self) -> None:
        """Closes a file that was made here; leaves a given descriptor open. Can be repeated.

        Raises:
            OutputError: the system reports a failure of an earlier write.
        """
        if self._path is None or self._descriptor < 0:
            return
        descriptor, self._descriptor = self._descriptor, -1
        try:
            os.close(descriptor)
        except OSError as error:
            self._fail(error)

    def _fail(self, error: OSError) -> NoReturn:
        self._failed = True
        if isinstance(error, BrokenPipeError):
            raise OutputClosedError(f"{self._name}: the reader closed its end") from error
        raise OutputError(f"cannot write {self._name}: {error.strerror}; what was signed before stays valid") from error


def _create(path: bytes) -> int:
    try:
        descriptor = os.open(path, _NEW_FILE, _MODE)
    except FileExistsError as error:
        raise OutputError(
            f"{for_terminal(path)} exists already and is never overwritten: choose another name"
        ) from error
    except OSError as error:
        raise OutputError(f"cannot make {for_terminal(path)}: {error.strerror}") from error
    # The name must survive a power cut as well as the content. Where a folder cannot be opened or synced (no read
    # permission, some network filesystems) the content's own fsync is all there is.
    with suppress(OSError):
        parent = os.open(os.path.dirname(path) or b".", os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
        try:
            os.fsync(parent)
        finally:
            os.close(parent)
    return descriptor


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        try:
            written = os.write(descriptor, view)
        except BlockingIOError:
            # Whoever shares this pipe made it non-blocking; waiting is what a blocking one would do.
            select.select([], [descriptor], [])
            continue
        view = view[written:]
