"""The registry of cryptographic digests: name, length, constructor, strength.

Source of the names: FIPS 180-4, FIPS 202, RFC 7693, the BLAKE3 paper (2020).
"""

import hashlib
from collections.abc import Callable
from functools import partial
from typing import Protocol, cast

import blake3
import msgspec

from hashaudit.model.results import AlgorithmName


class Digest(Protocol):
    """A running digest, as in hashlib."""

    def update(self, data: bytes | bytearray | memoryview, /) -> object:
        """Adds bytes."""
        ...

    def digest(self) -> bytes:
        """Returns the digest of all bytes so far."""
        ...


class DigestAlgorithm(msgspec.Struct, frozen=True):
    """One row of the registry."""

    name: AlgorithmName
    length_bytes: int
    new: Callable[..., Digest]
    """Makes a running digest, of the bytes that it is given, if any."""
    strength: int
    """Orders algorithms by collision resistance, then speed. A finding names the strongest matching algorithm first."""
    revision: int = 1
    """Raise it when the digest computed under this name changes, after a defect. Cached digests of earlier revisions
    then become unused."""

    def empty(self) -> bytes:
        """Returns the digest of empty input."""
        return self.new().digest()


def _hashlib(name: str) -> Callable[..., Digest]:
    # A FIPS build of OpenSSL refuses MD5 for security use. Comparing with a list that has only MD5 is not such a use,
    # and a finding with no other matching digest is marked md5_only.
    constructor = cast("Callable[..., Digest]", getattr(hashlib, name))
    try:
        constructor()
    except ValueError:
        return partial(constructor, usedforsecurity=False)
    # Half a microsecond less for each file.
    return constructor


def _row(name: str, length_bytes: int, new: Callable[..., Digest], strength: int) -> DigestAlgorithm:
    return DigestAlgorithm(AlgorithmName(name), length_bytes, new, strength)


DIGESTS: dict[AlgorithmName, DigestAlgorithm] = {
    row.name: row
    for row in (
        _row("md5", 16, _hashlib("md5"), 0),
        _row("sha1", 20, _hashlib("sha1"), 1),
        _row("sha224", 28, _hashlib("sha224"), 2),
        _row("sha256", 32, _hashlib("sha256"), 3),
        _row("sha3-256", 32, _hashlib("sha3_256"), 4),
        _row("blake2s", 32, _hashlib("blake2s"), 5),
        _row("blake3", 32, cast("Callable[..., Digest]", blake3.blake3), 6),
        _row("sha384", 48, _hashlib("sha384"), 7),
        _row("sha3-384", 48, _hashlib("sha3_384"), 8),
        _row("sha512", 64, _hashlib("sha512"), 9),
        _row("sha3-512", 64, _hashlib("sha3_512"), 10),
        _row("blake2b", 64, _hashlib("blake2b"), 11),
    )
}
"""All digests, in the order in which findings list them."""

ALIASES: dict[str, str] = {
    "sha-1": "sha1",
    "sha-224": "sha224",
    "sha-256": "sha256",
    "sha2-256": "sha256",
    "sha-384": "sha384",
    "sha-512": "sha512",
    "sha3_256": "sha3-256",
    "sha3_384": "sha3-384",
    "sha3_512": "sha3-512",
    "blake2b-512": "blake2b",
    "blake2s-256": "blake2s",
    "b3": "blake3",
    "b3sum": "blake3",
}


def canonical_name(name: str) -> AlgorithmName | None:
    """Returns the registry's name for a spelling in use (any case, with or without the hyphen), or ``None``."""
    folded = name.strip().lower()
    folded = ALIASES.get(folded, folded)
    candidate = AlgorithmName(folded)
    return candidate if candidate in DIGESTS else None
