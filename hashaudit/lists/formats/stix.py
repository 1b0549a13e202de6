"""STIX 2.0 and 2.1: bundles and TAXII envelopes with indicators of file hashes, and with file objects.

Source: OASIS STIX Version 2.1, sections 4.7 (indicator), 6.1 (artifact), 6.7 (file), 7.2.1 (marking definitions, TLP)
and 9 (patterning); Version 2.0, parts 2 (observed data) and 4 (file); OASIS STIX common objects, extension definition
for TLP 2.0; OASIS TAXII Version 2.1, section 3.7 (envelope).
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import BinaryIO

import msgspec

from hashaudit.lazy import lazy_pattern
from hashaudit.lists.algorithms import listed_name
from hashaudit.lists.entry_fields import NOT_AN_OBJECT, entry_or_reject
from hashaudit.lists.interface import ListEntry, ListItem, ParseOptions, Rejected, RejectReason
from hashaudit.lists.stix_pattern import alternatives_of
from hashaudit.lists.supersede import LatestRecords, withdrawn
from hashaudit.lists.syntax.json_values import Record, flag_of, object_or_empty, records, shape, text_of

_MARKINGS = {
    "marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9": "white",
    "marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da": "green",
    "marking-definition--f88d31f6-486f-44da-b317-01333bde0b82": "amber",
    "marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed": "red",
    "marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487": "clear",
    "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb": "green",
    "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421": "amber",
    "marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003": "amber+strict",
    "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1": "red",
}
"""Marking objects with ids fixed by the standard, TLP 1.0 then TLP 2.0. No bundle can redefine them."""

_ID = lazy_pattern(r"([a-z0-9-]+)--[0-9a-fA-F-]{36}")
_FILE_TYPES = frozenset({"file", "artifact"})

_OTHER_CONDITIONS = "the pattern joins file hashes with other conditions"

_TLP_2 = "extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d"

_REFERENCES = "object_marking_refs"
"""Label for the references to an entry's markings until all markings have been read."""


class StixBundle:
    """Reader of bundles. Lenient: most indicators are not about files."""

    name = "stix"
    strict = False

    def recognises(self, head: bytes) -> bool:
        """Returns whether the root object is a bundle, or has objects with the type and id of STIX."""
        found = shape(head)
        identity = _ID.fullmatch(text_of(found.get("objects.item.id")))
        return found.get("type") == "bundle" or (
            identity is not None and identity[1] == found.get("objects.item.type", identity[1])
        )

    def parse(self, stream: BinaryIO, options: ParseOptions) -> Iterator[ListItem]:  # noqa: ARG002 - each hash names its algorithm
        """Yields an entry for each hash of an indicator's pattern and one for each file object.

        Raises:
            ListError: the file is truncated or damaged.
        """
        latest = LatestRecords()
        now = datetime.now(UTC)
        markings: dict[str, str] = {}
        for number, record in records(stream, "objects.item"):
            if record is None:
                yield Rejected(number, RejectReason.MALFORMED, NOT_AN_OBJECT)
                continue
            if record.get("type") == "marking-definition":
                markings[text_of(record.get("id"))] = _defined_tlp(record)
            items = _items(number, record, now)
            if items:
                identity = text_of(record.get("id")) or f"record {number}"
                superseded = latest.put(identity, number, items, text_of(record.get("modified")))
                if superseded is not None:
                    yield superseded
        # A marking may be defined after the objects that refer to it.
        markings |= _MARKINGS
        for item in latest.items():
            yield _marked(item, markings) if isinstance(item, ListEntry) else item


