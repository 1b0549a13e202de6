"""Hashes in the metadata of YARA rules: the files that a rule was written for.

Source: YARA documentation, "Metadata"; observation of published rules (``hash``, ``hash1``, ``md5``, ``sha256``).
"""

import re
from collections.abc import Iterator
from typing import BinaryIO

from hashaudit.lists.algorithms import BY_HEX_LENGTH
from hashaudit.lists.entry_fields import WRONG_FOR_EVERY, entry_or_reject, raw_digest
from hashaudit.lists.hash_kinds import ANY_HASH, kind_of_hash
from hashaudit.lists.interface import ListEntry, ListItem, ParseOptions, Rejected, RejectReason
from hashaudit.lists.syntax.lines import numbered_lines
from hashaudit.lists.untagged import refuse_proved_other

_RULE = re.compile(r"(?:^|[};\s])(?:(?:private|global)\s+)*rule\s+([A-Za-z_]\w{0,127})\b")
_VALUE = re.compile(r"(?:^|[\s{])([A-Za-z_]\w{0,127})\s*=\s*\"([^\"\\]*)\"")
_TRAILING_NUMBER = re.compile(r"_?\d{1,3}$")
_BEGINNING = re.compile(
    rb"(?:\s+|//[^\n]*\n|/\*.*?\*/|(?:import|include)\s+\"[^\"\n]*\")*(?:(?:private|global)\s+)*rule\s+[A-Za-z_]\w*\s*[:{\n]",
    re.DOTALL,
)


class Yara:
    """Reader of YARA rules. Lenient: only their metadata can hold hashes."""

    name = "yara"
    strict = False

    def recognises(self, head: bytes) -> bool:
        """Returns whether the text begins with a rule, after comments and imports."""
        return _BEGINNING.match(head) is not None

    def parse(self, stream: BinaryIO, options: ParseOptions) -> Iterator[ListItem]:  # noqa: ARG002 - name or length give the algorithm
        """Yields an entry for each hash, the rule as the label ``name``.

        Raises:
            ListError: a hash without a name shows that it has another algorithm.
        """
        rule, in_meta = "", False
        for number, line, _ in numbered_lines(stream):
            if line is None:
                yield Rejected(number, RejectReason.TOO_LONG)
                continue
            text = line.decode("utf-8", "backslashreplace")
            found = _RULE.search(text)
            rule = found[1] if found else rule
            in_meta = _section(text, inside=in_meta)
            if in_meta and not text.lstrip().startswith("//"):
                for name, value in _VALUE.findall(text):
                    yield from _items(number, name, value, rule)


def _section(text: str, *, inside: bool) -> bool:
    if re.search(r"\bmeta\s*:", text):
        return True
    return inside and re.search(r"\b(?:strings|condition|variables)\s*:", text) is None


def _items(number: int, name: str, value: str, rule: str) -> Iterator[ListEntry | Rejected]:
    kind = kind_of_hash(name) or kind_of_hash(_TRAILING_NUMBER.sub("", name))
    if kind is None:
        return
    for text in re.split(r"[\s,;]+", value.strip()):
        algorithm = BY_HEX_LENGTH.get(len(text)) if kind == ANY_HASH else kind
        if algorithm is None:
            yield Rejected(number, RejectReason.WRONG_LENGTH, WRONG_FOR_EVERY)
        else:
            if kind == ANY_HASH:
                refuse_proved_other(number, algorithm, raw_digest(text))
            yield entry_or_reject(number, [(algorithm, text)], labels={"name": rule})
