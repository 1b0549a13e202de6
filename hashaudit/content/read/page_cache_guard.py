"""Drops the pages that reading a file adds to the page cache, so that a scan does not evict other programs' pages.

Pages that were cached before the read stay, because some program uses them. For a file of one chunk, the first read
shows whether it was cached. A larger file is checked window by window, each before the kernel can read ahead into it.
"""

from hashaudit.host import page_cache

WINDOW_BYTES = 32 << 20
"""More than kernels read ahead: twice the largest usual setting of 8 MiB, because sequential reads double it."""


class PageCacheGuard:
    """Guards the page cache during the read of one large file.

    Args:
        descriptor: descriptor of the file.
        size: size at the start of the read, in bytes; the file may grow.
    """

    __slots__ = ("_descriptor", "_end", "_next_was_cached", "_size", "_was_cached")

    def __init__(self, descriptor: int, size: int) -> None:
        self._descriptor = descriptor
        self._size = size
        self._end = 0
        self._was_cached = self._next_was_cached = True
        page_cache.expect_sequential_read(descriptor)
        self._enter_window(0)

    def advance(self, position: int) -> None:
        """Notes that everything before a position was read."""
        if position >= self._end:
            self._leave_window()
            self._enter_window(position)

    def close(self) -> None:
        """Drops the pages of the last window, and those that the kernel read ahead."""
        self._leave_window()
        if not self._next_was_cached:
            page_cache.drop_pages(self._descriptor, self._end, WINDOW_BYTES)

    def _enter_window(self, position: int) -> None:
        start = position - position % WINDOW_BYTES
        # The next window was checked together with the last one, before the kernel could read ahead into it.
        self._was_cached = self._next_was_cached if start and start == self._end else self._is_cached(start)
        self._end = start + WINDOW_BYTES
        self._next_was_cached = self._is_cached(self._end)

    def _leave_window(self) -> None:
        if not self._was_cached:
            start = self._end - WINDOW_BYTES
            page_cache.drop_pages(self._descriptor, start, WINDOW_BYTES if self._end < self._size else 0)

    def _is_cached(self, start: int) -> bool:
        length = min(WINDOW_BYTES, self._size - start)
        return length <= 0 or page_cache.is_cached(self._descriptor, start, length)
