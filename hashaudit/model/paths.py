"""Paths are bytes inside and text outside; this is the only place where one becomes the other.

A name on POSIX is any bytes but NUL and the slash. The findings file has text that anyone can read, and the exact bytes
percent-encoded beside it whenever the text alone is not exact; a terminal gets text that can neither steer nor mislead.
"""

from hashaudit.errors import FindingsError

_PERCENT_ENCODED = [chr(byte) if chr(byte).isalnum() and byte < 0x80 else f"%{byte:02X}" for byte in range(256)]
"""The form of each byte (RFC 3986 section 2): unreserved characters and the slash are as they are."""
for _byte in b"-._~/":
    _PERCENT_ENCODED[_byte] = chr(_byte)

_LONE_BYTE_FIRST = 0xDC80
_LONE_BYTE_LAST = 0xDCFF
_LONE_BYTE_BASE = 0xDC00
"""Where Python's ``surrogateescape`` (PEP 383) puts a byte that is no part of valid UTF-8."""


def to_text(raw: bytes) -> tuple[str, str | None]:
    """Returns the fields ``path`` and ``path_uri`` of a findings line (docs/reference/findings-format.md).

    Returns:
        Valid text, in which U+FFFD replaces each byte sequence that is not UTF-8; and, if that text is not exact, the
        exact bytes percent-encoded (RFC 3986 section 2): unreserved characters and ``/`` as they are, every other byte
        as ``%XX``. Else ``None``.
    """
    try:
        return raw.decode(), None
    except UnicodeDecodeError:
        return raw.decode(errors="replace"), "".join([_PERCENT_ENCODED[byte] for byte in raw])


def from_text(path: str, path_uri: str | None = None) -> bytes:
    """Returns the exact bytes of a path in a findings line: the inverse of :func:`to_text`.

    Raises:
        FindingsError: :func:`to_text` gives these two fields for no path. A ``path_uri`` that differs from ``path``
            would show one file to people and another to programs.
    """
    from urllib.parse import unquote_to_bytes  # noqa: PLC0415 # start-up: a new scan reads no record

    try:
        raw = path.encode() if path_uri is None else unquote_to_bytes(path_uri)
    except UnicodeEncodeError as error:
        raise FindingsError("path is not valid text: it contains a lone surrogate") from error
    if to_text(raw) != (path, path_uri):
        raise FindingsError("path and path_uri do not belong together")
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
