"""The Sleuth Kit's sorted text index (``NAME-md5.idx``, ``NAME-sha1.idx``).

The binary ``.idx2`` beside it only accelerates lookups and holds no hashes.

Source: observation of hfind 4.11.
"""

from collections.abc import Iterator
from typing import BinaryIO

from hashaudit.errors import ListError
from hashaudit.lazy import lazy_pattern
from hashaudit.lists.entry_fields import entry_or_reject, label_text
from hashaudit.lists.hash_words import holds_other_hash
from hashaudit.lists.interface import ListItem, ListMeta, ParseOptions, Rejected, RejectReason
from hashaudit.lists.syntax.lines import numbered_lines

_TYPE = lazy_pattern(rb"0{41}\|([ -~]+)")
_NAME = lazy_pattern(rb"0{40}1\|(.*)")
_ENTRY = lazy_pattern(rb"([0-9A-Fa-f]{32}|[0-9A-Fa-f]{40})\|([0-9]{16})")
_ALGORITHMS = {32: "md5", 40: "sha1"}


class SleuthkitIndex:
    """Reader of ``.idx`` files. Strict."""

    name = "sleuthkit-index"
    strict = True

    def recognises(self, head: bytes) -> bool:
        """Returns whether the first line is forty-one zeros and the type of database."""
        return _TYPE.fullmatch(head.split(b"\n", 1)[0].rstrip(b"\r")) is not None

    def parse(self, stream: BinaryIO, options: ParseOptions) -> Iterator[ListItem]:  # noqa: ARG002 - the length is one of two
        """Yields the database's name and an entry for each line.

        Raises:
            ListError: the last line is truncated, or the lines are not sorted or not of one length, as hfind requires.
        """
        previous = b""
        for number, line, ended in numbered_lines(stream):
            name = _NAME.fullmatch(line or b"")
            match = _ENTRY.fullmatch(line or b"")
            if match is not None:
                text = match[1].upper()
                if previous and (len(text) != len(previous) or text < previous):
                    raise ListError(
                        f"line {number}: out of order; the index is damaged", hint="create it again with hfind -i"
                    )
                previous = text
                yield entry_or_reject(number, [(_ALGORITHMS[len(text)], text)])
            elif name is not None and number == 2 and not holds_other_hash(name[1]):
                yield ListMeta(name=label_text(name[1]) or None)
            elif number > 1 or line is None:
                yield Rejected(number, RejectReason.MALFORMED, "not a hash and an offset")
            if not ended:
                raise ListError(
                    f"line {number}: the last line is truncated", hint="create the index again with hfind -i"
                )
