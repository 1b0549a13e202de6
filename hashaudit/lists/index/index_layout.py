"""Layout of a compiled index: the header, the section table and the rules for both.

Specification: docs/reference/index-format.md. Offsets are not trusted: they are recomputed from the sizes and must
agree.
"""

import struct
import sys
from array import array
from collections.abc import Iterator

import blake3
import msgspec

from hashaudit.errors import ListError
from hashaudit.lists.interface import ListInfo
from hashaudit.model.results import AlgorithmName, Role

MAGIC = b"\x8bHAIDX\r\n"
"""The signature: not text, and damaged by every transfer that converts line ends or clears the high bit."""

VERSION = 2

HEADER_BYTES = 8192
"""Size of header and section table together. It is fixed so that sections can be written before their number is
known."""

ALIGNMENT_BYTES = 64
"""Sections begin on a cache line."""

CHECKSUM_BYTES = 32
"""Size of a BLAKE3 checksum without a key."""

_NAME_BYTES = 48
"""Size of a section name. The longest name is that of a hash plug-in, at most 32 letters, after its prefix."""
_FIXED = struct.Struct("<8sIIQQ")
_TABLE_OFFSET = 64
_SECTION = struct.Struct(f"<{_NAME_BYTES}sQQ{CHECKSUM_BYTES}s")
MAX_SECTIONS = (HEADER_BYTES - _TABLE_OFFSET) // _SECTION.size

ROW_BYTES = 4
"""Size of a row number, so an index holds fewer than 2**32 rows."""

MAX_ROWS = 2**32 - 2**16
"""Maximum number of rows. Positions are stored plus one; the rest is room for a writer that does not check every
row."""

MAX_VALUE = 2**62
"""Upper bound of column values, so that their sums and products do not wrap in 64 bits."""

MAX_PREFIX_BITS = 26
"""Maximum prefix, for a table of 256 MiB: more would cost more than it saves."""

LISTS, TEXT, COLUMNS = "lists", "text", "columns"
DIGESTS, ROWS, PREFIXES = "digests/", "rows/", "prefixes/"
BUCKETS, MEMBERS = "buckets/", "members/"
"""Names of sections; in the last five, the algorithm's name follows."""


class Section(msgspec.Struct, frozen=True):
    """One row of the section table."""

    name: str
    offset: int
    size: int
    checksum: bytes


class Header(msgspec.Struct, frozen=True):
    """The first bytes of an index."""

    rows: int
    sections: tuple[Section, ...]
    checksum: bytes
    """Checksum of the header and, through the sections' checksums, of the whole index."""
    size: int
    """Size of the whole index in bytes."""


class AffineColumn(msgspec.Struct, frozen=True, tag="affine"):
    """A column that is not stored: the value at ``i`` is ``base + step * i``."""

    base: int
    step: int


class StoredColumn(msgspec.Struct, frozen=True, tag="stored"):
    """A column of little-endian unsigned integers in the section ``columns``."""

    offset: int
    """Offset from the beginning of the section, in bytes."""
    width: int
    """Size of one value in bytes: 4 or 8."""


Column = AffineColumn | StoredColumn


class ListRecord(msgspec.Struct, frozen=True):
    """One list of an index: its description, and the columns of its rows."""

    info: ListInfo
    rows: int
    ids: Column
    labels: Column
    sizes: Column
    roles: Column
    unsupported: Column
    digests: dict[AlgorithmName, Column]
    """Column of positions plus one of the rows' digests in the algorithm's section, 0 for rows without one. Empty
    for a list whose entries have one digest each: there the digest that was looked up is the only one."""


NO_SIZE = 0
"""Value for no size in a column of sizes, which are stored plus one."""

ROLE_CODES: dict[Role, int] = {Role.DENY: 1, Role.KNOWN: 2}
ROLES: dict[int, Role] = {code: role for role, code in ROLE_CODES.items()}

LINE_ID, INTEGER_ID, TEXT_ID, ROW_ID, RECORD_ID = range(5)
"""Values of the low bits of an id, which give the type of the other bits: see :data:`NUMBERED_IDS`. For
:data:`TEXT_ID` they are an offset in the section ``text``."""

NUMBERED_IDS = {"line ": LINE_ID, "": INTEGER_ID, "row ": ROW_ID, "record ": RECORD_ID}
"""Prefix of ids that are stored as numbers -> tag."""

