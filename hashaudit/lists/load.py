"""Loading of the lists of a scan: reads and checks them, counts their entries and compiles them for lookup.

The result is one or more indexes. Small text lists share one index in memory, a large text list is compiled into the
user's cache and mapped, and a compiled index is mapped unchanged.
"""

import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import BinaryIO, Self

import msgspec

from hashaudit.errors import ListError
from hashaudit.host.memory import memory_file
from hashaudit.lists.compile_request import CompileRequest, ParseSpec, Progress
from hashaudit.lists.index.handle import IndexHandle
from hashaudit.lists.index.index_reader import ListIndex
from hashaudit.lists.interface import ListInfo, ListSpec
from hashaudit.lists.known_filter import FilterHandle, check_filter_spec, filter_info
from hashaudit.lists.list_directory import open_source
from hashaudit.lists.list_file import ListFile
from hashaudit.lists.list_parser import ListParser
from hashaudit.lists.selection import EVERYTHING, Selection
from hashaudit.lists.tolerance import DEFAULT_TOLERANCE, Tolerance
from hashaudit.model.paths import to_text
from hashaudit.model.results import Role

SMALL_LIST_BYTES = 1 << 20
"""Maximum size of a text list that is compiled at each start, in some 20 ms; larger ones are cached. These are 16,000
digests of SHA-256, up to which no numpy is needed, whose import alone takes longer than a start may."""

SMALL_IMAGE_ROWS = 1 << 18
"""Maximum number of entries, some 16 MiB, of an index of all small lists that is sent to each worker; a larger one
is mapped."""


