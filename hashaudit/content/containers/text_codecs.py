"""Converts names in containers to UTF-8, with codecs that are loaded before the sandbox closes."""

import codecs
import functools
from encodings import normalize_encoding
from encodings.aliases import aliases

NAMES = (
    "utf_8", "ascii", "latin_1", "cp1250", "cp1251", "cp1252", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257",
    "iso8859_2", "iso8859_5", "iso8859_7", "iso8859_8", "iso8859_9", "iso8859_15", "koi8_r", "koi8_u", "cp437",
    "cp850", "cp866", "shift_jis", "cp932", "euc_jp", "iso2022_jp", "gb2312", "gbk", "gb18030", "big5", "euc_kr",
    "utf_16_le", "utf_16_be", "utf_16", "utf_7",
)  # fmt: skip
"""Charsets of names in mail and documents."""


@functools.cache
def load_codecs() -> dict[str, codecs.CodecInfo]:
    """Returns all codecs by their normal names. The first call imports them: no import is possible in the sandbox."""
    return {name: codecs.lookup(name) for name in NAMES}


def to_utf8(text: bytes, charset: str) -> bytes:
    """Returns a name in UTF-8; unchanged if the charset is unknown or the name is invalid in it."""
    name = normalize_encoding(charset.strip()).lower()
    name = aliases.get(name, name)
    codec = load_codecs().get(name) if name in NAMES else None
    if codec is None:
        return text
    try:
        return codec.decode(text, "strict")[0].encode("utf-8", "surrogatepass")
    except ValueError:
        return text


def utf16_to_utf8(text: bytes) -> bytes:
    """Returns a name of UTF-16, little-endian, in UTF-8. Half surrogates are kept."""
    return codecs.utf_16_le_decode(text[: len(text) // 2 * 2], "surrogatepass")[0].encode("utf-8", "surrogatepass")
