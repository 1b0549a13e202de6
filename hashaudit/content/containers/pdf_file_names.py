"""The names of files that are embedded in a PDF document.

Source: ISO 32000-2 7.9.2 (text strings), 7.11.3 (file specifications).
"""

import re
from collections.abc import Callable, Iterator

from hashaudit.content.containers.pdf_dictionary import parse_string
from hashaudit.content.containers.text_codecs import to_utf8

MOST_DICTIONARY_BYTES = 1 << 20
"""Longest object that is looked at for the names of embedded files."""

SPACES = rb"[\0\t\n\f\r ]"
"""White space (7.2.3)."""
_TOKEN = re.compile(rb"<<|>>|/EF(?![A-Za-z])|\((?:[^()\\]|\\.){0,2000}\)", re.DOTALL)
_FILES = re.compile(rb"/EF" + SPACES + rb"{0,20}<<(.{0,2000}?)>>", re.DOTALL)
_REFERENCE = re.compile(
    rb"/(?:UF|F|DOS|Mac|Unix)" + SPACES + rb"{0,20}(\d{1,10})" + SPACES + rb"{1,20}\d{1,6}" + SPACES + rb"{1,20}R"
)


def names_of_files(text: bytes, decrypt: Callable[[bytes], bytes]) -> Iterator[tuple[int, bytes]]:
    """Yields the number of each object that holds an embedded file, and the file's name, at any depth of a text.

    Args:
        text: an object, or the content of an object stream.
        decrypt: returns a string as it is without encryption.
    """
    opened: list[int] = []
    with_files: set[int] = set()
    for token in _TOKEN.finditer(text):
        if token[0] == b"<<":
            opened.append(token.start())
        elif token[0] == b"/EF" and opened:
            with_files.add(opened[-1])
        elif token[0] == b">>" and opened:
            start = opened.pop()
            if start in with_files and token.end() - start <= MOST_DICTIONARY_BYTES:
                yield from _names_of_one(text[start : token.end()], decrypt)


def _names_of_one(text: bytes, decrypt: Callable[[bytes], bytes]) -> Iterator[tuple[int, bytes]]:
    files = _FILES.search(text)
    if files is None:
        return
    around = text[: files.start()] + text[files.end() :]
    name = _text_of(around, b"/UF", decrypt) or _text_of(around, b"/F", decrypt)
    for reference in _REFERENCE.findall(files[1]):
        yield int(reference), name


def _text_of(text: bytes, key: bytes, decrypt: Callable[[bytes], bytes]) -> bytes:
    """Returns the string of a key in UTF-8 (7.9.2); empty if there is none."""
    found = re.search(key + SPACES + rb"{0,20}(?=[(<][^<])", text)
    if found is None:
        return b""
    raw = decrypt(parse_string(text, found.end())[0])
    if raw.startswith(b"\xfe\xff"):
        return to_utf8(raw[2:], "utf_16_be")
    if raw.startswith(b"\xef\xbb\xbf"):
        return raw[3:]
    return raw if raw.isascii() else to_utf8(raw, "latin_1")
