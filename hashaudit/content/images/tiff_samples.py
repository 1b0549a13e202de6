"""Decodes the TIFF images that Pillow refuses or decodes wrongly, from their samples.

Pillow reads WhiteIsZero of 16 bits as a negative, planes of 16 bits as 8, and signed or unsigned numbers of 32 bits
beyond their range. Such an image would get the hash of another one, so Pillow reads only the kinds it reads correctly.

Source: TIFF 6.0 sections 3 to 8, 14 to 16, 18, 19 and 23; TIFF technical notes 1 (floating-point numbers, predictor 3);
libtiff for tiles in the tags of strips and for colour maps of 8 bits.
"""

import io
import struct
import zlib

import msgspec
import numpy as np
import numpy.typing as npt
from PIL import Image

from hashaudit.content.bit_order import REVERSED_BITS
from hashaudit.content.images.refusal import unsupported_coding
from hashaudit.content.images.sample_depth import to_8_bits
from hashaudit.content.images.tiff import Directory

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC = 256, 257, 258, 259, 262
_FILL_ORDER, _STRIP_OFFSETS, _SAMPLES, _ROWS_PER_STRIP, _STRIP_BYTES = 266, 273, 277, 278, 279
_PLANAR, _PREDICTOR, _COLOUR_MAP, _TILE_WIDTH, _TILE_HEIGHT = 284, 317, 320, 322, 323
_TILE_OFFSETS, _TILE_BYTES, _EXTRA_SAMPLES, _SAMPLE_FORMAT = 324, 325, 338, 339
_NONE, _LZW, _DEFLATE, _OLD_DEFLATE, _PACKBITS = 1, 5, 8, 32946, 32773
_COMPRESSIONS = frozenset({_NONE, _LZW, _DEFLATE, _OLD_DEFLATE, _PACKBITS})
_PILLOW_COMPRESSIONS = frozenset({1, 2, 3, 4, 5, 6, 7, 8, 32771, 32773, 32946, 34925, 50000})
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE, _CMYK, _YCBCR, _LAB = 0, 1, 2, 3, 5, 6, 8
_CHANNELS = {_WHITE_IS_ZERO: 1, _BLACK_IS_ZERO: 1, _RGB: 3, _PALETTE: 1, _CMYK: 4, _LAB: 3}
_UNSIGNED, _SIGNED, _FLOATING, _UNDEFINED = 1, 2, 3, 4
_SIDE_BY_SIDE = 2
_LOWEST_BIT_FIRST = 2
_ASSOCIATED, _UNASSOCIATED = 1, 2
_BYTE_PREDICTOR, _FLOAT_PREDICTOR = 2, 3
MAX_CHANNELS = 16
"""Most channels of a pixel. Each takes memory, also those that are not shown."""
MAX_SEGMENTS = 65_536
"""Most strips or tiles, as many as one entry of a directory may hold here."""


class _Layout(msgspec.Struct, frozen=True):
    width: int
    height: int
    bits: int
    channels: int
    kind: int
    """Type of the samples."""
    planar: bool
    photometric: int
    compression: int
    predictor: int
    segment_width: int
    segment_height: int
    offsets: tuple[int, ...]
    sizes: tuple[int, ...]
    order: str
    is_reversed: bool
    """The bits of each byte stand in reverse order."""


def is_plain(directory: Directory, *, big_endian_bigtiff: bool) -> bool:
    """Returns whether Pillow decodes an image of this kind correctly, or refuses it."""
    bits = directory.numbers(_BITS) or (1,)
    formats = set(directory.numbers(_SAMPLE_FORMAT) or (_UNSIGNED,))
    photometric = directory.number(_PHOTOMETRIC)
    if big_endian_bigtiff or not formats <= {_UNSIGNED, _UNDEFINED} or _has_tiles_as_strips(directory):
        return False
    if photometric == _PALETTE and max(directory.numbers(_COLOUR_MAP), default=1 << 8) < 1 << 8:
        return False
    return max(bits) <= 8 and len(set(bits)) == 1