def _items(number: int, record: Record, now: datetime) -> list[ListEntry | Rejected]:
    """Returns the items of one object; none for objects of other types."""
    kind = text_of(record.get("type")).lower()
    if kind in _FILE_TYPES:
        return _file_items(number, record, record)
    if kind == "observed-data":
        # Version 2.0 keeps the observed objects inside.
        inner = object_or_empty(record.get("objects")).values()
        files = [one for one in inner if isinstance(one, dict) and text_of(one.get("type")).lower() in _FILE_TYPES]
        return [item for one in files for item in _file_items(number, one, record)]
    if kind == "indicator":
        return _indicator_items(number, record, now)
    unknown = ":hashes" in text_of(record.get("pattern")).lower()
    return [Rejected(number, RejectReason.UNSUPPORTED, "a pattern in an object of another type")] if unknown else []


def _file_items(number: int, file: Record, owner: Record) -> list[ListEntry | Rejected]:
    hashes = object_or_empty(file.get("hashes"))
    pairs = [(listed_name(name), text_of(value)) for name, value in hashes.items()]
    merged = {"id": owner.get("id"), "name": file.get("name"), "size": file.get("size")}
    merged[_REFERENCES] = owner.get(_REFERENCES)
    return [_entry(number, merged, pairs)] if pairs else []


def _indicator_items(number: int, record: Record, now: datetime) -> list[ListEntry | Rejected]:
    end = _end(record)
    if flag_of(record.get("revoked")) or (end is not None and end <= now):
        return [withdrawn(number)]
    if end is None:
        return [Rejected(number, RejectReason.MALFORMED, "the end of validity is not a time")]
    pattern = record.get("pattern")
    if record.get("pattern_type", "stix") != "stix" or not isinstance(pattern, str):
        return [Rejected(number, RejectReason.UNSUPPORTED, "the pattern is not a STIX pattern")]
    found = alternatives_of(pattern)
    entries = [one for one in found or [] if one.exact and one.hashes]
    passed = found is None or len(entries) < len(found)
    items: list[ListEntry | Rejected] = [
        _entry(number, {**record, "size": one.size, "name": record.get("name") or one.name}, list(one.hashes))
        for one in entries
    ]
    if passed and not items:
        about_files = ":hashes" in pattern.lower()
        detail = _OTHER_CONDITIONS if about_files else "the pattern has no hash of a file"
        items.append(Rejected(number, RejectReason.UNSUPPORTED, detail))
    elif found is not None and any(one.hashes and not one.exact for one in found):
        items.append(Rejected(number, RejectReason.UNSUPPORTED, _OTHER_CONDITIONS))
    return items


def _entry(number: int, record: Record, pairs: list[tuple[str, str]]) -> ListEntry | Rejected:
    labels = {
        "name": text_of(record.get("name")),
        "category": text_of(record.get("indicator_types")),
        _REFERENCES: text_of(record.get(_REFERENCES)),
    }
    return entry_or_reject(
        number,
        pairs,
        id=text_of(record.get("id")) or f"record {number}",
        size=text_of(record.get("size")),
        labels=labels,
    )


def _end(record: Record) -> datetime | None:
    """Returns the end of an indicator's validity, the latest time if it has none; ``None`` if it is invalid."""
    value = record.get("valid_until")
    if value is None:
        return datetime.max.replace(tzinfo=UTC)
    try:
        end = datetime.fromisoformat(text_of(value))
    except ValueError:
        return None
    return end if end.tzinfo is not None else end.replace(tzinfo=UTC)


def _defined_tlp(definition: Record) -> str:
    """Returns the TLP label of a marking definition; empty for other markings."""
    extension = object_or_empty(object_or_empty(definition.get("extensions")).get(_TLP_2))
    version_1 = object_or_empty(definition.get("definition"))
    label = text_of(extension.get("tlp_2_0")) or text_of(version_1.get("tlp"))
    return label.lower().removeprefix("tlp:")


def _marked(entry: ListEntry, markings: dict[str, str]) -> ListEntry:
    """Returns the entry with TLP labels in place of references to them."""
    labels = dict(entry.labels)
    references = labels.pop(_REFERENCES, "").split()
    tlp = " ".join(sorted({markings.get(reference, "") for reference in references} - {""}))
    return msgspec.structs.replace(entry, labels=labels | ({"tlp": tlp} if tlp else {}))
