"""Composes the frames of a GIF as browsers show them.

Each frame is decoded by Pillow as a file of its own and drawn here. Pillow's own animation fills what a frame leaves
behind with the background colour, where every other decoder clears it, and one damaged frame costs it the later ones.

Source: GIF89a sections 18 to 26.
"""

import struct
from collections.abc import Callable, Iterator

import msgspec
import numpy as np
import numpy.typing as npt
from PIL import Image

SCREEN_BYTES = 13
TRAILER = 0x3B
_EXTENSION = 0x21
_IMAGE = 0x2C
_KEEPS = frozenset({0, 1})
_RESTORE_PREVIOUS = 3
_OPAQUE = 255
_GREY_TABLE = bytes(level for level in range(256) for _ in range(3))
"""A colour table with which Pillow gives the indices themselves, in mode ``L``."""

_Canvas = npt.NDArray[np.uint32]
"""RGBA, four bytes in one number: numpy moves numbers several times as fast as rows of four."""


class GifFrame(msgspec.Struct, frozen=True):
    """One image of a GIF and how it is drawn."""

    start: int
    """Position of its image descriptor."""
    stop: int
    left: int
    top: int
    width: int
    height: int
    disposal: int
    transparent: int | None
    """The palette index that leaves the canvas as it is."""


def frames(data: bytes) -> Iterator[GifFrame]:
    """Yields the frames of a GIF; stray bytes between blocks are skipped, as viewers do."""
    size = len(data)
    at = SCREEN_BYTES + (_colour_table_bytes(data[10]) if size > 10 else 0)
    disposal, transparent = 0, None
    while at < size:
        kind = data[at]
        if kind == _IMAGE and at + 9 < size:
            start = at
            at = _blocks_end(data, at + 10 + _colour_table_bytes(data[at + 9]) + 1)
            left, top, width, height = struct.unpack_from("<4H", data, start + 1)
            yield GifFrame(start, min(at, size), left, top, width, height, disposal, transparent)
            disposal, transparent = 0, None
        elif kind == _EXTENSION:
            if data[at + 1 : at + 3] == b"\xf9\x04" and at + 6 < size:
                packed = data[at + 3]
                disposal, transparent = packed >> 2 & 7, data[at + 6] if packed & 1 else None
            at = _blocks_end(data, at + 2)
        elif kind == TRAILER:
            return
        else:
            at += 1


def _blocks_end(data: bytes, at: int) -> int:
    """Returns the position after a chain of data blocks."""
    size = len(data)
    while at < size and data[at]:
        at += data[at] + 1
    return at + 1


def _colour_table_bytes(packed: int) -> int:
    return 3 << ((packed & 7) + 1) if packed & 0x80 else 0


def count_frames(data: bytes, at_most: int) -> int:
    """Counts the frames of a GIF, up to ``at_most``."""
    count = 0
    for _ in frames(data):
        count += 1
        if count >= at_most:
            break
    return count


class GifCanvas:
    """Draws the frames of a GIF in their order.

    Args:
        data: the whole file.
        decode: opens and loads one image; its errors propagate.
        max_pixels: largest canvas.
    """

    def __init__(self, data: bytes, decode: Callable[[bytes], Image.Image], max_pixels: int) -> None:
        self._data = data
        self._decode = decode
        self._frames = frames(data)
        self._max_pixels = max_pixels
        self._table = data[SCREEN_BYTES : SCREEN_BYTES + _colour_table_bytes(data[10])] if len(data) > 10 else b""
        self._next: _Canvas | None = None

    def advance(self) -> Image.Image:
        """Draws the next frame and returns the canvas as ``RGBA``.

        Raises:
            EOFError: there is no further frame.
            Image.DecompressionBombError: the canvas is too large.
        """
        frame = next(self._frames, None)
        if frame is None:
            raise EOFError("no more frames")
        canvas = self._prepared(frame)
        rows, columns = canvas.shape
        bottom, right = min(frame.top + frame.height, rows), min(frame.left + frame.width, columns)
        window = (slice(frame.top, bottom), slice(frame.left, right))
        before = canvas.copy() if frame.disposal == _RESTORE_PREVIOUS else None
        # If the image cannot be decoded, the next frame is drawn on the canvas as it was.
        self._next = canvas
        indices, palette = self._patch(frame)
        if canvas[window].size:
            visible = indices[: rows - frame.top, : columns - frame.left]
            drawn = True if frame.transparent is None else visible != frame.transparent
            np.copyto(canvas[window], palette[visible], where=drawn)
        shown = Image.fromarray(canvas.copy().view(np.uint8).reshape(rows, columns, 4))
        if before is not None:
            self._next = before
        elif frame.disposal not in _KEEPS:
            canvas[window] = 0
        return shown

    def _prepared(self, frame: GifFrame) -> _Canvas:
        if self._next is not None:
            return self._next
        width, height = (int.from_bytes(self._data[at : at + 2], "little") for at in (6, 8))
        # A screen smaller than its first frame is wrong: viewers enlarge it.
        width, height = max(width, frame.left + frame.width), max(height, frame.top + frame.height)
        if width * height > self._max_pixels:
            raise Image.DecompressionBombError(f"{width} x {height} pixels")
        return np.zeros((height, width), dtype=np.uint32)

    def _patch(self, frame: GifFrame) -> tuple[npt.NDArray[np.uint8], _Canvas]:
        """Returns the palette indices of a frame, and the pixel of each index."""
        if frame.width * frame.height > self._max_pixels:
            raise Image.DecompressionBombError(f"{frame.width} x {frame.height} pixels")
        sides = self._data[frame.start + 5 : frame.start + 9]
        packed = self._data[frame.start + 9]
        own = _colour_table_bytes(packed)
        table = self._data[frame.start + 10 : frame.start + 10 + own] if own else self._table
        descriptor = b"\x2c\0\0\0\0" + sides + bytes([packed & 0x40])
        image = self._data[frame.start + 10 + own : frame.stop]
        alone = b"GIF89a" + sides + b"\xf7\0\0" + _GREY_TABLE + descriptor + image + b"\0\x3b"
        indices = np.asarray(self._decode(alone))
        colours = np.zeros((256, 4), dtype=np.uint8)
        colours[:, 3] = _OPAQUE
        held = np.frombuffer(table[: len(table) // 3 * 3], dtype=np.uint8).reshape(-1, 3)
        colours[: len(held), :3] = held
        if not len(held):
            # A file without a colour table: viewers use their own, mostly black and white.
            colours[1:, :3] = _OPAQUE
        return indices, colours.view(np.uint32).ravel()
