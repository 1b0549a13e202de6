"""The bodies of the ``lists`` commands. They show counts, and entries only with --show-entries."""

import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from hashaudit.errors import ListError, OutputError, UsageError
from hashaudit.exit_codes import ExitCode
from hashaudit.lists.index.build import build_index
from hashaudit.lists.index.check_digests import check
from hashaudit.lists.index.describe import describe
from hashaudit.lists.index.diff import Side, diff
from hashaudit.lists.index.export import export_hashdeep, export_plain
from hashaudit.lists.index.index_reader import ListIndex
from hashaudit.lists.index.index_writer import new_file
from hashaudit.lists.index.verify_index import verify_index
from hashaudit.lists.interface import ListInfo, ListSpec, ParseOptions
from hashaudit.lists.load import LoadedLists, load_lists
from hashaudit.lists.selection import Selection
from hashaudit.model.results import AlgorithmName
from hashaudit_cli.ui.terminal import bytes_shown, counted, log, quote

PROGRESS_INTERVAL_S = 0.2


@dataclass
class EntryCounter:
    """Shows how many entries have been taken, on a terminal only."""

    quiet: bool
    entries: int = 0
    next_s: float = 0.0

    def __call__(self, more: int) -> None:
        """Counts ``more`` entries."""
        self.entries += more
        if not self.quiet and sys.stderr.isatty() and time.monotonic() >= self.next_s:
            self.next_s = time.monotonic() + PROGRESS_INTERVAL_S
            print(f"\r{self.entries:,} entries", end="", file=sys.stderr, flush=True)

    def finish(self) -> None:
        """Clears the line."""
        if self.next_s:
            print("\r" + " " * 40 + "\r", end="", file=sys.stderr, flush=True)


def run_build(
    specs: Sequence[ListSpec], output: str, columns: dict[str, str], selection: Selection, *, quiet: bool
) -> int:
    """Compiles lists into ``output``.

    Raises:
        ListError: a list cannot be used, or the index not be written.
    """
    counter = EntryCounter(quiet)
    start_s = time.monotonic()
    infos = build_index(specs, output, columns=columns, selection=selection, progress=counter)
    counter.finish()
    if not quiet:
        for info in infos:
            _say_list(info)
        size, taken_s = bytes_shown(os.stat(output).st_size), time.monotonic() - start_s
        log(f"compiled {counted(sum(info.kept for info in infos), 'entry', 'entries')} into {size} in {taken_s:.1f} s")
    return ExitCode.COMPLETE


def run_info(specs: Sequence[ListSpec], columns: dict[str, str], *, as_json: bool) -> int:
    """Says what lists are."""
    with load_lists(specs, columns=columns) as loaded:
        if as_json:
            _print_json([_described(info) for info in loaded.infos])
            return ExitCode.COMPLETE
        for info in loaded.infos:
            for name, value in _described(info).items():
                print(f"{name + ':':12} {_text(value)}")
            print()
        for image in loaded.images:
            if image.path is not None:
                description = describe(ListIndex.open(os.fsdecode(image.path)))
                held = ", ".join(f"{count:,} {algorithm}" for algorithm, count in description.digests.items())
                size = bytes_shown(description.size_bytes)
                print(f"index {quote(image.path)}: format {description.version}, {size}, {held}")
    return ExitCode.COMPLETE


def run_verify_index(path: str) -> int:
    """Checks a compiled index from end to end.

    Raises:
        ListError: it is damaged.
    """
    try:
        index = ListIndex.open(path)
        verify_index(index)
    except ListError as error:
        if path in str(error):
            raise
        raise ListError(f"cannot use index: '{path}'; {error}", hint=error.hint) from error
    count = sum(info.kept for info in index.infos)
    print(f"{quote(os.fsencode(path))}: OK, {counted(count, 'entry', 'entries')}, checksum {index.checksum}")
    return ExitCode.COMPLETE


def run_check(
    specs: Sequence[ListSpec], algorithm: AlgorithmName | None, columns: dict[str, str], *, as_json: bool
) -> int:
    """Looks the digests on standard input up."""
    options = ParseOptions(algorithm=algorithm, columns=columns)
    found = False
    with load_lists(specs) as loaded:
        for answer in check(sys.stdin.buffer, loaded.indexes, options):
            found = found or bool(answer.lists)
            if as_json:
                print(msgspec.json.encode(answer).decode())
            elif answer.rejected is not None:
                print(f"{_id(answer.id)}\tnot looked up: {answer.rejected}")
            else:
                print(f"{_id(answer.id)}\t{_hit(loaded, answer.lists)}")
    return ExitCode.FINDINGS if found else ExitCode.COMPLETE


