"""Paths are bytes inside and text outside; this is the only place where one becomes the other.

A name on POSIX is any bytes but NUL and the slash. The findings file shows text that anyone can read and keeps the
exact bytes beside it whenever the text alone is not exact; a terminal gets text that can neither steer nor mislead.
"""

import base64
import binascii

from hashaudit.errors import FindingsError

_LONE_BYTE_FIRST = 0xDC80
_LONE_BYTE_LAST = 0xDCFF
_LONE_BYTE_BASE = 0xDC00
"""Where Python's ``surrogateescape`` (PEP 383) puts a byte that is no part of valid UTF-8."""


def to_text(raw: bytes) -> tuple[str, str | None]:
    """The fields ``path`` and ``path_b64`` of a findings line (docs/reference/findings-format.md).

    Returns:
        Valid text, in which each byte sequence that is not UTF-8 has become U+FFFD; and the base64 (RFC 4648 section 4)
        of the exact bytes when that text does not stand for them, else ``None``.
    """
    try:
        return raw.decode(), None
    except UnicodeDecodeError:
        return raw.decode(errors="replace"), base64.b64encode(raw).decode("ascii")


def from_text(path: str, path_b64: str | None = None) -> bytes:
    """The exact bytes of a path as a findings line gives it: the inverse of :func:`to_text`.

    Raises:
        FindingsError: the two fields are not what :func:`to_text` gives for any path. A ``path_b64`` that says another
            path than ``path`` shows people one file and programs another.
    """
    try:
        raw = path.encode() if path_b64 is None else base64.b64decode(path_b64)
    except UnicodeEncodeError as error:
        raise FindingsError("path is not valid text: it holds a lone surrogate") from error
    except (binascii.Error, ValueError) as error:
        raise FindingsError("path_b64 is not base64") from error
    if to_text(raw) != (path, path_b64):
        raise FindingsError("path and path_b64 do not belong together")
    return raw


def for_terminal(raw: bytes, encoding: str = "utf-8") -> str:
    r"""A path for people, on one line, that no terminal takes as anything but characters.

    Control characters, escapes, line and paragraph separators, bidirectional overrides, invisible format characters and
    unassigned code points are written ``\xNN`` or ``\uNNNN``, a byte that is not UTF-8 ``\xNN``, a backslash ``\\``:
    two paths never look alike through escaping.

    Args:
        raw: the path.
        encoding: of the stream that is written to; what it cannot hold is escaped too.
    """
    text = raw.decode(errors="surrogateescape")
    if text.isascii() and text.isprintable() and "\\" not in text:
        return text
    return "".join(_shown(character, encoding) for character in text)


def _shown(character: str, encoding: str) -> str:
    if character == "\\":
        return r"\\"
    if character.isprintable() and _holds(encoding, character):
        return character
    code = ord(character)
    if _LONE_BYTE_FIRST <= code <= _LONE_BYTE_LAST:
        return f"\\x{code - _LONE_BYTE_BASE:02x}"
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def _holds(encoding: str, character: str) -> bool:
    try:
        character.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True
