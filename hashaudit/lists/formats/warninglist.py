"""MISP warninglists: values that are known to be harmless or too common to be indicators.

Source: MISP/misp-warninglists, ``list.json`` and its schema.
"""

from collections.abc import Iterator
from typing import BinaryIO

from hashaudit.lists.algorithms import BY_HEX_LENGTH
from hashaudit.lists.entry_fields import entry_or_reject, raw_digest
from hashaudit.lists.interface import ListItem, ListMeta, ParseOptions, Rejected, RejectReason
from hashaudit.lists.syntax.json_values import shape, text_of, values
from hashaudit.lists.syntax.lines import with_head
from hashaudit.lists.untagged import refuse_proved_other
from hashaudit.model.results import Role


class Warninglist:
    """Reader of warninglists. Lenient: most hold values that are not hashes."""

    name = "misp-warninglist"
    strict = False

    def recognises(self, head: bytes) -> bool:
        """Returns whether the root object has a list of texts, and a description or matching attributes."""
        found = shape(head)
        return isinstance(found.get("list.item"), str) and not {"description", "matching_attributes"}.isdisjoint(found)

    def parse(self, stream: BinaryIO, options: ParseOptions) -> Iterator[ListItem]:
        """Yields the list's name, if near the beginning, and a known file for each hash, whichever role the list has.

        Raises:
            ListError: the file is truncated or damaged, or a hash shows that the list has another algorithm.
        """
        head, stream = with_head(stream)
        found = shape(options.outline or head)
        yield ListMeta(name=text_of(found.get("name")) or None, version=text_of(found.get("version")) or None)
        for number, value in values(stream, "list.item"):
            text = text_of(value)
            # No warninglist contains PDQ hashes: 64 digits are SHA-256 unless the user specifies another algorithm.
            algorithm = options.algorithm or BY_HEX_LENGTH.get(len(text))
            if algorithm is None or raw_digest(text) is None:
                yield Rejected(number, RejectReason.UNSUPPORTED, "the value is not a hash")
            else:
                refuse_proved_other(number, algorithm, raw_digest(text))
                yield entry_or_reject(number, [(algorithm, text)], id=f"record {number}", role=Role.KNOWN)
