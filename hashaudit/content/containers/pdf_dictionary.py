"""Parses dictionaries of PDF documents: names, numbers, strings, arrays and references.

Source: ISO 32000-2 7.3.
"""

import re
from typing import TypeVar

import msgspec

MAX_DEPTH = 16
MAX_VALUES = 10_000
"""Values within one another, and values of one dictionary; what is beyond them is not read."""

_SKIPPED = re.compile(rb"(?:[\0\t\n\f\r ]|%[^\r\n]*)*")
_NAME = re.compile(rb"/([^\0\t\n\f\r /<>\[\](){}%]*)")
_WORD = re.compile(rb"[^\0\t\n\f\r /<>\[\](){}%]+")
_REFERENCE = re.compile(rb"(\d{1,10})[\0\t\n\f\r ]+(\d{1,5})[\0\t\n\f\r ]+R(?![A-Za-z])")
_ESCAPE = re.compile(rb"\\([0-7]{1,3}|\r\n|.)", re.DOTALL)
_ESCAPED = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f", b"\n": b"", b"\r": b"", b"\r\n": b""}
_HEX_IN_NAME = re.compile(rb"#([0-9A-Fa-f]{2})")

T = TypeVar("T")


class Name(msgspec.Struct, frozen=True):
    """A name, without its slash."""

    text: bytes


class Reference(msgspec.Struct, frozen=True):
    """A reference to another object."""

    number: int


Value = dict[bytes, "Value"] | list["Value"] | bytes | int | float | bool | Name | Reference | None


def parse_value(text: bytes, at: int = 0) -> Value:
    """Returns the value that begins at a position; ``None`` if there is none. What is malformed is skipped."""
    return _Parser(text, at).value(0)


def typed(value: object, wanted: type[T], default: T) -> T:
    """Returns a value if it has the type that is wanted."""
    return value if isinstance(value, wanted) and not (wanted is int and isinstance(value, bool)) else default


def parse_string(text: bytes, at: int) -> tuple[bytes, int]:
    """Returns the bytes of a literal or hexadecimal string, and where it ends (7.3.4)."""
    if text[at : at + 1] == b"<":
        end = text.find(b">", at)
        end = len(text) if end < 0 else end
        digits = re.sub(rb"[^0-9A-Fa-f]", b"", text[at + 1 : end])
        return bytes.fromhex((digits + b"0" * (len(digits) % 2)).decode()), end + 1
    depth, end = 1, at + 1
    while end < len(text) and depth:
        byte = text[end]
        end += 2 if byte == 0x5C else 1
        depth += (byte == 0x28) - (byte == 0x29)
    return _ESCAPE.sub(_unescaped, text[at + 1 : end - 1]), end


class _Parser:
    def __init__(self, text: bytes, at: int) -> None:
        self._text = text
        self._at = at
        self._count = 0

    def value(self, depth: int) -> Value:  # one return a type
        """Reads a value."""
        text = self._text
        self._skip()
        self._count += 1
        if self._count > MAX_VALUES or depth > MAX_DEPTH:
            self._at = len(text)
        at = self._at
        if text.startswith(b"<<", at):
            return self._dictionary(depth)
        first = text[at : at + 1]
        if first == b"[":
            return self._array(depth)
        if first in {b"(", b"<"} and first:
            found, self._at = parse_string(text, at)
            return found
        if (name := _NAME.match(text, at)) is not None:
            self._at = name.end()
            return Name(_HEX_IN_NAME.sub(lambda found: bytes([int(found[1], 16)]), name[1]))
        if (reference := _REFERENCE.match(text, at)) is not None:
            self._at = reference.end()
            return Reference(int(reference[1]))
        word = _WORD.match(text, at)
        self._at = at + 1 if word is None else word.end()
        return None if word is None else _plain(word[0])

    def _dictionary(self, depth: int) -> dict[bytes, Value]:
        self._at += 2
        found: dict[bytes, Value] = {}
        while self._at < len(self._text):
            self._skip()
            if self._text.startswith(b">>", self._at):
                self._at += 2
                break
            key = self.value(depth + 1)
            if isinstance(key, Name):
                self._skip()
                if not self._text.startswith(b">>", self._at):
                    found[key.text] = self.value(depth + 1)
        return found

    def _array(self, depth: int) -> list[Value]:
        self._at += 1
        found = []
        while self._at < len(self._text):
            self._skip()
            if self._text[self._at : self._at + 1] in {b"]", b""}:
                self._at += 1
                break
            found.append(self.value(depth + 1))
        return found

    def _skip(self) -> None:
        found = _SKIPPED.match(self._text, self._at)
        self._at = self._at if found is None else found.end()


def _plain(word: bytes) -> Value:
    if word in {b"true", b"false"}:
        return word == b"true"
    try:
        return int(word) if len(word) < 20 else None
    except ValueError:
        pass
    try:
        return float(word)
    except ValueError:
        return None


def _unescaped(found: re.Match[bytes]) -> bytes:
    word = found[1]
    return bytes([int(word, 8) & 0xFF]) if word.isdigit() and word[:1] < b"8" else _ESCAPED.get(word, word)
