"""Reader of the Bloom filter of known files that CIRCL's hashlookup publishes.

It answers "perhaps" or "certainly not", with false positives by design: never a finding, and never a reason to skip a
list to search for. It has no entries, so it is not a hash list.

Source: the DCSO Bloom filter format; the hash is FNV-1 (64 bits) of the upper-case hex SHA-1, then a multiplicative
sequence.
"""

import math
import mmap
import os
import struct
from typing import Self

from hashaudit.errors import ListError
from hashaudit.host.files import open_regular
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
"""Maximum number of bits per value; a false-positive rate of 2^-64 needs no more."""
_SHA1_BYTES = 20


def is_bloom_filter(head: bytes) -> bool:
    """Returns whether a file with these first bytes is such a filter."""
    if len(head) < _HEADER.size:
        return False
    version, capacity, rate, hashes, bits, _ = _HEADER.unpack_from(head)
    # No text begins like this, and no other format begins with a word of 1.
    return bool(version == _VERSION and capacity > 0 and 0 < rate < 1 and 0 < hashes <= _MAX_HASHES and bits > 0)


class BloomFilter:
    """A filter on disk, read through a memory map. A context manager; closing it closes the map."""

    def __init__(self, path: str) -> None:
        """Opens the filter at ``path``.

        Raises:
            ListError: the file cannot be read, is not such a filter, or is truncated.
        """
        try:
            with open_regular(path) as file:
                head = file.read(_HEADER.size)
                status = os.fstat(file.fileno())
                if not is_bloom_filter(head):
                    raise ListError(f"not a Bloom filter of hashlookup: '{path}'")
                self._bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except OSError as error:
            raise ListError(f"cannot read Bloom filter: '{path}'; {error.strerror}") from error
        self.state = FileState.of(status)
        _, self.capacity, self.false_positive_rate, self._hashes, self._bits, self.count = _HEADER.unpack(head)
        if status.st_size < _HEADER.size + math.ceil(self._bits / 64) * 8:
            self.close()
            raise ListError(f"Bloom filter is truncated: '{path}'", hint="download it again")
        if not self.count <= self.capacity <= self._bits:
            # A program that adds to a filter stops when it is full, and an entry sets more than one bit.
            self.close()
            raise ListError(
                f"Bloom filter is damaged: '{path}'; it states more entries than it can hold", hint="download it again"
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the map."""
        self._bytes.close()

    def may_hold(self, sha1: bytes) -> bool:
        """Returns whether a file with this raw SHA-1 may be known; ``False`` is certain.

        Raises:
            ValueError: ``sha1`` is not twenty bytes long.
        """
        if len(sha1) != _SHA1_BYTES:
            raise ValueError("a SHA-1 must have twenty bytes")
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
