"""Opens a list: undoes its packing and encoding, tells its format and gives its items."""

from collections.abc import Iterator
from typing import BinaryIO

from hashaudit.errors import ListError
from hashaudit.hashlists import database
from hashaudit.hashlists.detect import detect, detect_database
from hashaudit.hashlists.encoding import undo_encoding, with_head
from hashaudit.hashlists.interface import DigestBlock, ListEntry, ListItem, OpenedList, ParseOptions
from hashaudit.hashlists.packing import unpacked
from hashaudit.model import AlgorithmName


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
    if head.startswith(database.MAGIC):
        return _opened_database(None if packing else path, options)
    kind = detect(head, options)
    name = f"{kind.name}+{packing}" if packing else kind.name
    return OpenedList(name, kind.strict, _agreeing(kind.parse(text, options), options.algorithm))


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
