"""ClamAV's hash signatures of whole files: ``.hdb`` (MD5) and ``.hsb`` (SHA-1, SHA-256).

``.fp`` and ``.sfp`` have the same form and list files that are not malware: use them as known lists. ``.mdb`` and
``.msb`` hold hashes of program sections, not of files; ``not_a_list`` refuses them.

Source: ClamAV documentation, "Signatures based on hashes".
"""

from collections.abc import Iterator
from typing import BinaryIO

from hashaudit.lazy import lazy_pattern
from hashaudit.lists.algorithms import BY_HEX_LENGTH
from hashaudit.lists.entry_fields import entry_or_reject, label_text, raw_digest
from hashaudit.lists.hash_words import name_remarks, visible
from hashaudit.lists.interface import ListEntry, ListItem, ParseOptions, Rejected, RejectReason
from hashaudit.lists.syntax.lines import is_comment, numbered_lines
from hashaudit.lists.untagged import refuse_proved_other

_LINE = lazy_pattern(rb"([0-9A-Fa-f]{32}|[0-9A-Fa-f]{40}|[0-9A-Fa-f]{64}):(\*|[0-9]+):([^:]+)(?::[0-9]+){0,2}")


class ClamAv:
    """Reader of hash signatures. Strict."""

    name = "clamav"
    strict = True

    def recognises(self, head: bytes) -> bool:
        """Returns whether the first line is a hash, a size and a name."""
        first = next((line for line in head.split(b"\n") if not is_comment(line)), b"")
        return _LINE.fullmatch(visible(first).removesuffix(b"\r")) is not None

    def parse(self, stream: BinaryIO, options: ParseOptions) -> Iterator[ListItem]:  # noqa: ARG002 - the length is one of three
        """Yields an entry for each signature, its name as the label ``name``.

        Raises:
            ListError: a hash shows that the list has another algorithm.
        """
        for number, line, _ in numbered_lines(stream):
            if line is None:
                yield Rejected(number, RejectReason.TOO_LONG)
            elif not is_comment(line):
                yield _entry(number, line)


def _entry(number: int, line: bytes) -> ListEntry | Rejected:
    match = _LINE.fullmatch(line) or _LINE.fullmatch(visible(line).strip())
    if match is None:
        return Rejected(number, RejectReason.MALFORMED, "not a hash, a size and a name")
    text, size, name = match.groups()
    refuse_proved_other(number, BY_HEX_LENGTH[len(text)], raw_digest(text))
    return entry_or_reject(
        number,
        [(BY_HEX_LENGTH[len(text)], text)],
        size=size,
        labels={"name": label_text(name)},
        remarks=name_remarks(name, text),
    )
