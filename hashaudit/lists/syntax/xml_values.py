"""Streaming reader for records of XML texts.

It refuses document types and entities, the usual attack in XML from others.
"""

import re
from collections.abc import Iterator
from typing import BinaryIO
from xml.etree.ElementTree import Element, ParseError, TreeBuilder

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser, iterparse

from hashaudit.errors import ListError
from hashaudit.lazy import lazy_pattern

MAX_RECORD_BYTES = 8 << 20
"""Maximum size of a record. A whole OpenIOC file is one record; each three bytes of a hostile one may become an
element of a hundred bytes in memory."""

_READ_BYTES = 64 << 10
_LONGEST_END_TAG_BYTES = 256
_ROOT = lazy_pattern(rb"(?>\s+|<\?.*?\?>|<!--.*?-->)*+<(?:[\w.-]+:)?([\w.-]+)", re.DOTALL)


_DECLARES_UTF16 = lazy_pattern(rb"<\?xml[^>]*encoding=[\"']utf-?16", re.IGNORECASE)


def root_name(head: bytes) -> str | None:
    """Returns the name of the first element without its prefix, or ``None`` if the text does not begin as XML."""
    match = _ROOT.match(head)
    return None if match is None else match[1].decode("ascii", "replace")


def local_name(element: Element) -> str:
    """Returns an element's name without its namespace."""
    return element.tag.rpartition("}")[2]


def element_text(element: Element | None) -> str:
    """Returns the stripped text of an element; empty if there is no such element."""
    return "" if element is None else (element.text or "").strip()


def element_attribute(element: Element | None, name: str) -> str:
    """Returns the value of an attribute; empty if there is no such element or attribute."""
    return "" if element is None else element.get(name, "")


def records(stream: BinaryIO, root: str, names: frozenset[str]) -> Iterator[tuple[int, Element]]:
    """Yields (number from 1, element) for every element with one of ``names``, in any namespace.

    Several concatenated documents, such as saved pages of an interface, count as one list.

    Args:
        stream: the documents.
        root: name of each document's outermost element.
        names: of the elements to yield; each is cleared when the next is requested.

    Raises:
        ListError: a document is truncated, invalid, has a document type or another root, or a record is over the limit.
    """
    documents = _Documents(stream, root)
    number = 0
    while documents.more():
        try:
            for element in _document(documents, root, names):
                number += 1
                documents.since_record_bytes = 0
                yield number, element
        except (ParseError, DefusedXmlException, ValueError, LookupError):
            # The parser's own message may repeat names from the text.
            raise ListError(
                f"record {number + 1}: the XML text is damaged or truncated, or has a document type",
                hint="download it again",
            ) from None


def _document(documents: "_Documents", root: str, names: frozenset[str]) -> Iterator[Element]:
    parents: list[Element] = []
    # A document that was UTF-16 is UTF-8 by now, but still declares UTF-16.
    encoding = "utf-8" if _DECLARES_UTF16.match(documents.beginning) else None
    parser = DefusedXMLParser(target=TreeBuilder(), encoding=encoding, forbid_dtd=True)
    for event, element in iterparse(documents, ("start", "end"), parser):
        if event == "start":
            if not parents and local_name(element) != root:
                raise ListError(f"a document's outermost element is not {root}")
            parents.append(element)
            continue
        parents.pop()
        if local_name(element) in names:
            yield element
            if parents:
                parents[-1].clear()


class _Documents:
    """A stream of documents that reports an end of file after each document."""

    def __init__(self, stream: BinaryIO, root: str) -> None:
        self._stream = stream
        self._end = re.compile(rb"</(?:[\w.-]+:)?" + re.escape(root.encode("ascii")) + rb"\s*>")
        self._rest = b""
        self._ended = False
        self.since_record_bytes = 0

    def more(self) -> bool:
        """Returns whether another document follows, and begins it."""
        self._ended = False
        while not self._rest.strip():
            self._rest = self._read_more()
            if not self._rest:
                return False
        self._rest = self._rest.lstrip()
        return True

    @property
    def beginning(self) -> bytes:
        """The first bytes of the current document."""
        return self._rest[:_LONGEST_END_TAG_BYTES]

    def read(self, size: int = -1) -> bytes:  # noqa: ARG002 - a parser accepts pieces of any size
        while not self._ended:
            match = self._end.search(self._rest)
            if match is not None:
                self._ended = True
                return self._cut(match.end())
            more = self._read_more()
            # An end tag may span two reads, so the last bytes wait for the next read.
            surplus = len(self._rest) - _LONGEST_END_TAG_BYTES
            if not more:
                self._ended = True
                return self._cut(len(self._rest))
            if surplus > 0:
                data = self._cut(surplus)
                self._rest += more
                return data
            self._rest += more
        return b""

    def _cut(self, count: int) -> bytes:
        data, self._rest = self._rest[:count], self._rest[count:]
        return data

    def _read_more(self) -> bytes:
        data = self._stream.read(_READ_BYTES)
        self.since_record_bytes += len(data)
        if self.since_record_bytes > MAX_RECORD_BYTES:
            raise ListError(f"a record is larger than {MAX_RECORD_BYTES >> 20} MiB")
        return data
