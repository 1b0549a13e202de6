"""Records of XML texts, streamed, with neither document types nor entities, which are how XML from others does harm."""

import re
from collections.abc import Iterator
from typing import BinaryIO
from xml.etree.ElementTree import Element, ParseError, TreeBuilder

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser, iterparse

from hashaudit.errors import ListError

MAX_RECORD_BYTES = 8 << 20
"""A whole OpenIOC file is one record; of a hostile one each three bytes may be an element of a hundred in memory."""

_READ_BYTES = 64 << 10
_LONGEST_END_TAG_BYTES = 256
_ROOT = re.compile(rb"(?>\s+|<\?.*?\?>|<!--.*?-->)*+<(?:[\w.-]+:)?([\w.-]+)", re.DOTALL)


_SAYS_UTF16 = re.compile(rb"<\?xml[^>]*encoding=[\"']utf-?16", re.IGNORECASE)


def root_name(head: bytes) -> str | None:
    """The name of the first element without its prefix, or ``None`` if the text does not begin as XML."""
    match = _ROOT.match(head)
    return None if match is None else match[1].decode("ascii", "replace")


def local_name(element: Element) -> str:
    """An element's name without its namespace."""
    return element.tag.rpartition("}")[2]


def element_text(element: Element | None) -> str:
    """What an element holds, without white space around it; nothing if there is no such element."""
    return "" if element is None else (element.text or "").strip()


def element_attribute(element: Element | None, name: str) -> str:
    """An attribute's value; nothing if there is no such element or attribute."""
    return "" if element is None else element.get(name, "")


def records(stream: BinaryIO, root: str, names: frozenset[str]) -> Iterator[tuple[int, Element]]:
    """Yields (number from 1, element) for every element of one of ``names``. Namespaces do not matter.

    Several documents one after the other, as saved pages of an interface are, count as one list.

    Args:
        stream: the documents.
        root: name of each document's outermost element.
        names: of the elements to yield; each is emptied when the next is asked for.

    Raises:
        ListError: a document is cut short, is no XML, has a document type or another root, or a record is over the
            limit.
    """
    documents = _Documents(stream, root)
    number = 0
    while documents.more():
        for element in _document(documents, root, names):
            number += 1
            documents.since_record_bytes = 0
            yield number, element


def _document(documents: "_Documents", root: str, names: frozenset[str]) -> Iterator[Element]:
    parents: list[Element] = []
    # A document that was UTF-16 is UTF-8 by now, and still says what it was.
    encoding = "utf-8" if _SAYS_UTF16.match(documents.beginning) else None
    parser = DefusedXMLParser(target=TreeBuilder(), encoding=encoding, forbid_dtd=True)
    try:
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
    except (ParseError, DefusedXmlException, ValueError, LookupError):
        # The parser's own message may hold names from the text.
        raise ListError("the XML text is damaged or cut short, or has a document type; get it again") from None


class _Documents:
    """A stream of documents that seems to end where each of them does."""

    def __init__(self, stream: BinaryIO, root: str) -> None:
        self._stream = stream
        self._end = re.compile(rb"</(?:[\w.-]+:)?" + re.escape(root.encode("ascii")) + rb"\s*>")
        self._rest = b""
        self._ended = False
        self.since_record_bytes = 0

    def more(self) -> bool:
        """Tells if another document follows, and begins it."""
        self._ended = False
        while not self._rest.strip():
            self._rest = self._take()
            if not self._rest:
                return False
        self._rest = self._rest.lstrip()
        return True

    @property
    def beginning(self) -> bytes:
        """The first bytes of the document that was begun last."""
        return self._rest[:_LONGEST_END_TAG_BYTES]

    def read(self, size: int = -1) -> bytes:  # noqa: ARG002 - a parser takes pieces of any size
        while not self._ended:
            match = self._end.search(self._rest)
            if match is not None:
                self._ended = True
                return self._given(match.end())
            more = self._take()
            # An end tag may lie across two reads, so the last bytes wait for the next.
            surplus = len(self._rest) - _LONGEST_END_TAG_BYTES
            if not more:
                self._ended = True
                return self._given(len(self._rest))
            if surplus > 0:
                data = self._given(surplus)
                self._rest += more
                return data
            self._rest += more
        return b""

    def _given(self, count: int) -> bytes:
        data, self._rest = self._rest[:count], self._rest[count:]
        return data

    def _take(self) -> bytes:
        data = self._stream.read(_READ_BYTES)
        self.since_record_bytes += len(data)
        if self.since_record_bytes > MAX_RECORD_BYTES:
            raise ListError(f"a record is over {MAX_RECORD_BYTES >> 20} MiB")
        return data