def run_diff(first: Sequence[ListSpec], second: Sequence[ListSpec], *, entry_ids: bool, as_json: bool) -> int:
    """Compares two lists or indexes."""
    with load_lists(first) as one, load_lists(second) as other:
        sides = diff(_only(one), _only(other))
        names = ("only_in_a", "only_in_b")
        if as_json:
            summary: dict[str, Any] = {"common_of_a": sides[0].common, "common_of_b": sides[1].common}
            for name, side in zip(names, sides, strict=True):
                summary[name] = _ids(side) if entry_ids else side.alone
            _print_json(summary)
            return ExitCode.COMPLETE
        print(f"in both:   {sides[0].common:,} entries of A, {sides[1].common:,} of B")
        for name, side in zip(("A", "B"), sides, strict=True):
            print(f"only in {name}: {side.alone:,}")
            for identity in _ids(side) if entry_ids else ():
                print(f"  {_id(identity)}")
    return ExitCode.COMPLETE


def run_export(
    specs: Sequence[ListSpec], output: str, form: str, names: Sequence[AlgorithmName], *, show_entries: bool
) -> int:
    """Writes the digests of lists in the open.

    Raises:
        UsageError: it was not asked for in so many words, or the form is unknown.
    """
    if not show_entries:
        raise UsageError(
            "lists export writes entries unprotected (plain text)", hint="give --show-entries if this is intended"
        )
    if form not in {"plain", "hashdeep"}:
        raise UsageError(f"invalid --format: '{form}'; must be plain or hashdeep")
    with load_lists(specs) as loaded:
        index = _only(loaded)
        wanted = names or index.algorithms
        if form == "plain" and len(wanted) != 1:
            raise UsageError(
                "plain text has one digest a line, and the index has several algorithms",
                hint=f"choose one with -a: {', '.join(index.algorithms)}",
            )
        if os.path.lexists(output):
            raise OutputError(f"already exists: '{output}'; hashaudit never overwrites it", hint="choose another name")
        with new_file(output) as file:
            done = export_plain(index, wanted[0], file) if form == "plain" else export_hashdeep(index, wanted, file)
    written = counted(done.written, "entry", "entries")
    log(f"wrote {written}; {done.skipped:,} skipped (not representable in this format)")
    return ExitCode.COMPLETE


def _only(loaded: LoadedLists) -> ListIndex:
    if len(loaded.indexes) != 1:
        raise UsageError("more than one index was given", hint="combine the lists first with hashaudit lists merge")
    return loaded.indexes[0]


def _ids(side: Side) -> list[str]:
    return [identity for _, identity in side.alone_ids()]


def _hit(loaded: LoadedLists, lists: Sequence[int]) -> str:
    if not lists:
        return "miss"
    return "hit\t" + ", ".join(quote(os.fsencode(loaded.infos[number - 1].name)) for number in lists)


def _described(info: ListInfo) -> dict[str, Any]:
    return {
        "name": info.name,
        "path": info.path,
        "format": info.format,
        "role": info.role,
        "version": info.version,
        "date": info.date,
        "size": info.size,
        "sha256": info.sha256,
        "algorithms": list(info.algorithms),
        "read": info.read,
        "kept": info.kept,
        "skipped": info.rejected,
        "all sized": info.all_sized,
        "warnings": list(info.warnings),
    }


def _text(value: object) -> str:
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case dict():
            return ", ".join(f"{count:,} {str(reason).replace('_', ' ')}" for reason, count in value.items()) or "none"
        case list():
            return ", ".join(quote(os.fsencode(str(item))) for item in value) or "none"
        case _:
            return quote(os.fsencode(str(value)))


def _id(identity: str) -> str:
    return quote(identity.encode(errors="surrogateescape"))


def _say_list(info: ListInfo) -> None:
    rejected = _text(info.rejected)
    kept = counted(info.kept, "entry", "entries")
    log(f"list {quote(os.fsencode(info.name))}: {info.format}, {kept}, skipped: {rejected}")
    for warning in info.warnings:
        log(f"list {quote(os.fsencode(info.name))}: {warning}")


def _print_json(value: object) -> None:
    print(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())
