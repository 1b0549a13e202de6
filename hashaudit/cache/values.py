"""What a cache keeps of one file, as bytes that only the file in the same state opens.

Values stand under the numbers of their recipes: a digest, the hashes of a picture by one algorithm, the faults of its
decoding. They are sealed together with the path and state that they belong to, so that damage to a cache, or a value
that has come to stand elsewhere, is noticed before anything is concluded from it.
"""

import hashlib
import struct
from collections.abc import Iterable, Mapping

import msgspec

from hashaudit.model.entry import Entry, Stat
from hashaudit.model.faults import Fault, FaultCode
from hashaudit.model.results import AlgorithmName, PerceptualHash

Values = dict[int, bytes]
"""By the number of the recipe, from 1."""

MAX_VALUE_BYTES = 1 << 18
"""Of one file. A picture of 33 frames in all variants has some 50 KiB by one algorithm; more is read again."""

LASTING = frozenset(
    {
        FaultCode.UNSUPPORTED_IMAGE,
        FaultCode.TOO_MANY_BYTES,
        FaultCode.TOO_MANY_PIXELS,
        FaultCode.TOO_MANY_FRAMES,
    }
)
"""Verdicts on what a picture says of itself, which the same version gives again. A decoder's failure is none of them:
one that lacked memory for a moment may word it as damage."""

_SEAL_BYTES = 16

_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Values)


class CachedFile(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What the cache has of a file that is to be examined, and what is to be done with it."""

    sealed: bytes
    """Empty: nothing."""
    run_id: str
    """Of the earlier run that read the content; empty: this very run, before it was interrupted."""
    reread: bool
    """Read the file all the same: to compare, or because not all that is wanted is there."""


class CachedValue(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What is to be kept of a file that was read."""

    item: int
    """Position of the entry in its work unit."""
    recipes: bytes
    sealed: bytes


class _Hash(msgspec.Struct, frozen=True, array_like=True, gc=False):
    value: bytes
    quality: int | None
    frame: int
    variant: str
    trimmed: bool


_HASHES = msgspec.msgpack.Decoder(tuple[_Hash, ...])
_FAULTS = msgspec.msgpack.Decoder(tuple[Fault, ...])


def state_key(stat: Stat) -> bytes:
    """Returns the fields that distinguish one state of a file from another."""
    return b"%x %x %x %x" % (stat.inode, stat.size, stat.mtime_ns, stat.ctime_ns)


def seal(entry: Entry, values: Values) -> bytes:
    """The values as a cache keeps them for a file in its present state."""
    content = _ENCODER.encode(values)
    return _seal_of(entry, content) + content


def unseal(entry: Entry, sealed: bytes) -> Values | None:
    """The values, or ``None`` where they are damaged or another path's or state's."""
    content = sealed[_SEAL_BYTES:]
    if sealed[:_SEAL_BYTES] != _seal_of(entry, content):
        return None
    try:
        return _DECODER.decode(content)
    except msgspec.DecodeError:
        return None


def pack_numbers(numbers: Iterable[int]) -> bytes:
    """The numbers of recipes in rising order."""
    ordered = sorted(numbers)
    return struct.pack(f"<{len(ordered)}I", *ordered)


def unpack_numbers(data: bytes) -> frozenset[int]:
    """The numbers that :func:`pack_numbers` packed; none where the bytes are not of its making."""
    count, rest = divmod(len(data), 4)
    return frozenset() if rest else frozenset(struct.unpack(f"<{count}I", data))


def pack_picture(
    hashes: Iterable[PerceptualHash],
    faults: tuple[Fault, ...],
    perceptual: Mapping[AlgorithmName, int],
    decoder: int,
) -> Values:
    """The outcome of a picture by recipe; nothing where it may be another the next time.

    Args:
        hashes: of all frames and variants.
        faults: of decoding and hashing.
        perceptual: the numbers of the algorithms' recipes.
        decoder: the number under which faults stand.
    """
    by_number: dict[int, list[_Hash]] = {number: [] for number in perceptual.values()}
    if any(fault.code not in LASTING for fault in faults):
        return {}
    for item in hashes:
        if item.truncated:
            # Damaged, or the decoder lacked something at that moment.
            return {}
        kept = _Hash(bytes.fromhex(item.value), item.quality, item.frame, item.variant, item.trimmed)
        by_number[perceptual[item.algorithm]].append(kept)
    values = {number: _ENCODER.encode(found) for number, found in by_number.items()}
    return values | {decoder: _ENCODER.encode(faults)}


def unpack_hashes(values: Values, perceptual: Mapping[AlgorithmName, int]) -> tuple[PerceptualHash, ...]:
    """Returns the hashes of an image, in the order of :func:`hashaudit.content.perceptual.hash_image.hash_image`.

    Raises:
        msgspec.DecodeError: they are of another form.
    """
    found = [
        PerceptualHash(name, item.value.hex(), item.quality, item.frame, item.variant, item.trimmed)
        for name, number in perceptual.items()
        for item in _HASHES.decode(values[number])
    ]
    # Stable: within a view the algorithms stay in their order, and each one's orientations in theirs.
    return tuple(sorted(found, key=lambda item: (item.frame, item.trimmed)))


def unpack_faults(value: bytes) -> tuple[Fault, ...]:
    """The faults of a picture.

    Raises:
        msgspec.DecodeError: they are of another form.
    """
    return _FAULTS.decode(value)


def _seal_of(entry: Entry, content: bytes) -> bytes:
    location = entry.location
    directory = location.directory.path
    # Neither a directory's path nor a state contains NUL, and a name contains one only as its first byte, with its own
    # length after it: the parts cannot run into each other.
    bound = b"\0".join((directory, location.cache_name, state_key(entry.stat), content))
    return hashlib.blake2b(bound, digest_size=_SEAL_BYTES).digest()