POSITION_IDS = frozenset({LINE_ID, ROW_ID, RECORD_ID})
"""Tags of ids that are positions in the list, because the list gives no own ids."""

ID_TAG_BITS = 3
ID_TAG_MASK = (1 << ID_TAG_BITS) - 1

LISTS_DECODER = msgspec.json.Decoder(tuple[ListRecord, ...])
LISTS_ENCODER = msgspec.json.Encoder()

JSON_ERRORS = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""Errors of decoding hostile JSON: wrong form, not UTF-8, or excessive nesting in skipped values."""


def aligned(offset: int) -> int:
    """Returns the next offset at which a section may begin."""
    return -(-offset // ALIGNMENT_BYTES) * ALIGNMENT_BYTES


def encode_header(rows: int, sections: tuple[Section, ...]) -> bytes:
    """Returns the header of an index whose sections have valid offsets.

    Raises:
        ListError: there are too many sections.
    """
    if len(sections) > MAX_SECTIONS:
        raise ListError("the lists have too many algorithms for one index", hint="build several indexes")
    end = sections[-1].offset + sections[-1].size
    fixed = _FIXED.pack(MAGIC, VERSION, len(sections), end, rows)
    table = b"".join(_SECTION.pack(s.name.encode(), s.offset, s.size, s.checksum) for s in sections)
    table = table.ljust(HEADER_BYTES - _TABLE_OFFSET, b"\0")
    return fixed + _header_checksum(fixed, table) + table


def is_index(head: bytes) -> bool:
    """Returns whether a file with these first bytes is a compiled index of any version."""
    return head.startswith(MAGIC)


def decode_header(head: bytes, size_bytes: int) -> Header:
    """Decodes the first :data:`HEADER_BYTES` of an index of ``size_bytes``.

    Raises:
        ListError: the file is not an index, has another version, is truncated or damaged, or has invalid section
            offsets.
    """
    if not is_index(head):
        raise ListError("not a compiled index")
    if len(head) < HEADER_BYTES:
        raise ListError("compiled index is truncated")
    _, version, count, size, rows = _FIXED.unpack_from(head)
    if version != VERSION:
        raise ListError(
            f"compiled index has version {version}; this program reads version {VERSION}",
            hint="build it again from its lists with: hashaudit lists build",
        )
    checksum = head[_FIXED.size : _TABLE_OFFSET]
    if _header_checksum(head[: _FIXED.size], head[_TABLE_OFFSET:HEADER_BYTES]) != checksum:
        raise ListError("compiled index is damaged: header checksum")
    if size != size_bytes:
        raise ListError(f"compiled index has {size_bytes} bytes instead of {size}: truncated or extended")
    if not 0 < count <= MAX_SECTIONS or rows > MAX_ROWS or any(head[_TABLE_OFFSET + count * _SECTION.size :]):
        raise ListError("compiled index is damaged: counts")
    sections = tuple(_decode_sections(head, count))
    _check_offsets(sections, size)
    return Header(rows, sections, checksum, size)


def _header_checksum(fixed: bytes, table: bytes) -> bytes:
    return blake3.blake3(fixed + table).digest()


def _decode_sections(head: bytes, count: int) -> Iterator[Section]:
    for number in range(count):
        raw, offset, size, checksum = _SECTION.unpack_from(head, _TABLE_OFFSET + number * _SECTION.size)
        name = raw.rstrip(b"\0")
        if not name.isascii():
            raise ListError("compiled index is damaged: section name")
        yield Section(name.decode("ascii"), offset, size, checksum)


def _check_offsets(sections: tuple[Section, ...], size: int) -> None:
    if len({section.name for section in sections}) != len(sections):
        raise ListError("compiled index is damaged: two sections of one name")
    end = HEADER_BYTES
    for section in sections:
        if section.offset != aligned(end):
            raise ListError("compiled index is damaged: section offset")
        end = section.offset + section.size
    if end != size:
        raise ListError("compiled index is damaged: section size")


def little_endian(values: "array[int]") -> bytes:
    """Returns the bytes of numbers of 4 bytes as they are stored."""
    if sys.byteorder == "big":
        values.byteswap()
    return values.tobytes()
