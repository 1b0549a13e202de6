"""Attributes of entries in an image: columns, and the strings that they refer to.

No value read here is trusted: it is bounded before it is used as an offset or a length.
"""

import struct

import msgspec

from hashaudit.errors import ListError
from hashaudit.lazy import lazy
from hashaudit.lists.index import index_layout
from hashaudit.lists.index.index_layout import AffineColumn, Column, Section
from hashaudit.lists.index.lookup import Image
from hashaudit.model.results import Role

_VALUES = {4: struct.Struct("<I"), 8: struct.Struct("<Q")}
_LENGTH = struct.Struct("<I")
_NUMBERED_WORDS = {tag: word for word, tag in index_layout.NUMBERED_IDS.items()}
_MAPPING = lazy(lambda: msgspec.json.Decoder(dict[str, str]))


class Attributes:
    """The sections ``columns`` and ``text`` of an index."""

    __slots__ = ("_columns", "_image", "_text")

    def __init__(self, image: Image, columns: Section, text: Section) -> None:
        self._image = image
        self._columns = columns
        self._text = text

    @property
    def columns_offset(self) -> int:
        """Offset of the section ``columns``."""
        return self._columns.offset

    def fits(self, column: Column, rows: int) -> bool:
        """Returns whether the column has a value for each of ``rows`` rows. The other methods rely on it."""
        if isinstance(column, AffineColumn):
            return 0 <= column.base < index_layout.MAX_VALUE and 0 <= column.step < index_layout.MAX_VALUE
        end = column.offset + column.width * rows
        return column.width in _VALUES and column.offset >= 0 and end <= self._columns.size

    def value(self, column: Column, index: int) -> int:
        """Returns the value of a list's row, counted from the list's first row."""
        if isinstance(column, AffineColumn):
            return column.base + column.step * index
        offset = self._columns.offset + column.offset + index * column.width
        value: int = _VALUES[column.width].unpack_from(self._image, offset)[0]
        return value

    def entry_id(self, code: int) -> str:
        """Returns the id of an entry from the value of its column.

        Raises:
            ListError: the image is damaged.
        """
        value, tag = code >> index_layout.ID_TAG_BITS, code & index_layout.ID_TAG_MASK
        if tag == index_layout.TEXT_ID:
            return self._string(value).decode(errors="replace")
        word = _NUMBERED_WORDS.get(tag)
        if word is None:
            raise ListError("compiled index is damaged: id")
        return f"{word}{value}"

    def mapping(self, offset: int) -> dict[str, str]:
        """Returns the labels or unmatched hashes of an entry from the value of their column.

        Raises:
            ListError: the image is damaged.
        """
        try:
            return _MAPPING.decode(self._string(offset)) if offset else {}
        except index_layout.JSON_ERRORS as error:
            raise ListError("compiled index is damaged: labels") from error

    def size(self, value: int) -> int | None:
        """Returns the size in bytes of an entry's file from the value of its column."""
        return None if value == index_layout.NO_SIZE else value - 1

    def role(self, code: int) -> Role:
        """Returns the role of an entry from the value of its column.

        Raises:
            ListError: the image is damaged.
        """
        role = index_layout.ROLES.get(code)
        if role is None:
            raise ListError("compiled index is damaged: role")
        return role

    def _string(self, offset: int) -> bytes:
        end = self._text.offset + self._text.size
        start = self._text.offset + offset + _LENGTH.size
        if start > end:
            raise ListError("compiled index is damaged: text")
        length = _LENGTH.unpack_from(self._image, start - _LENGTH.size)[0]
        if start + length > end:
            raise ListError("compiled index is damaged: text")
        return self._image[start : start + length]
