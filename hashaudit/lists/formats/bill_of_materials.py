"""Bills of materials: CycloneDX as JSON and XML, and SPDX 2 as JSON and as tags with values.

Source: CycloneDX 1.6, "components" and "hashes"; SPDX 2.3, sections 7.10 (package checksum) and 8.4 (file checksum).
"""

import re
from collections.abc import Iterator
from typing import BinaryIO

from hashaudit.lazy import lazy_pattern
from hashaudit.lists.algorithms import listed_name
from hashaudit.lists.entry_fields import NOT_AN_OBJECT, entry_or_reject, refuse_truncated
from hashaudit.lists.hash_words import LINE_HOLDS_HASH, NAME_HOLDS_HASH, holds_other_hash
from hashaudit.lists.interface import ListEntry, ListItem, ParseOptions, Rejected, RejectReason, Remark
from hashaudit.lists.syntax.json_values import Record, objects_in, shape, text_of, values_at
from hashaudit.lists.syntax.lines import numbered_lines
from hashaudit.lists.syntax.xml_values import element_attribute, element_text, local_name, root_name
from hashaudit.lists.syntax.xml_values import records as xml_records

_CYCLONEDX_PATHS = frozenset({"components.item", "metadata.component"})
_CYCLONEDX_NAMESPACE = b"http://cyclonedx.org/schema/bom/"
_SPDX_PATHS = frozenset({"files.item", "packages.item"})
_MAX_NESTING = 60
_SPDX_LINE = lazy_pattern(r"(File|Package)Checksum:\s*([A-Za-z0-9_-]+):\s*([0-9A-Fa-f]+)\s*")
_SPDX_OTHER_HASHES = ("PackageVerificationCode:", "ExternalDocumentRef:", "ExternalRef:")
"""Fields with hashes of other things than files of the list."""

_SPDX_NAME = lazy_pattern(r"(?:FileName|PackageName):\s*(.*)")


class CycloneDx:
    """Reader of CycloneDX JSON. Lenient: many components have no hashes."""

    name = "cyclonedx"
    strict = False

    def recognises(self, head: bytes) -> bool:
        """Returns whether the root object names the format."""
        return shape(head).get("bomFormat") == "CycloneDX"

    def parse(self, stream: BinaryIO, options: ParseOptions) -> Iterator[ListItem]:  # noqa: ARG002 - each hash names its algorithm
        """Yields an entry for each component with hashes, also for components inside others.

        Raises:
            ListError: the file is truncated or damaged.
        """
        number = 0
        for position, (_, component) in enumerate(values_at(stream, _CYCLONEDX_PATHS), 1):
            if not isinstance(component, dict):
                yield Rejected(position, RejectReason.MALFORMED, NOT_AN_OBJECT)
                continue
            for one in _nested(component, 0):
                if one.get("hashes"):
                    number += 1
                    yield _entry(number, one, objects_in(one.get("hashes")), "alg", "content")


class CycloneDxXml:
    """Reader of CycloneDX XML. Lenient, as that of JSON."""

    name = "cyclonedx-xml"
    strict = False

    def recognises(self, head: bytes) -> bool:
        """Returns whether the outermost element is that of the format, with its namespace."""
        return root_name(head) == "bom" and _CYCLONEDX_NAMESPACE in head

    def parse(self, stream: BinaryIO, options: ParseOptions) -> Iterator[ListItem]:  # noqa: ARG002 - each hash names its algorithm
        """Yields an entry for each component with hashes, also for components inside others.

        Raises:
            ListError: the file is truncated or damaged.
        """
        for number, component in xml_records(stream, "bom", frozenset({"component"})):
            parts = {local_name(child): child for child in component}
            hashes = parts.get("hashes")
            if hashes is not None:
                yield entry_or_reject(
                    number,
                    [(listed_name(element_attribute(one, "alg")), element_text(one)) for one in hashes],
                    id=f"record {number}",
                    labels={"name": element_text(parts.get("name")), "version": element_text(parts.get("version"))},
                )


class SpdxJson:
    """Reader of SPDX 2 JSON. Lenient."""

    name = "spdx"
    strict = False

    def recognises(self, head: bytes) -> bool:
        """Returns whether the root object names the format's version."""
        return "spdxVersion" in shape(head)

    def parse(self, stream: BinaryIO, options: ParseOptions) -> Iterator[ListItem]:  # noqa: ARG002 - each hash names its algorithm
        """Yields an entry for each file and package with checksums.

        Raises:
            ListError: the file is truncated or damaged.
        """
        number = 0
        for _, value in values_at(stream, _SPDX_PATHS):
            item = value if isinstance(value, dict) else {}
            if item.get("checksums"):
                number += 1
                yield _entry(number, item, objects_in(item.get("checksums")), "algorithm", "checksumValue")


class SpdxTags:
    """Reader of SPDX 2 tags with values. Lenient."""

    name = "spdx-tags"
    strict = False

    def recognises(self, head: bytes) -> bool:
        """Returns whether the text begins with the version of the format."""
        return re.match(rb"(?:\s|#[^\n]*\n)*SPDXVersion:", head) is not None

    def parse(self, stream: BinaryIO, options: ParseOptions) -> Iterator[ListItem]:  # noqa: ARG002 - each hash names its algorithm
        """Yields an entry for each checksum.

        Raises:
            ListError: the last line is truncated.
        """
        name = ""
        for number, line, ended in numbered_lines(stream):
            text = "" if line is None else line.decode("utf-8", "backslashreplace").strip()
            named, checksum = _SPDX_NAME.fullmatch(text), _SPDX_LINE.fullmatch(text)
            if named is not None:
                name = named[1]
                if holds_other_hash(name):
                    yield Remark(number, NAME_HOLDS_HASH)
            elif checksum is not None:
                item = entry_or_reject(number, [(listed_name(checksum[2]), checksum[3])], labels={"name": name})
                yield refuse_truncated(number, item, ended=ended)
            elif "Checksum:" in text[:20]:
                yield Rejected(number, RejectReason.MALFORMED, "not a checksum")
            elif not text.startswith(_SPDX_OTHER_HASHES) and holds_other_hash(text):
                yield Remark(number, LINE_HOLDS_HASH)


def _nested(component: Record, depth: int) -> Iterator[Record]:
    yield component
    if depth < _MAX_NESTING:
        for inner in objects_in(component.get("components")):
            yield from _nested(inner, depth + 1)


def _entry(number: int, owner: Record, hashes: list[Record], algorithm: str, value: str) -> ListEntry | Rejected:
    labels = {"name": text_of(owner.get("fileName") or owner.get("name")), "version": text_of(owner.get("version"))}
    return entry_or_reject(
        number,
        [(listed_name(text_of(one.get(algorithm))), text_of(one.get(value))) for one in hashes],
        id=f"record {number}",
        labels=labels,
    )
