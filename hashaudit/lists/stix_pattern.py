"""File hashes in a STIX pattern: the alternatives that each identify one file.

Source: OASIS STIX Version 2.1, section 9; Version 2.0, part 5.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

from hashaudit.lazy import lazy_pattern
from hashaudit.lists.algorithms import listed_name

_TOKEN = lazy_pattern(
    r"""\s*(?:
        (?P<path>[A-Za-z][A-Za-z0-9_-]*:[A-Za-z0-9_-]+(?:\.(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[A-Za-z0-9_-]+)|\[[^\]]*\])*)
      | (?P<text>[tbh]?'(?:[^'\\]|\\.)*')
      | (?P<number>[+-]?\d+(?:\.\d+)?)
      | (?P<word>[A-Za-z]+)
      | (?P<mark>!=|<>|<=|>=|==|[=<>()\[\],])
    )""",
    re.VERBOSE,
)
_HASHES = lazy_pattern(r"(?:file|artifact):hashes\.(?:'([^']+)'|\"([^\"]+)\"|([A-Za-z0-9_-]+))")
_MAX_TOKENS = 200_000
_MAX_DEPTH = 32
"""Nesting of parentheses. No pattern in use comes near."""

_MAX_ALTERNATIVES = 100_000


class FileHashes(NamedTuple):
    """An alternative of a pattern: everything that it asks of one file."""

    hashes: tuple[tuple[str, str], ...]
    """(algorithm, hex text), each algorithm once."""
    size: str = ""
    name: str = ""
    exact: bool = True
    """False if the pattern asks for something else too, or the alternative cannot identify a file."""


class _UnreadableError(Exception):
    """The pattern is not of the grammar that is read here."""


def alternatives_of(pattern: str) -> list[FileHashes] | None:
    """Returns the alternatives of a pattern; ``None`` if it cannot be read as alternatives.

    An alternative without a hash, or with conditions other than the name and size of the file, is not exact.
    """
    try:
        reader = _Reader(_tokens(pattern))
        found = reader.observations(0)
        reader.expect_end()
    except (_UnreadableError, RecursionError):
        return None
    return found


def _tokens(pattern: str) -> list[tuple[str, str]]:
    tokens: list[tuple[str, str]] = []
    position, text = 0, pattern.rstrip()
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None or match.lastgroup is None or len(tokens) >= _MAX_TOKENS:
            raise _UnreadableError
        tokens.append((match.lastgroup, match[match.lastgroup]))
        position = match.end()
    return tokens


class _Reader:
    """A recursive-descent reader of one pattern."""

    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self._tokens = tokens
        self._position = 0

    def observations(self, depth: int) -> list[FileHashes]:
        """Reads observations that are joined by OR. Anything else between them cannot be read."""
        return self._joined_by_or(self._observation, depth)

    def expect_end(self) -> None:
        if self._position != len(self._tokens):
            raise _UnreadableError

    def _observation(self, depth: int) -> list[FileHashes]:
        if depth > _MAX_DEPTH:
            raise _UnreadableError
        if self._take("("):
            found = self.observations(depth + 1)
            self._require(")")
            return found
        self._require("[")
        found = self._joined_by_or(self._both, depth + 1)
        self._require("]")
        return found

    def _joined_by_or(self, read: Callable[[int], list[FileHashes]], depth: int) -> list[FileHashes]:
        found = read(depth)
        while self._take_word("OR"):
            found += read(depth)
            if len(found) > _MAX_ALTERNATIVES:
                raise _UnreadableError
        return found

    def _both(self, depth: int) -> list[FileHashes]:
        found = self._term(depth)
        while self._take_word("AND"):
            other = self._term(depth)
            if len(found) * len(other) > _MAX_ALTERNATIVES:
                raise _UnreadableError
            found = [_joined(one, another) for one in found for another in other]
        return found

    def _term(self, depth: int) -> list[FileHashes]:
        if depth > _MAX_DEPTH:
            raise _UnreadableError
        if self._take("("):
            found = self._joined_by_or(self._both, depth + 1)
            self._require(")")
            return found
        kind, path = self._next()
        if kind == "word" and path == "EXISTS":
            self._next()
            return [FileHashes((), exact=False)]
        if kind != "path":
            raise _UnreadableError
        negated = self._take_word("NOT")
        _, operator = self._next()
        values = self._values() if operator == "IN" else [_unquoted(self._next()[1])]
        return [_condition(path, operator if not negated else "NOT", value) for value in values]

    def _values(self) -> list[str]:
        self._require("(")
        values = [_unquoted(self._next()[1])]
        while self._take(","):
            values.append(_unquoted(self._next()[1]))
        self._require(")")
        return values

    def _next(self) -> tuple[str, str]:
        if self._position >= len(self._tokens):
            raise _UnreadableError
        self._position += 1
        return self._tokens[self._position - 1]

    def _take(self, mark: str) -> bool:
        if self._position < len(self._tokens) and self._tokens[self._position] == ("mark", mark):
            self._position += 1
            return True
        return False

    def _take_word(self, word: str) -> bool:
        if self._position < len(self._tokens) and self._tokens[self._position] == ("word", word):
            self._position += 1
            return True
        return False

    def _require(self, mark: str) -> None:
        if not self._take(mark):
            raise _UnreadableError


def _unquoted(text: str) -> str:
    return text[1:-1].replace("\\'", "'").replace("\\\\", "\\") if text.startswith("'") else text


def _condition(path: str, operator: str, value: str) -> FileHashes:
    """Returns what one comparison asks for."""
    equal = operator in {"=", "==", "IN"}
    named = _HASHES.fullmatch(path)
    if named is not None and equal:
        return FileHashes(((listed_name(named[1] or named[2] or named[3]), value.strip()),))
    if path == "file:size" and equal:
        return FileHashes((), size=value)
    if path == "file:name" and operator in {"=", "==", "IN", "LIKE", "MATCHES"}:
        return FileHashes((), name=value)
    return FileHashes((), exact=False)


def _joined(one: FileHashes, other: FileHashes) -> FileHashes:
    """Returns what two conditions ask for together. Two values of one algorithm are not those of one file."""
    hashes = dict(one.hashes)
    exact = one.exact and other.exact
    for name, text in other.hashes:
        exact = exact and hashes.get(name, text).lower() == text.lower()
        hashes[name] = text
    return FileHashes(tuple(hashes.items()), one.size or other.size, one.name or other.name, exact)
