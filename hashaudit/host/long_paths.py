"""Opens directories below long paths one after the other, without walking each path from its beginning.

The system takes paths of up to PATH_MAX bytes. A longer one is opened in parts, and the directory at the end of each
part stays open for the next path, if that has the same part. So a tree of ten thousand levels does not cost the square
of them.
"""

import contextlib
import errno
import os

from hashaudit.host import files

PART_BYTES = 1024
"""Longest part: at most 512 names, which the system looks up in some 25 us."""

MAX_HANDLES = 32
"""Directories that stay open. Beyond, those nearest to the root are closed."""


class LongPaths:
    """Opens directories by their absolute paths. Close it to free its descriptors; it stays usable.

    A directory that stays open is the one that its path led to when it was opened. The caller must know by device and
    inode what it opens, or use :func:`hashaudit.host.files.open_directory`.
    """

    __slots__ = ("_handles", "_path")

    def __init__(self) -> None:
        self._path = b""
        self._handles: list[tuple[int, int]] = []
        """Length of a beginning of that path, and its descriptor, the longest last."""

    @property
    def has_handles(self) -> bool:
        """True if the next path may begin at a directory that is open already."""
        return bool(self._handles)

    def open(self, path: bytes, flags: int = files.HANDLE_FLAGS) -> int:
        """Opens a directory. Returns its descriptor.

        Raises:
            OSError: as open(2).
        """
        if len(path) < files.PATH_MAX_BYTES or not files.HAS_DIR_FD:
            return files.open_directory(path, flags)
        while self._handles and not self._begins(path, self._handles[-1][0]):
            self._close(self._handles.pop())
        self._path = path
        if not self._handles:
            self._keep(1, os.open(b"/", files.HANDLE_FLAGS))
        begin, handle = self._handles[-1]
        while len(path) - begin > PART_BYTES:
            end = path.rfind(b"/", begin, begin + PART_BYTES)
            if end <= begin:
                raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))
            handle = os.open(path[begin:end], files.HANDLE_FLAGS, dir_fd=handle)
            begin = end + 1
            self._keep(begin, handle)
        return os.open(path[begin:], flags, dir_fd=handle)

    def close(self) -> None:
        """Closes the directories."""
        while self._handles:
            self._close(self._handles.pop())

    def __del__(self) -> None:
        self.close()

    def _begins(self, path: bytes, length: int) -> bool:
        return len(path) > length and path[:length] == self._path[:length]

    def _keep(self, length: int, handle: int) -> None:
        self._handles.append((length, handle))
        if len(self._handles) > MAX_HANDLES:
            self._close(self._handles.pop(0))

    @staticmethod
    def _close(handle: tuple[int, int]) -> None:
        with contextlib.suppress(OSError):  # a decoder closed it
            os.close(handle[1])
