"""Reader of a compiled index from a mapped file or from bytes, with the same code for both."""

import mmap
import os
import stat
from bisect import bisect_right
from copy import copy
from itertools import accumulate
from typing import Self

import msgspec

from hashaudit.content.digests.digest_registry import DIGESTS
from hashaudit.errors import ListError
from hashaudit.host.memory import prefer_large_pages
from hashaudit.lists.algorithms import LENGTHS_BYTES, PERCEPTUAL_LENGTHS_BYTES
from hashaudit.lists.index import index_layout
from hashaudit.lists.index.attributes import Attributes
from hashaudit.lists.index.index_layout import ListRecord, Section
from hashaudit.lists.index.lookup import DigestSection, Image
from hashaudit.lists.index.near.near_layout import PieceSections, piece_sections
from hashaudit.lists.interface import ListInfo
from hashaudit.model.results import AlgorithmName, Role


class Hit(msgspec.Struct, frozen=True):
    """One entry that a lookup found."""

    list_number: int
    row: int
    """Row of the entry; rows are in the order of the entries in their lists."""
    role: Role
    id: str
    labels: dict[str, str]
    size: int | None
    """Size of the file in bytes; ``None`` if the list does not give it."""
    digests: dict[AlgorithmName, bytes]
    """All digests of the entry, not only the one looked up."""
    unsupported: dict[str, str] = {}
    """Hashes in the list that are not matched: name -> value as written in the list."""


