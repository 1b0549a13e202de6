"""Hashes in the metadata of YARA rules: the files that a rule was written for.

Source: YARA documentation, "Metadata"; observation of published rules (``hash``, ``hash1``, ``md5``, ``sha256``).
"""

import re
from collections.abc import Iterator
from typing import BinaryIO

from hashaudit.lazy import lazy_pattern
from hashaudit.lists.algorithms import BY_HEX_LENGTH
from hashaudit.lists.entry_fields import UNKNOWN_KIND, WRONG_FOR_EVERY, entry_or_reject, looks_like_hash, raw_digest
from hashaudit.lists.hash_kinds import ANY_HASH, kind_of_hash
from hashaudit.lists.hash_words import LINE_HOLDS_HASH, holds_other_hash, visible
from hashaudit.lists.interface import ListEntry, ListItem, ParseOptions, Rejected, RejectReason, Remark
from hashaudit.lists.syntax.lines import numbered_lines
from hashaudit.lists.untagged import refuse_proved_other

_RULE = lazy_pattern(r"(?:^|[};\s])(?:(?:private|global)\s+)*rule\s+([A-Za-z_]\w{0,127})\b")
_VALUE = lazy_pattern(r"(?:^|[\s{])([A-Za-z_]\w{0,127})\s*=\s*\"([^\"\\]*)\"")
_AROUND = lazy_pattern(r"^(?:original|reference|source|related|parent)_(?=.)|(?<=.)_?\d{1,3}$")
_SAMPLES = frozenset({"sample", "samples", "reference", "references"})
"""Names of metadata that hold hashes of files or other texts."""

_OTHER_MEANING = frozenset({"fingerprint", "id", "uuid", "guid", "rule_id", "logic_hash", "rule_hash"})
"""Names of metadata about the rule itself."""

_BEGINNING = lazy_pattern(
    rb"(?>\s+|//[^\n]*\n|/\*.*?\*/|(?:import|include)\s+\"[^\"\n]*\")*+(?:(?:private|global)\s+)*rule\s+[A-Za-z_]\w*\s*[:{\n]",
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
        rule = ""
        in_meta = False
        for number, line, _ in numbered_lines(stream):
            if line is None:
                yield Rejected(number, RejectReason.TOO_LONG)
                continue
            text = visible(line).decode("utf-8", "backslashreplace")
            found = _RULE.search(text)
            rule = found[1] if found else rule
            in_meta = _section(text, inside=in_meta)
            if not text.lstrip().startswith("//"):
                # Names of strings begin with a dollar sign, so a value with the name of a hash is metadata anywhere.
                values = _VALUE.findall(text)
                for name, value in values:
                    yield from _items(number, name, value, rule, in_meta=in_meta)
                if in_meta and not values and holds_other_hash(text):
                    yield Remark(number, LINE_HOLDS_HASH)


def _section(text: str, *, inside: bool) -> bool:
    if re.search(r"\bmeta\s*:", text):
        return True
    return inside and re.search(r"\b(?:strings|condition|variables)\s*:", text) is None


def _items(number: int, name: str, value: str, rule: str, *, in_meta: bool) -> Iterator[ListEntry | Rejected]:
    bare = _AROUND.sub("", name.lower())
    pieces = re.split(r"[\s,;]+", value.strip())
    kind = kind_of_hash(name) or kind_of_hash(bare)
    if kind is None and bare in _SAMPLES:
        pieces = [text for text in pieces if looks_like_hash(text)]
        kind = ANY_HASH
    if kind is None:
        if in_meta and bare not in _OTHER_MEANING and any(map(looks_like_hash, pieces)):
            yield Rejected(number, RejectReason.UNSUPPORTED, UNKNOWN_KIND)
        return
    for text in pieces:
        algorithm = BY_HEX_LENGTH.get(len(text)) if kind == ANY_HASH else kind
        if algorithm is None:
            yield Rejected(number, RejectReason.WRONG_LENGTH, WRONG_FOR_EVERY)
            continue
        if kind == ANY_HASH:
            refuse_proved_other(number, algorithm, raw_digest(text))
        yield entry_or_reject(number, [(algorithm, text)], labels={"name": rule})
