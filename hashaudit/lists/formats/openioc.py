"""OpenIOC 1.0 and 1.1: file hashes that are combined only by OR.

Source: the OpenIOC 1.0 and 1.1 schemas by Mandiant.
"""

from collections.abc import Iterator
from typing import BinaryIO
from xml.etree.ElementTree import Element

from hashaudit.lists.entry_fields import entry_or_reject
from hashaudit.lists.interface import ListEntry, ListItem, ParseOptions, Rejected, RejectReason
from hashaudit.lists.syntax.lines import with_head
from hashaudit.lists.syntax.xml_values import element_attribute, element_text, local_name, records, root_name

_ROOTS = ("ioc", "OpenIOC")
_SEARCHES = {
    "fileitem/md5sum": "md5",
    "fileitem/sha1sum": "sha1",
    "fileitem/sha256sum": "sha256",
    "fileitem/sha512sum": "sha512",
}
"""Search term in lower case -> algorithm: both ``Md5sum`` and ``Md5Sum`` are in use."""


class OpenIoc:
    """Reader of OpenIOC files. Lenient: most items are not hashes."""

    name = "openioc"
    strict = False

    def recognises(self, head: bytes) -> bool:
        """Returns whether the outermost element is an indicator of compromise."""
        return root_name(head) in _ROOTS

    def parse(self, stream: BinaryIO, options: ParseOptions) -> Iterator[ListItem]:  # noqa: ARG002 - each item names its algorithm
        """Yields an entry for each hash that is an indicator alone. Conditions combined by AND are only counted.

        Raises:
            ListError: the file is truncated or damaged.
        """
        head, stream = with_head(stream)
        root = root_name(head) or ""
        number = 0
        for _, document in records(stream, root, frozenset({root})):
            labels = {"name": _description(document)}
            for item, alone in _indicator_items(document):
                number += 1
                yield _entry(number, item, labels, alone=alone)


def _description(document: Element) -> str:
    return next((element_text(child) for child in document.iter() if local_name(child) == "short_description"), "")


def _indicator_items(document: Element) -> Iterator[tuple[Element, bool]]:
    """Yields each item in document order, and whether the item alone is sufficient."""
    waiting = [(document, True)]
    while waiting:
        element, alone = waiting.pop()
        if local_name(element) == "IndicatorItem":
            yield element, alone
            continue
        if local_name(element) == "Indicator" and element.get("operator", "").upper() != "OR":
            alone = False
        waiting += [(child, alone) for child in reversed(element)]


def _entry(number: int, item: Element, labels: dict[str, str], *, alone: bool) -> ListEntry | Rejected:
    parts = {local_name(child): child for child in item}
    algorithm = _SEARCHES.get(element_attribute(parts.get("Context"), "search").lower())
    negated = item.get("negate", "false").lower() != "false"
    if algorithm is None or not alone or negated or item.get("condition") != "is":
        return Rejected(number, RejectReason.UNSUPPORTED, "not a file hash that is an indicator alone")
    return entry_or_reject(number, [(algorithm, element_text(parts.get("Content")))], id=item.get("id"), labels=labels)
