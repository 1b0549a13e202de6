"""Encodes the cached values of one file, sealed so that only a file in the same state opens them.

Values are stored under the numbers of their fingerprints: a digest, the hashes of an image by one algorithm, the faults
of its decoding. They are sealed with the path and state that they belong to, so that damage to a cache, or a value in
the wrong place, is detected before use.
"""

import hashlib
import struct
from collections.abc import Iterable, Mapping

import msgspec

from hashaudit.lazy import lazy
from hashaudit.model.containers import ContainerKind
from hashaudit.model.entry import Entry, Stat
from hashaudit.model.faults import Fault, FaultCode
from hashaudit.model.results import AlgorithmName, ImageHashes, NoHash, PerceptualHash, in_order

Values = dict[int, bytes]
"""By the number of the fingerprint, from 1."""

MAX_VALUE_BYTES = 1 << 18
"""For one file. An image of 33 frames in all variants needs some 50 KiB for one algorithm; larger results are not
cached."""

LASTING = frozenset(
    {
        FaultCode.UNSUPPORTED_IMAGE,
        FaultCode.TOO_MANY_BYTES,
        FaultCode.TOO_MANY_PIXELS,
        FaultCode.TOO_MANY_FRAMES,
    }
)
"""Faults that the same version always reports for an image. A decoder's failure is not one of them: if it lacked memory
for a moment, it may report damage."""

_SEAL_BYTES = 16

_ENCODER = msgspec.msgpack.Encoder()
_DECODER = lazy(lambda: msgspec.msgpack.Decoder(Values))


class CachedFile(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The cached values of a file to examine, and how to use them."""

    sealed: bytes
    """Empty: no values."""
    run_id: str
    """Earlier scan that read the content; empty: this scan, before an interruption."""
    reread: bool
    """Read the file anyway, to compare, or because a value is missing."""


class CachedValue(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A value to cache for a file that was read."""

    item: int
    """Position of the entry in its batch."""
    recipes: bytes
    sealed: bytes


class _Hash(msgspec.Struct, frozen=True, array_like=True, gc=False):
    value: bytes
    quality: int | None
    frame: int
    variant: str
    trimmed: bool
    view: str


class _Picture(msgspec.Struct, frozen=True, array_like=True, gc=False):
    faults: tuple[Fault, ...]
    no_hash: NoHash | None
    frames_skipped: int


_HASHES = lazy(lambda: msgspec.msgpack.Decoder(tuple[_Hash, ...]))
_PICTURES = lazy(lambda: msgspec.msgpack.Decoder(_Picture))


def state_key(stat: Stat) -> bytes:
    """Returns the fields that distinguish one state of a file from another."""
    return b"%x %x %x %x" % (stat.inode, stat.size, int(stat.mtime_ns), int(stat.ctime_ns))


def seal(entry: Entry, values: Values) -> bytes:
    """Returns the values, sealed for a file in its present state."""
    content = _ENCODER.encode(values)
    return _seal_of(entry, content) + content


def unseal(entry: Entry, sealed: bytes) -> Values | None:
    """Returns the values, or ``None`` if they are damaged or belong to another path or state."""
    content = sealed[_SEAL_BYTES:]
    if sealed[:_SEAL_BYTES] != _seal_of(entry, content):
        return None
    try:
        return _DECODER.decode(content)
    except msgspec.DecodeError:
        return None


def pack_numbers(numbers: Iterable[int]) -> bytes:
    """Returns the numbers of fingerprints in ascending order."""
    ordered = sorted(numbers)
    return struct.pack(f"<{len(ordered)}I", *ordered)


def unpack_numbers(data: bytes) -> frozenset[int]:
    """Returns the numbers that :func:`pack_numbers` packed; none if the bytes are invalid."""
    count, rest = divmod(len(data), 4)
    return frozenset() if rest else frozenset(struct.unpack(f"<{count}I", data))


def pack_picture(
    found: ImageHashes,
    perceptual: Mapping[AlgorithmName, int],
    decoder: int,
) -> Values:
    """Returns the values for an image; none if they may differ the next time.

    Args:
        found: the hashes of all frames and variants, and the faults.
        perceptual: the numbers of the algorithms' fingerprints.
        decoder: the number for faults.
    """
    by_number: dict[int, list[_Hash]] = {number: [] for number in perceptual.values()}
    if any(fault.code not in LASTING for fault in found.faults):
        return {}
    for item in found.hashes:
        if item.truncated:
            # Damaged, or the decoder lacked a resource at that moment.
            return {}
        kept = _Hash(bytes.fromhex(item.value), item.quality, item.frame, item.variant, item.trimmed, item.view)
        by_number[perceptual[item.algorithm]].append(kept)
    values = {number: _ENCODER.encode(hashes) for number, hashes in by_number.items()}
    return values | {decoder: _ENCODER.encode(_Picture(found.faults, found.no_hash, found.frames_skipped))}


def pack_container(kind: ContainerKind | None) -> bytes:
    """Returns the value for the kind of container that a file is; empty for none."""
    return b"" if kind is None else kind.value.encode()


def unpack_container(value: bytes) -> ContainerKind | None:
    """Returns the kind that :func:`pack_container` packed.

    Raises:
        ValueError: it is not one.
    """
    return ContainerKind(value.decode()) if value else None


def unpack_picture(values: Values, perceptual: Mapping[AlgorithmName, int], decoder: int) -> ImageHashes:
    """Returns the result for an image, in the order of :func:`hashaudit.content.perceptual.hash_image.hash_image`.

    Raises:
        msgspec.DecodeError: the values are of another form.
    """
    found = [
        PerceptualHash(name, item.value.hex(), item.quality, item.frame, item.variant, item.trimmed, view=item.view)
        for name, number in perceptual.items()
        for item in _HASHES.decode(values[number])
    ]
    picture = _PICTURES.decode(values[decoder])
    return ImageHashes(in_order(found, tuple(perceptual)), picture.faults, picture.no_hash, picture.frames_skipped)


def _seal_of(entry: Entry, content: bytes) -> bytes:
    location = entry.location
    directory = location.directory.path
    # Neither a directory's path nor a state contains NUL, and a name contains one only as its first byte, with its own
    # length after it: the parts cannot run into each other.
    bound = b"\0".join((directory, location.cache_name, state_key(entry.stat), content))
    return hashlib.blake2b(bound, digest_size=_SEAL_BYTES).digest()
