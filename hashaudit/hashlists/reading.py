"""Opens a list: undoes its encoding, tells its format and gives its items."""

from collections.abc import Iterator
from typing import BinaryIO

from hashaudit.errors import ListError
from hashaudit.hashlists import database
from hashaudit.hashlists.detect import detect, detect_database
from hashaudit.hashlists.encoding import undo_encoding, with_head
from hashaudit.hashlists.interface import DigestBlock, ListEntry, ListItem, OpenedList, ParseOptions
from hashaudit.model import AlgorithmName


def open_stream(stream: BinaryIO, options: ParseOptions, path: str | None = None) -> OpenedList:
    """Opens a list. The caller keeps ``stream`` open until the items are read, and closes it.

    Args:
        stream: the list from its beginning.
        options: what the user says about it.
        path: the same file's place; databases are opened there, because they cannot be read as a stream.

    Raises:
        ListError: the list is empty, cut short or of no format that is read. Reading the items raises it too.
    """
    head, text = with_head(undo_encoding(stream))
    if head.startswith(database.MAGIC):
        return _opened_database(path, options)
    kind = detect(head, options)
    return OpenedList(kind.name, kind.strict, _agreeing(kind.parse(text, options), options.algorithm))


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
