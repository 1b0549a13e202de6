"""Searches in the bytes of a container that is not held in memory."""

import re

from hashaudit.content.containers.interface import CHUNK_BYTES, RandomSource


class ByteSearch:
    """Finds bytes in a source. It keeps the part that was read last, so that near positions are not read again."""

    def __init__(self, source: RandomSource) -> None:
        self._source = source
        self.size = source.size
        self._start = 0
        self._window = b""

    def slice(self, start: int, end: int) -> bytes:
        """Returns the bytes of a part, fewer at the end of the source. The caller bounds the length."""
        end = min(end, self.size)
        at = start - self._start
        if at < 0 or end - self._start > len(self._window):
            if end - start > CHUNK_BYTES:
                return self._source.read_at(start, end - start)
            self._load(start)
            at = 0
        return self._window[at : end - self._start]

    def find(self, wanted: bytes, start: int, end: int) -> int:
        """Returns where ``wanted`` begins in a part; -1: it is not whole in it."""
        end = min(end, self.size)
        while start + len(wanted) <= end:
            at = self._loaded(start, len(wanted))
            found = self._window.find(wanted, at, max(0, end - self._start))
            if found >= 0:
                return self._start + found
            if self._start + len(self._window) >= end or len(self._window) - at < len(wanted):
                break
            start = self._start + len(self._window) - len(wanted) + 1
        return -1

    def search(self, pattern: re.Pattern[bytes], start: int, end: int, most_bytes: int) -> re.Match[bytes] | None:
        """Returns the first match in a part; :attr:`origin` is then the position of its string in the source.

        Args:
            pattern: what to find.
            start: of the part.
            end: of the part.
            most_bytes: length of the longest match; a longer one may be missed.
        """
        end = min(end, self.size)
        while start < end:
            at = self._loaded(start, most_bytes)
            last = end - self._start
            found = pattern.search(self._window, at, max(0, last))
            reached = self._start + len(self._window)
            if found is not None and (reached >= end or found.start() + most_bytes <= len(self._window)):
                return found
            if reached >= end or len(self._window) - at < most_bytes:
                return found
            start = self._start + (len(self._window) - most_bytes + 1 if found is None else found.start())
        return None

    @property
    def origin(self) -> int:
        """The position in the source of the bytes that the last search went through."""
        return self._start

    def _loaded(self, start: int, least_bytes: int) -> int:
        """Reads what follows a position unless enough of it is there; returns its place in the window."""
        at = start - self._start
        has_rest = self._start + len(self._window) >= self.size
        if at < 0 or at > len(self._window) or (len(self._window) - at < least_bytes and not has_rest):
            self._load(start)
            return 0
        return at

    def _load(self, start: int) -> None:
        self._window = self._source.read_at(start, CHUNK_BYTES)
        self._start = start
