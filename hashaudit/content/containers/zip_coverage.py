"""Which parts of a zip file its central directory and the members in it take, and which nothing takes."""

import struct
from array import array
from collections.abc import Iterable, Iterator, Sequence

from hashaudit.content.containers.interface import RandomSource
from hashaudit.content.containers.zip_central_directory import Entry

LOCAL = b"PK\x03\x04"
LOCAL_BYTES = 30

LEAST_MEMBER_BYTES = 31
"""A header, and one byte of name or content. A shorter part that nothing takes is a data descriptor or padding."""


class Covered:
    """The parts of a file that the central directory and its members take, in the order of the directory."""

    def __init__(self, source: RandomSource) -> None:
        self._source = source
        self._starts, self._ends = array("Q"), array("Q")
        self._name_bytes = array("H")
        self._is_sorted = True
        """The parts are in the order of the file, as programs write them: sorting a million takes 80 MiB."""
        self._sorted: list[int] | None = None

    def __len__(self) -> int:
        return len(self._starts)

    def collect(self, entries: Iterable[Entry | None]) -> frozenset[int]:
        """Adds what the central directory names; returns the numbers of entries that begin within another's data."""
        reach, is_apart, size = 0, True, self._source.size
        starts, ends, name_lengths = self._starts, self._ends, self._name_bytes
        for entry in entries:
            if entry is None:
                start = end = size
                name_bytes = 0
            else:
                start, name_bytes = entry.offset, len(entry.name)
                start = min(start, size)
                end = start + entry.packed_bytes + name_bytes + LOCAL_BYTES
                end = min(end, size)
            starts.append(start)
            ends.append(end)
            name_lengths.append(name_bytes)
            if start < reach:
                is_apart = False
            reach = max(reach, end)
        # Apart, and none empty at the place of another: they are in the order of the file.
        self._is_sorted = is_apart
        self._sorted = None
        if is_apart:
            return frozenset()
        found, reach = [], 0
        for number in self._order():
            if self._starts[number] < min(reach, size):
                found.append(number)
            reach = max(reach, self._ends[number])
        return frozenset(found)

    def add(self, start: int, end: int, name_bytes: int = 0) -> None:
        """Adds a part; ``name_bytes`` is the length of the member's name in the directory."""
        self._is_sorted = self._is_sorted and (not self._starts or start >= self._starts[-1])
        self._starts.append(start)
        self._ends.append(end)
        self._name_bytes.append(name_bytes)
        self._sorted = None

    def gaps(self, at: int, size: int) -> Iterator[tuple[int, int]]:
        """Yields the parts of the file that nothing takes and that may hold a member, from a position on.

        The length of a member's header stands in the header alone, which is read only before such a part.
        """
        last = None
        for number in self._order():
            start = self._starts[number]
            if start >= at + LEAST_MEMBER_BYTES:
                at = max(at, self._end(last))
                if start >= at + LEAST_MEMBER_BYTES:
                    yield at, start
            if self._ends[number] >= at:
                at, last = self._ends[number], number
        at = max(at, self._end(last))
        if at < size:
            yield at, size

    def _end(self, number: int | None) -> int:
        """Returns where an entry ends according to its local header."""
        if number is None or self._starts[number] >= self._ends[number]:
            return 0
        header = self._source.read_at(self._starts[number], LOCAL_BYTES)
        if len(header) < LOCAL_BYTES or header[:4] != LOCAL:
            return 0
        name_bytes, extra_bytes = struct.unpack_from("<HH", header, 26)
        more = int(name_bytes) + int(extra_bytes) - self._name_bytes[number]
        return min(self._source.size, self._ends[number] + more)

    def _order(self) -> Sequence[int]:
        if self._is_sorted:
            return range(len(self._starts))
        if self._sorted is None or len(self._sorted) != len(self._starts):
            self._sorted = sorted(range(len(self._starts)), key=self._starts.__getitem__)
        return self._sorted