def is_viewable(directory: Directory) -> bool:
    """Returns whether a viewer of TIFF files shows the image of a directory."""
    return directory.number(_PHOTOMETRIC) in {*_CHANNELS, _YCBCR} and has_known_compression(directory)


def stated_compression(directory: Directory) -> int:
    """Returns the compression of a directory's image."""
    return directory.number(_COMPRESSION) or _NONE


def has_known_compression(directory: Directory) -> bool:
    """Returns whether a decoder here reads the compression of a directory's image."""
    return stated_compression(directory) in _PILLOW_COMPRESSIONS


def decode_tiff(data: bytes, directory: Directory, max_pixels: int, *, is_tolerant: bool) -> Image.Image:
    """Decodes an image from its samples.

    Args:
        data: the whole file.
        directory: of the image.
        max_pixels: largest image.
        is_tolerant: missing samples are 0 instead of an error.

    Raises:
        RefusalError: a kind of image that is not decoded here.
        ValueError: the image is damaged.
        Image.DecompressionBombError: the image is too large.
    """
    layout = _layout(directory)
    if max(layout.width * layout.height, layout.segment_width * layout.segment_height) > max_pixels:
        raise Image.DecompressionBombError(f"{layout.width} x {layout.height} pixels")
    samples = _samples(data, layout, is_tolerant=is_tolerant)
    return _image(samples, layout, directory)


def _layout(directory: Directory) -> _Layout:
    bits = directory.numbers(_BITS) or (1,)
    formats = set(directory.numbers(_SAMPLE_FORMAT) or (_UNSIGNED,))
    channels = directory.number(_SAMPLES) or len(bits)
    photometric = directory.number(_PHOTOMETRIC)
    if photometric is None:
        photometric = _RGB if channels >= _CHANNELS[_RGB] else _BLACK_IS_ZERO
    compression = stated_compression(directory)
    width, height = directory.number(_WIDTH) or 0, directory.number(_HEIGHT) or 0
    if photometric not in _CHANNELS or compression not in _COMPRESSIONS:
        raise unsupported_coding()
    if len(set(bits)) > 1 or len(formats) > 1 or channels > MAX_CHANNELS:
        raise unsupported_coding()
    kind = next(iter(formats))
    kind = _UNSIGNED if kind == _UNDEFINED else kind
    allowed = {_UNSIGNED: {*range(1, 17), 32}, _SIGNED: {8, 16, 32}, _FLOATING: {16, 32, 64}}
    if bits[0] not in allowed.get(kind, set()):
        raise unsupported_coding()
    if width < 1 or height < 1 or channels < _CHANNELS[photometric]:
        raise ValueError("a side or the channels of the image are missing")
    tile = directory.number(_TILE_WIDTH), directory.number(_TILE_HEIGHT)
    is_tiled = None not in tile and 0 not in tile
    offsets = directory.numbers(_TILE_OFFSETS) or directory.numbers(_STRIP_OFFSETS)
    sizes = directory.numbers(_TILE_BYTES) or directory.numbers(_STRIP_BYTES)
    segment_height = (tile[1] if is_tiled else min(directory.number(_ROWS_PER_STRIP) or height, height)) or height
    if not offsets or len(offsets) > MAX_SEGMENTS:
        raise ValueError("the image has no strips")
    return _Layout(
        width=width,
        height=height,
        bits=bits[0],
        channels=channels,
        kind=kind,
        planar=directory.number(_PLANAR) == _SIDE_BY_SIDE and channels > 1,
        photometric=photometric,
        compression=compression,
        predictor=directory.number(_PREDICTOR) or 1,
        segment_width=(tile[0] if is_tiled else width) or width,
        segment_height=segment_height,
        offsets=offsets,
        sizes=sizes,
        order=directory.order,
        is_reversed=directory.number(_FILL_ORDER) == _LOWEST_BIT_FIRST,
    )


def _has_tiles_as_strips(directory: Directory) -> bool:
    return directory.number(_TILE_WIDTH) is not None and not directory.numbers(_TILE_OFFSETS)


