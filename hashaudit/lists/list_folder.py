"""A list that is a folder: the saved pages of an interface, which count as one list in the order of their names."""

import hashlib
import os
import stat
from collections.abc import Generator, Iterator
from types import TracebackType
from typing import NamedTuple, Self

from hashaudit.errors import ListError
from hashaudit.lists.file_state import FileState
from hashaudit.lists.interface import ListItem, OpenedList, ParseOptions
from hashaudit.lists.list_file import READABLE, ListFile
from hashaudit.lists.open_list import Page, open_pages
from hashaudit.model.paths import to_text

_ESCAPES = {0x0A: b"\\n", 0x0D: b"\\r", 0x5C: b"\\\\"}


class _Listed(NamedTuple):
    """A page as the folder had it when it was opened."""

    name: bytes
    mode: int
    state: FileState


class ListFolder:
    """A folder of pages. A context manager, as :class:`ListFile` is."""

    kind = "folder"
    is_index = False

    def __init__(self, path: str) -> None:
        """Looks at what the folder holds.

        Raises:
            ListError: it cannot be listed, holds nothing, or something else than regular files.
        """
        self.path = path
        self._pages = _listed(path)
        if not self._pages:
            raise ListError(f"{path}: cannot be read: the folder holds no pages")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Pages are open only while they are read."""

    @property
    def size_bytes(self) -> int:
        """Of all pages."""
        return sum(page.state.size_bytes for page in self._pages)

    @property
    def mtime_ns(self) -> int:
        """Of the page that was changed last."""
        return max(page.state.mtime_ns for page in self._pages)

    def warnings(self) -> tuple[str, ...]:
        """What people should know of the folder, and what its digest is of."""
        count = len(self._pages)
        note = f"a folder of {count} {'page' if count == 1 else 'pages'}; its sha256 is that of their sha256sum lines"
        return (READABLE, note) if any(page.mode & stat.S_IROTH for page in self._pages) else (note,)

    def sha256(self) -> str:
        """Reads all pages for the list's digest alone: see :meth:`HashedPages.finish`.

        Raises:
            ListError: a page cannot be read, or changed meanwhile.
        """
        with self.hashed() as pages:
            return pages.finish()

    def hashed(self) -> "HashedPages":
        """The pages from the first on."""
        return HashedPages(self)

    def names(self) -> list[bytes]:
        """Of the pages, in their order."""
        return [page.name for page in self._pages]

    def open_page(self, position: int) -> ListFile:
        """Opens a page.

        Raises:
            ListError: it cannot be opened, or is not what the folder had.
        """
        listed = self._pages[position]
        page = ListFile(os.path.join(self.path, os.fsdecode(listed.name)))
        if page.state != listed.state:
            page.close()
            raise ListError(f"{page.path}: changed while the folder was read; start again when it is whole")
        return page

    def check_unchanged(self) -> None:
        """Looks again.

        Raises:
            ListError: the folder holds other pages than it did.
        """
        if _listed(self.path) != self._pages:
            raise ListError(f"{self.path}: changed while it was read; start again when it is whole")


ListSource = ListFile | ListFolder
"""What the user may name as a list."""


def open_source(path: str) -> ListSource:
    """Opens a file or a folder as a list.

    Raises:
        ListError: it cannot be opened, or is neither.
    """
    return ListFolder(path) if os.path.isdir(path) else ListFile(path)


class HashedPages:
    """Reads the pages of a folder and computes the list's digest of what was read. A context manager."""

    def __init__(self, folder: ListFolder) -> None:
        self._folder = folder
        self._lines = hashlib.sha256()
        self._pages = self._read()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pages.close()

    def open(self, options: ParseOptions) -> OpenedList:
        """Opens the pages for their items.

        Raises:
            ListError: as :func:`hashaudit.lists.open_list.open_pages`.
        """
        opened = open_pages(self._pages, options)
        return OpenedList(opened.format, opened.strict, self._named(opened.items, options))

    def finish(self) -> str:
        r"""Reads what is left and gives the list's digest in hex.

        It is the sha256 of the lines that ``sha256sum`` (coreutils) prints for the pages in the order of their names'
        bytes: ``(cd FOLDER && LC_ALL=C sha256sum -- * | sha256sum)``.

        Raises:
            ListError: a page cannot be read, or something changed while it was.
        """
        for _ in self._pages:
            pass
        self._folder.check_unchanged()
        return self._lines.hexdigest()

    def _read(self) -> Generator[Page]:
        for position, name in enumerate(self._folder.names()):
            with self._folder.open_page(position) as file, file.hashed() as stream:
                yield Page(to_text(name)[0], file.path, stream.buffered)
                self._lines.update(_line(stream.finish(), name))

    def _named(self, items: Iterator[ListItem], options: ParseOptions) -> Iterator[ListItem]:
        try:
            yield from items
        except ListError as error:
            # Where one page's text runs on into the next, a parser cannot tell on which of them the damage is.
            for position, name in enumerate(self._folder.names()):
                _check_alone(self._folder, position, to_text(name)[0], options)
            raise error from None


def _check_alone(folder: ListFolder, position: int, name: str, options: ParseOptions) -> None:
    with folder.open_page(position) as file, file.hashed() as stream:
        try:
            for _ in stream.open(options).items:
                pass
        except ListError as error:
            raise ListError(f"{name}: {error}") from None


def _listed(path: str) -> list[_Listed]:
    """The pages in the order of their names' bytes, which is the same everywhere."""
    try:
        with os.scandir(os.fsencode(path)) as found:
            pages = [(entry.name, entry.stat(follow_symlinks=False)) for entry in found]
    except OSError as error:
        raise ListError(f"{path}: cannot be read: {error.strerror}") from error
    for name, status in sorted(pages):
        if not stat.S_ISREG(status.st_mode):
            what = f"{to_text(name)[0]} in it is no regular file"
            raise ListError(f"{path}: cannot be read: {what}; a folder as a list holds pages alone")
    return [_Listed(name, status.st_mode, FileState.of(status)) for name, status in sorted(pages)]


def _line(sha256: str, name: bytes) -> bytes:
    escaped = b"".join(_ESCAPES.get(byte, bytes((byte,))) for byte in name)
    return (b"" if escaped == name else b"\\") + sha256.encode() + b"  " + escaped + b"\n"
