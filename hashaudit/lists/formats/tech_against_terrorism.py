"""Tech Against Terrorism's hash list, as saved pages of its interface.

Source: the fields as published for its partners' interface.
"""

from collections.abc import Iterator
from typing import BinaryIO

from hashaudit.lists.algorithms import listed_name
from hashaudit.lists.entry_fields import entry_or_reject, item_of
from hashaudit.lists.interface import ListEntry, ListItem, ParseOptions, Rejected
from hashaudit.lists.supersede import LatestRecords, withdrawn
from hashaudit.lists.syntax.json_values import Record, flag_of, labels_of, records, shape, text_of

_LABELS = {"ideology": "category", "file_type": "media_type"}


class TechAgainstTerrorism:
    """Reader of saved pages. Lenient."""

    name = "tech-against-terrorism"
    strict = False

    def recognises(self, head: bytes) -> bool:
        """Returns whether the root object has results with digests."""
        return "results.item.hash_digest" in shape(head)

    def parse(self, stream: BinaryIO, options: ParseOptions) -> Iterator[ListItem]:  # noqa: ARG002 - each record names its algorithm
        """Yields an entry for each hash that is not deleted; the latest record of an id counts.

        Raises:
            ListError: the file is truncated or damaged.
        """
        latest = LatestRecords()
        for number, record in records(stream, "results.item"):
            item = item_of(number, record, _item)
            identity = text_of((record or {}).get("id")) or f"record {number}"
            superseded = latest.put(identity, number, [item], text_of((record or {}).get("updated_on")))
            if superseded is not None:
                yield superseded
        yield from latest.items()


def _item(number: int, record: Record) -> ListEntry | Rejected:
    if flag_of(record.get("deleted")):
        return withdrawn(number)
    labels = labels_of(record, _LABELS)
    if "category" in labels:
        labels["category_scheme"] = "tech-against-terrorism"
    return entry_or_reject(
        number,
        [(listed_name(text_of(record.get("algorithm"))), text_of(record.get("hash_digest")))],
        id=text_of(record.get("id")) or f"record {number}",
        labels=labels,
    )
