"""StopNCII's hash records: intimate images of adults, unlike in other lists, and therefore labelled differently.

Source: the fields as facebook/ThreatExchange reads them from the partners' interface.
"""

from collections.abc import Iterator
from typing import BinaryIO

from hashaudit.lists.entry_fields import entry_or_reject, item_of
from hashaudit.lists.interface import ListEntry, ListItem, ParseOptions, Rejected, RejectReason
from hashaudit.lists.supersede import LatestRecords, withdrawn
from hashaudit.lists.syntax.json_values import Record, objects_in, records, shape, text_of

_ALGORITHMS = {"ImagePDQ": "pdq", "VideoMD5": "md5", "VideoTMK": "tmk-pdqf"}
_WITHDRAWN = frozenset({"Withdrawn", "Deleted"})


class StopNcii:
    """Reader of saved pages of hash records. Lenient."""

    name = "stopncii"
    strict = False

    def recognises(self, head: bytes) -> bool:
        """Returns whether the root object has hash records."""
        return shape(head).get("hashRecords") == "start_array"

    def parse(self, stream: BinaryIO, options: ParseOptions) -> Iterator[ListItem]:  # noqa: ARG002 - each record names its algorithm
        """Yields an entry for each hash that is not withdrawn; a later record of a hash supersedes an earlier one.

        Raises:
            ListError: the file is truncated or damaged.
        """
        latest = LatestRecords()
        for number, record in records(stream, "hashRecords.item"):
            item = item_of(number, record, _item)
            key = (text_of((record or {}).get("signalType")), text_of((record or {}).get("hashValue")).lower())
            if isinstance(item, Rejected) and item.reason is not RejectReason.WITHDRAWN:
                yield item
            elif (superseded := latest.put(key, number, [item])) is not None:
                yield superseded
        yield from latest.items()


def _item(number: int, record: Record) -> ListEntry | Rejected:
    status = text_of(record.get("hashStatus"))
    if status in _WITHDRAWN:
        return withdrawn(number)
    algorithm = _ALGORITHMS.get(text_of(record.get("signalType")))
    if algorithm is None:
        return Rejected(number, RejectReason.UNSUPPORTED, "the signal is not a hash of a file")
    feedback = [text_of(item.get("feedbackValue")) for item in objects_in(record.get("CSPFeedbacks"))]
    labels = {
        "category": "ncii",
        "category_scheme": "stopncii",
        "status": status,
        "feedback": " ".join(sorted(value for value in feedback if value and value != "None")),
    }
    return entry_or_reject(
        number,
        [(algorithm, text_of(record.get("hashValue")))],
        id=f"record {number}",
        labels=labels,
    )
