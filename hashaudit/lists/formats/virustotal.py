"""VirusTotal's answers about files, version 3 of its interface: one file, or a collection of files.

Source: VirusTotal API version 3 documentation, "Files" and "Objects".
"""

from collections.abc import Iterator
from typing import BinaryIO

from hashaudit.lists.entry_fields import entry_or_reject, item_of
from hashaudit.lists.interface import ListEntry, ListItem, ParseOptions, Rejected, RejectReason
from hashaudit.lists.syntax.json_values import Record, object_or_empty, records, shape, text_of
from hashaudit.lists.syntax.lines import with_head

_PATHS = ("data.item", "data", "item.data", "item")
_HASHES = ("md5", "sha1", "sha256")


class VirusTotal:
    """Reader of saved answers. Lenient: collections also hold URLs and domains."""

    name = "virustotal"
    strict = False

    def recognises(self, head: bytes) -> bool:
        """Returns whether the text has objects with VirusTotal's type, id and attributes, or identifiers of files."""
        return _path(head) is not None

    def parse(self, stream: BinaryIO, options: ParseOptions) -> Iterator[ListItem]:
        """Yields an entry for each file.

        Raises:
            ListError: the file is truncated or damaged.
        """
        head, stream = with_head(stream)
        for number, record in records(stream, _path(options.outline or head) or ""):
            yield item_of(number, record, _entry)


def _path(head: bytes) -> str | None:
    found = shape(head)
    for path in _PATHS:
        has_links = f"{path}.links.self" in found and "virustotal.com" in text_of(found[f"{path}.links.self"])
        is_file = found.get(f"{path}.type") == "file" and f"{path}.id" in found
        if (is_file or has_links) and (has_links or f"{path}.attributes" in found or path == "data.item"):
            return path
    return None


def _entry(number: int, record: Record) -> ListEntry | Rejected:
    if record.get("type") != "file":
        return Rejected(number, RejectReason.UNSUPPORTED, "not a file")
    attributes = {key.lower(): value for key, value in object_or_empty(record.get("attributes")).items()}
    pairs = [(name, text_of(attributes.get(name))) for name in _HASHES]
    if not text_of(attributes.get("sha256")):
        # An identifier is the SHA-256 of the file.
        pairs.append(("sha256", text_of(record.get("id"))))
    return entry_or_reject(
        number,
        pairs,
        id=f"record {number}",
        size=text_of(attributes.get("size")),
        labels={"name": text_of(attributes.get("meaningful_name"))},
    )
