"""Counts the frames of a PNG without decoding them.

Headers are not trusted, and Pillow's counts walk the whole file regardless of its length.

Source: W3C PNG (third edition) 5.3 and 11.3.5.
"""

from collections.abc import Iterator

_PNG_SIGNATURE_BYTES = 8


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
