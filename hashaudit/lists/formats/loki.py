"""Hash indicators of the scanners Loki and THOR: ``HASH;COMMENT`` or ``HASH;SCORE;COMMENT``.

Source: observation of published indicator sets.
"""

import re
from collections.abc import Iterator
from typing import BinaryIO

from hashaudit.lazy import lazy_pattern
from hashaudit.lists.algorithms import BY_HEX_LENGTH
from hashaudit.lists.entry_fields import (
    TOO_FEW_FIELDS,
    WRONG_FOR_EVERY,
    entry_or_reject,
    label_text,
    raw_digest,
    refuse_truncated,
)
from hashaudit.lists.hash_words import hash_words, visible
from hashaudit.lists.interface import ListEntry, ListItem, ParseOptions, Rejected, RejectReason
from hashaudit.lists.syntax.lines import is_comment, numbered_lines
from hashaudit.lists.untagged import refuse_proved_other

_LINE = lazy_pattern(rb"\s*([0-9A-Fa-f]+);(?:\s*([0-9]{1,3})\s*;)?(.*)", re.DOTALL)
_ONLY_HASHES = lazy_pattern(rb"(?:[\s;,]*+[0-9A-Fa-f]{32,}+)++[\s;,]*")
"""Other hashes in place of a comment: the line is that of a plain list."""

_LONG_HEX = lazy_pattern(rb"[0-9A-Fa-f]{32}")
_HASH_IN_COMMENT = "a comment holds what looks like a hash, which is not read"
_BARE = lazy_pattern(rb"\s*([0-9A-Fa-f]+)()()\s*")
"""A hash without a comment, which some lists have among the others."""


class Loki:
    """Reader of Loki's and THOR's hash files. Lenient: they are written by hand."""

    name = "loki"
    strict = False

    def recognises(self, head: bytes) -> bool:
        """Returns whether the first line is a hash and a semicolon."""
        first = next((line for line in head.split(b"\n") if not is_comment(line)), b"")
        match = _LINE.fullmatch(visible(first))
        return match is not None and len(match[1]) in BY_HEX_LENGTH and not _ONLY_HASHES.fullmatch(match[3])

    def parse(self, stream: BinaryIO, options: ParseOptions) -> Iterator[ListItem]:
        """Yields an entry for each line.

        Raises:
            ListError: the last line is truncated, or a hash shows that the list has another algorithm.
        """
        for number, line, ended in numbered_lines(stream):
            if line is not None and is_comment(line):
                continue
            item = Rejected(number, RejectReason.TOO_LONG) if line is None else _entry(number, line, options)
            if line is not None and not ended and b";" not in line:
                item = Rejected(number, RejectReason.MALFORMED, TOO_FEW_FIELDS)
            yield refuse_truncated(number, item, ended=ended)


def _entry(number: int, line: bytes, options: ParseOptions) -> ListEntry | Rejected:
    match = _LINE.fullmatch(line) or _LINE.fullmatch(visible(line)) or _BARE.fullmatch(visible(line))
    if match is None:
        return Rejected(number, RejectReason.MALFORMED, "not a hash and a comment")
    text, score, comment = match.groups()
    # These sets contain no PDQ hashes: 64 digits are SHA-256 unless the user specifies another algorithm.
    algorithm = options.algorithm or BY_HEX_LENGTH.get(len(text))
    if algorithm is None:
        return Rejected(number, RejectReason.WRONG_LENGTH, WRONG_FOR_EVERY)
    refuse_proved_other(number, algorithm, raw_digest(text))
    labels = {"comment": label_text(comment.strip()), "score": label_text(score or b"")}
    others = _LONG_HEX.search(comment) is not None and bool(hash_words(comment, None).hashes)
    return entry_or_reject(
        number,
        [(algorithm, text)],
        labels=labels,
        remarks=[_HASH_IN_COMMENT] if others else [],
    )
