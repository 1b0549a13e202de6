"""The interface of hash lists: entries, rejects, list descriptions and the protocols of a format's parser.

A parser turns bytes into entries and rejects. It never prints, logs or repeats the content of an entry: a reject has a
line number and a reason, and only these are shown.
"""

from collections.abc import Iterator
from enum import StrEnum
from typing import BinaryIO, Protocol

import msgspec

from hashaudit.model.results import AlgorithmName, Role
from hashaudit.model.times import TimeNs


class ListSpec(msgspec.Struct, frozen=True):
    """A list as the user named it."""

    path: str
    role: Role = Role.DENY
    algorithm: AlgorithmName | None = None
    """Algorithm given as ``ALGO=FILE``; ``None`` to detect it from the content."""
    imagehash_pre4: bool = False
    """True if ``ALGO:imagehash-pre4=FILE`` was given: perceptual hashes in the hex form of imagehash before version
    4.0."""


class ListEntry(msgspec.Struct, frozen=True):
    """One entry of a list, with all that the list gives about one file."""

    id: str
    """The list's own id of the entry (MediaID, UUID, ...); ``line N`` where the format has none."""
    digests: dict[AlgorithmName, bytes]
    """Raw bytes of each cryptographic digest or perceptual hash that the entry gives."""
    size: int | None = None
    """Size of the file in bytes; ``None`` if the list does not give it."""
    labels: dict[str, str] = {}
    """Further values from the list: category, classification, series, family, name, score, tlp, ..."""
    role: Role | None = None
    """The entry's own role, which overrides the role of its list; ``None`` if it has none."""
    unsupported: dict[str, str] = {}
    """Hashes that are stored and counted but not matched (PhotoDNA, ...): name -> value as written in the list."""
    remarks: tuple[str, ...] = ()
    """Defects of the record that did not prevent the entry; never any part of the record."""


class DigestBlock(msgspec.Struct, frozen=True):
    """Consecutive lines that each hold one hash and nothing else: the compact form for large plain lists.

    It represents ``len(digests) // length`` entries with the ids ``line N``, N counting up from ``first_line``.
    """

    algorithm: AlgorithmName
    digests: bytes
    """Raw digests, concatenated."""
    first_line: int


class RejectReason(StrEnum):
    """The reason why a line or record became no entry."""

    MALFORMED = "malformed"
    """Does not follow the format."""
    WRONG_LENGTH = "wrong_length"
    """A hash of the wrong length for its algorithm."""
    TOO_LONG = "too_long"
    """A line or field over the limit."""
    EMPTY_INPUT = "empty_input"
    """The hash of empty input, which would match every empty file."""
    FLAT = "flat"
    """The perceptual hash of an image without content, which would match every such image."""
    DUPLICATE = "duplicate"
    UNSUPPORTED = "unsupported"
    """An algorithm that is stored and counted but not matched (PhotoDNA, ssdeep, ...)."""
    NOT_SELECTED = "not_selected"
    """Skipped by the user's selection of categories or scores."""
    WITHDRAWN = "withdrawn"
    """Deleted, revoked or expired according to the list itself."""


class Rejected(msgspec.Struct, frozen=True):
    """One line or record that became no entry."""

    line: int
    """Line number from 1; record number in binary formats."""
    reason: RejectReason
    detail: str = ""
    """Explanation for people; never contains any part of the line."""


class Remark(msgspec.Struct, frozen=True):
    """A part of a list that is skipped although it may matter. Equal texts become one warning with their number."""

    line: int
    """Line number from 1; record number in binary formats."""
    text: str
    """Explanation for people; never contains any part of an entry. It may name a column."""


class ListInfo(msgspec.Struct, frozen=True, kw_only=True):
    """The description of a list in the run header. Holds no entry."""

    name: str
    """The list's own name if it has one, else the file's."""
    path: str
    role: Role
    size: int
    sha256: str
    mtime_ns: TimeNs
    format: str
    version: str | None = None
    date: str | None = None
    algorithms: tuple[AlgorithmName, ...] = ()
    read: int = 0
    """Number of lines or records that could be entries; excludes comments and blank lines."""
    kept: int = 0
    rejected: dict[str, int] = {}
    """Count by :class:`RejectReason`; only counts above zero."""
    all_sized: bool = False
    """True if every accepted entry gives the file's size."""
    warnings: tuple[str, ...] = ()
    """Warnings for people: file readable by others, first rejected lines (number and reason), ..."""
    omissions: tuple[str, ...] = ()
    """Warnings about hashes that may be missing from the entries. ``--quiet`` does not hide them."""


class ListMeta(msgspec.Struct, frozen=True):
    """The list's own name, version and date. A parser may yield it at any point, at most once."""

    name: str | None = None
    version: str | None = None
    date: str | None = None


class ParseOptions(msgspec.Struct, frozen=True):
    """The user's settings for reading a list."""

    algorithm: AlgorithmName | None = None
    """Algorithm given as ``ALGO=FILE``."""
    columns: dict[str, str] = {}
    """Column of a delimited list -> its field: an algorithm, ``hash``, ``algorithm``, ``id``, ``size``, a label."""
    include_unmarked: bool = False
    """True to accept the hashes of a MISP event that are not marked for detection."""
    outline: bytes = b""
    """A JSON text with all root keys of the list, for a list whose first bytes do not identify its format."""


ListItem = ListEntry | DigestBlock | Rejected | Remark | ListMeta
"""An item from a parser. Every record of a list becomes at least one entry, one digest of a block or one reject."""


class OpenedList(msgspec.Struct, frozen=True):
    """A list whose format is known and whose items have not been read yet."""

    format: str
    """Name of the format in the run header."""
    strict: bool
    """True if one malformed, overlong or wrong-length record makes the whole list unusable."""
    items: Iterator[ListItem]
    """Iterator that raises :class:`hashaudit.errors.ListError` if the list is unusable."""


class ListFormat(Protocol):
    """A format that is read as a stream from beginning to end."""

    @property
    def name(self) -> str:
        """Name of the format in the run header: ``hashdeep``, ``coreutils``, ``plain``, ..."""
        ...

    @property
    def strict(self) -> bool:
        """True if one malformed, overlong or wrong-length record makes the whole list unusable."""
        ...

    def recognises(self, head: bytes) -> bool:
        """Returns whether the first bytes are of this format (at most 64 KiB, as UTF-8 without a byte-order mark)."""
        ...

    def parse(self, stream: BinaryIO, options: ParseOptions) -> Iterator[ListItem]:
        """Yields the items of the list in order.

        Raises:
            ListError: the file is truncated, or has another format than its beginning suggests.
        """
        ...


class PathFormat(Protocol):
    """A format that cannot be read as a stream: a database."""

    @property
    def name(self) -> str:
        """Name of the format in the run header."""
        ...

    @property
    def strict(self) -> bool:
        """Same as :attr:`ListFormat.strict`."""
        ...

    def recognises(self, path: str) -> bool:
        """Returns whether ``path`` is of this format, from its content.

        Raises:
            ListError: ``path`` cannot be read.
        """
        ...

    def parse(self, path: str, options: ParseOptions) -> Iterator[ListItem]:
        """Yields the items of the list.

        Raises:
            ListError: the list is damaged, or has another format than its beginning suggests.
        """
        ...
