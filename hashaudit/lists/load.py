"""Loads the lists of a run: reads and checks them, counts what they hold, compiles them for lookup.

What comes of it is one or more indexes. Small text lists share one that is kept in memory, a large text list is
compiled into the user's cache and mapped, a compiled index is mapped as it is.
"""

import io
import os
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Self

import msgspec

from hashaudit.errors import ListError
from hashaudit.lists.compile_cache import compiled, user_cache_folder
from hashaudit.lists.index.builder import IndexBuilder
from hashaudit.lists.index.handle import IndexHandle
from hashaudit.lists.index.index_reader import ListIndex
from hashaudit.lists.index.index_writer import new_file
from hashaudit.lists.ingest import ParseSpec, Progress, relocated, take_list
from hashaudit.lists.interface import ListInfo, ListSpec
from hashaudit.lists.known_filter import FilterImage, check_use, filter_info
from hashaudit.lists.list_file import ListFile
from hashaudit.lists.list_folder import ListSource, open_source
from hashaudit.lists.selection import EVERYTHING, Selection
from hashaudit.model.paths import to_text
from hashaudit.model.results import Role

SMALL_LIST_BYTES = 8 << 20
"""Text lists up to here are compiled at each start, which takes less than a second; larger ones are cached."""

SMALL_IMAGE_ROWS = 1 << 18
"""Entries up to which the index of all small lists, some 16 MiB, is sent to each worker; a larger one is mapped."""


