"""ThreatExchange's ``threat_updates``, as saved pages: a history in which the latest record of an id counts.

Deletions are kept for ninety days only: pages that begin earlier than that need the whole set once more.

Source: the fields as facebook/ThreatExchange, ``python-threatexchange``, reads them.
"""

from collections.abc import Iterator
from typing import BinaryIO

from hashaudit.lists.interface import ListEntry, ListItem, ParseOptions, Rejected, RejectReason
from hashaudit.lists.parse_record import entry_or_reject
from hashaudit.lists.supersede import LatestRecords, withdrawn
from hashaudit.lists.syntax.json_values import Record, flag_of, object_or_empty, objects_in, records, shape, text_of
from hashaudit.lists.threatexchange_signals import signal_algorithm


class ThreatExchangeUpdates:
    """Reader of saved pages of updates. Lenient: they also hold signals that are no hashes."""

    name = "threatexchange-updates"
    strict = False

    def recognises(self, head: bytes) -> bool:
        """The root object has data with indicators and their types."""
        return {"data.item.indicator", "data.item.type"} <= shape(head).keys()

    def parse(self, stream: BinaryIO, options: ParseOptions) -> Iterator[ListItem]:  # noqa: ARG002 - each record names its algorithm
        """Yields an entry for each hash that is not deleted in the end.

        Raises:
            ListError: the file is cut short or damaged.
        """
        latest = LatestRecords()
        for number, record in records(stream, "data.item"):
            item = Rejected(number, RejectReason.MALFORMED, "no object") if record is None else _item(number, record)
            identity = text_of((record or {}).get("id")) or f"record {number}"
            void = latest.put(identity, number, [item], text_of((record or {}).get("last_updated")).zfill(20))
            if void is not None:
                yield void
        yield from latest.items()


def _item(number: int, record: Record) -> ListEntry | Rejected:
    descriptors = objects_in(object_or_empty(record.get("descriptors")).get("data"))
    if flag_of(record.get("should_delete")) or not descriptors:
        return withdrawn(number)
    algorithm = signal_algorithm(text_of(record.get("type")))
    if algorithm is None:
        return Rejected(number, RejectReason.UNSUPPORTED, "a signal that is no hash of a file")
    labels = {label: _joined(descriptors, field) for field, label in {"tags": "tags", "status": "status"}.items()}
    return entry_or_reject(
        number,
        [(algorithm, text_of(record.get("indicator")))],
        id=text_of(record.get("id")) or f"record {number}",
        labels={label: text for label, text in labels.items() if text},
    )


def _joined(descriptors: list[Record], field: str) -> str:
    """All words that the descriptors give, each once, in order of the alphabet."""
    return " ".join(sorted({word for one in descriptors for word in text_of(one.get(field)).split()}))
