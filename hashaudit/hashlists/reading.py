"""Opens a list: undoes its encoding, tells its format and gives its items."""

import contextlib
from collections.abc import Iterator
from typing import BinaryIO

from hashaudit.errors import ListError
from hashaudit.hashlists.detect import detect
from hashaudit.hashlists.encoding import undo_encoding, with_head
from hashaudit.hashlists.interface import DigestBlock, ListEntry, ListItem, OpenedList, ParseOptions
from hashaudit.model import AlgorithmName


def open_stream(stream: BinaryIO, options: ParseOptions) -> OpenedList:
    """Opens a list that is read from its beginning to its end. The caller keeps ``stream`` open and closes it.

    Raises:
        ListError: the list is empty, cut short or of no format that is read. Reading the items raises it too.
    """
    head, text = with_head(undo_encoding(stream))
    kind = detect(head, options)
    items = kind.parse(text, options)
    return OpenedList(
        kind.name, kind.strict, items if options.algorithm is None else _agreeing(items, options.algorithm)
    )


@contextlib.contextmanager
def open_list(path: str, options: ParseOptions) -> Iterator[OpenedList]:
    """Opens the list at ``path`` for as long as the context lasts.

    Raises:
        ListError: as :func:`open_stream`, or the file cannot be read; the message begins with ``path``. Reading the
            items raises it too.
    """
    with contextlib.ExitStack() as resources:
        with _naming(path):
            stream = resources.enter_context(open(path, "rb"))
            opened = open_stream(stream, options)
        yield OpenedList(opened.format, opened.strict, _named(path, opened.items))


def _named(path: str, items: Iterator[ListItem]) -> Iterator[ListItem]:
    with _naming(path):
        yield from items


@contextlib.contextmanager
def _naming(path: str) -> Iterator[None]:
    """Puts the list's path before the message of an error."""
    try:
        yield
    except ListError as error:
        raise ListError(f"{path}: {error}") from None
    except OSError as error:
        raise ListError(f"{path}: cannot be read: {error.strerror}") from error


def _agreeing(items: Iterator[ListItem], stated: AlgorithmName) -> Iterator[ListItem]:
    """Refuses entries that name their algorithms and have not the one that the user states."""
    for item in items:
        if isinstance(item, ListEntry) and stated not in item.digests:
            raise ListError(f"{item.id}: the list names other algorithms than {stated}, which the option states")
        if isinstance(item, DigestBlock) and item.algorithm != stated:
            raise ListError(f"line {item.first_line}: the list names another algorithm than {stated}")
        yield item
