"""ThreatExchange's ``threat_updates``, as saved pages: a history in which the latest record of an id counts.

Deletions are available for ninety days only: pages that begin earlier need the whole set again.

Source: the fields that facebook/ThreatExchange, ``python-threatexchange``, reads.
"""

from collections.abc import Iterator
from typing import BinaryIO

from hashaudit.lists.entry_fields import entry_or_reject, item_of
from hashaudit.lists.interface import ListEntry, ListItem, ParseOptions, Rejected, RejectReason
from hashaudit.lists.supersede import LatestRecords, withdrawn
from hashaudit.lists.syntax.json_values import Record, flag_of, object_or_empty, objects_in, records, shape, text_of
from hashaudit.lists.threatexchange_signals import signal_algorithm


class ThreatExchangeUpdates:
    """Reader of saved pages of updates. Lenient: they also hold signals that are not hashes."""

    name = "threatexchange-updates"
    strict = False

    def recognises(self, head: bytes) -> bool:
        """Returns whether the root object has data with indicators and their types."""
        return {"data.item.indicator", "data.item.type"} <= shape(head).keys()

    def parse(self, stream: BinaryIO, options: ParseOptions) -> Iterator[ListItem]:  # noqa: ARG002 - each record names its algorithm
        """Yields an entry for each hash whose latest record does not delete it.

        Raises:
            ListError: the file is truncated or damaged.
        """
        latest = LatestRecords()
        for number, record in records(stream, "data.item"):
            item = item_of(number, record, _item)
            identity = text_of((record or {}).get("id")) or f"record {number}"
            superseded = latest.put(identity, number, [item], text_of((record or {}).get("last_updated")).zfill(20))
            if superseded is not None:
                yield superseded
        yield from latest.items()


def _item(number: int, record: Record) -> ListEntry | Rejected:
    descriptors = objects_in(object_or_empty(record.get("descriptors")).get("data"))
    if flag_of(record.get("should_delete")) or not descriptors:
        return withdrawn(number)
    algorithm = signal_algorithm(text_of(record.get("type")))
    if algorithm is None:
        return Rejected(number, RejectReason.UNSUPPORTED, "the signal is not a hash of a file")
    labels = {label: _joined(descriptors, field) for field, label in {"tags": "tags", "status": "status"}.items()}
    return entry_or_reject(
        number,
        [(algorithm, text_of(record.get("indicator")))],
        id=text_of(record.get("id")) or f"record {number}",
        labels=labels,
    )


def _joined(descriptors: list[Record], field: str) -> str:
    """Returns all words of the descriptors, each once, in alphabetical order."""
    return " ".join(sorted({word for one in descriptors for word in text_of(one.get(field)).split()}))
