"""Decodes the bitmaps that Pillow refuses or decodes wrongly: any bit masks, odd headers, arrays, RLE4.

Source: the bitmap structures of the Windows documentation; the OS/2 Presentation Manager bitmap headers.
"""

import struct
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
from PIL import Image

from hashaudit.content.images.refusal import unsupported_coding

_FILE_HEADER_BYTES = 14
_CORE_HEADER_BYTES = 12
_INFO_HEADER_BYTES = 40
_RLE8, _RLE4, _BITFIELDS, _ALPHA_BITFIELDS = 1, 2, 3, 6
_STATED_MASKS = frozenset({_BITFIELDS, _ALPHA_BITFIELDS})
_PLAIN_MASKS = {16: (0x7C00, 0x3E0, 0x1F, 0), 32: (0xFF0000, 0xFF00, 0xFF, 0)}
_OS2_HEADER_BYTES = 64
_PILLOW_HEADERS = frozenset({12, 40, 52, 56, 64, 108, 124})
_MASKED_DEPTHS = frozenset({16, 32})
_FULL = 255


class _Header(msgspec.Struct, frozen=True):
    size: int
    width: int
    height: int
    is_top_down: bool
    depth: int
    compression: int
    masks: tuple[int, int, int, int]
    colours: int
    """As stated; 0: as many as the depth allows."""
    palette: npt.NDArray[np.uint8]
    """n x 3, red first."""
    pixels_at: int
    is_tolerant: bool = False


def decode_bitmap(data: bytes, max_pixels: int, *, is_tolerant: bool) -> Image.Image | None:
    """Returns the image of a bitmap that Pillow does not decode correctly; ``None`` if Pillow does.

    Args:
        data: a file with or without its file header.
        max_pixels: largest image.
        is_tolerant: missing pixels are black instead of an error.

    Raises:
        RefusalError: a compression without a decoder.
        ValueError: the file is damaged.
        Image.DecompressionBombError: the image is too large.
    """
    start = _FILE_HEADER_BYTES if data[:2] == b"BA" else 0
    is_whole = data[start : start + 2] == b"BM"
    header = _header(data, start + (_FILE_HEADER_BYTES if is_whole else 0), start if is_whole else None)
    header = msgspec.structs.replace(header, is_tolerant=is_tolerant)
    if header.compression in {4, 5}:
        raise unsupported_coding()
    is_masked = header.depth in _MASKED_DEPTHS and header.compression in {0, *_STATED_MASKS}
    is_large = header.depth <= 8 and header.colours > 1 << header.depth
    is_odd = start > 0 or header.size not in _PILLOW_HEADERS or is_large
    is_rle4 = header.compression == _RLE4 and header.depth == 4
    if not (is_masked or is_odd or is_rle4 or header.depth == 2):
        return None
    if header.width * header.height > max_pixels:
        raise Image.DecompressionBombError(f"{header.width} x {header.height} pixels")
    if is_masked:
        return _from_masks(data, header)
    if is_rle4 or (header.compression == _RLE8 and header.depth == 8):
        return _from_indices(_run_lengths(data, header), header)
    if header.compression:
        raise unsupported_coding()
    if header.depth == 24:
        rows = _rows(data, header, header.width * 3).reshape(header.height, header.width, 3)
        return Image.fromarray(np.ascontiguousarray(_upright(rows[:, :, ::-1], header)))
    if header.depth <= 8:
        return _from_indices(_unpacked(data, header), header)
    raise unsupported_coding()