class ListIndex:
    """A compiled index: lists, their entries, and lookup by digest.

    Reading a mapped file that another process truncates raises SIGBUS. Indexes are replaced by renaming and never
    rewritten, so this does not happen by accident.
    """

    __slots__ = (
        "_firsts",
        "_image",
        "_records",
        "attributes",
        "header",
        "infos",
        "list_numbers",
        "pieces",
        "sections",
    )

    def __init__(self, image: Image, list_numbers: tuple[int, ...] | None = None) -> None:
        """Opens an image whose bytes do not change. See :meth:`open` and :meth:`from_bytes`.

        Args:
            image: the whole index.
            list_numbers: number of each of its lists in the run header; default: 1, 2, 3, ...

        Raises:
            ListError: the image is not an index, has another version, is truncated or damaged. Checks only what takes
                milliseconds; lookups bound the rest, and :func:`hashaudit.lists.index.verify_index.verify_index` finds
                it.
        """
        self._image = image
        self.header = index_layout.decode_header(image[: index_layout.HEADER_BYTES], len(image))
        by_name = {section.name: section for section in self.header.sections}
        self._records = self._decode_lists(_pop_section(by_name, index_layout.LISTS))
        self.attributes = Attributes(
            image, _pop_section(by_name, index_layout.COLUMNS), _pop_section(by_name, index_layout.TEXT)
        )
        self.sections: dict[AlgorithmName, DigestSection] = {}
        """Digests by algorithm, in the order of the digest table."""
        self.pieces: dict[AlgorithmName, PieceSections] = {}
        """Pieces of the perceptual hashes that have a faster search than comparing with all."""
        self._open_sections(by_name)
        if by_name:
            raise ListError("compiled index has a section that this program does not know")
        self.infos: tuple[ListInfo, ...] = tuple(record.info for record in self._records)
        self.list_numbers = list_numbers or tuple(range(1, len(self._records) + 1))
        if len(self.list_numbers) != len(self._records):
            raise ValueError("one number is required for each list")
        self._check_records()
        self._firsts = list(accumulate((record.rows for record in self._records), initial=0))
        if self._firsts[-1] != self.header.rows:
            raise ListError("compiled index is damaged: number of rows")

    @classmethod
    def open(cls, path: str, list_numbers: tuple[int, ...] | None = None) -> Self:
        """Maps an index read-only.

        Raises:
            ListError: same as the constructor, or the file cannot be read.
        """
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
            try:
                if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                    raise ListError(f"cannot read index: '{path}'; not a regular file")
                image = mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise ListError(f"cannot read index: '{path}'; {error.strerror}") from error
        except ValueError as error:
            # mmap refuses an empty file.
            raise ListError(f"cannot read index: '{path}'; the file is empty") from error
        try:
            return cls(image, list_numbers)
        except ListError as error:
            image.close()
            raise ListError(f"cannot use index: '{path}'; {error}", hint=error.hint) from error

    @classmethod
    def from_bytes(cls, image: bytes, list_numbers: tuple[int, ...] | None = None) -> Self:
        """Opens an index in memory.

        Raises:
            ListError: same as the constructor.
        """
        return cls(bytes(image), list_numbers)

    def numbered(self, list_numbers: tuple[int, ...]) -> "ListIndex":
        """Returns the same index with these list numbers in the run header."""
        if len(list_numbers) != len(self._records):
            raise ValueError("one number is required for each list")
        other = copy(self)
        other.list_numbers = list_numbers
        return other

    @property
    def checksum(self) -> str:
        """Checksum in hex; it identifies the whole content through the checksums of the sections."""
        return self.header.checksum.hex()

    @property
    def image(self) -> Image:
        """The bytes of the index."""
        return self._image

    def expect_random_access(self) -> None:
        """Prepares a mapped file for thousands of accesses in no order."""
        if isinstance(self._image, mmap.mmap):
            prefer_large_pages(self._image)

    @property
    def records(self) -> tuple[ListRecord, ...]:
        """The lists of the index with the columns of their rows."""
        return self._records

    @property
    def algorithms(self) -> tuple[AlgorithmName, ...]:
        """Digests that a file needs for exact lookup, in the order of the digest table."""
        return tuple(name for name in DIGESTS if name in self.sections)

    @property
    def perceptual_algorithms(self) -> tuple[AlgorithmName, ...]:
        """Perceptual hashes that an image needs for lookup by distance."""
        return tuple(name for name in self.sections if name not in DIGESTS)

    def first_row(self, position: int) -> int:
        """Returns the first row of the list at a position from 0.

        For the position after the last, the number of rows.
        """
        return self._firsts[position]

    def lookup(self, algorithm: AlgorithmName, digest: bytes) -> tuple[Hit, ...]:
        """Returns all entries with this digest, in the order of their lists.

        Raises:
            ValueError: the digest has the wrong length for the algorithm.
            ListError: the image is damaged.
        """
        section = self.sections.get(algorithm)
        if section is None:
            return ()
        found = section.find(digest)
        return tuple(self.hit(section, position) for position in found) if found else ()

    def hit(self, section: DigestSection, position: int) -> Hit:
        """Returns the entry at a position of a section.

        Raises:
            ListError: the image is damaged.
        """
        row = section.row(position)
        number, record, index = self._locate(row)
        attributes = self.attributes
        value = attributes.value
        return Hit(
            list_number=self.list_numbers[number],
            row=row,
            role=attributes.role(value(record.roles, index)),
            id=attributes.entry_id(value(record.ids, index)),
            labels=attributes.mapping(value(record.labels, index)),
            unsupported=attributes.mapping(value(record.unsupported, index)),
            size=attributes.size(value(record.sizes, index)),
            digests=self._digests(record, index) or {section.algorithm: section.digest(position)},
        )

    def entry_at(self, row: int) -> tuple[int, str]:
        """Returns list number and id of the entry at a row below ``header.rows``.

        Raises:
            ListError: the image is damaged.
        """
        number, record, index = self._locate(row)
        return self.list_numbers[number], self.attributes.entry_id(self.attributes.value(record.ids, index))

    def _locate(self, row: int) -> tuple[int, ListRecord, int]:
        """Returns the position of a row's list, the list's record, and the number of the row in the list."""
        number = bisect_right(self._firsts, row) - 1
        return number, self._records[number], row - self._firsts[number]

    def _digests(self, record: ListRecord, index: int) -> dict[AlgorithmName, bytes]:
        digests = {}
        for algorithm, column in record.digests.items():
            position = self.attributes.value(column, index) - 1
            section = self.sections[algorithm]
            if position >= section.count:
                raise ListError("compiled index is damaged: position of a digest")
            if position >= 0:
                digests[algorithm] = section.digest(position)
        return digests

    def _decode_lists(self, section: Section) -> tuple[ListRecord, ...]:
        try:
            return index_layout.LISTS_DECODER.decode(self._image[section.offset : section.offset + section.size])
        except index_layout.JSON_ERRORS as error:
            # msgspec's message could repeat content of the list.
            raise ListError("compiled index is damaged: lists") from error

    def _open_sections(self, by_name: dict[str, Section]) -> None:
        for algorithm, width_bytes in LENGTHS_BYTES.items():
            digests = by_name.pop(index_layout.DIGESTS + algorithm, None)
            if digests is None:
                continue
            self.sections[algorithm] = DigestSection(
                self._image,
                algorithm=algorithm,
                width_bytes=width_bytes,
                rows_total=self.header.rows,
                digests=digests,
                rows=_pop_section(by_name, index_layout.ROWS + algorithm),
                prefixes=_pop_section(by_name, index_layout.PREFIXES + algorithm),
            )
            if index_layout.BUCKETS + algorithm in by_name and algorithm in PERCEPTUAL_LENGTHS_BYTES:
                buckets, members = (
                    _pop_section(by_name, name + algorithm) for name in (index_layout.BUCKETS, index_layout.MEMBERS)
                )
                self.pieces[algorithm] = piece_sections(self.sections[algorithm], buckets, members)

    def _check_records(self) -> None:
        for record in self._records:
            if record.rows < 0 or not record.digests.keys() <= self.sections.keys():
                raise ListError("compiled index is damaged: list record")
            attributes = (record.ids, record.labels, record.sizes, record.roles, record.unsupported)
            if not all(self.attributes.fits(column, record.rows) for column in (*attributes, *record.digests.values())):
                raise ListError("compiled index is damaged: column")


def _pop_section(by_name: dict[str, Section], name: str) -> Section:
    section = by_name.pop(name, None)
    if section is None:
        raise ListError("compiled index is damaged: a section is missing")
    return section
