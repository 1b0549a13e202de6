"""A list that is a directory: saved pages of an interface, which form one list in the order of their names."""

import hashlib
import os
import stat
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, NamedTuple, Self

from hashaudit.errors import ListError
from hashaudit.lists.file_state import FileState
from hashaudit.lists.interface import ListItem, OpenedList, ParseOptions
from hashaudit.lists.list_file import WORLD_READABLE, ListFile
from hashaudit.model.paths import to_text
from hashaudit.model.times import TimeNs

if TYPE_CHECKING:
    from hashaudit.lists.open_list import Page

_ESCAPES = {0x0A: b"\\n", 0x0D: b"\\r", 0x5C: b"\\\\"}


class _PageInfo(NamedTuple):
    """A page as found when the directory was opened."""

    name: bytes
    mode: int
    state: FileState


class ListDirectory:
    """A directory of pages. A context manager, as :class:`ListFile` is."""

    kind = "directory"
    is_index = False

    def __init__(self, path: str) -> None:
        """Lists the pages of the directory.

        Raises:
            ListError: the directory cannot be listed, is empty, or holds anything except regular files.
        """
        self.path = path
        self._pages = _list_pages(path)
        if not self._pages:
            raise ListError(f"cannot read list: '{path}'; the directory is empty")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Does nothing: pages are open only while they are read."""

    @property
    def size_bytes(self) -> int:
        """Size of all pages together."""
        return sum(page.state.size_bytes for page in self._pages)

    @property
    def mtime_ns(self) -> TimeNs:
        """Latest modification time of all pages, in nanoseconds since 1970."""
        return max(page.state.mtime_ns for page in self._pages)

    def warnings(self) -> tuple[str, ...]:
        """Returns warnings about the directory, and the definition of its digest."""
        count = len(self._pages)
        note = f"directory of {count} {'page' if count == 1 else 'pages'}; its sha256 is that of their sha256sum lines"
        return (WORLD_READABLE, note) if any(page.mode & stat.S_IROTH for page in self._pages) else (note,)

    def sha256(self) -> str:
        """Reads all pages and returns the list's digest: see :meth:`HashedPages.finish`.

        Raises:
            ListError: a page cannot be read, or changed while it was read.
        """
        with self.hashed() as pages:
            return pages.finish()

    def hashed(self) -> "HashedPages":
        """Returns the pages, starting at the first."""
        return HashedPages(self)

    def names(self) -> list[bytes]:
        """Returns the names of the pages in order."""
        return [page.name for page in self._pages]

    def open_page(self, position: int) -> ListFile:
        """Opens a page.

        Raises:
            ListError: the page cannot be opened, or differs from the page that was listed.
        """
        expected = self._pages[position]
        page = ListFile(os.path.join(self.path, os.fsdecode(expected.name)))
        if page.state != expected.state:
            page.close()
            raise ListError(
                f"list changed while it was read: '{page.path}'", hint="start again when the list is complete"
            )
        return page

    def check_unchanged(self) -> None:
        """Lists the pages again and compares.

        Raises:
            ListError: the pages differ from those listed before.
        """
        if _list_pages(self.path) != self._pages:
            raise ListError(
                f"list changed while it was read: '{self.path}'", hint="start again when the list is complete"
            )


ListSource = ListFile | ListDirectory
"""A file or directory that the user can name as a list."""


def open_source(path: str) -> ListSource:
    """Opens a file or a directory as a list.

    Raises:
        ListError: the path cannot be opened, or is neither.
    """
    return ListDirectory(path) if os.path.isdir(path) else ListFile(path)


class HashedPages:
    """The pages of a directory, read once to compute the list's digest. A context manager."""

    def __init__(self, directory: ListDirectory) -> None:
        self._directory = directory
        self._lines = hashlib.sha256()
        self._pages = self._read()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pages.close()

    def open(self, options: ParseOptions) -> OpenedList:
        """Detects the format and returns the list with its items.

        Raises:
            ListError: same as :func:`hashaudit.lists.open_list.open_pages`.
        """
        from hashaudit.lists.open_list import open_pages  # noqa: PLC0415 # start-up: only the process that parses lists needs the parsers

        opened = open_pages(self._pages, options)
        return OpenedList(opened.format, opened.strict, self._with_page_names(opened.items, options))

    def finish(self) -> str:
        r"""Reads the remaining pages and returns the list's digest in hex.

        It is the sha256 of the lines that ``sha256sum`` (coreutils) prints for the pages in the order of their names'
        bytes: ``(cd DIRECTORY && LC_ALL=C sha256sum -- * | sha256sum)``.

        Raises:
            ListError: a page cannot be read, or the directory changed while it was read.
        """
        for _ in self._pages:
            pass
        self._directory.check_unchanged()
        return self._lines.hexdigest()

    def _read(self) -> "Generator[Page]":
        from hashaudit.lists.open_list import Page  # noqa: PLC0415 # start-up: only the process that parses lists needs the parsers

        for position, name in enumerate(self._directory.names()):
            with self._directory.open_page(position) as file, file.hashed() as stream:
                yield Page(to_text(name)[0], file.path, stream.buffered)
                self._lines.update(_line(stream.finish(), name))

    def _with_page_names(self, items: Iterator[ListItem], options: ParseOptions) -> Iterator[ListItem]:
        try:
            yield from items
        except ListError as error:
            # When one page's text continues in the next, a parser cannot say which of them is damaged.
            for position, name in enumerate(self._directory.names()):
                _check_page(self._directory, position, to_text(name)[0], options)
            raise error from None


def _check_page(directory: ListDirectory, position: int, name: str, options: ParseOptions) -> None:
    with directory.open_page(position) as file, file.hashed() as stream:
        try:
            for _ in stream.open(options).items:
                pass
        except ListError as error:
            raise ListError(f"page '{name}': {error}", hint=error.hint) from None


def _list_pages(path: str) -> list[_PageInfo]:
    """Returns the pages in the order of their names' bytes, which is the same on every system."""
    try:
        with os.scandir(os.fsencode(path)) as found:
            pages = [(entry.name, entry.stat(follow_symlinks=False)) for entry in found]
    except OSError as error:
        raise ListError(f"cannot read list: '{path}'; {error.strerror}") from error
    for name, status in sorted(pages):
        if not stat.S_ISREG(status.st_mode):
            raise ListError(
                f"cannot read list: '{path}'; '{to_text(name)[0]}' in it is not a regular file",
                hint="a list that is a directory must hold only its pages",
            )
    return [_PageInfo(name, status.st_mode, FileState.of(status)) for name, status in sorted(pages)]


def _line(sha256: str, name: bytes) -> bytes:
    escaped = b"".join(_ESCAPES.get(byte, bytes((byte,))) for byte in name)
    return (b"" if escaped == name else b"\\") + sha256.encode() + b"  " + escaped + b"\n"
