"""Digests of empty input by every algorithm that lists of bare hashes are made with.

Such a digest, with another algorithm than the list's, shows that the list has that algorithm. Source of those that are
not computed here: RFC 1319 (MD2), RFC 1320 (MD4), RFC 6986 (Streebog), FIPS 180-4, GB/T 32905-2016 (SM3), the papers on
RIPEMD, Whirlpool, Keccak and Snefru; libgcrypt 1.10, librhash 1.4.3 and xxHash 0.8 give the same.
"""

import hashlib
import sys
from collections.abc import Iterator

import blake3

from hashaudit.content.digests.digest_registry import DIGESTS
from hashaudit.lists.algorithms import BY_HEX_LENGTH, NEVER_ENTRIES

_NOT_COMPUTED = {
    "md2": "8350e5a3e24c153df2275c9f80692773",
    "md4": "31d6cfe0d16ae931b73c59d7e0c089c0",
    "ripemd128": "cdf26213a150dc3ecb610f18f6b38b46",
    "snefru-128": "8617f366566a011837f4fb4ba5bedea2",
    "xxh128": "99aa06d3014798d86001c324468d497f",
    "ripemd160": "9c1185a5c5e9fc54612808977ee8f548b2258d31",
    "has-160": "307964ef34151d37c8047adec7ab50f4ff89762d",
    "btih": "a4a6678b3a933d1d9a182cc38e73124f7672c7eb",
    "sha512-224": "6ed0dd02806fa89e25de060c19d3ac86cabb87d6a0ddd05c333b84f4",
    "keccak-224": "f71837502ba8e10837bdd8d365adb85591895602fc552b48b7390abd",
    "sha512-256": "c672b8d1ef56ed28ab87c3622c5114069bdd3ad7b8f9737498d0c01ecef0967a",
    "sm3": "1ab21d8355cfa17f8e61194831e81a8f22bec8c728fefb747ed035eb5082aa2b",
    "keccak-256": "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470",
    "ripemd256": "02ba4c4e5f8ecd1877fc52d64d30e37a2d9774fb1e5d026380ae0168e3c5522d",
    "snefru-256": "8617f366566a011837f4fb4ba5bedea2b892f3ed8b894023d16ae344b2be5881",
    "gost94": "ce85b99cc46752fffee35cab9a7b0278abb4c2d2055cff685af4912c49490f8d",
    "gost94-cryptopro": "981e5f3ca30c841487830f84fb433e13ac1101569b9c13584ac483234cd656c0",
    "streebog-256": "3f539a213e97c802cc229d474c6aa32a825a360b2a933a949fd925208d9ce1bb",
    "edon-r256": "86e7c84024c55dbdc9339b395c95e88db8f781719851ad1d237c6e6a8e370b80",
    "keccak-384": "2c23146a63a29acf99e73b88f8c24eaa7dc60aa771780ccc006afbfa8fe2479b2dd2b21362337441ac12b515911957ff",
    "whirlpool": "19fa61d75522a4669b44e39c1d2e1726c530232130d407f89afee0964997f7a7"
    "3e83be698b288febcf88e3e03c4f0757ea8964e59b63d93708b138cc42a66eb3",
    "streebog-512": "8e945da209aa869f0455928529bcae4679e9873ab707b55315f56ceb98bef0a7"
    "362f715528356ee83cda5f2aac4c6ad2ba3a715c1bcd81cb8e9f90bf4c1c1a8a",
    "edon-r512": "c7afbdf3e5b4590eb0b25000bf83fb16d4f9b722ee7f9a2dc2bd382035e8ee38"
    "d6f6f15c7b8eec85355ac59af989799950c64557eab0e687d0fcbdba90ae9704",
    "keccak-512": "0eab42de4c3ceb9235fc91acffe746b29c29a8c366b7c60e4e67c466f36a4304"
    "c00fa9caf9d87976ba469bcbe06713b435f091ef2769fb160cdab33d3670680e",
}
"""Algorithm -> digest of empty input."""

_MAX_BLAKE2S_BYTES = 32


def _computed() -> Iterator[tuple[str, bytes]]:
    """Yields algorithms whose digests have a length that the user chooses, in the lengths of the usual ones."""
    for bits in sorted(4 * digits for digits in BY_HEX_LENGTH):
        length = bits // 8
        yield f"blake2b-{bits}", hashlib.blake2b(digest_size=length).digest()
        if length <= _MAX_BLAKE2S_BYTES:
            yield f"blake2s-{bits}", hashlib.blake2s(digest_size=length).digest()
        yield f"blake3-{bits}", blake3.blake3().digest(length=length)
        yield f"shake128-{bits}", hashlib.shake_128().digest(length)
        yield f"shake256-{bits}", hashlib.shake_256().digest(length)
    yield "sha3-224", hashlib.sha3_224().digest()


EMPTY_INPUT_NAMES: dict[bytes, str] = {
    **{raw: name for name, raw in _computed()},
    **{bytes.fromhex(text): name for name, text in _NOT_COMPUTED.items()},
    **{row.empty(): name for name, row in DIGESTS.items()},
}
"""Digest of empty input -> algorithm. Such a digest in a list without names proves the list's algorithm."""

UNUSUAL = frozenset({*NEVER_ENTRIES, *EMPTY_INPUT_NAMES, *(bytes(len(raw)) for raw in EMPTY_INPUT_NAMES)})
"""Digests that are never accepted as entries, or that need a closer look."""

_WORD_BYTES = 4
_UNUSUAL_WORDS = frozenset(int.from_bytes(raw[:_WORD_BYTES], sys.byteorder) for raw in UNUSUAL)


def may_have_unusual(digests: bytes, length: int) -> bool:
    """Returns whether one of some concatenated digests may be unusual. It seldom errs, and never for an unusual one.

    Args:
        digests: the digests.
        length: of each, in bytes.
    """
    if length % _WORD_BYTES:
        return False  # Perceptual hashes: no digest has such a length.
    return not _UNUSUAL_WORDS.isdisjoint(memoryview(digests).cast("I")[:: length // _WORD_BYTES])
