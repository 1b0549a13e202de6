"""The compiled lists of a scan on one host of a cluster: one copy for all its Dask workers, removed by the last one.

They are in a directory that only this user can enter, named by the scan. Each session that uses it holds a shared lock.
The session that gets the exclusive lock is the last and removes the directory. Nobody holds the lock of a directory
that killed processes left behind, so the next session on the host, of any scan, removes it.
"""

import contextlib
import fcntl
import os
import re
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator

import blake3

from hashaudit.errors import HostError
from hashaudit.workers.dask.protocol import ListFile

_LOCK = "lock"

_ORPHAN_S = 120.0
"""A directory that was written to more recently may be under construction, before anyone holds its lock."""

_DIGEST = re.compile(r"[0-9a-f]{64}")
_RUN = re.compile(r"[0-9a-f]{32}")


class ListStore:
    """The directory of one scan on this host."""

    def __init__(self, run: str) -> None:
        """Creates the directory if it does not exist.

        Raises:
            HostError: it cannot be created, or others can access it.
        """
        if not _RUN.fullmatch(run):
            raise HostError(f"invalid scan name: '{run}'")
        self._folder = os.path.join(tempfile.gettempdir(), _prefix() + run)
        with contextlib.suppress(FileExistsError):
            os.mkdir(self._folder, 0o700)
        status = os.lstat(self._folder)
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & 0o077:
            raise HostError(f"others can access the directory: '{self._folder}'")

    def path(self, digest: str) -> str:
        """Returns the path of the file with a digest."""
        if not _DIGEST.fullmatch(digest):
            raise HostError(f"invalid list digest: '{digest}'")
        return os.path.join(self._folder, digest)

    def has(self, digest: str) -> bool:
        """Returns whether the file is complete."""
        return os.path.exists(self.path(digest))

    def store(self, file: ListFile, offset: int, data: bytes) -> None:
        """Stores the next chunk of a file. The last chunk gives it its name, if the content has the digest.

        Raises:
            HostError: the content differs, or the chunk is not the next one.
            OSError: it cannot be written.
        """
        partial = self.path(file.digest) + ".part"
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | (os.O_TRUNC if offset == 0 else 0)
        with open(os.open(partial, flags, 0o600), "r+b") as stream:
            if stream.seek(0, os.SEEK_END) != offset:
                raise HostError("a list chunk arrived out of order")
            stream.write(data)
            stream.flush()
            if offset + len(data) < file.size_bytes:
                return
            if _digest(partial) != file.digest:
                os.unlink(partial)
                raise HostError("a list was corrupted in transfer")
        os.rename(partial, self.path(file.digest))

    @contextlib.contextmanager
    def used(self) -> Iterator[None]:
        """Keeps the directory while inside the context; the last to leave removes it."""
        lock = self._lock()
        try:
            fcntl.flock(lock, fcntl.LOCK_SH)
            yield
        finally:
            os.close(lock)
            _remove_unused(self._folder)

    def _lock(self) -> int:
        return os.open(os.path.join(self._folder, _LOCK), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)


def remove_orphans() -> None:
    """Removes the directories that killed processes left on this host."""
    base = tempfile.gettempdir()
    oldest = time.time() - _ORPHAN_S
    with contextlib.suppress(OSError), os.scandir(base) as entries:
        for entry in entries:
            if not entry.name.startswith(_prefix()) or not entry.is_dir(follow_symlinks=False):
                continue
            with contextlib.suppress(OSError):
                status = entry.stat(follow_symlinks=False)
                if status.st_uid == os.geteuid() and _written_s(entry.path) < oldest:
                    _remove_unused(entry.path)


def share() -> str:
    """Returns a name of the temporary directory: equal for all processes of this user that share it."""
    status = os.stat(tempfile.gettempdir())
    return f"{os.geteuid()}:{status.st_dev}:{status.st_ino}:{tempfile.gettempdir()}"


def _remove_unused(folder: str) -> None:
    with contextlib.suppress(OSError):
        lock = os.open(os.path.join(folder, _LOCK), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(lock)


def _written_s(folder: str) -> float:
    """Returns the time of the last write to the directory or a file in it."""
    with os.scandir(folder) as entries:
        return max([os.stat(folder).st_mtime, *(entry.stat(follow_symlinks=False).st_mtime for entry in entries)])


def _prefix() -> str:
    return f"hashaudit-cluster-{os.geteuid()}-"


def _digest(path: str) -> str:
    return blake3.blake3().update_mmap(path).hexdigest()
