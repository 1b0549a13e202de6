"""Opening of a list: decompresses and decodes it, detects its format and yields its items."""

import re
import tempfile
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import BinaryIO, NamedTuple, cast

import msgspec

from hashaudit.errors import ListError
from hashaudit.lazy import lazy_pattern
from hashaudit.lists.formats import plain
from hashaudit.lists.interface import DigestBlock, ListEntry, ListFormat, ListItem, OpenedList, ParseOptions
from hashaudit.lists.syntax.decompress import decompressed
from hashaudit.lists.syntax.lines import HEAD_BYTES, chunks_of, decode_to_utf8, stream_of, with_head
from hashaudit.model.results import AlgorithmName

PAGED_FORMATS = frozenset({"ncmec", "stix", "stopncii", "tech-against-terrorism", "threatexchange-updates"})
"""Formats that are saved as pages, and whose records supersede and withdraw each other across pages."""

_DATABASE_MARK = b"SQLite format 3\0"
"""Source: SQLite, "Database File Format", section 1.3.1."""

_SPOOL_BYTES = 32 << 20
"""Bytes of a JSON text that are kept in memory while its keys are sought; a longer one waits in a nameless file."""

_POSITION_ID = lazy_pattern(r"(?:line|row|record) [0-9]+", re.ASCII)
"""Ids that are positions in the list, for entries without an own id."""


class Page(NamedTuple):
    """One file of a list of several."""

    name: str
    path: str
    stream: BinaryIO


class _Text(NamedTuple):
    name: str
    list_format: ListFormat
    content: BinaryIO
    options: ParseOptions


def open_stream(stream: BinaryIO, options: ParseOptions, path: str | None = None) -> OpenedList:
    """Opens a list. The caller keeps ``stream`` open until the items are read, and closes it.

    Args:
        stream: the list, from its beginning.
        options: the user's settings for the list.
        path: path of the same file; databases and zips are opened there because they cannot be read as a stream.

    Raises:
        ListError: the list is empty, truncated or of an unsupported format. Reading the items raises it too.
    """
    content, compression = decompressed(stream, path)
    head, text = with_head(decode_to_utf8(content))
    if head.startswith(_DATABASE_MARK):
        return _opened_database(None if compression else path, options)
    return _opened(_detected(head, text, compression, options))


def open_pages(pages: Iterator[Page], options: ParseOptions) -> OpenedList:
    """Opens several files as one list: their concatenated texts.

    Args:
        pages: the pages in order; the next is requested only after the previous one has been read.
        options: the user's settings for the list.

    Raises:
        ListError: there is no page, a page is empty, truncated or not of the format of the first, or the format has no
            pages. Reading the items raises it too.
    """
    first = next(pages, None)
    if first is None:
        raise ListError("the directory is empty")
    begin = _page_text(first, options)
    joined = stream_of(chain(chunks_of(begin.content), _further(begin, pages, options)))
    return _opened(begin._replace(content=joined))


def _further(begin: _Text, pages: Iterable[Page], options: ParseOptions) -> Iterator[bytes]:
    for page in pages:
        text = _page_text(page, options)
        if text.name != begin.name:
            raise ListError(
                f"page '{page.name}' has another format than the first page: {text.name}, not {begin.name}",
                hint="use the page as a list of its own",
            )
        yield b"\n"
        yield from chunks_of(text.content)


def _page_text(page: Page, options: ParseOptions) -> _Text:
    try:
        content, compression = decompressed(page.stream, page.path)
        text = _detected(*with_head(decode_to_utf8(content)), compression, options)
    except ListError as error:
        raise ListError(f"page '{page.name}': {error}", hint=error.hint) from error
    if text.list_format.name not in PAGED_FORMATS:
        formats = ", ".join(sorted(PAGED_FORMATS))
        raise ListError(
            f"page '{page.name}' has a format without pages: {text.name}; pages exist for {formats}",
            hint="use the file itself as the list",
        )
    return text


def _detected(head: bytes, content: BinaryIO, compression: str | None, options: ParseOptions) -> _Text:
    if not options.columns and plain.is_bare(head):
        # Start-up: most lists are bare hashes, and the other formats take longer to load than such a list to read.
        list_format: ListFormat = plain.PLAIN
    else:
        from hashaudit.lists.detect import detect, recognised  # noqa: PLC0415 # as above

        if len(head) == HEAD_BYTES and head.lstrip()[:1] in (b"{", b"[") and recognised(head, options) is None:
            # The keys that identify the format may come after the records.
            content, options = _with_outline(content, options)
        list_format = detect(head, options)
    return _Text(
        f"{list_format.name}+{compression}" if compression else list_format.name, list_format, content, options
    )


def _with_outline(content: BinaryIO, options: ParseOptions) -> tuple[BinaryIO, ParseOptions]:
    from hashaudit.lists.syntax.json_values import outline  # noqa: PLC0415 # start-up, as in _detected

    # The stream cannot be read twice. The file has no name, so nothing of a list stays behind.
    whole = cast("BinaryIO", tempfile.SpooledTemporaryFile(_SPOOL_BYTES))  # noqa: SIM115 # closed by _then_close
    for chunk in chunks_of(content):
        whole.write(chunk)
    whole.seek(0)
    found = outline(whole)
    whole.seek(0)
    return stream_of(_then_close(whole)), msgspec.structs.replace(options, outline=found)


def _then_close(stream: BinaryIO) -> Iterator[bytes]:
    with stream:
        yield from chunks_of(stream)


def _opened(text: _Text) -> OpenedList:
    stated = text.options.algorithm
    items = _with_stated_algorithm(text.list_format.parse(text.content, text.options), stated)
    return OpenedList(text.name, text.list_format.strict, items)


def _opened_database(path: str | None, options: ParseOptions) -> OpenedList:
    if path is None:
        raise ListError("cannot read a database as a stream", hint="use the database as a file, not compressed")
    from hashaudit.lists.detect import detect_database  # noqa: PLC0415 # start-up, as in _detected

    list_format = detect_database(path)
    return OpenedList(
        list_format.name,
        list_format.strict,
        _with_stated_algorithm(list_format.parse(path, options), options.algorithm),
    )


def _position(entry: ListEntry) -> str:
    """Returns the position of an entry in its list; never an id from the list itself, which is confidential."""
    return entry.id if _POSITION_ID.fullmatch(entry.id) else "an entry"


def _with_stated_algorithm(items: Iterator[ListItem], stated: AlgorithmName | None) -> Iterator[ListItem]:
    """Yields items and refuses entries that lack the algorithm given by the user."""
    if stated is None:
        yield from items
        return
    for item in items:
        if isinstance(item, ListEntry) and stated not in item.digests:
            raise ListError(
                f"{_position(item)}: the list names other algorithms than {stated}",
                hint="omit the algorithm before the file name",
            )
        if isinstance(item, DigestBlock) and item.algorithm != stated:
            raise ListError(
                f"line {item.first_line}: the list names another algorithm than {stated}",
                hint="omit the algorithm before the file name",
            )
        yield item
