"""Parses the hexadecimal form of perceptual hashes in lists.

Source: imagehash 4.3.2 (``str`` of a hash, ``old_hex_to_hash``); the PDQ paper for its 64 digits.
"""

import string

from hashaudit.content.bit_order import REVERSED_BITS
from hashaudit.content.perceptual.interface import PerceptualAlgorithm

_HEX = frozenset(string.hexdigits)


def from_hex(algorithm: PerceptualAlgorithm, text: str, *, imagehash_pre4: bool = False) -> bytes:
    """Converts the hex digits of a hash to bytes.

    Args:
        algorithm: the algorithm of the hash.
        text: hex digits, padded to the bits of the hash or to whole bytes.
        imagehash_pre4: the hash was written by imagehash before version 4.0, which reversed the bits of each byte.
            The digits do not show it, so the list or its user must say so.

    Raises:
        ValueError: the text has other characters, another length, or a bit beyond the hash. The message does not
            contain the text.
    """
    if not _HEX.issuperset(text):
        raise ValueError("other than hex digits")
    if len(text) not in {-(-algorithm.bits // 4), 2 * algorithm.length_bytes}:
        raise ValueError(f"{len(text)} hex digits; {algorithm.name} has {-(-algorithm.bits // 4)}")
    number = int(text, 16)
    if number >> algorithm.bits:
        raise ValueError(f"more than the {algorithm.bits} bits of {algorithm.name}")
    value = number.to_bytes(algorithm.length_bytes)
    if not imagehash_pre4:
        return value
    if algorithm.bits % 8:
        raise ValueError(f"{algorithm.name} has no form from before imagehash 4.0")
    return value.translate(REVERSED_BITS)
