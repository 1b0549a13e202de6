"""Names and lengths of the hashes in lists, and the hashes that are never accepted as entries.

Source of the lengths: FIPS 180-4; of PDQ's 256 bits: "The TMK+PDQF Video-Hashing Algorithm and the PDQ Image-Hashing
Algorithm" (2019).
"""

import hashlib

from hashaudit.content.digests.digest_registry import DIGESTS, canonical_name
from hashaudit.content.perceptual import hash_names as perceptual
from hashaudit.model.results import AlgorithmName

PDQ = AlgorithmName("pdq")
SHA256 = AlgorithmName("sha256")
PDQ_BITS_SET = 128
"""Bits set in a PDQ hash: it is thresholded at its median, so half of its 256 bits are set. One random value in
twenty has that property too."""

MIN_PERCEPTUAL_BYTES = 4
"""Minimum length of a perceptual hash in bytes. One image in some thousands shares a shorter hash, so it is no
evidence."""

PERCEPTUAL_LENGTHS_BYTES: dict[AlgorithmName, int] = {
    name: length for name, length in perceptual.LENGTHS_BYTES.items() if length >= MIN_PERCEPTUAL_BYTES
}

LENGTHS_BYTES: dict[AlgorithmName, int] = {
    **{name: row.length_bytes for name, row in DIGESTS.items()},
    **PERCEPTUAL_LENGTHS_BYTES,
}
"""Length in bytes of every hash that a list entry can be matched by."""

UNDECIDED = AlgorithmName("")
"""Placeholder for the algorithm of a bare hash of 64 digits until the list decides it: see ``untagged``."""

UNNAMED = "unnamed"
"""Name of a hash whose algorithm the list does not give, and whose length does not give it either."""

MATCHED = frozenset({*LENGTHS_BYTES, UNDECIDED})

BY_HEX_LENGTH: dict[int, AlgorithmName] = {
    32: AlgorithmName("md5"),
    40: AlgorithmName("sha1"),
    56: AlgorithmName("sha224"),
    64: SHA256,
    96: AlgorithmName("sha384"),
    128: AlgorithmName("sha512"),
}
"""Algorithm of a bare hash by its number of hex digits. 64 digits may also be PDQ: ``hashaudit.lists.untagged``
decides."""

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
"""Names, in lower case, of hashes that occur in lists and that this program does not compute."""

NEVER_ENTRIES = frozenset({row.empty() for row in DIGESTS.values()} | {bytes(LENGTHS_BYTES[PDQ])})
"""Digests of empty input, which match every empty file, and the PDQ hash of an image without contrast."""


EMPTY_INPUT_NAMES: dict[bytes, str] = {
    **{row.empty(): name for name, row in DIGESTS.items()},
    bytes.fromhex("9c1185a5c5e9fc54612808977ee8f548b2258d31"): "ripemd160",
    bytes.fromhex("6ed0dd02806fa89e25de060c19d3ac86cabb87d6a0ddd05c333b84f4"): "sha512-224",
    bytes.fromhex("c672b8d1ef56ed28ab87c3622c5114069bdd3ad7b8f9737498d0c01ecef0967a"): "sha512-256",
    bytes.fromhex("1ab21d8355cfa17f8e61194831e81a8f22bec8c728fefb747ed035eb5082aa2b"): "sm3",
    bytes.fromhex("c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"): "keccak-256",
    bytes.fromhex(
        "19fa61d75522a4669b44e39c1d2e1726c530232130d407f89afee0964997f7a7"
        "3e83be698b288febcf88e3e03c4f0757ea8964e59b63d93708b138cc42a66eb3"
    ): "whirlpool",
    hashlib.sha3_224().digest(): "sha3-224",
    hashlib.blake2b(digest_size=20).digest(): "blake2b-160",
    hashlib.blake2b(digest_size=28).digest(): "blake2b-224",
    hashlib.blake2b(digest_size=32).digest(): "blake2b-256",
    hashlib.blake2b(digest_size=48).digest(): "blake2b-384",
}
"""Digest of empty input -> algorithm. Such a digest in a list without names proves the list's algorithm.

Source of those not computed here: FIPS 180-4, the RIPEMD-160, Whirlpool and Keccak papers, GB/T 32905-2016.
"""

NEVER_BY_LENGTH: dict[int, frozenset[bytes]] = {
    length: frozenset({bytes(length)} | {raw for raw in (*NEVER_ENTRIES, *EMPTY_INPUT_NAMES) if len(raw) == length})
    for length in {len(raw) for raw in (*NEVER_ENTRIES, *EMPTY_INPUT_NAMES)}
}
"""Length in bytes -> the digests that are never accepted as entries, or that need a closer look."""


def algorithm_named(name: str) -> AlgorithmName | None:
    """Returns the algorithm with this name (any case, with or without the hyphen), or ``None``."""
    folded = AlgorithmName(name.strip().lower().replace("sha2-", "sha"))
    candidate = canonical_name(folded) or perceptual.canonical_name(folded)
    return candidate if candidate in LENGTHS_BYTES else None


def listed_name(name: str) -> str:
    """Returns the name under which an entry keeps a hash: that of a matched algorithm, or ``name`` in lower case."""
    return algorithm_named(name) or name.strip().lower() or UNNAMED


def is_known_name(name: str) -> bool:
    """Returns whether ``name`` is that of a hash, and not any other text that a list has in place of it."""
    return is_unsupported(name) or name in LENGTHS_BYTES or name in perceptual.LENGTHS_BYTES


def is_unsupported(name: str) -> bool:
    """Returns whether ``name`` is a hash that is stored but not matched."""
    return name.strip().lower() in UNSUPPORTED
