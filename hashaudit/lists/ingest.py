"""Reads the items of a list into an index builder. Counts every record; a strict format tolerates no bad record."""

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator

from hashaudit.errors import ListError
from hashaudit.lazy import lazy_pattern
from hashaudit.lists.algorithms import LENGTHS_BYTES, is_known_name
from hashaudit.lists.compile_request import ParseSpec, Progress
from hashaudit.lists.entry_fields import NOT_MARKED, PIECE, REPORTED_DETAILS
from hashaudit.lists.index.builder import IndexBuilder
from hashaudit.lists.interface import (
    DigestBlock,
    ListEntry,
    ListInfo,
    ListItem,
    ListMeta,
    Rejected,
    RejectReason,
    Remark,
)
from hashaudit.lists.list_directory import ListSource
from hashaudit.lists.list_file import file_name
from hashaudit.lists.malformed_limit import DEFAULT_LIMIT, MALFORMED_REASONS, NO_MALFORMED
from hashaudit.lists.plugin_hashes import with_plugin_hashes
from hashaudit.model.counted import counted
from hashaudit.model.paths import to_text
from hashaudit.model.results import Role

_PROGRESS_ENTRIES = 10_000

_POSITION_ID = lazy_pattern(r"(?:line|row|record) [0-9]{1,17}", re.ASCII)
"""Ids that are positions in the list. Any other id is the list's own, and is not shown."""

_POSITION = lazy_pattern(r"\b(?:line|row|record) [0-9]", re.ASCII)

_OTHER_NAME = "other"
_MAX_DETAILS = 20
"""Kinds of rejects that are counted separately."""

_REPORTED_REJECTS = 5
"""Number of rejected lines reported one by one; the counts cover the rest."""


def ingest_list(
    builder: IndexBuilder, file: ListSource, parse_spec: ParseSpec, progress: Progress | None = None
) -> None:
    """Reads a whole list into a builder and adds its description for the run header.

    Raises:
        ListError: the list cannot be read, changes while it is read, has an unsupported format, violates a strict
            format, or holds no entry that can be matched. The message names the path.
    """
    builder.begin(parse_spec.spec.role)
    with file.hashed() as stream:
        try:
            opened = stream.open(parse_spec.parse_options)
            totals = _ListTotals(parse_spec, strict=opened.strict, progress=progress)
            totals.add_items(builder, _convert_pre4(opened.items) if parse_spec.spec.imagehash_pre4 else opened.items)
        except ListError as error:
            raise ListError(f"cannot use list: '{file.path}'; {error}", hint=error.hint) from error
        except OSError as error:
            raise ListError(f"cannot read list: '{file.path}'; {error.strerror}") from error
        sha256 = stream.finish()
    path = to_text(os.fsencode(file.path))[0]
    omissions = totals.omissions()
    builder.end(
        ListInfo(
            name=totals.meta.name or file_name(path),
            path=path,
            role=parse_spec.spec.role,
            size=file.size_bytes,
            sha256=sha256,
            mtime_ns=file.mtime_ns,
            format=opened.format,
            version=totals.meta.version,
            date=totals.meta.date,
            read=totals.accepted + totals.rejected.total(),
            rejected={reason.value: count for reason, count in sorted(totals.rejected.items())},
            warnings=(*file.warnings(), *omissions, *totals.warnings()),
            omissions=omissions,
        )
    )


def _convert_pre4(items: Iterable[ListItem]) -> Iterator[ListItem]:
    # Start-up: numpy and Pillow are loaded only for lists that need it.
    from hashaudit.lists.imagehash_pre4 import convert_block, convert_entry  # noqa: PLC0415 # as above

    for item in items:
        if isinstance(item, ListEntry):
            yield convert_entry(item)
        else:
            yield convert_block(item) if isinstance(item, DigestBlock) else item


