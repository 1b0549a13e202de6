"""Reader for the output of md5deep, sha1deep and sha256deep with ``-z``: the size before the hash.

Without sizes their output has the form of coreutils, and that reader reads it. Names are not escaped: see ``hashdeep``
for the effect of a newline in a name.

Source: observation of md5deep 4.4.
"""

import re
from collections.abc import Iterator
from typing import BinaryIO

from hashaudit.lazy import lazy_pattern
from hashaudit.lists.algorithms import BY_HEX_LENGTH
from hashaudit.lists.entry_fields import PIECE, WRONG_FOR_EVERY, entry_or_reject, label_text, raw_digest
from hashaudit.lists.hash_words import name_remarks
from hashaudit.lists.interface import ListEntry, ListItem, ParseOptions, Rejected, RejectReason
from hashaudit.lists.syntax.checksum_lines import PIECE_MARK
from hashaudit.lists.syntax.lines import numbered_lines
from hashaudit.lists.untagged import refuse_proved_other

_LINE = lazy_pattern(rb"(?=[ \d]{10})\s*(\d+)  ([0-9A-Fa-f]{32,128})  (.+)", re.DOTALL)
"""The size is right-aligned in ten columns, or more if needed."""


class Md5deep:
    """Reader of md5deep's files with sizes. Strict."""

    name = "md5deep"
    strict = True

    def recognises(self, head: bytes) -> bool:
        """Returns whether the first line is a size, a hash and a name."""
        first = next((line for line in head.split(b"\n") if line.strip()), b"")
        return _LINE.fullmatch(first.removesuffix(b"\r")) is not None

    def parse(self, stream: BinaryIO, options: ParseOptions) -> Iterator[ListItem]:
        """Yields an entry for each line, the file's name as the label ``name``."""
        for number, line, _ in numbered_lines(stream):
            if line is None:
                yield Rejected(number, RejectReason.TOO_LONG)
            elif line.strip():
                yield _entry(number, line, options)


def _entry(number: int, line: bytes, options: ParseOptions) -> ListEntry | Rejected:
    match = _LINE.fullmatch(line)
    if match is None:
        return Rejected(number, RejectReason.MALFORMED, "not a size, a hash and a file name")
    size, text, name = match.groups()
    # None of these tools writes PDQ: 64 digits are SHA-256 unless the user specifies another algorithm.
    algorithm = options.algorithm or BY_HEX_LENGTH.get(len(text))
    if algorithm is None:
        return Rejected(number, RejectReason.WRONG_LENGTH, WRONG_FOR_EVERY)
    if PIECE_MARK.search(name):
        return Rejected(number, RejectReason.UNSUPPORTED, PIECE)
    refuse_proved_other(number, algorithm, raw_digest(text))
    return entry_or_reject(
        number, [(algorithm, text)], size=size, labels={"name": label_text(name)}, remarks=name_remarks(name, text)
    )
