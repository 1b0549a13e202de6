"""MISP events as JSON: hash attributes and file objects that are marked for detection.

Source: MISP core format (draft-16 of the internet draft), sections 2.2 to 2.7; type names as in PyMISP.
"""

from collections.abc import Iterator
from typing import BinaryIO

from hashaudit.lists.algorithms import BY_HEX_LENGTH, algorithm_named, is_unsupported
from hashaudit.lists.entry_fields import NOT_AN_OBJECT, NOT_MARKED, UNKNOWN_KIND, entry_or_reject, raw_digest
from hashaudit.lists.interface import ListEntry, ListItem, ParseOptions, Rejected, RejectReason
from hashaudit.lists.supersede import withdrawn
from hashaudit.lists.syntax.json_values import (
    Record,
    flag_of,
    object_or_empty,
    objects_in,
    records,
    shape,
    text_of,
)
from hashaudit.lists.syntax.lines import with_head

_SEARCHES = ("response.Attribute", "Attribute")
"""Paths of the result of a search for attributes, each of which names its event."""

_PATHS = ("Event", "response.item.Event", "response.Event", "item.Event")
_SAMPLE = "malware-sample"
"""Attribute type whose value is ``filename|md5``."""


class MispEvent:
    """Reader of events, single, as a search result, or concatenated. Lenient: analysts write them by hand."""

    name = "misp-event"
    strict = False

    def recognises(self, head: bytes) -> bool:
        """Returns whether the text has an event with a field that every event has."""
        return _path(head) is not None

    def parse(self, stream: BinaryIO, options: ParseOptions) -> Iterator[ListItem]:
        """Yields an entry for each hash attribute and for each file object.

        Raises:
            ListError: the file is truncated or damaged.
        """
        head, stream = with_head(stream)
        found = options.outline or head
        path = _path(found) or ""
        if path in _SEARCHES:
            yield from _search_items(stream, path, options)
            return
        count = 0
        for number, event in records(stream, path):
            if event is None:
                yield Rejected(number, RejectReason.MALFORMED, NOT_AN_OBJECT)
                continue
            for item in _event_items(event, count, options):
                count += 1
                yield item


_NOT_OF_FILES = ("x509-", "ja3", "jarm", "hassh", "hash-", "favicon", "pgp-", "git-", "uuid", "cookie", "mac-")
"""Beginnings of attribute types whose values are hex digits and not hashes of files."""


def _path(head: bytes) -> str | None:
    found = shape(head)
    for path in _PATHS:
        if not {f"{path}.info", f"{path}.Attribute", f"{path}.uuid", f"{path}.Orgc"}.isdisjoint(found):
            return path
    return next((path for path in _SEARCHES if {f"{path}.item.type", f"{path}.item.value"} <= found.keys()), None)


def _search_items(stream: BinaryIO, path: str, options: ParseOptions) -> Iterator[ListEntry | Rejected]:
    number = 0
    for position, attribute in records(stream, f"{path}.item"):
        if attribute is None:
            yield Rejected(position, RejectReason.MALFORMED, NOT_AN_OBJECT)
            continue
        event = object_or_empty(attribute.get("Event"))
        labels = {"event": text_of(event.get("info")), "tlp": _tlp(event)}
        item = _item([attribute], attribute, number + 1, labels, options)
        if item is not None:
            number += 1
            yield item


def _event_items(event: Record, before: int, options: ParseOptions) -> Iterator[ListEntry | Rejected]:
    labels = {"event": text_of(event.get("info")), "tlp": _tlp(event)}
    number = before
    for attribute in objects_in(event.get("Attribute")):
        item = _item([attribute], attribute, number + 1, labels, options)
        if item is not None:
            number += 1
            yield item
    for group in objects_in(event.get("Object")):
        item = _item(objects_in(group.get("Attribute")), group, number + 1, labels, options)
        if item is not None:
            number += 1
            yield item


def _item(
    attributes: list[Record], owner: Record, number: int, labels: dict[str, str], options: ParseOptions
) -> ListEntry | Rejected | None:
    """Returns one entry for the attributes of one file; ``None`` if none of them is a hash."""
    hashing = [attribute for attribute in attributes if _hash_type(attribute) is not None]
    if not hashing:
        unknown = any(_looks_like_hash(attribute) for attribute in attributes)
        return Rejected(number, RejectReason.UNSUPPORTED, UNKNOWN_KIND) if unknown else None
    current = [] if flag_of(owner.get("deleted")) else [one for one in hashing if not flag_of(one.get("deleted"))]
    if not current:
        return withdrawn(number)
    wanted = options.include_unmarked
    detecting = [attribute for attribute in current if wanted or flag_of(attribute.get("to_ids"))]
    if not detecting:
        return Rejected(number, RejectReason.UNSUPPORTED, NOT_MARKED)
    pairs = [(_hash_type(attribute) or "", _parts(attribute)[1]) for attribute in detecting]
    values = {
        **labels,
        # Hashes of one file may have their own marks, which replace the event's.
        "tlp": " ".join(sorted({mark for one in detecting for mark in (_tlp(one) or labels["tlp"]).split()})),
        "name": _name(attributes),
        "comment": text_of(owner.get("comment")),
        "tags": " ".join(_tags(owner)),
    }
    size = next((one.get("value") for one in attributes if one.get("type") == "size-in-bytes"), None)
    return entry_or_reject(
        number,
        pairs,
        id=text_of(owner.get("uuid")),
        size=text_of(size),
        labels=values,
    )


def _hash_type(attribute: Record) -> str | None:
    """Returns the algorithm of a hash attribute, matched or not; ``None`` for any other attribute."""
    kind = text_of(attribute.get("type")).removeprefix("filename|")
    if kind == _SAMPLE:
        return "md5"
    if kind.startswith("x509-"):
        return None
    if algorithm_named(kind) is None and is_unsupported(kind):
        return kind
    return algorithm_named(kind)


def _looks_like_hash(attribute: Record) -> bool:
    text = _parts(attribute)[1]
    known = text_of(attribute.get("type")).startswith(_NOT_OF_FILES)
    return not known and len(text) in BY_HEX_LENGTH and raw_digest(text) is not None


def _parts(attribute: Record) -> tuple[str, str]:
    """Returns name and hash of a value. A name may contain the separator; a hash does not."""
    name, _, text = text_of(attribute.get("value")).rpartition("|")
    return name, text.strip()


def _name(attributes: list[Record]) -> str:
    for attribute in attributes:
        if attribute.get("type") == "filename":
            return text_of(attribute.get("value"))
        if _hash_type(attribute) is not None and _parts(attribute)[0]:
            return _parts(attribute)[0]
    return ""


def _tags(owner: Record) -> list[str]:
    return [text for tag in objects_in(owner.get("Tag")) if (text := text_of(tag.get("name")))]


def _tlp(owner: Record) -> str:
    """Returns the TLP marks of an event or attribute itself."""
    return " ".join(tag[len("tlp:") :].lower() for tag in _tags(owner) if tag.lower().startswith("tlp:"))
