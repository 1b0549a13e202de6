"""Lookup of one digest in one sorted section: a prefix table, then a few records.

Everything read from the image is checked before it is used as a place: an image may come from anywhere.
"""

import mmap
import struct

from hashaudit.errors import ListError
from hashaudit.lists.index.index_layout import MAX_PREFIX_BITS, ROW_BYTES, Section
from hashaudit.model.results import AlgorithmName

Image = bytes | mmap.mmap
"""What an index is read from: both have ``find``."""

_WORD = struct.Struct("<I")
_BOUNDS = struct.Struct("<II")
_LEADING = struct.Struct(">I")
LEADING_BITS = 32

_SCAN_RECORDS = 64
"""Up to here a search through the bucket's bytes is faster than a bisection in Python; real digests fill buckets evenly
and stay far below."""

SAMPLES = 256
"""Records whose order is looked at when an index is opened: catches sections that are not what they claim to be, and
stays in the range of a millisecond on a cold disk."""


class DigestSection:
    """The sorted digests of one algorithm, their rows and their prefix table."""

    __slots__ = (
        "_digests_offset",
        "_image",
        "_prefixes_offset",
        "_rows_offset",
        "_rows_total",
        "_shift",
        "algorithm",
        "count",
        "digests",
        "prefix_bits",
        "prefixes",
        "rows",
        "width_bytes",
    )

    def __init__(
        self,
        image: Image,
        *,
        algorithm: AlgorithmName,
        width_bytes: int,
        rows_total: int,
        digests: Section,
        rows: Section,
        prefixes: Section,
    ) -> None:
        """Checks sizes, and samples order.

        Raises:
            ListError: the sections do not fit each other.
        """
        self.algorithm = algorithm
        self.width_bytes = width_bytes
        self.count, rest = divmod(digests.size, width_bytes)
        slots, odd = divmod(prefixes.size, _WORD.size)
        self.prefix_bits = (slots - 1).bit_length() - 1
        if rest or odd or rows.size != self.count * ROW_BYTES or not 0 < self.count <= rows_total:
            raise self.damaged("sizes of sections")
        if not 0 <= self.prefix_bits <= MAX_PREFIX_BITS or slots != (1 << self.prefix_bits) + 1:
            raise self.damaged("size of prefix table")
        self.digests = digests
        self.rows = rows
        self.prefixes = prefixes
        self._image = image
        self._digests_offset = digests.offset
        self._rows_offset = rows.offset
        self._prefixes_offset = prefixes.offset
        self._rows_total = rows_total
        self._shift = LEADING_BITS - self.prefix_bits
        self._check_samples()

    def damaged(self, what: str) -> ListError:
        """The error that says so."""
        return ListError(f"compiled index is damaged: {what} of {self.algorithm}")

    def find(self, digest: bytes) -> range:
        """Positions of the records that hold this digest, empty if none does.

        Raises:
            ValueError: the digest's length is not the algorithm's.
            ListError: the image is damaged.
        """
        width = self.width_bytes
        if len(digest) != width:
            raise ValueError(f"{self.algorithm} digest of {len(digest)} bytes")
        image = self._image
        slot = self._prefixes_offset + (_LEADING.unpack_from(digest)[0] >> self._shift) * 4
        first, end = _BOUNDS.unpack_from(image, slot)
        if not first <= end <= self.count:
            raise self.damaged("prefix table")
        base = self._digests_offset
        if end - first > _SCAN_RECORDS:
            first = self._bisect(digest, first, end)
            end = min(end, first + 1)
        place = image.find(digest, base + first * width, base + end * width)
        while place >= 0 and (place - base) % width:
            # Two neighbours can hold these bytes across their border.
            place = image.find(digest, place + 1, base + end * width)
        if place < 0:
            return _NOWHERE
        first = (place - base) // width
        return range(first, self._end_of_run(digest, first))

    def _bisect(self, digest: bytes, low: int, high: int) -> int:
        """The first position in ``low``..``high`` whose digest is not less."""
        while low < high:
            middle = (low + high) // 2
            if self.digest(middle) < digest:
                low = middle + 1
            else:
                high = middle
        return low

    def _end_of_run(self, digest: bytes, first: int) -> int:
        end = first + 1
        while end < self.count and self.digest(end) == digest:
            end += 1
        return end

    def digest(self, position: int) -> bytes:
        """The digest at a position below :attr:`count`."""
        start = self._digests_offset + position * self.width_bytes
        return self._image[start : start + self.width_bytes]

    def row(self, position: int) -> int:
        """The row of the record at a position below :attr:`count`.

        Raises:
            ListError: there is no such row.
        """
        row: int = _WORD.unpack_from(self._image, self._rows_offset + position * ROW_BYTES)[0]
        if row >= self._rows_total:
            raise self.damaged("row number")
        return row

    def _slot(self, number: int) -> int:
        start: int = _WORD.unpack_from(self._image, self._prefixes_offset + number * _WORD.size)[0]
        return start

    def _check_samples(self) -> None:
        slots = 1 << self.prefix_bits
        if self._slot(0) != 0 or self._slot(slots) != self.count:
            raise self.damaged("prefix table")
        previous = 0
        for number in range(0, slots, max(1, slots // SAMPLES)):
            start = self._slot(number)
            if not previous <= start <= self.count:
                raise self.damaged("prefix table")
            previous = start
        below = b""
        for position in range(0, self.count, max(1, self.count // SAMPLES)):
            digest = self.digest(position)
            slot = _LEADING.unpack_from(digest)[0] >> self._shift
            if digest < below or not self._slot(slot) <= position < self._slot(slot + 1):
                raise self.damaged("order")
            below = digest


_NOWHERE = range(0)
