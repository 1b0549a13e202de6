"""Reader for the output of ``threatexchange dataset --print-signals --csv``.

Source: facebook/ThreatExchange, ``python-threatexchange``, the dataset command.
"""

import re
from collections.abc import Iterator
from typing import BinaryIO

from hashaudit.lazy import lazy_pattern
from hashaudit.lists.entry_fields import TOO_FEW_FIELDS, UNKNOWN_KIND, entry_or_reject, refuse_truncated
from hashaudit.lists.hash_words import holds_other_hash
from hashaudit.lists.interface import ListEntry, ListItem, ParseOptions, Rejected, RejectReason
from hashaudit.lists.syntax.delimited import header_row, rows_after_comments
from hashaudit.lists.threatexchange_signals import signal_algorithm
from hashaudit.model.results import Role

_COLUMNS = ["signal_type", "signal_str", "collab", "category", "tags"]
_LABELS = {"collab": "source", "category": "category", "tags": "tags"}
_OF_OTHER_THINGS = lazy_pattern(r"\w*(?:url|uri|text)\w*", re.IGNORECASE)
_BENIGN = "NEGATIVE_CLASS"
"""Opinion that the content is not of the class that the collaboration shares."""


class ThreatExchangeCsv:
    """Reader of the dataset command's CSV. Lenient: it also holds signals that are not hashes."""

    name = "threatexchange-csv"
    strict = False

    def recognises(self, head: bytes) -> bool:
        """Returns whether the first line is the command's header."""
        return header_row(head, ",") == _COLUMNS

    def parse(self, stream: BinaryIO, options: ParseOptions) -> Iterator[ListItem]:  # noqa: ARG002 - each row names its algorithm
        """Yields an entry for each hash; one of the negative class is a known file, independent of the list's role.

        Raises:
            ListError: the quotes are wrong or the last row is truncated.
        """
        table = rows_after_comments(stream, ",")
        next(table, None)
        for number, row, ended in table:
            yield refuse_truncated(number, _entry(number, row), ended=ended)


def _entry(number: int, row: list[str]) -> ListEntry | Rejected:
    if len(row) < len(_COLUMNS):
        return Rejected(number, RejectReason.MALFORMED, TOO_FEW_FIELDS)
    if len(row) > len(_COLUMNS):
        return Rejected(number, RejectReason.MALFORMED, "more fields than the header")
    fields = dict(zip(_COLUMNS, row, strict=True))
    algorithm = signal_algorithm(fields["signal_type"])
    if algorithm is None:
        # A type such as ``url_md5`` is a hash of something else.
        is_known = _OF_OTHER_THINGS.fullmatch(fields["signal_type"].strip()) is not None
        unknown = not is_known and any(map(holds_other_hash, row))
        detail = UNKNOWN_KIND if unknown else "the signal is not a hash of a file"
        return Rejected(number, RejectReason.UNSUPPORTED, detail)
    labels = {label: fields[column] for column, label in _LABELS.items()}
    role = Role.KNOWN if fields["category"] == _BENIGN else None
    return entry_or_reject(number, [(algorithm, fields["signal_str"].strip())], labels=labels, role=role)
