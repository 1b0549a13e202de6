"""Lookup of one digest in one sorted section: a prefix table, then a few records.

Every value from the image is checked before it is used as an offset, because an image may come from anywhere.
"""

import mmap
import struct
from collections.abc import Callable
from operator import itemgetter

from hashaudit.errors import ListError
from hashaudit.lists.index.index_layout import MAX_PREFIX_BITS, ROW_BYTES, Section
from hashaudit.model.results import AlgorithmName

Image = bytes | mmap.mmap
"""The bytes of an index; both types have ``find``."""

_WORD = struct.Struct("<I")
_BOUNDS = struct.Struct("<II")
_LEADING = struct.Struct(">I")
LEADING_BITS = 32

_SET_RECORDS = 16_384
"""Number of records up to which a set is worth its memory, at most 2 MB in each worker."""

_SCAN_RECORDS = 64
"""Number of records up to which searching the bytes of a bucket is faster than bisection in Python. Real digests
fill buckets evenly and are far below."""

SAMPLES = 256
"""Number of records whose order is checked when an index is opened. It detects a wrong section, and takes about a
millisecond on a cold disk."""


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
        """Checks sizes, and samples the order.

        Raises:
            ListError: the sections do not fit together.
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
        """Returns the error for a damaged part of this section."""
        return ListError(f"compiled index is damaged: {what} of {self.algorithm}")

    def find(self, digest: bytes) -> range:
        """Returns the positions of the records with this digest; empty if there is none.

        Raises:
            ValueError: the digest has the wrong length for the algorithm.
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
        offset = image.find(digest, base + first * width, base + end * width)
        while offset >= 0 and (offset - base) % width:
            # Two neighbouring digests can contain these bytes across their border.
            offset = image.find(digest, offset + 1, base + end * width)
        if offset < 0:
            return _NOWHERE
        first = (offset - base) // width
        return range(first, self._end_of_run(digest, first))

    def membership(self) -> Callable[[bytes], object]:
        """Returns a function that says whether a digest has a record: true if it has."""
        if self.count > _SET_RECORDS:
            return self.find
        size = self.count * self.width_bytes
        content = self._image[self._digests_offset : self._digests_offset + size]
        return frozenset(map(itemgetter(0), struct.iter_unpack(f"{self.width_bytes}s", content))).__contains__

    def _bisect(self, digest: bytes, low: int, high: int) -> int:
        """Returns the first position in ``low``..``high`` whose digest is not less."""
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
        """Returns the digest at a position below :attr:`count`."""
        start = self._digests_offset + position * self.width_bytes
        return self._image[start : start + self.width_bytes]

    def row(self, position: int) -> int:
        """Returns the row of the record at a position below :attr:`count`.

        Raises:
            ListError: the row number is invalid.
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
