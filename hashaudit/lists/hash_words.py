"""Hashes among the words of a line: invisible characters, quotes, bullets and tags beside them do not hide them."""

from typing import NamedTuple

from hashaudit.lazy import lazy_pattern
from hashaudit.lists.algorithms import (
    BY_HEX_LENGTH,
    LENGTHS_BYTES,
    UNDECIDED,
    algorithm_named,
    is_unsupported,
)
from hashaudit.model.results import AlgorithmName

_INVISIBLE = lazy_pattern(
    rb"\xef\xbb\xbf|\xe2\x80[\x8b-\x8f\xaa-\xae]|\xe2\x81[\xa0-\xaf]|\xc2\xad|\xe1\xa0\x8e|\xef\xb8[\x80-\x8f]"
)
"""UTF-8 of characters without width: byte-order mark, zero-width space and joiners, direction marks, soft hyphen,
variation selectors (Unicode, general category Cf, and section 23.4)."""

_BLANKS = lazy_pattern(
    rb"\xc2[\x85\xa0\xab\xbb]|\xe1\x9a\x80|\xe2\x80[\x80-\x8a\x98-\x9f\xa2\xa8\xa9\xaf\xb9\xba]|\xe2\x81\x9f|"
    rb"\xe3\x80[\x80\x8c-\x8f]"
)
"""UTF-8 of blanks other than space and tab (Unicode property White_Space), of typographic quotes and of the bullet."""

_BARE_NBSP = lazy_pattern(rb"(?<![\x80-\xff])\xa0(?![\x80-\xff])")
"""The no-break space of Windows-1252, which is not UTF-8."""

_WORD = lazy_pattern(rb"[^\s,;|\"'`<>()\[\]{}=:*\x00\x1a]+")
_HEX = lazy_pattern(rb"([0-9A-Fa-f]{16,})")
_SHORTEST_HEX = min(BY_HEX_LENGTH)
_LONG_HEX = lazy_pattern(rb"[0-9A-Fa-f]{%d}" % _SHORTEST_HEX)
_HEX_DIGITS_UNDECIDED = 64
_MIN_DAMAGED_DIGITS = 24
"""Hex digits of a word that is taken for a damaged hash. A date, an address or a number has fewer."""

_OTHER_MEANING = frozenset(
    {b"thumbprint", b"fingerprint", b"serial", b"serialnumber", b"commit", b"uuid", b"guid", b"jarm", b"ja3", b"ja3s"}
)
"""Words before hex digits that are not the digest of a file."""


class HashWord(NamedTuple):
    """A word of a line that is a hash."""

    algorithm: AlgorithmName
    """:data:`hashaudit.lists.algorithms.UNDECIDED` for 64 digits without a tag."""
    digits: bytes
    begin: int
    end: int
    tagged: bool
    """True if the word before it names its algorithm."""


class Words(NamedTuple):
    """The result of :func:`hash_words`."""

    hashes: list[HashWord]
    unsupported: bool
    """True if a word is a hash of another algorithm or meaning, by the word before it."""
    damaged: bool
    """True if a word is a run of hex digits of no known length."""


def visible(line: bytes) -> bytes:
    """Returns the line without invisible characters, and with a space for each unusual blank."""
    if line.isascii():
        return line
    return _BARE_NBSP.sub(b" ", _BLANKS.sub(b" ", _INVISIBLE.sub(b"", line)))


def hash_words(line: bytes, stated: AlgorithmName | None) -> Words:
    """Returns the words of a line that are hashes of the stated algorithm, or of a length with a usual algorithm.

    Args:
        line: without invisible characters.
        stated: algorithm given by the user; a tag in the line must agree with it.
    """
    found: list[HashWord] = []
    unsupported = damaged = False
    previous = b""
    for word in _WORD.finditer(line):
        text = word[0].rstrip(b".\\")
        match = _HEX.fullmatch(text)
        if match is None:
            previous = text
            continue
        digits, begin = match[1], word.start() + match.start(1)
        tag = algorithm_named(previous.decode("ascii", "replace")) if previous else None
        other = previous.lower() in _OTHER_MEANING or is_unsupported(previous.decode("ascii", "replace"))
        by_length = UNDECIDED if len(digits) == _HEX_DIGITS_UNDECIDED else BY_HEX_LENGTH.get(len(digits))
        algorithm = tag or stated or by_length
        previous = b"" if tag is None and not other else previous
        if other:
            unsupported = True
        elif algorithm is None:
            damaged = damaged or len(digits) >= _MIN_DAMAGED_DIGITS
        elif (stated is not None and algorithm != stated) or 2 * LENGTHS_BYTES.get(algorithm, len(digits) // 2) != len(
            digits
        ):
            damaged = True
        else:
            found.append(HashWord(algorithm, digits, begin, begin + len(digits), tag is not None))
    return Words(found, unsupported, damaged)


NAME_HOLDS_HASH = "a name holds what looks like a hash, which is not read"
"""Remark about an entry whose name :func:`holds_other_hash`. Two lines that were joined look so."""

LINE_HOLDS_HASH = "a line holds what looks like a hash, which is not read"


def holds_other_hash(text: bytes | str, *own: bytes | str) -> bool:
    """Returns whether a word of a text is a hash, and none of those that the entry has.

    Args:
        text: a name, or a line that is not an entry.
        own: hex texts of the entry's hashes.
    """
    if len(text) < _SHORTEST_HEX:
        return False
    raw = text.encode("utf-8", "replace") if isinstance(text, str) else text
    if _LONG_HEX.search(raw) is None:
        return False
    read = {one.encode("ascii", "replace").lower() if isinstance(one, str) else one.lower() for one in own}
    return any(word.digits.lower() not in read for word in hash_words(visible(raw), None).hashes)


def name_remarks(name: bytes | str, *own: bytes | str) -> list[str]:
    """Returns the remark about a name that holds another hash than the entry's own, or nothing."""
    return [NAME_HOLDS_HASH] if holds_other_hash(name, *own) else []
