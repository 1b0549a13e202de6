"""Encodes the cached values of one file.

Values are stored under the numbers of their fingerprints: a digest, the hashes of an image by one algorithm, the faults
of its decoding.
"""

from collections.abc import Mapping

import msgspec

from hashaudit.lazy import lazy
from hashaudit.model.containers import ContainerKind
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

_ENCODER = msgspec.msgpack.Encoder()


def length_of(values: Values) -> int:
    """Returns the number of bytes of values. It runs for each file, and a loop is faster than sum() for so few."""
    length_bytes = 0
    for value in values.values():
        length_bytes += len(value)
    return length_bytes


class CachedGroup(msgspec.Struct, frozen=True, array_like=True):
    """The cached values of the entries of one directory in a batch."""

    directory: bytes
    """Key of the directory, to which blocks are sealed."""
    blocks: tuple[bytes, ...]
    """The sealed blocks with all names of the batch, in order."""
    run_id: str
    """This scan."""
    latest_ns: int
    """No value is used or kept of a file whose mtime or ctime is later, in nanoseconds."""
    compared: frozenset[bytes] = frozenset()
    """Cache names of files to read anyway, to compare."""


class CachedValue(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Values to cache for a file that was read."""

    item: int
    """Position of the entry in its batch."""
    values: Values
    replaces: bool = False
    """The cache had others for this state of the file, so none of them stays."""

    @property
    def length_bytes(self) -> int:
        """Length of the values."""
        return length_of(self.values)


class PlainValues(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Values to cache for the files of a batch that were read and are nothing but their bytes.

    Most files of a first scan are among them, so they are sent and stored together.
    """

    numbers: tuple[int, ...] = ()
    """Numbers of the fingerprints, the same for all files."""
    items: tuple[int, ...] = ()
    """Positions of the entries in their batch, ascending."""
    values: tuple[tuple[bytes, ...], ...] = ()
    """For each item, in the order of the numbers."""


NO_PLAIN_VALUES = PlainValues()


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