class LoadedLists:
    """The lists of a scan, ready for lookups.

    A context manager: closing removes the files written for this scan only.
    """

    def __init__(self) -> None:
        """Starts without lists; see :func:`load_lists`."""
        self.infos: tuple[ListInfo, ...] = ()
        """Description of each list in the run header, in the order of the list numbers, which count from 1."""
        self.indexes: tuple[ListIndex, ...] = ()
        self.images: tuple[IndexHandle, ...] = ()
        """The same indexes in the form that is sent to other processes."""
        self.filters: tuple[FilterHandle, ...] = ()
        """Bloom filters of known files; they are asked only about files that are in no index."""
        self._resources = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Removes the files written for this scan only."""
        self._resources.close()

    def private_directory(self) -> str:
        """Returns a new directory that only this user can enter; closing the lists removes it."""
        import tempfile  # noqa: PLC0415 # start-up: small lists need no file

        return self._resources.enter_context(tempfile.TemporaryDirectory(prefix="hashaudit-lists-"))


def load_lists(
    specs: Sequence[ListSpec | str | os.PathLike[str]],
    *,
    columns: Mapping[str, str] | None = None,
    selection: Selection = EVERYTHING,
    tolerance: Tolerance = DEFAULT_TOLERANCE,
    progress: Progress | None = None,
    parser: ListParser | None = None,
) -> LoadedLists:
    """Loads lists in the order given, which is the order of their numbers.

    Args:
        specs: the lists; a path is a deny list. A compiled index gives all lists that it holds, each with the role that
            it was compiled with.
        columns: column of a delimited list -> its field.
        selection: the entries to accept. Not allowed with a compiled index, whose entries are selected when it is
            built.
        tolerance: what to accept beyond the defaults.
        progress: receives the number of entries read since its last call.
        parser: a process that has not been used yet; default: a new one.

    Raises:
        ListError: a list cannot be used. The message names the file and, where there is one, the line and reason.
        HostError: the parser's sandbox is incomplete and is required.
    """
    loaded = LoadedLists()
    try:
        with parser or ListParser() as used:
            _Loader(loaded, dict(columns or {}), selection, tolerance, progress=progress, parser=used).load(
                [spec if isinstance(spec, ListSpec) else ListSpec(os.fspath(spec)) for spec in specs]
            )
    except BaseException:
        loaded.close()
        raise
    return loaded


class _Loader:
    """The state of one call: collects descriptions by list number while indexes are created in another order."""

    def __init__(
        self,
        loaded: LoadedLists,
        columns: dict[str, str],
        selection: Selection,
        tolerance: Tolerance,
        *,
        progress: Progress | None,
        parser: ListParser,
    ) -> None:
        self._parser = parser
        self._has_begun = False
        self._to_parse: tuple[ListSpec, ...] = ()
        self._loaded = loaded
        self._columns = columns
        self._selection = selection
        self._tolerance = tolerance
        self._progress = progress
        self._infos: dict[int, ListInfo] = {}
        self._indexes: list[ListIndex] = []
        self._images: list[IndexHandle] = []
        self._filters: list[FilterHandle] = []
        self._count = 0
        self._cache_directory: str | None = None

    def load(self, specs: Sequence[ListSpec]) -> None:
        small: dict[int, ListSpec] = {}
        large: dict[int, ListSpec] = {}
        for spec in specs:
            with open_source(spec.path) as file:
                if file.is_index:
                    self._load_index(spec)
                elif isinstance(file, ListFile) and file.is_filter:
                    self._load_filter(file, spec)
                else:
                    (number,) = self._numbers(1)
                    (large if file.size_bytes > SMALL_LIST_BYTES else small)[number] = spec
        self._to_parse = (*small.values(), *large.values())
        for number, spec in large.items():
            self._load_large(number, spec)
        if small:
            self._load_small(small)
        self._loaded.infos = tuple(self._infos[number] for number in sorted(self._infos))
        self._loaded.indexes = tuple(self._indexes)
        self._loaded.images = tuple(self._images)
        self._loaded.filters = tuple(self._filters)

    def _parse_spec(self, spec: ListSpec) -> ParseSpec:
        return ParseSpec(spec, self._columns, self._selection, self._tolerance)

    def _numbers(self, count: int) -> tuple[int, ...]:
        first = self._count + 1
        self._count += count
        return tuple(range(first, first + count))

    def _load_index(self, spec: ListSpec) -> None:
        if not self._selection.selects_all:
            raise ListError(
                f"cannot select entries of a compiled index: '{spec.path}'",
                hint="select categories and scores when the index is built",
            )
        index = ListIndex.open(spec.path)
        _check_roles(spec, index)
        note = f"read from the compiled index {to_text(os.fsencode(spec.path))[0]}, checksum {index.checksum}"
        infos = [msgspec.structs.replace(info, warnings=(*info.warnings, note)) for info in index.infos]
        self._add(self._numbers(len(infos)), index, infos, spec.path)

    def _load_filter(self, file: ListFile, spec: ListSpec) -> None:
        check_filter_spec(spec)
        if not self._selection.selects_all:
            raise ListError(
                f"cannot select entries of a Bloom filter: '{spec.path}'; it has no entries to select from",
                hint="omit the filter or the selection",
            )
        sha256 = file.sha256()
        (number,) = self._numbers(1)
        image = FilterHandle(number, os.fsencode(os.path.abspath(spec.path)), file.state)
        self._infos[number] = filter_info(image, spec, sha256)
        self._filters.append(image)

    def _load_large(self, number: int, spec: ListSpec) -> None:
        # Start-up: most lists are small.
        from hashaudit.lists.compile_cache import compiled, relocated, user_cache_directory  # noqa: PLC0415 # as above

        if self._cache_directory is None:
            self._cache_directory = user_cache_directory() or self._loaded.private_directory()
        with open_source(spec.path) as file:
            path = compiled(file, self._parse_spec(spec), self._cache_directory, self._compile)
            index = ListIndex.open(path)
            self._add((number,), index, [relocated(info, file) for info in index.infos], path)

    def _load_small(self, specs: dict[int, ListSpec]) -> None:
        with memory_file("hashaudit-lists") as target:
            request = CompileRequest(tuple(specs.values()), self._columns, self._selection, self._tolerance)
            self._compile(request, target)
            target.seek(0)
            index = ListIndex.from_bytes(target.read())
        # The parser states the digests, and may be wrong: it has read hostile bytes.
        if len(index.infos) != len(specs):
            raise ListError("the list parser compiled other lists than it was given")
        for info, spec in zip(index.infos, specs.values(), strict=True):
            with open_source(spec.path) as file:
                if file.sha256() != info.sha256 or info.role is not spec.role:
                    raise ListError(
                        f"list changed while it was read: '{spec.path}'", hint="start again when the list is complete"
                    )
        if index.header.rows <= SMALL_IMAGE_ROWS:
            self._add(tuple(specs), index, index.infos)
            return
        from hashaudit.lists.index.index_writer import new_file  # noqa: PLC0415 # start-up: most lists are small

        path = os.path.join(self._loaded.private_directory(), "lists.hai")
        with new_file(path) as file:
            file.write(index.image)
        self._add(tuple(specs), ListIndex.open(path), index.infos, path)

    def _compile(self, request: CompileRequest, target: BinaryIO) -> None:
        if not self._has_begun:
            self._parser.begin(self._to_parse, self._cache_directory)
            self._has_begun = True
        self._parser.compile(request, target, self._progress)

    def _add(
        self, numbers: tuple[int, ...], index: ListIndex, infos: Sequence[ListInfo], path: str | None = None
    ) -> None:
        content, location = (bytes(index.image), None) if path is None else (None, os.fsencode(os.path.abspath(path)))
        image = IndexHandle(numbers, index.header.checksum, content, location)
        self._images.append(image)
        self._indexes.append(index.numbered(numbers))
        self._infos.update(zip(numbers, infos, strict=True))


def _check_roles(spec: ListSpec, index: ListIndex) -> None:
    """Refuses an index compiled for the other role: a hit would mean the opposite of the user's intent."""
    roles = {info.role for info in index.infos}
    if spec.role is Role.KNOWN and Role.DENY in roles:
        raise ListError(
            f"not an index of known files: '{spec.path}'; it also holds lists to search for",
            hint="use it with --list, or build it again with --known",
        )
    if spec.role is Role.DENY and Role.DENY not in roles:
        raise ListError(
            f"not an index to search for: '{spec.path}'; it holds only lists of known files",
            hint="use it with --known, or build it again without --known",
        )
