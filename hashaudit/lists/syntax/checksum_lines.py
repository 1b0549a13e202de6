"""The names of files in lines of coreutils and of hashdeep's family: their escapes, and the mark of a piece.

Source: GNU coreutils manual, "md5sum invocation"; the file FILEFORMAT of hashdeep 4.4.
"""

import re

from hashaudit.lazy import lazy_pattern

PIECE_MARK = lazy_pattern(rb" offset \d+-\d+$")
"""Mark after a name: the hashes are those of a piece of the file (``-p``)."""

_ESCAPES = {b"\\\\": b"\\", b"\\n": b"\n", b"\\r": b"\r"}
_ESCAPE = lazy_pattern(rb"\\.?", re.DOTALL)


def escaped_name(raw: bytes) -> bytes:
    """Returns a file name as coreutils writes it in a line that begins with a backslash."""
    return raw.replace(b"\\", b"\\\\").replace(b"\n", b"\\n").replace(b"\r", b"\\r")


def unescaped_name(name: bytes) -> bytes | None:
    """Returns the name of a line that begins with a backslash.

    ``None`` if it has no escape, or one that is not among the three that the tools write.
    """
    escapes = set(_ESCAPE.findall(name))
    if not escapes or not escapes <= _ESCAPES.keys():
        return None
    return _ESCAPE.sub(lambda match: _ESCAPES[match[0]], name)
