"""Bank contents of Hasher-Matcher-Actioner: one object, several, or an array of them.

Source: facebook/ThreatExchange, ``hasher-matcher-actioner`` 1.1, its bank interface.
"""

import time
from collections.abc import Iterator
from decimal import Decimal
from functools import partial
from typing import BinaryIO

from hashaudit.lists.algorithms import listed_name
from hashaudit.lists.entry_fields import entry_or_reject, item_of
from hashaudit.lists.interface import ListEntry, ListItem, ParseOptions, Rejected
from hashaudit.lists.supersede import withdrawn
from hashaudit.lists.syntax.json_values import Record, object_or_empty, records, shape, text_of
from hashaudit.lists.syntax.lines import with_head
from hashaudit.lists.threatexchange_signals import signal_algorithm

_DISABLED = 0
_ENABLED = 1
"""Special values of ``disable_until_ts``; any other value is the time until which a content is disabled, in seconds
since 1970."""


class HmaBank:
    """Reader of bank contents. Lenient."""

    name = "hma-bank"
    strict = False

    def recognises(self, head: bytes) -> bool:
        """Returns whether the objects have ``signals`` and ``disable_until_ts``."""
        return _path(head) is not None

    def parse(self, stream: BinaryIO, options: ParseOptions) -> Iterator[ListItem]:
        """Yields an entry for each content that is enabled now.

        Raises:
            ListError: the file is truncated or damaged.
        """
        head, stream = with_head(stream)
        now_s = time.time()
        for number, record in records(stream, _path(options.outline or head) or ""):
            yield item_of(number, record, partial(_item, now_s=now_s))


def _path(head: bytes) -> str | None:
    found = shape(head)
    for path in ("", "item"):
        prefix = f"{path}." if path else ""
        if {f"{prefix}signals", f"{prefix}disable_until_ts"} <= found.keys():
            return path
    return None


def _item(number: int, record: Record, now_s: float) -> ListEntry | Rejected:
    bank = object_or_empty(record.get("bank"))
    until = record.get("disable_until_ts", _ENABLED)
    ratio = bank.get("matching_enabled_ratio", 1)
    if ratio == 0 or until == _DISABLED or (isinstance(until, int | float | Decimal) and until > now_s):
        return withdrawn(number)
    signals = object_or_empty(record.get("signals"))
    hashes = [(signal_algorithm(name) or listed_name(name), text_of(value)) for name, value in signals.items()]
    metadata = object_or_empty(record.get("metadata"))
    labels = {
        "set": text_of(bank.get("name")),
        "source": text_of(metadata.get("content_uri")),
        "comment": text_of(record.get("note")),
    }
    return entry_or_reject(
        number,
        hashes,
        id=text_of(record.get("id")) or f"record {number}",
        labels=labels,
    )
