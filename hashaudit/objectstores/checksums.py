"""Compares content with the checksums that stores keep of whole objects.

They are not evidence, because the store computed them. A composite checksum (of the checksums of the parts,
``value-N``) cannot be compared with one read and is ignored.

Source: Amazon S3 User Guide, "Checking object integrity"; Azure's Blob service, ``Content-MD5``.
"""

import base64
import binascii
import hashlib
import zlib
from collections.abc import Callable
from importlib.util import find_spec
from typing import Protocol

from hashaudit.objectstores.interface import Checksum

_HAS_CRT = find_spec("awscrt") is not None
"""Only the extra [s3] installs it, and only S3 has these checksums."""


class Running(Protocol):
    """A running checksum."""

    def update(self, data: bytes | memoryview, /) -> None:
        """Adds bytes."""
        ...

    def digest(self) -> bytes:
        """Returns the checksum of all bytes so far."""
        ...


class _Crc:
    """A cyclic redundancy check. Its digest is in network byte order."""

    def __init__(self, function: Callable[[bytes | memoryview, int], int], length_bytes: int) -> None:
        self._function = function
        self._length_bytes = length_bytes
        self._value = 0

    def update(self, data: bytes | memoryview, /) -> None:
        self._value = self._function(data, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(self._length_bytes, "big")


def _crt(name: str) -> Callable[[bytes | memoryview, int], int]:
    # Imported where an object has such a checksum: it takes longer than the rest of a worker's start.
    from awscrt import checksums  # noqa: PLC0415 # as above

    function: Callable[[bytes | memoryview, int], int] = getattr(checksums, name)
    return function


_MAKERS: dict[str, Callable[[], Running]] = {
    # Cheapest first, because only the first one that the store has is compared.
    **(
        {"crc64nvme": lambda: _Crc(_crt("crc64nvme"), 8), "crc32c": lambda: _Crc(_crt("crc32c"), 4)} if _HAS_CRT else {}
    ),
    "crc32": lambda: _Crc(zlib.crc32, 4),
    "sha1": lambda: hashlib.sha1(usedforsecurity=False),
    "sha256": hashlib.sha256,
    "md5": lambda: hashlib.md5(usedforsecurity=False),
}
ALGORITHMS = tuple(_MAKERS)


class Comparison:
    """Compares a stream of content with the store's checksum."""

    def __init__(self, expected: Checksum | None) -> None:
        self._expected = expected if expected is not None and _is_comparable(expected) else None
        self._running = _MAKERS[self._expected.algorithm]() if self._expected is not None else None

    def update(self, data: bytes | memoryview) -> None:
        """Adds bytes."""
        if self._running is not None:
            self._running.update(data)

    def mismatch(self) -> str | None:
        """Returns the name of the checksum if it differs, else ``None``."""
        if self._running is None or self._expected is None:
            return None
        agrees = self._running.digest() == base64.b64decode(self._expected.value)
        return None if agrees else self._expected.algorithm


def _is_comparable(checksum: Checksum) -> bool:
    if checksum.algorithm not in _MAKERS:
        return False
    try:
        base64.b64decode(checksum.value, validate=True)
    except (binascii.Error, ValueError):  # a composite checksum, which ends in its number of parts
        return False
    return True