def _header(data: bytes, at: int, file_at: int | None) -> _Header:
    size = _unsigned(data, at)
    if size == _CORE_HEADER_BYTES:
        width, height, _, depth = _unpack("<HHHH", data, at + 4)
        compression, colours, entry_bytes = 0, 0, 3
    else:
        width, height, _, depth = _unpack("<iiHH", data, at + 4)
        # A header of OS/2 2.x may end after any field.
        compression = _unsigned(data, at + 16) if size >= 20 else 0
        colours = _unsigned(data, at + 32) if size >= 36 else 0
        entry_bytes = 4
    if compression == _BITFIELDS and (size == _OS2_HEADER_BYTES or depth not in _MASKED_DEPTHS | {24}):
        raise unsupported_coding()
    if width <= 0 or not height:
        raise ValueError("a side of the bitmap is not positive")
    masks, masks_bytes = _masks(data, at, size, depth, compression)
    palette_at = at + size + masks_bytes
    stated = _unsigned(data, file_at + 10) if file_at is not None else 0
    held = min(colours or 1 << depth, 256) if depth <= 8 else 0
    if stated > palette_at:
        held = min(held, (stated - palette_at) // entry_bytes)
    table = np.frombuffer(data[palette_at : palette_at + held * entry_bytes], dtype=np.uint8)
    palette = table[: len(table) // entry_bytes * entry_bytes].reshape(-1, entry_bytes)[:, 2::-1]
    pixels_at = stated or palette_at + (min(colours, 1 << 16) if depth > 8 else held) * entry_bytes
    return _Header(size, width, abs(height), height < 0, depth, compression, masks, colours, palette, pixels_at)


def _masks(data: bytes, at: int, size: int, depth: int, compression: int) -> tuple[tuple[int, int, int, int], int]:
    """Returns the masks of red, green, blue and alpha, and the number of their bytes after the header."""
    plain = _PLAIN_MASKS.get(depth, (0, 0, 0, 0))
    if compression not in _STATED_MASKS:
        return plain, 0
    count = 4 if compression == _ALPHA_BITFIELDS or size >= 56 else 3
    masks = _unpack(f"<{count}I", data, at + _INFO_HEADER_BYTES) + ((0,) if count == 3 else ())
    red, green, blue, alpha = masks if any(masks) else plain
    return (red, green, blue, alpha), 4 * count if size == _INFO_HEADER_BYTES else 0


def _from_masks(data: bytes, header: _Header) -> Image.Image:
    kind = "<u2" if header.depth == 16 else "<u4"
    rows = _rows(data, header, header.width * header.depth // 8)
    values = np.ascontiguousarray(rows).view(kind)
    channels = [_channel(values, mask) for mask in header.masks[:3]]
    if header.masks[3]:
        channels.append(_channel(values, header.masks[3]))
    return Image.fromarray(np.ascontiguousarray(_upright(np.stack(channels, axis=-1), header)))


def _channel(values: npt.NDArray[Any], mask: int) -> npt.NDArray[np.uint8]:
    """Returns the bits of a mask, scaled to 0..255."""
    if not mask:
        return np.zeros(values.shape, dtype=np.uint8)
    shift = (mask & -mask).bit_length() - 1
    largest = mask >> shift
    held = np.right_shift(values & np.uint32(mask), shift)
    if largest == _FULL:
        plain: npt.NDArray[np.uint8] = held.astype(np.uint8)
        return plain
    scaled: npt.NDArray[np.uint8] = (held.astype(np.float64) * (_FULL / largest) + 0.5).astype(np.uint8)
    return scaled


def _rows(data: bytes, header: _Header, row_bytes: int) -> npt.NDArray[np.uint8]:
    stride = (header.width * header.depth + 31) // 32 * 4
    needed = stride * header.height
    held = data[header.pixels_at : header.pixels_at + needed]
    # The padding of the last row may be missing.
    if len(held) < needed - (stride - row_bytes) and not header.is_tolerant:
        raise ValueError("the bitmap is cut off")
    return np.frombuffer(held.ljust(needed, b"\0"), dtype=np.uint8).reshape(header.height, stride)[:, :row_bytes]


def _unpacked(data: bytes, header: _Header) -> npt.NDArray[np.uint8]:
    bits, per_byte = header.depth, 8 // header.depth
    rows = _rows(data, header, -(-header.width // per_byte))
    shifts = np.arange(8 - bits, -1, -bits, dtype=np.uint8)
    parts = rows[:, :, None] >> shifts & np.uint8((1 << bits) - 1)
    return parts.reshape(header.height, -1)[:, : header.width]


def _run_lengths(data: bytes, header: _Header) -> npt.NDArray[np.uint8]:
    """Returns the indices of an image in runs. Pixels of a run beyond its row are dropped, as viewers do."""
    indices = np.zeros((header.height, header.width), dtype=np.uint8)
    is_rle4 = header.compression == _RLE4
    x = y = 0
    at = header.pixels_at
    while y < header.height:
        if at + 2 > len(data):
            if header.is_tolerant:
                break
            raise ValueError("the bitmap is cut off")
        count, value = data[at], data[at + 1]
        at += 2
        if count:
            run = np.full(count, value, dtype=np.uint8)
            if is_rle4:
                run[::2], run[1::2] = value >> 4, value & 15
        elif value == 0:
            x, y = 0, y + 1
            continue
        elif value == 1:
            break
        elif value == 2:
            if at + 2 > len(data):
                continue
            x, y, at = x + data[at], y + data[at + 1], at + 2
            continue
        else:
            held = (value + 1) // 2 if is_rle4 else value
            content = np.frombuffer(data[at : at + held], dtype=np.uint8)
            run = np.stack([content >> 4, content & 15], axis=-1).ravel()[:value] if is_rle4 else content
            at += held + held % 2
        kept = run[: max(header.width - x, 0)]
        indices[y, x : x + len(kept)] = kept
        x += len(run)
    return indices


def _from_indices(indices: npt.NDArray[np.uint8], header: _Header) -> Image.Image:
    colours = np.zeros((256, 3), dtype=np.uint8)
    colours[: len(header.palette)] = header.palette
    return Image.fromarray(np.ascontiguousarray(_upright(colours[indices], header)))


def _upright(pixels: npt.NDArray[np.uint8], header: _Header) -> npt.NDArray[np.uint8]:
    return pixels if header.is_top_down else pixels[::-1]


def _unsigned(data: bytes, at: int) -> int:
    value: int = _unpack("<I", data, at)[0]
    return value


def _unpack(form: str, data: bytes, at: int) -> tuple[int, ...]:
    try:
        return struct.unpack_from(form, data, at)
    except struct.error as error:
        raise ValueError("the header of the bitmap is cut off") from error
