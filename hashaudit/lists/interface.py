"""What a hash list is to the rest of the program, and what a parser of one format gives.

A parser turns bytes into entries and rejects. It never prints, logs or repeats what an entry holds: a reject has a line
number and a reason, and that is all that anyone is shown.
"""

from collections.abc import Iterator
from enum import StrEnum
from typing import BinaryIO, Protocol

import msgspec

from hashaudit.model.results import AlgorithmName, Role


class ListSpec(msgspec.Struct, frozen=True):
    """A list as the user named it."""

    path: str
    role: Role
    algorithm: AlgorithmName | None = None
    """Stated by ``ALGO=FILE``; without it the content must say."""
    imagehash_pre4: bool = False
    """Stated by ``ALGO:imagehash-pre4=FILE``: perceptual hashes in the hex form of imagehash before version 4.0."""


class ListEntry(msgspec.Struct, frozen=True):
    """One entry of a list: everything it says about one file."""

    id: str
    """The list's own id of the entry (MediaID, UUID, ...); ``line N`` where the format has none."""
    digests: dict[AlgorithmName, bytes]
    """Raw bytes of each cryptographic digest or perceptual hash that the entry gives."""
    size: int | None = None
    """Bytes of the file, where the list gives it."""
    labels: dict[str, str] = {}
    """What the list says of it: category, classification, series, family, name, score, tlp, ..."""
    role: Role | None = None
    """Where an entry states its own role, it overrides the list's."""
    unsupported: dict[str, str] = {}
    """Hashes that are carried and counted but not matched (PhotoDNA, ...): name -> value as the list gives it."""


class DigestBlock(msgspec.Struct, frozen=True):
    """A run of consecutive lines that each hold one hash and nothing else: the form in which large plain lists pass.

    It stands for ``len(digests) // length`` entries whose ids are ``line N``, N counting up from ``first_line``.
    """

    algorithm: AlgorithmName
    digests: bytes
    """Raw digests, one after the other."""
    first_line: int


class RejectReason(StrEnum):
    """Why a line or record was not kept."""

    MALFORMED = "malformed"
    """Not of the format."""
    WRONG_LENGTH = "wrong_length"
    """A hash whose length is not its algorithm's."""
    TOO_LONG = "too_long"
    """A line or field over the limit."""
    EMPTY_INPUT = "empty_input"
    """The hash of no bytes at all: it would match every empty file."""
    FLAT = "flat"
    """The perceptual hash of a picture without any content: it would match every such picture."""
    DUPLICATE = "duplicate"
    UNSUPPORTED = "unsupported"
    """An algorithm that is carried and counted but not matched (PhotoDNA, ssdeep, ...)."""
    NOT_SELECTED = "not_selected"
    """Left out by the user's choice of categories or score."""
    WITHDRAWN = "withdrawn"
    """Deleted, revoked or expired by the list itself."""


class Rejected(msgspec.Struct, frozen=True):
    """One line or record that was not kept."""

    line: int
    """From 1; of binary formats the record's number."""
    reason: RejectReason
    detail: str = ""
    """For people. Never any part of the line."""


class ListInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What the run header says of a list. Holds no entry."""

    name: str
    """The list's own name where it has one, else the file's."""
    path: str
    role: Role
    size: int
    sha256: str
    mtime_ns: int
    format: str
    version: str | None = None
    date: str | None = None
    algorithms: tuple[AlgorithmName, ...] = ()
    read: int = 0
    """Lines or records that could have been entries (comments and blank lines are not)."""
    kept: int = 0
    rejected: dict[str, int] = {}
    """Count by :class:`RejectReason`; only those above zero."""
    all_sized: bool = False
    """Every entry kept gives the file's size."""
    warnings: tuple[str, ...] = ()
    """For people: readable by others, first rejected lines (number and reason), ..."""


class ListMeta(msgspec.Struct, frozen=True):
    """What a list says of itself as a whole. A parser may yield it at any point, at most once."""

    name: str | None = None
    version: str | None = None
    date: str | None = None


class ParseOptions(msgspec.Struct, frozen=True):
    """What the user says about how a list is to be read."""

    algorithm: AlgorithmName | None = None
    """Stated by ``ALGO=FILE``."""
    columns: dict[str, str] = {}
    """Column of a delimited list -> what it holds: an algorithm, ``hash``, ``algorithm``, ``id``, ``size``, a label."""


ListItem = ListEntry | DigestBlock | Rejected | ListMeta
"""What a parser yields. Every record of a list ends as exactly one entry, one place in a block or one reject."""


class OpenedList(msgspec.Struct, frozen=True):
    """A list whose format is known and whose items are still to be read."""

    format: str
    """As the run header names it."""
    strict: bool
    """A single reject other than empty input, duplicate, unsupported or withdrawn refuses the list."""
    items: Iterator[ListItem]
    """Raises :class:`hashaudit.errors.ListError` where the list turns out to be unusable."""


class ListFormat(Protocol):
    """One format of hash list that is read as a stream from its beginning to its end."""

    @property
    def name(self) -> str:
        """As the run header names it: ``hashdeep``, ``coreutils``, ``plain``, ..."""
        ...

    @property
    def strict(self) -> bool:
        """A single reject other than empty input, duplicate, unsupported or withdrawn refuses the list."""
        ...

    def recognises(self, head: bytes) -> bool:
        """Tells from the first bytes (at most 64 KiB, a byte-order mark and UTF-16 already undone) if it is this."""
        ...

    def parse(self, stream: BinaryIO, options: ParseOptions) -> Iterator[ListItem]:
        """Yields what the list holds, in its order.

        Raises:
            ListError: the file is truncated, or is not what it claims to be.
        """
        ...


class PathFormat(Protocol):
    """One format that cannot be read as a stream: a database, or a folder of pages that make one list."""

    @property
    def name(self) -> str:
        """As the run header names it."""
        ...

    @property
    def strict(self) -> bool:
        """As :attr:`ListFormat.strict`."""
        ...

    def recognises(self, path: str) -> bool:
        """Tells by looking into ``path`` if it is this.

        Raises:
            ListError: ``path`` cannot be read.
        """
        ...

    def parse(self, path: str, options: ParseOptions) -> Iterator[ListItem]:
        """Yields what the list holds.

        Raises:
            ListError: the list is damaged, or is not what it claims to be.
        """
        ...
