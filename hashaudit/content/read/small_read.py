"""Reads a small file that is as it was listed, at the least cost; leaves every other file to :func:`read_entry`.

It makes the same system calls and checks as :func:`hashaudit.content.read.read_entry`. Where one of them does not show
the usual result it gives no result, and the file is read again there, which finds out why.
"""

import errno
import os
import stat
from collections.abc import Callable
from typing import TypeVar

from hashaudit.content.read.directory_cache import DirectoryCache, ReplacedError
from hashaudit.content.read.throttled_reader import READ_CHUNK_BYTES, Throttle
from hashaudit.host import files, page_cache
from hashaudit.model.entry import Stat
from hashaudit.model.location import DirectoryRef
from hashaudit.model.times import COARSE_NS

T = TypeVar("T")

_IDENTITY = slice(1, 7)
"""Inode, device, links, owner, group and size in the result of stat(2), whose times have whole seconds there."""


class SmallReader:
    """Reads files of one chunk from local filesystems, whose inode numbers and times can be trusted.

    Args:
        cache: keeps directories open.
        throttle: limits the rate of reading.
    """

    __slots__ = ("_buffer", "_cache", "_nowait", "_throttle", "_vector")

    def __init__(self, cache: DirectoryCache, throttle: Throttle) -> None:
        self._cache = cache
        self._throttle = throttle
        self._buffer = memoryview(bytearray(READ_CHUNK_BYTES))
        self._vector = (self._buffer,)
        self._nowait = page_cache.NOWAIT

    def read(
        self,
        ref: DirectoryRef,
        name: bytes,
        listed: Stat,
        now_ns: int,
        use: Callable[[memoryview], T | None],
        *,
        checks_pages: bool = False,
    ) -> tuple[T, os.stat_result, bool] | None:
        """Reads a whole file once.

        Returns what ``use`` makes of its content, the state of the file after it, and whether it may be cached.

        Returns ``None`` if anything is unusual.

        Args:
            ref: the directory as listed.
            name: of the file, not of a link.
            listed: the file as listed, on a filesystem with lasting inode numbers.
            now_ns: the time, at most as late as it is.
            use: called at most once, with the content, which it must not keep.
            checks_pages: a file may be cached if all its pages are on storage; otherwise none may.
        """
        size = listed.size
        if not 0 < size < READ_CHUNK_BYTES or self._throttle.acquire() < size:
            return None
        try:
            opened = self._cache.get(ref).open_plain(name)
        except (OSError, ReplacedError):
            return None
        if opened is None:
            return None
        descriptor, at = opened
        try:
            is_written = checks_pages and page_cache.is_written(descriptor)
            before = os.fstat(descriptor)
            if (
                before.st_size != size
                or before.st_ino != listed.inode
                or before.st_dev != listed.device
                or not stat.S_ISREG(before.st_mode)
                or max(mtime_ns := before.st_mtime_ns, ctime_ns := before.st_ctime_ns) + COARSE_NS > now_ns
                or before.st_blocks * files.BLOCK_BYTES < size  # it may have holes
                or self._fill(descriptor) != size
            ):
                return None
            result = use(self._buffer[:size])
            after = os.fstat(descriptor)
            found = os.stat(name, dir_fd=at, follow_symlinks=False)
        except OSError:
            return None
        finally:
            os.close(descriptor)
        fields = before[_IDENTITY]
        is_unchanged = (
            after[_IDENTITY] == fields
            and found[_IDENTITY] == fields
            and after.st_mtime_ns == mtime_ns == found.st_mtime_ns
            and after.st_ctime_ns == ctime_ns == found.st_ctime_ns
        )
        return (result, after, is_written) if result is not None and is_unchanged else None

    def _fill(self, descriptor: int) -> int:
        """Reads from the start of a file as much as fits; returns the number of bytes."""
        if self._nowait is None:
            count = os.readv(descriptor, self._vector)
        else:
            try:
                count = os.preadv(descriptor, self._vector, -1, self._nowait)  # -1: the descriptor's position
            except BlockingIOError:
                count = os.readv(descriptor, self._vector)
                page_cache.drop_pages(descriptor, 0, 0)
            except OSError as error:
                if error.errno == errno.EOPNOTSUPP:  # this filesystem does not report it
                    self._nowait = None
                raise
        self._throttle.consume(count)
        return count
