"""Decompression of zlib streams that are in memory as a whole: by ISA-L if the extra ``images`` is installed.

ISA-L takes some 0.6 of zlib's time, and checks the same checksum. What it refuses, zlib decides about, so that results
do not depend on the extra.
"""

import zlib

try:
    from isal import isal_zlib
except ImportError:
    _fast = None
else:
    _fast = isal_zlib


def inflated(data: bytes, most_bytes: int) -> bytes | None:
    """Returns the content of a stream with a right checksum; ``None``: there is none, or it is too long."""
    if _fast is not None:
        unpacker = _fast.decompressobj()
        try:
            content = unpacker.decompress(data, most_bytes + 1)
        except _fast.error:
            pass
        else:
            if unpacker.eof:
                return content if len(content) <= most_bytes else None
    other = zlib.decompressobj()
    try:
        content = other.decompress(data, most_bytes + 1)
    except zlib.error:
        return None
    return content if other.eof and len(content) <= most_bytes else None