class _ListTotals:
    """The counts and warnings of one list while its items go into a builder."""

    def __init__(self, parse_spec: ParseSpec, *, strict: bool, progress: Progress | None) -> None:
        self._role = parse_spec.spec.role
        self._stated = parse_spec.spec.algorithm
        self._selection = parse_spec.selection
        self._limit = parse_spec.tolerance.max_malformed or (NO_MALFORMED if strict else DEFAULT_LIMIT)
        self._strict = strict and parse_spec.tolerance.max_malformed is None
        self._progress = progress
        self._unreported = 0
        self._first_rejects: list[Rejected] = []
        self._carried: Counter[str] = Counter()
        self._own_known = 0
        self._remarks: dict[str, list[int]] = {}
        self._details: dict[tuple[RejectReason, str], list[int]] = {}
        self.meta = ListMeta()
        self.accepted = 0
        self.rejected: Counter[RejectReason] = Counter()

    def add_items(self, builder: IndexBuilder, items: Iterable[ListItem]) -> None:
        for parsed in self._positioned(items):
            item = with_plugin_hashes(parsed) if isinstance(parsed, ListEntry) and parsed.unsupported else parsed
            if isinstance(item, ListEntry):
                self._add_entry(builder, item)
            elif isinstance(item, DigestBlock):
                count = len(item.digests) // LENGTHS_BYTES[item.algorithm]
                if self._selection.selects_unlabelled:
                    builder.add_block(item)
                    self._count(count)
                else:
                    self.rejected[RejectReason.NOT_SELECTED] += count
            elif isinstance(item, Rejected):
                self._reject(item)
            elif isinstance(item, Remark):
                self._remark(item.text, f"line {item.line}")
            else:
                self.meta = item
        self._report_progress()
        self._check_limit()
        if not self.accepted:
            raise ListError(f"it holds no entry that can be matched ({self._counts()})", hint=self._hint())

    def _positioned(self, items: Iterable[ListItem]) -> Iterator[ListItem]:
        """Yields items. An error without a position gets the number of records before it."""
        try:
            yield from items
        except ListError as error:
            read = self.accepted + self.rejected.total()
            if not read or _POSITION.search(str(error)):
                raise
            raise ListError(f"after {counted(read, 'record')}: {error}", hint=error.hint) from error

    def _add_entry(self, builder: IndexBuilder, entry: ListEntry) -> None:
        if not self._selection.selects(entry):
            self.rejected[RejectReason.NOT_SELECTED] += 1
            return
        if not entry.digests:
            self.rejected[RejectReason.UNSUPPORTED] += 1
            return
        builder.add(entry)
        self._own_known += entry.role is Role.KNOWN
        for text in entry.remarks:
            self._remark(text, entry.id)
        if entry.unsupported:
            # A name from the list may be anything, such as a hash in the wrong place.
            self._carried.update({name if is_known_name(name) else _OTHER_NAME for name in entry.unsupported})
        self._count(1)

    def _remark(self, text: str, position: str) -> None:
        known = self._remarks.get(text)
        if known is None:
            self._remarks[text] = [1, int(position.rpartition(" ")[2]) if _POSITION_ID.fullmatch(position) else 0]
        else:
            known[0] += 1

    def _check_limit(self) -> None:
        malformed = self._malformed()
        read = self.accepted + self.rejected.total()
        allowed = self._limit.allowed(read)
        if malformed > allowed:
            raise ListError(
                f"{_reject_text(self._first_rejects[0])}; {malformed:,} of {counted(read, 'line')} "
                f"{'is' if malformed == 1 else 'are'} malformed, more than the {allowed:,} allowed",
                hint=f"correct the list, {self._about_algorithm()}, or allow them: --max-malformed {malformed}",
            )

    def _about_algorithm(self) -> str:
        return f"omit '{self._stated}=' before its name" if self._stated else "state its algorithm (ALGO=FILE)"

    def _malformed(self) -> int:
        return sum(self.rejected[reason] for reason in MALFORMED_REASONS)

    def _counts(self) -> str:
        """Returns what was rejected, with the first line and the detail of each kind."""
        details = [
            f"{count:,} {_reason_text(reason)}" + (f": {detail}" if detail else "") + f", first in line {line}"
            for (reason, detail), (count, line) in self._details.items()
        ]
        return "; ".join(details) or "empty"

    def _hint(self) -> str | None:
        if any(detail == NOT_MARKED for _, detail in self._details):
            return "accept them all the same with --include-unmarked"
        if any(detail == PIECE for _, detail in self._details):
            return "create the list of whole files: md5deep and hashdeep without -p"
        if self._remarks:
            return next(iter(self._remarks))
        return "if it is a table, name its columns: --column-map COLUMN=FIELD" if self._details else None

    def _reject(self, item: Rejected) -> None:
        self.rejected[item.reason] += 1
        detail = self._details.get((item.reason, item.detail))
        if detail is not None:
            detail[0] += 1
        elif len(self._details) < _MAX_DETAILS:
            self._details[item.reason, item.detail] = [1, item.line]
        if item.reason in MALFORMED_REASONS:
            if self._strict:
                raise ListError(
                    f"unexpected record for this format: {_reject_text(item)}",
                    hint="the list is damaged or has another format; get it again, "
                    f"{self._about_algorithm()}, or allow some: --max-malformed N",
                )
            if len(self._first_rejects) < _REPORTED_REJECTS:
                self._first_rejects.append(item)

    def _count(self, entries: int) -> None:
        self.accepted += entries
        self._unreported += entries
        if self._unreported >= _PROGRESS_ENTRIES:
            self._report_progress()

    def _report_progress(self) -> None:
        if self._progress is not None and self._unreported:
            self._progress(self._unreported)
        self._unreported = 0

    def omissions(self) -> tuple[str, ...]:
        """Returns the warnings about hashes that may be missing from the entries."""
        more = self._malformed() - len(self._first_rejects)
        return (
            *(f"skipped {_reject_text(item)}" for item in self._first_rejects),
            *([f"skipped {counted(more, 'more malformed line')}"] if more else []),
            *(text + _times(count, line) for text, (count, line) in self._remarks.items()),
            *self._carried_warnings({_OTHER_NAME} & self._carried.keys()),
            *(
                f"skipped {counted(count, 'record')}: {detail}, first in line {line}"
                for (_, detail), (count, line) in self._details.items()
                if detail in REPORTED_DETAILS
            ),
        )

    def _carried_warnings(self, names: Iterable[str]) -> Iterator[str]:
        for name in sorted(names):
            yield counted(
                self._carried[name],
                f"entry also has {name} hashes; they are stored but not matched",
                f"entries also have {name} hashes; they are stored but not matched",
            )

    def warnings(self) -> tuple[str, ...]:
        """Returns the other warnings."""
        return (
            *self._carried_warnings(self._carried.keys() - {_OTHER_NAME}),
            *(
                [
                    counted(
                        self._own_known,
                        "entry is a known file according to the list; it causes no finding",
                        "entries are known files according to the list; they cause no findings",
                    )
                ]
                if self._own_known and self._role is Role.DENY
                else []
            ),
        )


def _times(count: int, first_line: int) -> str:
    if not first_line:
        return f" ({counted(count, 'entry', 'entries')})"
    return f" (line {first_line})" if count == 1 else f" ({count:,} times, first in line {first_line})"


def _reject_text(item: Rejected) -> str:
    return f"line {item.line}: {_reason_text(item.reason)}" + (f" ({item.detail})" if item.detail else "")


def _reason_text(reason: RejectReason) -> str:
    return reason.value.replace("_", " ")
