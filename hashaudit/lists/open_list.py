"""Opens a list: undoes its packing and encoding, tells its format and gives its items."""

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import BinaryIO, NamedTuple

from hashaudit.errors import ListError
from hashaudit.lists.detect import detect, detect_database
from hashaudit.lists.interface import DigestBlock, ListEntry, ListFormat, ListItem, OpenedList, ParseOptions
from hashaudit.lists.syntax import sqlite_tables
from hashaudit.lists.syntax.decompress import unpacked
from hashaudit.lists.syntax.lines import chunks_of, stream_of, undo_encoding, with_head
from hashaudit.model.results import AlgorithmName

HISTORIES = frozenset({"ncmec", "stix", "stopncii", "tech-against-terrorism", "threatexchange-updates"})
"""Formats that come in pages, and whose records replace and withdraw each other on whatever page they stand."""


class Page(NamedTuple):
    """One file of a list that comes in several."""

    name: str
    path: str
    stream: BinaryIO


class _Text(NamedTuple):
    name: str
    kind: ListFormat
    content: BinaryIO


def open_stream(stream: BinaryIO, options: ParseOptions, path: str | None = None) -> OpenedList:
    """Opens a list. The caller keeps ``stream`` open until the items are read, and closes it.

    Args:
        stream: the list from its beginning.
        options: what the user says about it.
        path: the same file's place; databases and zips are opened there, because they cannot be read as a stream.

    Raises:
        ListError: the list is empty, cut short or of no format that is read. Reading the items raises it too.
    """
    content, packing = unpacked(stream, path)
    head, text = with_head(undo_encoding(content))
    if head.startswith(sqlite_tables.MAGIC):
        return _opened_database(None if packing else path, options)
    return _opened(_recognised(head, text, packing, options), options)


def open_pages(pages: Iterator[Page], options: ParseOptions) -> OpenedList:
    """Opens several files as one list: their texts one after the other, as ``cat`` would join them.

    Args:
        pages: in the order in which they count; each is asked for when the one before has been read.
        options: what the user says about the list.

    Raises:
        ListError: there is no page, one is empty, cut short or not of the format of the first, or the format has no
            pages. Reading the items raises it too.
    """
    first = next(pages, None)
    if first is None:
        raise ListError("the folder holds no pages")
    begin = _page_text(first, options)
    joined = stream_of(chain(chunks_of(begin.content), _further(begin, pages, options)))
    return _opened(begin._replace(content=joined), options)


def _further(begin: _Text, pages: Iterable[Page], options: ParseOptions) -> Iterator[bytes]:
    for page in pages:
        text = _page_text(page, options)
        if text.name != begin.name:
            raise ListError(
                f"{page.name}: is {text.name}, the first page is {begin.name}; give it as a list of its own"
            )
        yield b"\n"
        yield from chunks_of(text.content)


def _page_text(page: Page, options: ParseOptions) -> _Text:
    try:
        content, packing = unpacked(page.stream, page.path)
        text = _recognised(*with_head(undo_encoding(content)), packing, options)
    except ListError as error:
        raise ListError(f"{page.name}: {error}") from error
    if text.kind.name not in HISTORIES:
        formats = ", ".join(sorted(HISTORIES))
        raise ListError(
            f"{page.name}: is {text.name}, and a folder is one list only of {formats}; give the file itself"
        )
    return text


def _recognised(head: bytes, content: BinaryIO, packing: str | None, options: ParseOptions) -> _Text:
    kind = detect(head, options)
    return _Text(f"{kind.name}+{packing}" if packing else kind.name, kind, content)


def _opened(text: _Text, options: ParseOptions) -> OpenedList:
    items = _agreeing(text.kind.parse(text.content, options), options.algorithm)
    return OpenedList(text.name, text.kind.strict, items)


def _opened_database(path: str | None, options: ParseOptions) -> OpenedList:
    if path is None:
        raise ListError("a database cannot be read as a stream; give it as a file, not packed")
    kind = detect_database(path)
    return OpenedList(kind.name, kind.strict, _agreeing(kind.parse(path, options), options.algorithm))


def _agreeing(items: Iterator[ListItem], stated: AlgorithmName | None) -> Iterator[ListItem]:
    """Refuses entries that name their algorithms and have not the one that the user states."""
    if stated is None:
        yield from items
        return
    for item in items:
        if isinstance(item, ListEntry) and stated not in item.digests:
            raise ListError(f"{item.id}: the list names other algorithms than {stated}, which the option states")
        if isinstance(item, DigestBlock) and item.algorithm != stated:
            raise ListError(f"line {item.first_line}: the list names another algorithm than {stated}")
        yield item
