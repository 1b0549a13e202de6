"""Counts the frames of a file without decoding them.

Headers are not trusted, and Pillow's counts walk the whole file regardless of its length.

Source: GIF89a sections 18 to 26; W3C PNG (third edition) 5.3 and 11.3.5.
"""

from collections.abc import Iterator

_GIF_SCREEN_BYTES = 13
_GIF_EXTENSION = 0x21
_GIF_IMAGE = 0x2C
_PNG_SIGNATURE_BYTES = 8


def gif_frames(data: bytes, at_most: int) -> int:
    """Counts the frames of a GIF, up to ``at_most``."""
    size = len(data)
    at = _GIF_SCREEN_BYTES + (_colour_table_bytes(data[10]) if size > 10 else 0)
    frames = 0
    while at < size and frames < at_most:
        kind = data[at]
        if kind == _GIF_IMAGE and at + 9 < size:
            frames += 1
            at += 10 + _colour_table_bytes(data[at + 9]) + 1
        elif kind == _GIF_EXTENSION:
            at += 2
        else:
            break
        while at < size and data[at]:
            at += data[at] + 1
        at += 1
    return frames


def _colour_table_bytes(packed: int) -> int:
    return 3 << ((packed & 7) + 1) if packed & 0x80 else 0


def png_frames(data: bytes, at_most: int) -> int:
    """Counts the frames of a PNG or APNG, with its default image, up to ``at_most``."""
    claimed = controls = 0
    default_image = False
    for name, at in _png_chunks(data):
        if name == b"acTL":
            claimed = int.from_bytes(data[at : at + 4], "big")
        elif name == b"fcTL":
            controls += 1
        elif name == b"IDAT":
            default_image = default_image or not controls
        if controls >= at_most:
            break
    return min(claimed, controls) + default_image if claimed and controls else 1


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, int]]:
    """Yields each chunk's name and the position of its content."""
    at = _PNG_SIGNATURE_BYTES
    while at + 8 <= len(data):
        yield data[at + 4 : at + 8], at + 8
        at += 12 + int.from_bytes(data[at : at + 4], "big")


def chosen_frames(count: int, at_most: int) -> list[int]:
    """Selects all of ``count`` frames, or ``at_most`` evenly spaced ones from the first to the last."""
    if count <= at_most:
        return list(range(count))
    if at_most == 1:
        return [0]
    return [round(index * (count - 1) / (at_most - 1)) for index in range(at_most)]
