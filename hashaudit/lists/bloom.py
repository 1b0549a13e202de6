"""The Bloom filter of known files that CIRCL's hashlookup publishes.

It answers "perhaps" or "certainly not", with false positives by design: never a finding, never a reason to pass over a
list of what is looked for. It has no entries, so it is no hash list.

Source: the DCSO bloom format; the hash is FNV-1 (64 bits) of the upper-case hex SHA-1, then a multiplicative sequence.
"""

import math
import mmap
import os
import struct
from types import TracebackType
from typing import Self

from hashaudit.errors import ListError
from hashaudit.lists.file_state import FileState

_HEADER = struct.Struct("<QQdQQQ")
HEADER_BYTES = _HEADER.size
_VERSION = 1
_FNV_OFFSET = 0xCBF29CE484222325
_FNV_PRIME = 0x100000001B3
_MODULUS = 18446744073709551557
"""The largest prime below 2^64."""
_GENERATOR = 18446744073709550147
_WORD_MASK = (1 << 64) - 1
_MAX_HASHES = 64
"""Bits per value; a false-positive rate of 2^-64 needs no more."""
_SHA1_BYTES = 20


def is_bloom_filter(head: bytes) -> bool:
    """Tells from a file's first bytes if it is such a filter."""
    if len(head) < _HEADER.size:
        return False
    version, capacity, rate, hashes, bits, _ = _HEADER.unpack_from(head)
    # Sizes this large are no text, and no other format begins with a word of 1.
    return bool(version == _VERSION and capacity > 0 and 0 < rate < 1 and 0 < hashes <= _MAX_HASHES and bits > 0)


class BloomFilter:
    """A filter on disk, read through a memory map. A context manager; closing it ends the map."""

    def __init__(self, path: str) -> None:
        """Opens the filter at ``path``.

        Raises:
            ListError: it cannot be read, or is no such filter, or is cut short.
        """
        try:
            with open(path, "rb") as file:
                head = file.read(_HEADER.size)
                status = os.fstat(file.fileno())
                if not is_bloom_filter(head):
                    raise ListError(f"{path}: not a Bloom filter of hashlookup")
                self._bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except OSError as error:
            raise ListError(f"{path}: cannot be read: {error.strerror}") from error
        self.state = FileState.of(status)
        _, self.capacity, self.false_positive_rate, self._hashes, self._bits, self.count = _HEADER.unpack(head)
        if status.st_size < _HEADER.size + math.ceil(self._bits / 64) * 8:
            self.close()
            raise ListError(f"{path}: the filter is cut short; get it again")
        if not self.count <= self.capacity <= self._bits:
            # Whatever adds to a filter stops where it is full, and an entry takes more bits than one.
            self.close()
            raise ListError(f"{path}: the filter says that it holds more than it can; get it again")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the map."""
        self._bytes.close()

    def may_hold(self, sha1: bytes) -> bool:
        """Tells if a file with this raw SHA-1 may be known; ``False`` is certain.

        Raises:
            ValueError: ``sha1`` has not twenty bytes.
        """
        if len(sha1) != _SHA1_BYTES:
            raise ValueError("a SHA-1 has twenty bytes")
        value = _FNV_OFFSET
        for byte in sha1.hex().upper().encode("ascii"):
            value = (value * _FNV_PRIME & _WORD_MASK) ^ byte
        value %= _MODULUS
        for _ in range(self._hashes):
            value = (value * _GENERATOR & _WORD_MASK) % _MODULUS
            bit = value % self._bits
            # Words of 64 bits, least significant byte first: the same as single bytes in order.
            if not self._bytes[_HEADER.size + bit // 8] >> bit % 8 & 1:
                return False
        return True
