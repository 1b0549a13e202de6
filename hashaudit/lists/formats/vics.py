"""Project VIC's VICS JSON, 1.x and 2.0, also used by CAID: sets of media, and cases with media.

The specification is not public; field names are those of open-source software. Categories differ by country: the
number is stored unchanged, with the scheme that the file names. 0 is a category like any other.
"""

import re
from collections.abc import Iterator
from functools import partial
from typing import BinaryIO

from hashaudit.errors import ListError
from hashaudit.lazy import lazy_pattern
from hashaudit.lists.algorithms import listed_name
from hashaudit.lists.entry_fields import entry_or_reject, item_of
from hashaudit.lists.interface import ListEntry, ListItem, ListMeta, ParseOptions, Rejected
from hashaudit.lists.syntax.json_values import (
    Record,
    flag_of,
    labels_of,
    objects_in,
    records,
    shape,
    text_of,
)
from hashaudit.lists.syntax.lines import with_head

_MODEL = lazy_pattern(r".*DataModels/([0-9]+\.[0-9]+)\.xml(?:/([^/]+)/\$metadata)?#(\w+)", re.DOTALL)
_MODEL_KEYS = ("@odata.context", "odata.metadata")
_PATHS = {"Media": "value.item", "Cases": "value.item.Media.item"}

_HASHES = {"MD5": "md5", "SHA1": "sha1", "SHA256": "sha256", "PhotoDNA": "photodna"}
_LABELS = {"Category": "category", "Series": "series", "Tags": "tags", "DateUpdated": "updated"}
_FLAGS = {
    "VictimIdentified": "victim_identified",
    "OffenderIdentified": "offender_identified",
    "IsDistributed": "is_distributed",
    "IsSuspected": "is_suspected",
    "SelfGenerated": "self_generated",
    "IsPrecategorized": "is_precategorized",
}


class Vics:
    """Reader of VICS JSON. Strict."""

    name = "vics"
    strict = True

    def recognises(self, head: bytes) -> bool:
        """Returns whether the root object names one of the data models."""
        return _model(head) is not None

    def parse(self, stream: BinaryIO, options: ParseOptions) -> Iterator[ListItem]:
        """Yields an entry for each medium; only its own fields count, not those of objects inside it.

        Raises:
            ListError: the file is truncated or damaged, or has neither media nor cases.
        """
        head, stream = with_head(stream)
        model = _model(options.outline or head)
        if model is None or model[3] not in _PATHS:
            raise ListError("the VICS file has neither media nor cases")
        version = " ".join(part for part in model.group(1, 2) if part)
        yield ListMeta(version=version)
        scheme = f"vics {version}"
        for number, record in records(stream, _PATHS[model[3]]):
            yield item_of(number, record, partial(_entry, scheme=scheme))


def _model(head: bytes) -> re.Match[str] | None:
    found = shape(head)
    return next((match for key in _MODEL_KEYS if (match := _MODEL.fullmatch(text_of(found.get(key))))), None)


def _entry(number: int, record: Record, scheme: str) -> ListEntry | Rejected:
    hashes = [(algorithm, text_of(record[field])) for field, algorithm in _HASHES.items() if field in record]
    hashes += [
        (listed_name(text_of(alternative.get("HashName"))), text_of(alternative.get("HashValue")))
        for alternative in objects_in(record.get("AlternativeHashes"))
    ]
    labels = labels_of(record, _LABELS)
    if "category" in labels:
        labels["category_scheme"] = scheme
    for field, label in _FLAGS.items():
        flag = flag_of(record[field]) if field in record else None
        if flag is not None:
            labels[label] = text_of(flag)
    identity = text_of(record.get("MediaID")) or f"record {number}"
    return entry_or_reject(number, hashes, id=identity, size=text_of(record.get("MediaSize")), labels=labels)
