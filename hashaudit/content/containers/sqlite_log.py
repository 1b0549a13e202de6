"""The reader of the write-ahead log beside a SQLite database. Each blob in the newest form of a page is a member.

Source: sqlite.org/fileformat2.html 4.
"""

import struct
from collections.abc import Iterator

from hashaudit.content.containers.inside_budget import limit_text
from hashaudit.content.containers.interface import ContainerError, Found, MemberContent, RandomSource, Trouble
from hashaudit.content.containers.sqlite_pages import (
    BAD_HEADER,
    BAD_PAGE,
    ENDS_EARLY,
    HEADER_BYTES,
    INNER_TABLE,
    LEAF_TABLE,
    Pages,
    cells_of,
)
from hashaudit.model.faults import FaultCode

NOT_IN_LOG = "the member has pages that only the database beside its log holds"

MOST_PAGES = 1_000_000
"""Most pages of a log: 1,000 are the default."""

_LOG_BYTES, _FRAME_BYTES = 32, 24
"""Lengths of the headers of a log and of a frame (4.1)."""


def read_sqlite_log(source: RandomSource) -> Iterator[Found]:
    """Reads the write-ahead log beside a database, page by page."""
    log = _Log(source)
    yield from log.members()


class _Log(Pages):
    """The write-ahead log of a database: pages that are not written to it yet (4.1)."""

    def __init__(self, source: RandomSource) -> None:
        self._source = source
        head = source.read_at(0, _LOG_BYTES)
        if len(head) < _LOG_BYTES:
            raise ContainerError(FaultCode.DAMAGED, BAD_HEADER)
        (self._page_bytes,) = struct.unpack_from(">I", head, 8)
        if not 512 <= self._page_bytes <= 65536 or self._page_bytes & self._page_bytes - 1:
            raise ContainerError(FaultCode.DAMAGED, BAD_HEADER)
        self.usable = self._page_bytes
        self._salt = head[16:24]
        self._places: dict[int, int] = {}
        """Where the newest form of each page is."""
        self._count, self._is_damaged = 0, False

    def members(self) -> Iterator[Found]:
        """Yields the blobs in the newest form of each page, and a fault where some may be missing."""
        at, size = _LOG_BYTES, _FRAME_BYTES + self._page_bytes
        while at + size <= self._source.size and len(self._places) < MOST_PAGES:
            head = self._source.read_at(at, _FRAME_BYTES)
            if head[8:16] != self._salt:
                break  # what an older log left behind
            self._places[int.from_bytes(head[:4])] = at + _FRAME_BYTES
            at += size
        for number in sorted(self._places):
            if number in self._places:  # else it is a part of a value before
                yield from self._page(number)
        if self._is_damaged:
            yield Trouble(FaultCode.DAMAGED, BAD_PAGE)
        if 0 < self._source.size - at < size:
            yield Trouble(FaultCode.DAMAGED, ENDS_EARLY)
        elif at < self._source.size and len(self._places) >= MOST_PAGES:
            yield Trouble(FaultCode.LIMIT_REACHED, limit_text("memory", MOST_PAGES))

    def _page(self, number: int) -> Iterator[Found]:
        page = self._source.read_at(self._places[number], self._page_bytes)
        try:
            kind, cells, _ = cells_of(page, HEADER_BYTES if number == 1 else 0)
        except (ContainerError, struct.error, IndexError):
            return  # a page of another kind: its content is that of a cell elsewhere
        for position, start in enumerate(() if kind == INNER_TABLE else cells):
            found = self.cell(page, start, kind)
            places: list[tuple[int, int, int]] = []
            try:
                places = [] if found is None else found[1].blobs()
            except ContainerError:
                found = None
            if found is None:
                self._is_damaged = True
                continue
            key = found[0] if kind == LEAF_TABLE else position
            for column, offset, length in places:
                name = b"page %d/%d/column%d" % (number, key, column)
                yield MemberContent(self._count, name, found[1].content(offset, length), length)
                self._count += 1

    def take(self, number: int) -> bytes:
        """Returns a page of a longer value, once.

        Raises:
            ContainerError: the log does not have it.
        """
        if number not in self._places:
            raise ContainerError(FaultCode.INCOMPLETE, NOT_IN_LOG)
        return self._source.read_at(self._places.pop(number), self._page_bytes)
