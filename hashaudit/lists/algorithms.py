"""Names and lengths of the hashes in lists, and the hashes that are never accepted as entries.

Source of the lengths: FIPS 180-4; of PDQ's 256 bits: "The TMK+PDQF Video-Hashing Algorithm and the PDQ Image-Hashing
Algorithm" (2019).
"""

from functools import lru_cache

from hashaudit.content.digests.digest_registry import DIGESTS, canonical_name
from hashaudit.content.perceptual import hash_names as perceptual
from hashaudit.lazy import lazy_pattern
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

_UNSUPPORTED = frozenset(
    {
        "adler32",
        "authentihash",
        "btih",
        "cdhash",
        "crc32",
        "crc32c",
        "ed2k",
        "edon-r256",
        "edon-r512",
        "gost12-256",
        "gost12-512",
        "gost94",
        "gost94-cryptopro",
        "gimphash",
        "has-160",
        "impfuzzy",
        "imphash",
        "k12",
        "keccak",
        "keccak-224",
        "keccak-256",
        "keccak-384",
        "keccak-512",
        "md2",
        "md4",
        "netclean",
        "pdna",
        "pehash",
        "permhash",
        "photodna",
        "ripemd128",
        "ripemd160",
        "ripemd256",
        "ripemd320",
        "rmd128",
        "rmd160",
        "rmd256",
        "rmd320",
        "sha2-512/224",
        "sha2-512/256",
        "sha3-224",
        "sha512-224",
        "sha512-256",
        "shake128",
        "shake256",
        "sm3",
        "snefru-128",
        "snefru-256",
        "ssdeep",
        "ssvh_pdna",
        "ssvh_safer_hash",
        "streebog-256",
        "streebog-512",
        "telfhash",
        "tiger",
        "symhash",
        "tlsh",
        "tmk-pdqf",
        "tth",
        "vhash",
        "videntifier",
        "whirlpool",
        "x509-fingerprint-md5",
        "x509-fingerprint-sha1",
        "x509-fingerprint-sha256",
        "xxh128",
        "xxh3",
        "xxh32",
        "xxh64",
    }
)
"""Names of hashes that occur in lists and that this program does not compute."""

_UNSUPPORTED_FOLDED = frozenset("".join(filter(str.isalnum, name)) for name in _UNSUPPORTED)

_CHOSEN_LENGTH = lazy_pattern(r"(?:blake2[bs]|blake3|shake128|shake256)-?[0-9]{1,4}")
"""Names with a length in bits that the user of a tool chose."""

NEVER_ENTRIES = frozenset({row.empty() for row in DIGESTS.values()} | {bytes(LENGTHS_BYTES[PDQ])})
"""Digests of empty input, which match every empty file, and the PDQ hash of an image without contrast."""


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


@lru_cache(maxsize=4096)
def is_unsupported(name: str) -> bool:
    """Returns whether ``name`` is a hash that is stored but not matched."""
    folded = name.strip().lower()
    if "".join(filter(str.isalnum, folded)) in _UNSUPPORTED_FOLDED:
        return True
    return _CHOSEN_LENGTH.fullmatch(folded) is not None and canonical_name(folded) is None
