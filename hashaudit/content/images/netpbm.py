"""Decodes PAM and colour PFM, which Pillow does not read.

Source: the netpbm format page of PAM; the PFM description of the netpbm project.
"""

import re

import numpy as np
from PIL import Image

from hashaudit.content.images.sample_depth import from_fractions

_HEADER_END = b"ENDHDR\n"
MAX_HEADER_BYTES = 65_536
_PFM = re.compile(rb"PF\s+(\d{1,9})\s+(\d{1,9})\s+([-+.\deE]{1,30})\s")
_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}


def decode_netpbm(data: bytes, max_pixels: int, *, is_tolerant: bool) -> Image.Image | None:
    """Returns the image of a PAM or colour PFM file; ``None`` for the other kinds.

    Args:
        data: the whole file.
        max_pixels: largest image.
        is_tolerant: missing pixels are black instead of an error.

    Raises:
        ValueError: the file is damaged.
        Image.DecompressionBombError: the image is too large.
    """
    if data[:3] == b"P7\n":
        return _pam(data, max_pixels, is_tolerant=is_tolerant)
    found = _PFM.match(data)
    return None if found is None else _pfm(data, found, max_pixels, is_tolerant=is_tolerant)


def _pam(data: bytes, max_pixels: int, *, is_tolerant: bool) -> Image.Image:
    end = data.find(_HEADER_END, 0, MAX_HEADER_BYTES)
    if end < 0:
        raise ValueError("no end of the header")
    words = [line.split(None, 1) for line in data[3:end].splitlines()]
    fields = {pair[0]: pair[1] for pair in words if len(pair) == 2 and not pair[0].startswith(b"#")}
    width, height, depth, largest = (int(fields.get(name, b"0")) for name in (b"WIDTH", b"HEIGHT", b"DEPTH", b"MAXVAL"))
    if depth not in _MODES or not 0 < largest < 1 << 16 or min(width, height) < 1:
        raise ValueError("invalid header")
    _check(width, height, max_pixels)
    kind = np.dtype(">u2" if largest > 255 else "u1")
    size = width * height * depth * kind.itemsize
    samples = np.frombuffer(_held(data, end + len(_HEADER_END), size, is_tolerant=is_tolerant), dtype=kind)
    scaled = samples if largest == 255 else (samples.astype(np.uint32) * 255 // largest).clip(0, 255).astype(np.uint8)
    pixels = scaled.reshape((height, width) if depth == 1 else (height, width, depth))
    return Image.fromarray(np.ascontiguousarray(pixels))


def _pfm(data: bytes, found: re.Match[bytes], max_pixels: int, *, is_tolerant: bool) -> Image.Image:
    width, height = int(found[1]), int(found[2])
    _check(width, height, max_pixels)
    kind = np.dtype("<f4" if float(found[3]) < 0 else ">f4")
    samples = np.frombuffer(_held(data, found.end(), width * height * 12, is_tolerant=is_tolerant), dtype=kind)
    rows = from_fractions(samples.astype(np.float32)).reshape(height, width, 3)
    # The first row is the lowest.
    return Image.fromarray(np.ascontiguousarray(rows[::-1]))


def _check(width: int, height: int, max_pixels: int) -> None:
    if width * height > max_pixels:
        raise Image.DecompressionBombError(f"{width} x {height} pixels")


def _held(data: bytes, at: int, size: int, *, is_tolerant: bool) -> bytes:
    if len(data) < at + size and not is_tolerant:
        raise ValueError("the file is cut off")
    return data[at : at + size].ljust(size, b"\0")
