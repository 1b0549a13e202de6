"""Reading a file without pushing what others use out of memory: what was not there before is let go of again.

Pages that were in memory before the read stay, for somebody uses them. A file of one chunk tells by its first read
whether it was; a larger one is looked at window by window, each before the kernel can have read ahead into it.
"""

from hashaudit.host import page_cache

WINDOW_BYTES = 32 << 20
"""More than kernels read ahead: twice the largest usual setting of 8 MiB, since sequential reads double it."""


class PageCacheGuard:
    """What the reading of one large file leaves in memory.

    Args:
        descriptor: of the file.
        size: in bytes; more may come.
    """

    __slots__ = ("_ahead", "_descriptor", "_end", "_found", "_size")

    def __init__(self, descriptor: int, size: int) -> None:
        self._descriptor = descriptor
        self._size = size
        self._end = 0
        self._found = self._ahead = True
        page_cache.expect_sequential_read(descriptor)
        self._enter(0)

    def passed(self, position: int) -> None:
        """Notes that everything before a position was read."""
        if position >= self._end:
            self._leave()
            self._enter(position)

    def close(self) -> None:
        """Lets go of the rest, and of what was read ahead."""
        self._leave()
        if not self._ahead:
            page_cache.drop_pages(self._descriptor, self._end, WINDOW_BYTES)

    def _enter(self, position: int) -> None:
        start = position - position % WINDOW_BYTES
        # Of the window that follows the last one it is known already what was there before reading ahead.
        self._found = self._ahead if start and start == self._end else self._is_resident(start)
        self._end = start + WINDOW_BYTES
        self._ahead = self._is_resident(self._end)

    def _leave(self) -> None:
        if not self._found:
            start = self._end - WINDOW_BYTES
            page_cache.drop_pages(self._descriptor, start, WINDOW_BYTES if self._end < self._size else 0)

    def _is_resident(self, start: int) -> bool:
        length = min(WINDOW_BYTES, self._size - start)
        return length <= 0 or page_cache.is_cached(self._descriptor, start, length)