def _samples(data: bytes, layout: _Layout, *, is_tolerant: bool) -> npt.NDArray[np.generic]:
    """Returns the samples as rows x columns x channels."""
    planes = layout.channels if layout.planar else 1
    inner = 1 if layout.planar else layout.channels
    result = np.zeros((layout.height, layout.width, layout.channels), dtype=_dtype(layout).newbyteorder("="))
    across = -(-layout.width // layout.segment_width)
    down = -(-layout.height // layout.segment_height)
    if len(layout.offsets) < across * down * planes:
        raise ValueError("strips of the image are missing")
    is_tile = layout.segment_width != layout.width
    for number in range(across * down * planes):
        plane, place = divmod(number, across * down)
        top, left = place // across * layout.segment_height, place % across * layout.segment_width
        rows = layout.segment_height if is_tile else min(layout.segment_height, layout.height - top)
        try:
            segment = _segment(data, layout, number, (rows, inner), is_tolerant=is_tolerant)
        except (ValueError, OSError):
            if is_tolerant:
                continue
            raise
        target = result[top : top + rows, left : left + layout.segment_width, plane : plane + inner]
        target[:] = segment[: target.shape[0], : target.shape[1]]
    return result


def _dtype(layout: _Layout) -> np.dtype[np.generic]:
    letter = {_UNSIGNED: "u", _SIGNED: "i", _FLOATING: "f"}[layout.kind]
    size = next(size for size in (1, 2, 4, 8) if 8 * size >= layout.bits)
    return np.dtype(f"{layout.order}{letter}{size}")


def _segment(
    data: bytes, layout: _Layout, number: int, shape: tuple[int, int], *, is_tolerant: bool
) -> npt.NDArray[np.generic]:
    rows, inner = shape
    columns = layout.segment_width
    row_bytes = (columns * inner * layout.bits + 7) // 8
    needed = row_bytes * rows
    offset = layout.offsets[number]
    size = layout.sizes[number] if number < len(layout.sizes) else needed
    stored = data[offset : offset + size]
    raw = _decompressed(stored.translate(REVERSED_BITS) if layout.is_reversed else stored, layout, row_bytes, rows)
    if len(raw) < needed and not is_tolerant:
        raise ValueError("a strip of the image is cut off")
    lines = np.frombuffer(raw[:needed].ljust(needed, b"\0"), dtype=np.uint8).reshape(rows, row_bytes)
    dtype = _dtype(layout)
    if layout.predictor == _FLOAT_PREDICTOR:
        # Differences of bytes; the most significant bytes of all samples stand first.
        summed = np.cumsum(lines.reshape(rows, -1, inner), axis=1, dtype=np.uint8).reshape(rows, dtype.itemsize, -1)
        values = np.ascontiguousarray(summed.transpose(0, 2, 1)).view(dtype.newbyteorder(">"))
        return values.astype(dtype.newbyteorder("=")).reshape(rows, columns, inner)
    if layout.bits % 8:
        values = _unpacked(lines, layout, columns * inner)
    else:
        values = np.ascontiguousarray(lines).view(dtype).astype(dtype.newbyteorder("="))
    values = values.reshape(rows, columns, inner)
    if layout.predictor == _BYTE_PREDICTOR:
        return np.cumsum(values, axis=1, dtype=values.dtype)
    return values


def _unpacked(lines: npt.NDArray[np.uint8], layout: _Layout, count: int) -> npt.NDArray[np.generic]:
    bits = np.unpackbits(lines, axis=1)[:, : count * layout.bits].reshape(len(lines), count, layout.bits)
    weights = (1 << np.arange(layout.bits - 1, -1, -1)).astype(np.uint16)
    values: npt.NDArray[np.generic] = (bits @ weights).astype(_dtype(layout).newbyteorder("="))
    return values


def _decompressed(raw: bytes, layout: _Layout, row_bytes: int, rows: int) -> bytes:
    if layout.compression == _NONE:
        return raw
    if layout.compression in {_DEFLATE, _OLD_DEFLATE}:
        try:
            return zlib.decompressobj().decompress(raw, row_bytes * rows)
        except zlib.error as error:
            raise ValueError("a strip of the image is damaged") from error
    if layout.compression == _PACKBITS:
        return _without_runs(raw, row_bytes * rows)
    return _by_libtiff(raw, layout.compression, row_bytes, rows)


def _without_runs(raw: bytes, limit: int) -> bytes:
    out = bytearray()
    at = 0
    while at < len(raw) and len(out) < limit:
        count = raw[at]
        if count < 128:
            out += raw[at + 1 : at + 2 + count]
            at += 2 + count
        else:
            if count > 128:
                out += raw[at + 1 : at + 2] * (257 - count)
            at += 2 if count > 128 else 1
    return bytes(out)


def _by_libtiff(raw: bytes, compression: int, row_bytes: int, rows: int) -> bytes:
    """Decompresses a strip as a grey image of bytes, of samples of any kind."""
    entries = {
        _WIDTH: row_bytes,
        _HEIGHT: rows,
        _BITS: 8,
        _COMPRESSION: compression,
        _PHOTOMETRIC: _BLACK_IS_ZERO,
        _STRIP_OFFSETS: 8 + 2 + 9 * 12 + 4,
        _SAMPLES: 1,
        _ROWS_PER_STRIP: rows,
        _STRIP_BYTES: len(raw),
    }
    directory = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in sorted(entries.items()))
    file = b"II*\0" + struct.pack("<IH", 8, len(entries)) + directory + bytes(4) + raw
    with Image.open(io.BytesIO(file), formats=("TIFF",)) as image:
        return image.tobytes()


def _image(samples: npt.NDArray[np.generic], layout: _Layout, directory: Directory) -> Image.Image:
    main = _CHANNELS[layout.photometric]
    if layout.photometric == _PALETTE:
        return _from_palette(samples[:, :, 0], directory)
    if layout.photometric == _LAB:
        return _lab(samples, layout)
    planes = to_8_bits(samples[:, :, :main], layout.bits)
    if layout.photometric == _WHITE_IS_ZERO:
        planes = 255 - planes
    if layout.photometric == _CMYK:
        return Image.fromarray(np.ascontiguousarray(planes), mode="CMYK").convert("RGB")
    extra = directory.numbers(_EXTRA_SAMPLES)
    alpha = main + next((at for at, value in enumerate(extra) if value in {_ASSOCIATED, _UNASSOCIATED}), len(extra))
    if not extra or alpha >= layout.channels or extra[alpha - main] not in {_ASSOCIATED, _UNASSOCIATED}:
        return Image.fromarray(np.ascontiguousarray(planes[:, :, 0] if main == 1 else planes))
    opacity = to_8_bits(samples[:, :, alpha], layout.bits)
    colours = np.repeat(planes, 3, axis=2) if main == 1 else planes
    composed = np.ascontiguousarray(np.dstack([colours, opacity]))
    if extra[alpha - main] == _ASSOCIATED:
        return Image.frombytes("RGBa", (layout.width, layout.height), composed.tobytes()).convert("RGBA")
    return Image.fromarray(composed)


def _from_palette(indices: npt.NDArray[np.generic], directory: Directory) -> Image.Image:
    table = np.array(directory.numbers(_COLOUR_MAP), dtype=np.int64)
    if len(table) < 3 or len(table) % 3:
        raise ValueError("the colour map is missing")
    colours = table.reshape(3, -1).T
    # Some writers store 8-bit values, as libtiff detects.
    if colours.max() > 255:
        colours = colours >> 8
    held = np.minimum(indices.astype(np.int64), len(colours) - 1)
    return Image.fromarray(colours.astype(np.uint8)[held])


def _lab(samples: npt.NDArray[np.generic], layout: _Layout) -> Image.Image:
    if layout.bits not in {8, 16} or layout.kind == _FLOATING:
        raise unsupported_coding()
    plain = np.ascontiguousarray(samples[:, :, :3]).view(f"u{samples.dtype.itemsize}")
    channels = (plain >> (layout.bits - 8)).astype(np.uint8)
    # L is unsigned, a and b are signed; Pillow stores those with 128 added.
    channels[:, :, 1:] ^= 0x80
    return Image.frombytes("LAB", (layout.width, layout.height), channels.tobytes())
