"""From a list's items to an index under construction: every record counted, strict formats held to their word."""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator

import msgspec

from hashaudit.errors import ListError
from hashaudit.lists.algorithms import LENGTHS_BYTES
from hashaudit.lists.index.builder import IndexBuilder
from hashaudit.lists.interface import (
    DigestBlock,
    ListEntry,
    ListInfo,
    ListItem,
    ListMeta,
    ListSpec,
    ParseOptions,
    Rejected,
    RejectReason,
)
from hashaudit.lists.list_file import READABLE
from hashaudit.lists.list_folder import ListSource
from hashaudit.lists.plugin_hashes import with_plugged
from hashaudit.lists.selection import EVERYTHING, Selection
from hashaudit.model.paths import to_text
from hashaudit.model.results import Role

Progress = Callable[[int], None]
"""Is told now and then how many more entries have been taken."""

_PROGRESS_ENTRIES = 10_000

_FATAL = frozenset({RejectReason.MALFORMED, RejectReason.WRONG_LENGTH, RejectReason.TOO_LONG})
"""What a strict format never holds; the other reasons are the list's own business."""

_TOLD_REJECTS = 5
"""Rejected lines that are told one by one; the counts tell of the rest."""


class ParseSpec(msgspec.Struct, frozen=True):
    """How a list is to be read: what decides, with its content, what the index holds."""

    spec: ListSpec
    columns: dict[str, str] = {}
    """Column of a delimited list -> what it holds."""
    selection: Selection = EVERYTHING

    @property
    def parse_options(self) -> ParseOptions:
        """What its parser is told."""
        return ParseOptions(algorithm=self.spec.algorithm, columns=self.columns)


def take_list(builder: IndexBuilder, file: ListSource, recipe: ParseSpec, progress: Progress | None = None) -> None:
    """Reads a whole list into a builder, with what the run header says of it.

    Raises:
        ListError: it cannot be read, changes meanwhile, is of no format that is read, breaks a strict format, or holds
            no entry that can be matched. The message begins with its path.
    """
    builder.begin(recipe.spec.role)
    with file.hashed() as stream:
        try:
            opened = stream.open(recipe.parse_options)
            tally = _Tally(recipe, strict=opened.strict, progress=progress)
            tally.take(builder, _of_today(opened.items) if recipe.spec.imagehash_pre4 else opened.items)
        except ListError as error:
            raise ListError(f"{file.path}: {error}") from error
        except OSError as error:
            raise ListError(f"{file.path}: cannot be read: {error.strerror}") from error
        sha256 = stream.finish()
    path = to_text(os.fsencode(file.path))[0]
    builder.end(
        ListInfo(
            name=tally.meta.name or _own_name(path),
            path=path,
            role=recipe.spec.role,
            size=file.size_bytes,
            sha256=sha256,
            mtime_ns=file.mtime_ns,
            format=opened.format,
            version=tally.meta.version,
            date=tally.meta.date,
            read=tally.taken + tally.rejected.total(),
            rejected={reason.value: count for reason, count in sorted(tally.rejected.items())},
            warnings=(*file.warnings(), *tally.warnings()),
        )
    )


def _of_today(items: Iterable[ListItem]) -> Iterator[ListItem]:
    # Start-up: numpy and Pillow are loaded only for lists that need it.
    from hashaudit.lists.imagehash_pre4 import block_of_today, entry_of_today  # noqa: PLC0415 # as above

    for item in items:
        if isinstance(item, ListEntry):
            yield entry_of_today(item)
        else:
            yield block_of_today(item) if isinstance(item, DigestBlock) else item


def relocated(info: ListInfo, file: ListSource) -> ListInfo:
    """What the run header says of a list whose content was read earlier, under this or another path."""
    path = to_text(os.fsencode(file.path))[0]
    named = info.name != _own_name(info.path)
    warnings = file.warnings()
    return msgspec.structs.replace(
        info,
        name=info.name if named else _own_name(path),
        path=path,
        mtime_ns=file.mtime_ns,
        warnings=(*warnings, *(warning for warning in info.warnings if warning not in {READABLE, *warnings})),
    )


def _own_name(path: str) -> str:
    """The last part of a path; of a folder that is named with a slash at its end too."""
    return os.path.basename(path.rstrip("/")) or path


class _Tally:
    """Counts the items of one list as they go into a builder."""

    def __init__(self, recipe: ParseSpec, *, strict: bool, progress: Progress | None) -> None:
        self._role = recipe.spec.role
        self._selection = recipe.selection
        self._strict = strict
        self._progress = progress
        self._untold = 0
        self._first_rejects: list[Rejected] = []
        self._carried: Counter[str] = Counter()
        self._known_by_themselves = 0
        self.meta = ListMeta()
        self.taken = 0
        self.rejected: Counter[RejectReason] = Counter()

    def take(self, builder: IndexBuilder, items: Iterable[ListItem]) -> None:
        for given in items:
            item = with_plugged(given) if isinstance(given, ListEntry) and given.unsupported else given
            if isinstance(item, ListEntry):
                if not self._selection.takes(item):
                    self.rejected[RejectReason.NOT_SELECTED] += 1
                elif item.digests:
                    builder.add(item)
                    self._known_by_themselves += item.role is Role.KNOWN
                    if item.unsupported:
                        self._carried.update(item.unsupported.keys())
                    self._count(1)
                else:
                    self.rejected[RejectReason.UNSUPPORTED] += 1
            elif isinstance(item, DigestBlock):
                count = len(item.digests) // LENGTHS_BYTES[item.algorithm]
                if self._selection.takes_unlabelled:
                    builder.add_block(item)
                    self._count(count)
                else:
                    self.rejected[RejectReason.NOT_SELECTED] += count
            elif isinstance(item, Rejected):
                self._reject(item)
            else:
                self.meta = item
        self._tell()
        if not self.taken:
            counts = ", ".join(f"{count} {_words(reason)}" for reason, count in sorted(self.rejected.items()))
            raise ListError(f"holds no entry that can be matched ({counts or 'empty'})")

    def _reject(self, item: Rejected) -> None:
        self.rejected[item.reason] += 1
        if item.reason in _FATAL:
            if self._strict:
                raise ListError(f"{_described(item)}; this format holds no such line: the list is damaged or another")
            if len(self._first_rejects) < _TOLD_REJECTS:
                self._first_rejects.append(item)

    def _count(self, entries: int) -> None:
        self.taken += entries
        self._untold += entries
        if self._untold >= _PROGRESS_ENTRIES:
            self._tell()

    def _tell(self) -> None:
        if self._progress is not None and self._untold:
            self._progress(self._untold)
        self._untold = 0

    def warnings(self) -> tuple[str, ...]:
        return (
            *(f"not kept: {_described(item)}" for item in self._first_rejects),
            *(
                f"{count} entries also give {name}: stored, not matched"
                for name, count in sorted(self._carried.items())
            ),
            *(
                [f"{self._known_by_themselves} entries are of known files, by the list's own word: no findings"]
                if self._known_by_themselves and self._role is Role.DENY
                else []
            ),
        )


def _described(item: Rejected) -> str:
    return f"line {item.line}: {_words(item.reason)}" + (f" ({item.detail})" if item.detail else "")


def _words(reason: RejectReason) -> str:
    return reason.value.replace("_", " ")