class LoadedLists:
    """The lists of a run, ready for lookups. A context manager: closing removes what was written for this run alone."""

    def __init__(self) -> None:
        """No lists; see :func:`load_lists`."""
        self.infos: tuple[ListInfo, ...] = ()
        """What the run header says of each list, in the order of their numbers, which count from 1."""
        self.indexes: tuple[ListIndex, ...] = ()
        self.images: tuple[IndexHandle, ...] = ()
        """The same indexes in the form that other processes take."""
        self.filters: tuple[FilterImage, ...] = ()
        """Bloom filters of known files; they are asked about files that no index has."""
        self._resources = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Removes what was written for this run alone."""
        self._resources.close()

    def private_folder(self) -> str:
        """A new folder that only this user can enter and that goes when the lists are closed."""
        return self._resources.enter_context(tempfile.TemporaryDirectory(prefix="hashaudit-lists-"))


def load_lists(
    specs: Sequence[ListSpec],
    *,
    columns: Mapping[str, str] | None = None,
    selection: Selection = EVERYTHING,
    progress: Progress | None = None,
) -> LoadedLists:
    """Loads lists in the order given; that is the order of their numbers.

    Args:
        specs: the lists as the user named them. A compiled index stands for all lists that it holds, each of which has
            the role that it was compiled with.
        columns: of delimited lists, column -> what it holds.
        selection: which entries are kept. Compiled indexes are refused with one: they are selected when built.
        progress: is told now and then how many more entries have been read.

    Raises:
        ListError: a list cannot be used. The message names the file, and the line and reason where there is one.
    """
    loaded = LoadedLists()
    try:
        _Loading(loaded, dict(columns or {}), selection, progress).load(specs)
    except BaseException:
        loaded.close()
        raise
    return loaded


class _Loading:
    """Gathers infos by list number while indexes come about in another order."""

    def __init__(
        self, loaded: LoadedLists, columns: dict[str, str], selection: Selection, progress: Progress | None
    ) -> None:
        self._loaded = loaded
        self._columns = columns
        self._selection = selection
        self._progress = progress
        self._infos: dict[int, ListInfo] = {}
        self._indexes: list[ListIndex] = []
        self._images: list[IndexHandle] = []
        self._filters: list[FilterImage] = []
        self._count = 0
        self._cache_folder: str | None = None

    def load(self, specs: Sequence[ListSpec]) -> None:
        small: list[int] = []
        with IndexBuilder() as builder:
            for spec in specs:
                with open_source(spec.path) as file:
                    if file.is_index:
                        self._take_index(spec)
                    elif isinstance(file, ListFile) and file.is_filter:
                        self._take_filter(file, spec)
                    elif file.size_bytes > SMALL_LIST_BYTES:
                        self._take_large(file, ParseSpec(spec, self._columns, self._selection))
                    else:
                        take_list(builder, file, ParseSpec(spec, self._columns, self._selection), self._progress)
                        small += self._numbers(1)
            if small:
                self._take_small(builder, tuple(small))
        self._loaded.infos = tuple(self._infos[number] for number in sorted(self._infos))
        self._loaded.indexes = tuple(self._indexes)
        self._loaded.images = tuple(self._images)
        self._loaded.filters = tuple(self._filters)

    def _numbers(self, count: int) -> tuple[int, ...]:
        first = self._count + 1
        self._count += count
        return tuple(range(first, first + count))

    def _take_index(self, spec: ListSpec) -> None:
        if not self._selection.takes_all:
            raise ListError(f"{spec.path}: a compiled index is taken whole: select when it is built")
        index = ListIndex.open(spec.path)
        _check_roles(spec, index)
        note = f"read from the compiled index {to_text(os.fsencode(spec.path))[0]}, checksum {index.checksum}"
        infos = [msgspec.structs.replace(info, warnings=(*info.warnings, note)) for info in index.infos]
        self._add(self._numbers(len(infos)), index, infos, spec.path)

    def _take_filter(self, file: ListFile, spec: ListSpec) -> None:
        check_use(spec)
        if not self._selection.takes_all:
            raise ListError(f"{spec.path}: a Bloom filter has no entries to select from; leave out one of the two")
        sha256 = file.sha256()
        (number,) = self._numbers(1)
        image = FilterImage(number, os.fsencode(os.path.abspath(spec.path)), file.state)
        self._infos[number] = filter_info(image, spec, sha256)
        self._filters.append(image)

    def _take_large(self, file: ListSource, recipe: ParseSpec) -> None:
        if self._cache_folder is None:
            self._cache_folder = user_cache_folder() or self._loaded.private_folder()
        path = compiled(file, recipe, self._cache_folder, self._progress)
        index = ListIndex.open(path)
        self._add(self._numbers(1), index, [relocated(info, file) for info in index.infos], path)

    def _take_small(self, builder: IndexBuilder, numbers: tuple[int, ...]) -> None:
        if builder.rows <= SMALL_IMAGE_ROWS:
            target = io.BytesIO()
            infos = builder.write(target)
            self._add(numbers, ListIndex.from_bytes(target.getvalue()), infos)
            return
        path = os.path.join(self._loaded.private_folder(), "lists.hai")
        with new_file(path) as file:
            infos = builder.write(file)
        self._add(numbers, ListIndex.open(path), infos, path)

    def _add(
        self, numbers: tuple[int, ...], index: ListIndex, infos: Sequence[ListInfo], path: str | None = None
    ) -> None:
        content, place = (bytes(index.image), None) if path is None else (None, os.fsencode(os.path.abspath(path)))
        image = IndexHandle(numbers, index.header.checksum, content, place)
        self._images.append(image)
        self._indexes.append(index.numbered(numbers))
        self._infos.update(zip(numbers, infos, strict=True))


def _check_roles(spec: ListSpec, index: ListIndex) -> None:
    """Refuses an index that was compiled for the other role: a hit would mean the opposite of what the user asks."""
    roles = {info.role for info in index.infos}
    if spec.role is Role.KNOWN and Role.DENY in roles:
        raise ListError(f"{spec.path}: holds lists to look for, not only known files; give it as such, or compile anew")
    if spec.role is Role.DENY and Role.DENY not in roles:
        raise ListError(f"{spec.path}: holds only lists of known files; give it as such, or compile anew")
