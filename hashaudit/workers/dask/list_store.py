"""The compiled lists of a run on one host of a cluster: one copy for all Dask workers there, gone when the last ends.

They lie in a folder that only this user can enter, named by the run. Each session that uses it holds a shared lock; who
gets the exclusive one is the last, and removes it. What killed processes have left behind is removed by the next
session on the host, of whichever run: nobody holds its lock.
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
"""A folder that was written to since may be in the making, when nobody holds its lock yet."""

_DIGEST = re.compile(r"[0-9a-f]{64}")
_RUN = re.compile(r"[0-9a-f]{32}")


class ListStore:
    """The folder of one run on this host."""

    def __init__(self, run: str) -> None:
        """Makes it if it is not there.

        Raises:
            HostError: it cannot be made, or is not this user's alone.
        """
        if not _RUN.fullmatch(run):
            raise HostError("the name of the run is none")
        self._folder = os.path.join(tempfile.gettempdir(), _prefix() + run)
        with contextlib.suppress(FileExistsError):
            os.mkdir(self._folder, 0o700)
        status = os.lstat(self._folder)
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & 0o077:
            raise HostError(f"{self._folder} is not a folder of this user alone")

    def path(self, digest: str) -> str:
        """Where the file of a digest lies."""
        if not _DIGEST.fullmatch(digest):
            raise HostError("the digest of a list is none")
        return os.path.join(self._folder, digest)

    def has(self, digest: str) -> bool:
        """Whether it has come whole."""
        return os.path.exists(self.path(digest))

    def store(self, file: ListFile, offset: int, data: bytes) -> None:
        """Takes the next piece of a file; the last one gives it its name, if the content is what the digest says.

        Raises:
            HostError: the content is another, or the piece is not the next one.
            OSError: it cannot be written.
        """
        partial = self.path(file.digest) + ".part"
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | (os.O_TRUNC if offset == 0 else 0)
        with open(os.open(partial, flags, 0o600), "r+b") as stream:
            if stream.seek(0, os.SEEK_END) != offset:
                raise HostError("a piece of a list came out of turn")
            stream.write(data)
            stream.flush()
            if offset + len(data) < file.size_bytes:
                return
            if _digest(partial) != file.digest:
                os.unlink(partial)
                raise HostError("a list did not arrive as it was sent")
        os.rename(partial, self.path(file.digest))

    @contextlib.contextmanager
    def used(self) -> Iterator[None]:
        """Keeps the folder while inside; the last to leave removes it."""
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
    """Removes what killed processes have left on this host."""
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
    """Stands for the folder for temporary files: the same for all processes of this user that see the same one."""
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
    """When it, or a file in it, was written to last."""
    with os.scandir(folder) as entries:
        return max([os.stat(folder).st_mtime, *(entry.stat(follow_symlinks=False).st_mtime for entry in entries)])


def _prefix() -> str:
    return f"hashaudit-cluster-{os.geteuid()}-"


def _digest(path: str) -> str:
    return blake3.blake3().update_mmap(path).hexdigest()
