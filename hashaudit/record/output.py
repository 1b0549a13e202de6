"""The output of a scan: a new private file, or a descriptor such as standard output.

Every failure here ends the scan, because a finding that cannot be written must never look like no finding.
"""

import errno
import hashlib
import os
import select
import stat
from collections.abc import Iterator
from contextlib import suppress
from itertools import count, takewhile
from typing import BinaryIO, NoReturn, Self

import msgspec

from hashaudit.errors import OutputClosedError, OutputError, OutputLockedError
from hashaudit.host.files import LockState, lock_file, open_regular
from hashaudit.model.paths import for_terminal

SIDECAR_SUFFIX = b".sig"

BACKUP_SUFFIX = b".backup-"
"""Suffix, before a number, of the files to which a resume moves unsigned bytes."""

_COPY_BYTES = 1 << 20

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

_OLD_FILE = (
    os.O_RDWR
    | os.O_APPEND
    | getattr(os, "O_NONBLOCK", 0)  # a FIFO in its place does not block
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_CLOEXEC", 0)
)


class Quarantined(msgspec.Struct, frozen=True):
    """The bytes that a resume moved out of a findings file."""

    path: bytes
    """Path of the backup file."""
    size: int
    """Number of bytes moved."""
    sha256: str


class Output:
    """An open output. After a failed write nothing more is written to it."""

    def __init__(self, descriptor: int, name: str, path: bytes | None) -> None:
        """Wraps an open descriptor; :meth:`create` and :meth:`of_descriptor` are the ways to get one."""
        self._descriptor = descriptor
        self._name = name
        self._path = path
        self._failed = False
        self.lock = LockState.UNSUPPORTED
        """True if this process is the only one that writes here."""
        status = os.fstat(descriptor)
        self._regular = stat.S_ISREG(status.st_mode)
        self._own = {(status.st_dev, status.st_ino)} if self._regular else set()

    @classmethod
    def create(cls, path: str | bytes) -> Self:
        """Creates a new file with mode 0600. The sidecar must not exist either.

        Raises:
            OutputError: the file or its sidecar exists, or the file cannot be created.
        """
        raw = os.fsencode(path)
        sidecar = raw + SIDECAR_SUFFIX
        if os.path.lexists(sidecar):
            raise _already_exists(sidecar)
        output = cls(_create(raw), for_terminal(raw), raw)
        output.lock = lock_file(output._descriptor)
        return output

    @classmethod
    def reopen(cls, path: str | bytes) -> Self:
        """Opens the file of an interrupted scan, to resume it.

        Raises:
            OutputLockedError: another process writes it, or may write it.
            OutputError: it cannot be opened, or is not a file that only its owner can write.
        """
        raw = os.fsencode(path)
        shown = for_terminal(raw)
        try:
            descriptor = os.open(raw, _OLD_FILE)
        except OSError as error:
            raise OutputError(f"cannot open the findings file: '{shown}'; {error.strerror}") from error
        try:
            _require_own(os.fstat(descriptor), shown)
            output = cls(descriptor, shown, raw)
            output.lock = _locked(descriptor, shown)
        except BaseException:
            os.close(descriptor)
            raise
        return output

    @classmethod
    def of_descriptor(cls, descriptor: int, name: str = "standard output") -> Self:
        """Wraps a descriptor that is open for writing. It is never closed here and gets no sidecar."""
        return cls(descriptor, name, None)

    @property
    def own_files(self) -> frozenset[tuple[int, int]]:
        """``(device, inode)`` of each regular file written here, which a scan skips."""
        return frozenset(self._own)

    @property
    def own_paths(self) -> frozenset[bytes]:
        """Absolute paths of the same files, without links. Empty if the system does not name an open file."""
        if not self._regular:
            return frozenset()
        if self._path is None:
            with suppress(OSError):
                return frozenset({os.readlink(b"/proc/self/fd/%d" % self._descriptor)})
            return frozenset()
        path = os.path.realpath(self._path)
        return frozenset({path, path + SIDECAR_SUFFIX, *_backups(path)})

    @property
    def takes_sidecar(self) -> bool:
        """True if the output has a path, so a sidecar can be written beside it."""
        return self._path is not None

    def write(self, data: bytes) -> None:
        """Writes all of ``data``.

        Raises:
            OutputClosedError: the reader closed its end.
            OutputError: it cannot be written, or an earlier write failed.
        """
        if self._failed:
            raise OutputError(f"cannot write to: '{self._name}'; an earlier write failed")
        try:
            _write_all(self._descriptor, data)
        except OSError as error:
            self._fail(error)

    def sync(self) -> None:
        """Waits until everything written is on the disk. Does nothing for pipes and terminals.

        Raises:
            OutputError: the disk reports an error, or the file is no longer at its path.
        """
        if not self._regular:
            return
        try:
            os.fsync(self._descriptor)
            if self._path is not None:
                self._require_place(self._path)
        except OSError as error:
            self._fail(error)

    def reader(self) -> BinaryIO:
        """Returns a stream over the present content. Closing it leaves the file open.

        Raises:
            OutputError: it cannot be read.
        """
        try:
            return open(os.dup(self._descriptor), "rb")
        except OSError as error:
            raise OutputError(f"cannot read the findings file: '{self._name}'; {error.strerror}") from error

    def quarantine_tail(self, size: int) -> Quarantined | None:
        """Moves everything after the first ``size`` bytes, and the sidecar, to backup files.

        Nothing is removed before its copy is on the disk.

        Raises:
            OutputError: the bytes cannot be copied or removed.
        """
        if self._path is None:
            raise OutputError(f"not a reopened file: '{self._name}'")
        sidecar = self._path + SIDECAR_SUFFIX
        try:
            length = os.fstat(self._descriptor).st_size - size
            if length == 0 and not os.path.lexists(sidecar):
                self._own |= _identities_of_backups(self._path)
                return None
            path, copy = _create_backup(self._path)
            try:
                with self.reader() as stream:
                    stream.seek(size)
                    digest = _copy(stream, copy)
                os.fsync(copy)
            except BaseException:
                # The tail is still in the file. Part of a copy would stay for ever, one more at each attempt.
                with suppress(OSError):
                    os.unlink(path)
                raise
            finally:
                os.close(copy)
            if os.path.lexists(sidecar):
                os.rename(sidecar, path + SIDECAR_SUFFIX)
            os.ftruncate(self._descriptor, size)
            os.fsync(self._descriptor)
            self._own |= _identities_of_backups(self._path)
        except OSError as error:
            raise OutputError(f"cannot move the tail to a backup file: '{self._name}'; {error.strerror}") from error
        return Quarantined(path, length, digest)

    def write_sidecar(self, text: str) -> None:
        """Writes ``FILE.sig`` beside a file from :meth:`create` or :meth:`reopen`.

        Raises:
            OutputError: the output has no path, or the sidecar exists or cannot be written.
        """
        if self._path is None:
            raise OutputError(f"cannot write a sidecar: '{self._name}'; it has no path")
        path = self._path + SIDECAR_SUFFIX
        descriptor = _create(path)
        try:
            status = os.fstat(descriptor)
            self._own.add((status.st_dev, status.st_ino))
            _write_all(descriptor, text.encode("ascii"))
            os.fsync(descriptor)
        except OSError as error:
            # A truncated signature would make the file look forged.
            with suppress(OSError):
                os.unlink(path)
            raise OutputError(f"cannot write: '{for_terminal(path)}'; {error.strerror}") from error
        finally:
            os.close(descriptor)

    def complete_sidecar(self, text: str) -> None:
        """Writes the sidecar if it is missing or truncated.

        Raises:
            OutputError: the present sidecar is another one, or it cannot be written.
        """
        if self._path is None:
            raise OutputError(f"cannot write a sidecar: '{self._name}'; it has no path")
        path = self._path + SIDECAR_SUFFIX
        whole = text.encode("ascii")
        try:
            with open_regular(path) as stream:
                present = stream.read(len(whole) + 1)
            if present == whole:
                return
            if not whole.startswith(present):
                raise OutputError(
                    f"wrong sidecar: '{for_terminal(path)}'; it is not the signature of '{self._name}'",
                    hint="check both with hashaudit verify",
                )
            os.unlink(path)
        except FileNotFoundError:
            pass
        except OSError as error:
            raise OutputError(
                f"cannot replace the truncated sidecar '{for_terminal(path)}'; {error.strerror}"
            ) from error
        self.write_sidecar(text)

    def close(self) -> None:
        """Closes a file opened here; leaves a given descriptor open. May be repeated.

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

    def _require_place(self, path: bytes) -> None:
        """Raises if the file was removed or unmounted: it can still be written, but nobody will find it."""
        status, there = os.fstat(self._descriptor), os.stat(path, follow_symlinks=False)
        # Not by inode, which is not stable on some mounts.
        if there.st_dev != status.st_dev or (os.name == "posix" and status.st_nlink == 0):
            raise FileNotFoundError(errno.ENOENT, "another file has its name")

    def _fail(self, error: OSError) -> NoReturn:
        self._failed = True
        if isinstance(error, BrokenPipeError):
            raise OutputClosedError(f"cannot write to: '{self._name}'; the reader closed its end") from error
        raise OutputError(
            f"cannot write to: '{self._name}'; {error.strerror}",
            hint="records signed so far remain valid; make space or fix the disk, then use scan --resume",
        ) from error


def _already_exists(path: bytes) -> OutputError:
    return OutputError(
        f"already exists: '{for_terminal(path)}'; hashaudit never overwrites it", hint="choose another name"
    )


def _require_own(status: os.stat_result, shown: str) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise OutputError(f"not a regular file: '{shown}'")
    if hasattr(os, "geteuid") and status.st_uid != os.geteuid():
        raise OutputError(f"cannot resume: '{shown}'; it belongs to another user (uid {status.st_uid})")
    if os.name == "posix" and status.st_mode & 0o022:
        raise OutputError(
            f"cannot resume: '{shown}'; others can write to it",
            hint="run chmod 600 on it, and check it with hashaudit verify",
        )


def _locked(descriptor: int, shown: str) -> LockState:
    found = lock_file(descriptor)
    if found is LockState.HELD:
        raise OutputLockedError(
            f"findings file in use: '{shown}'; another scan writes it", hint="wait until that scan ends, or stop it"
        )
    return found


def _backup_names(path: bytes) -> Iterator[bytes]:
    for number in count(1):
        yield path + BACKUP_SUFFIX + str(number).encode()


def _exists(backup: bytes) -> bool:
    return os.path.lexists(backup) or os.path.lexists(backup + SIDECAR_SUFFIX)


def _create_backup(path: bytes) -> tuple[bytes, int]:
    backup = next(name for name in _backup_names(path) if not _exists(name))
    return backup, os.open(backup, _NEW_FILE, _MODE)


def _identities_of_backups(path: bytes) -> set[tuple[int, int]]:
    """Returns device and inode of all backup files, which may be inside a scanned tree."""
    found = set()
    for name in _backups(path):
        with suppress(FileNotFoundError):
            status = os.lstat(name)
            found.add((status.st_dev, status.st_ino))
    return found


def _backups(path: bytes) -> Iterator[bytes]:
    for backup in takewhile(_exists, _backup_names(path)):
        yield from (backup, backup + SIDECAR_SUFFIX)


def _copy(source: BinaryIO, target: int) -> str:
    digest = hashlib.sha256()
    while data := source.read(_COPY_BYTES):
        digest.update(data)
        _write_all(target, data)
    return digest.hexdigest()


def _create(path: bytes) -> int:
    try:
        descriptor = os.open(path, _NEW_FILE, _MODE)
    except FileExistsError as error:
        raise _already_exists(path) from error
    except OSError as error:
        raise OutputError(f"cannot create: '{for_terminal(path)}'; {error.strerror}") from error
    # The name must survive a power cut as well as the content. Where the directory cannot be opened or synced (no read
    # permission, some network filesystems), only the content's own fsync remains.
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
            # Another process that shares this pipe made it non-blocking; wait as a blocking write would.
            writable = select.poll()  # select() refuses descriptors beyond 1,024
            writable.register(descriptor, select.POLLOUT)
            writable.poll()
            continue
        view = view[written:]
