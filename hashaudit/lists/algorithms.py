"""Names and lengths of the hashes that lists hold, and the hashes that are never an entry.

Source of the lengths: FIPS 180-4; of PDQ's 256 bits: "The TMK+PDQF Video-Hashing Algorithm and the PDQ Image-Hashing
Algorithm" (2019).
"""

from hashaudit.content.digests.digest_registry import DIGESTS, canonical_name
from hashaudit.content.perceptual import hash_names as perceptual
from hashaudit.model.results import AlgorithmName

PDQ = AlgorithmName("pdq")
SHA256 = AlgorithmName("sha256")
PDQ_BITS_SET = 128
"""A PDQ hash is cut at its median, so half of its 256 bits are set; of random values one in twenty is like that."""

MIN_PERCEPTUAL_BYTES = 4
"""A shorter hash is shared by one picture in some thousands: nothing could rest on it."""

PERCEPTUAL_LENGTHS_BYTES: dict[AlgorithmName, int] = {
    name: length for name, length in perceptual.LENGTHS_BYTES.items() if length >= MIN_PERCEPTUAL_BYTES
}

LENGTHS_BYTES: dict[AlgorithmName, int] = {
    **{name: row.length_bytes for name, row in DIGESTS.items()},
    **PERCEPTUAL_LENGTHS_BYTES,
}
"""Every algorithm that a list entry can be matched by."""

UNDECIDED = AlgorithmName("")
"""Stands for the algorithm of a bare hash of 64 digits until the list has said enough: see ``untagged``."""

MATCHED = frozenset({*LENGTHS_BYTES, UNDECIDED})

BY_HEX_LENGTH: dict[int, AlgorithmName] = {
    32: AlgorithmName("md5"),
    40: AlgorithmName("sha1"),
    56: AlgorithmName("sha224"),
    64: SHA256,
    96: AlgorithmName("sha384"),
    128: AlgorithmName("sha512"),
}
"""What a bare hash of so many digits is. At 64 it may be PDQ: ``hashaudit.lists.untagged`` decides."""

UNSUPPORTED = frozenset(
    {
        "adler32",
        "authentihash",
        "blake2b-256",
        "blake2b-384",
        "cdhash",
        "crc32",
        "impfuzzy",
        "imphash",
        "md2",
        "md4",
        "netclean",
        "pdna",
        "pehash",
        "photodna",
        "ripemd160",
        "sha512-224",
        "sha512-256",
        "sha512/224",
        "sha512/256",
        "sha3-224",
        "sha3-384",
        "sm3",
        "ssdeep",
        "ssvh_pdna",
        "ssvh_safer_hash",
        "telfhash",
        "tiger",
        "tlsh",
        "tmk-pdqf",
        "vhash",
        "videntifier",
        "whirlpool",
        "x509-fingerprint-md5",
        "x509-fingerprint-sha1",
        "x509-fingerprint-sha256",
    }
)
"""Hashes that lists carry and that nothing here computes, in lower case."""

NEVER_ENTRIES = frozenset({row.empty() for row in DIGESTS.values()} | {bytes(LENGTHS_BYTES[PDQ])})
"""Digests of no bytes at all, which match every empty file, and the PDQ hash of a picture without any contrast."""


def algorithm_named(name: str) -> AlgorithmName | None:
    """The algorithm that ``name`` (any case, with or without the hyphen) stands for, or ``None``."""
    folded = AlgorithmName(name.strip().lower().replace("sha2-", "sha"))
    candidate = canonical_name(folded) or perceptual.canonical_name(folded)
    return candidate if candidate in LENGTHS_BYTES else None


def is_unsupported(name: str) -> bool:
    """Tells if ``name`` is a hash that is carried but not matched."""
    return name.strip().lower() in UNSUPPORTED
