"""Writer for the section ``text``.

Ids that are not numbers, label sets and unmatched hashes, each after its length.
"""

import struct
from typing import BinaryIO

import msgspec

from hashaudit.errors import ListError
from hashaudit.lists.index.index_layout import ID_TAG_BITS, MAX_VALUE
from hashaudit.lists.index.spool import spool

_LENGTH = struct.Struct("<I")

_REMEMBERED_STRINGS = 1 << 16
"""Number of strings that are shared. Lists have few label sets; if each entry had its own, remembering all would
take unbounded memory."""

_PENDING_BYTES = 1 << 20
"""Bytes that are written at once; a write for each string would double the cost."""

MAX_STRING_BYTES = 1 << 24
"""Maximum size of a string. No label set or id comes near; it bounds the copy that a damaged length can cause."""


class StringTable:
    """Writer that appends strings and returns their offsets. Offset 0 is the empty object."""

    def __init__(self, directory: str | None) -> None:
        self._file: BinaryIO = spool(directory)
        self._pending = bytearray()
        self._size = 0
        self._offsets: dict[bytes, int] = {}
        self.add_mapping({})

    def close(self) -> None:
        """Closes the temporary file."""
        self._file.close()

    def content(self) -> BinaryIO:
        """Returns the section; complete if nothing more is added."""
        self._flush()
        return self._file

    def add_text(self, text: str) -> int:
        """Stores a string. Bytes that its list could not decode become U+FFFD, because only text is shown."""
        try:
            raw = text.encode()
        except UnicodeEncodeError:
            raw = _repaired(text).encode()
        return self._append(raw)

    def add_mapping(self, mapping: dict[str, str]) -> int:
        """Stores labels, or finds them among those stored recently."""
        try:
            raw = msgspec.json.encode(mapping)
        except UnicodeEncodeError:
            raw = msgspec.json.encode({_repaired(key): _repaired(value) for key, value in mapping.items()})
        offset = self._offsets.get(raw)
        if offset is None:
            offset = self._append(raw)
            if len(self._offsets) < _REMEMBERED_STRINGS:
                self._offsets[raw] = offset
        return offset

    def _append(self, raw: bytes) -> int:
        offset = self._size
        if len(raw) > MAX_STRING_BYTES or offset >= MAX_VALUE >> ID_TAG_BITS:
            raise ListError("the id or labels of an entry are too long")
        self._pending += _LENGTH.pack(len(raw))
        self._pending += raw
        self._size += _LENGTH.size + len(raw)
        if len(self._pending) >= _PENDING_BYTES:
            self._flush()
        return offset

    def _flush(self) -> None:
        self._file.write(self._pending)
        self._pending.clear()


def _repaired(text: str) -> str:
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
