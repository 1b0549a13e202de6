"""Reads a small file that is as it was listed, at the least cost; leaves every other file to :func:`read_entry`.

It proves the same as :func:`hashaudit.content.read.read_entry`. Where a system call does not show the usual result it
gives no result, and the file is read again there, which finds out why.
"""

import errno
import os
import stat
from collections.abc import Callable
from typing import Protocol, TypeVar

from hashaudit.content.read.directory_cache import DirectoryCache, ReplacedError
from hashaudit.content.read.throttled_reader import READ_CHUNK_BYTES
from hashaudit.host import files, page_cache
from hashaudit.model.entry import Stat
from hashaudit.model.location import DirectoryRef
from hashaudit.model.times import COARSE_NS

T = TypeVar("T")

_FILE_TYPE = 0o170000
"""S_IFMT of inode(7)."""

Content = Callable[[memoryview, bytearray], T | None]
"""Gets the content of a file, and the buffer that begins with it; it must keep neither."""

Read = Callable[[bytes, Stat], tuple[T, os.stat_result, bool] | None]
"""Reads a whole file once, by its name, which is not a link, and its state as listed.

Returns the result for its content, the state of the file after it, and whether it may be cached; ``None`` if anything
is unusual.
"""


class Grants(Protocol):
    """Limits the rate of reading."""

    def take(self, count: int) -> bool:
        """Returns whether ``count`` bytes may be read without waiting, and counts them as read then."""
        ...


def _nothing(_name: bytes, _listed: Stat) -> None:
    return None


class SmallReader:
    """Reads files of one chunk from local filesystems, whose inode numbers and times can be trusted.

    Args:
        cache: keeps directories open.
        throttle: limits the rate of reading.
    """

    __slots__ = ("_buffer", "_cache", "_nowait", "_throttle")

    def __init__(self, cache: DirectoryCache, throttle: Grants) -> None:
        self._cache = cache
        self._throttle = throttle
        self._buffer = bytearray(READ_CHUNK_BYTES)
        self._nowait = page_cache.NOWAIT

    def in_directory(  # noqa: C901 # the body of a loop, without calls
        self, ref: DirectoryRef, now_ns: int, use: Content[T], *, checks_pages: bool = False
    ) -> Read[T]:
        """Returns a function that reads files of a directory, until another one is asked for.

        Args:
            ref: the directory as listed, on a filesystem with lasting inode numbers.
            now_ns: the time, at most as late as it is.
            use: called at most once for each file.
            checks_pages: a file may be cached if all its pages are on storage; otherwise none may.
        """
        try:
            directory = self._cache.get(ref).plain_descriptor
        except (OSError, ReplacedError):
            return _nothing
        if directory is None:
            return _nothing
        # Names of this function are faster than attributes, and the loop over small files is here.
        at = directory
        buffer, nowait = self._buffer, self._nowait
        whole = memoryview(buffer)
        take, is_stored = self._throttle.take, page_cache.is_written
        open_file, fstat, stat_name, close = os.open, os.fstat, os.stat, os.close
        readv, preadv = os.readv, os.preadv
        flags, block_bytes, file_type, regular = files.PLAIN_FLAGS, files.BLOCK_BYTES, _FILE_TYPE, stat.S_IFREG
        latest_ns = now_ns - COARSE_NS

        def read(name: bytes, listed: Stat) -> tuple[T, os.stat_result, bool] | None:  # noqa: PLR0911 # as above
            size, inode, device = listed.size, listed.inode, listed.device
            if size >= READ_CHUNK_BYTES:
                return None
            try:
                descriptor = open_file(name, flags, dir_fd=at)
            except OSError:
                return None
            try:
                is_written = checks_pages and is_stored(descriptor)
                before = fstat(descriptor)
                mtime_ns, ctime_ns = before.st_mtime_ns, before.st_ctime_ns
                if (
                    before.st_size != size
                    or before.st_ino != inode
                    or before.st_dev != device
                    or before.st_mode & file_type != regular
                    or mtime_ns > latest_ns
                    or ctime_ns > latest_ns
                    or before.st_blocks * block_bytes < size  # it may have holes
                    or not take(size)
                ):
                    return None
                # Asking for more than there is costs the kernel as much as reading it. An empty file proves that it is.
                content = whole[: size or 1]
                if nowait is None:
                    count = readv(descriptor, (content,))
                else:
                    try:
                        count = preadv(descriptor, (content,), -1, nowait)  # -1: the descriptor's position
                    except BlockingIOError:
                        count = readv(descriptor, (content,))
                        page_cache.drop_pages(descriptor, 0, 0)
                if count != size:
                    return None
                result = use(content if size else content[:0], buffer)
                # While the descriptor is open no other file can get its inode number. So this is the state of what was
                # read, and the state of what its name stands for.
                after = stat_name(name, dir_fd=at, follow_symlinks=False)
            except OSError as error:
                if error.errno == errno.EOPNOTSUPP:  # this filesystem does not report what is cached
                    self._nowait = None
                return None
            finally:
                close(descriptor)
            if (
                result is None
                or after.st_mtime_ns != mtime_ns
                or after.st_ctime_ns != ctime_ns
                or after.st_size != size
                or after.st_ino != inode
                or after.st_dev != device
            ):
                return None
            return result, after, is_written

        return read
