"""``hashaudit lists``: compiles, inspects, checks, merges, compares and exports hash lists."""

import os
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from hashaudit.errors import ListError, OutputError, UsageError
from hashaudit.exit_codes import ExitCode
from hashaudit.lists.interface import ListInfo, ListSpec, ParseOptions
from hashaudit.model.counted import counted
from hashaudit.model.results import AlgorithmName, Role
from hashaudit.scan.config import ScanConfig
from hashaudit.scan.option import Group, Option, options_of
from hashaudit.scan.option_values import algorithm_name, algorithm_names, deny_list
from hashaudit_cli.command import command
from hashaudit_cli.options import JsonOption, QuietOption, select
from hashaudit_cli.settings import Settings
from hashaudit_cli.ui.entry_counter import EntryCounter
from hashaudit_cli.ui.terminal import bytes_shown, log, print_json, quote

if TYPE_CHECKING:
    from hashaudit.lists.index.diff import Side
    from hashaudit.lists.index.index_reader import ListIndex
    from hashaudit.lists.load import LoadedLists


class ListArguments(msgspec.Struct, frozen=True, kw_only=True):
    """The argument of commands that take lists."""

    files: Annotated[
        tuple[ListSpec, ...],
        Option(
            "files",
            "Lists of any format, or compiled indexes. Use ALGO=FILE as for scan.",
            argument=True,
            metavar="LIST",
            parse=deny_list,
            is_input=True,
        ),
    ]


class OutputOption(msgspec.Struct, frozen=True, kw_only=True):
    """The option of commands that write a file."""

    output: Annotated[str, Option("output", "Write to this new file.", Group.OUTPUT, short="o", metavar="FILE")]


class BuildOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The option of ``lists build``."""

    as_known: Annotated[
        bool, Option("known", "Treat the lists as known-file lists.", Group.LISTS, setting="as-known")
    ] = False


class IndexArgument(msgspec.Struct, frozen=True, kw_only=True):
    """The argument of ``lists verify``."""

    index: Annotated[str, Option("index", "A compiled index.", argument=True, metavar="INDEX", is_input=True)]


class CheckOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The option of ``lists check``."""

    algorithm: Annotated[
        AlgorithmName | None,
        Option(
            "algorithm",
            "Name the algorithm of untagged digests on standard input.",
            short="a",
            metavar="ALGO",
            parse=algorithm_name,
        ),
    ] = None


def _one_list(text: str) -> ListSpec:
    return deny_list(text)[0]


class DiffOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options of ``lists diff``."""

    first: Annotated[
        ListSpec,
        Option("first", "A list or compiled index.", argument=True, metavar="A", parse=_one_list, is_input=True),
    ]
    second: Annotated[
        ListSpec, Option("second", "Another.", argument=True, metavar="B", parse=_one_list, is_input=True)
    ]
    entry_ids: Annotated[bool, Option("entry-ids", "Print the lists' entry ids too.", Group.OUTPUT)] = False


class ExportOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options of ``lists export``."""

    show_entries: Annotated[
        bool, Option("show-entries", "Allow the output to show the entries. Required.", Group.OUTPUT)
    ] = False
    form: Annotated[str, Option("format", "Choose the format.", Group.OUTPUT, metavar="plain|hashdeep")] = "plain"
    algorithm: Annotated[
        tuple[AlgorithmName, ...],
        Option("algorithm", "Export these digests.", Group.LISTS, short="a", metavar="ALGO,...", parse=algorithm_names),
    ] = ()


@command(
    "lists build",
    options_of(ListArguments),
    select(ScanConfig, "columns", "only_categories", "min_score", "max_malformed", "include_unmarked"),
    options_of(BuildOptions),
    options_of(OutputOption),
    options_of(QuietOption),
    examples=("hashaudit lists build hashes.csv sha256=more.txt -o list.hai",),
)
def build(settings: Settings) -> int:
    """Compile lists once into an index that every later scan opens in milliseconds and all workers share.

    The index holds the entries: it is created with mode 0600 and is as confidential as the lists.
    Use it in `scan` as a `--list` or `--known` like any list.
    """
    return _build(settings, as_known=settings.make(BuildOptions).as_known)


@command(
    "lists merge",
    options_of(ListArguments),
    select(ScanConfig, "max_malformed", "include_unmarked"),
    options_of(OutputOption),
    options_of(QuietOption),
    examples=("hashaudit lists merge a.hai b.hai -o both.hai",),
)
def merge(settings: Settings) -> int:
    """Combine compiled indexes, and lists, into one index. Each list keeps its provenance, entries and role."""
    return _build(settings, as_known=False)


def _build(settings: Settings, *, as_known: bool) -> int:
    from hashaudit.lists.index.build import build_index
    from hashaudit.lists.list_parser import ListParser

    config = settings.make(ScanConfig, roots=())
    role = Role.KNOWN if as_known else Role.DENY
    specs = [msgspec.structs.replace(spec, role=role) for spec in settings.make(ListArguments).files]
    output, quiet = settings.make(OutputOption).output, settings.make(QuietOption).quiet
    counter = EntryCounter(quiet)
    start_s = time.monotonic()
    infos = build_index(
        specs,
        output,
        columns=config.columns,
        selection=config.selection,
        tolerance=config.tolerance,
        progress=counter,
        parser=ListParser(forks=True),
    )
    counter.finish()
    for info in infos:
        _say_list(info, quiet=quiet)
    if not quiet:
        size, taken_s = bytes_shown(os.stat(output).st_size), time.monotonic() - start_s
        log(f"compiled {counted(sum(info.kept for info in infos), 'entry', 'entries')} into {size} in {taken_s:.1f} s")
    return ExitCode.COMPLETE


@command(
    "lists info",
    options_of(ListArguments),
    select(ScanConfig, "columns", "max_malformed", "include_unmarked"),
    options_of(JsonOption),
    examples=("hashaudit lists info hashes.csv",),
)
def info(settings: Settings) -> int:
    """Describe lists: format, version, counts of what was kept and why the rest was not. Never an entry."""
    from hashaudit.lists.index.describe import describe
    from hashaudit.lists.index.index_reader import ListIndex
    from hashaudit.lists.list_parser import ListParser
    from hashaudit.lists.load import load_lists

    config = settings.make(ScanConfig, roots=())
    files = settings.make(ListArguments).files
    with load_lists(files, columns=config.columns, tolerance=config.tolerance, parser=ListParser(forks=True)) as loaded:
        if settings.make(JsonOption).as_json:
            print_json([_described(info) for info in loaded.infos])
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


@command("lists verify", options_of(IndexArgument), examples=("hashaudit lists verify list.hai",))
def verify(settings: Settings) -> int:
    """Check that a compiled index is intact: checksums, order, tables. Exit code 4 if it is not."""
    from hashaudit.lists.index.index_reader import ListIndex
    from hashaudit.lists.index.verify_index import verify_index

    path = settings.make(IndexArgument).index
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


@command(
    "lists check",
    options_of(ListArguments),
    options_of(CheckOptions),
    select(ScanConfig, "columns", "max_malformed", "include_unmarked"),
    options_of(JsonOption),
    examples=("sha256sum * | hashaudit lists check list.hai",),
)
def check(settings: Settings) -> int:
    """Look up digests from standard input: hit or miss by line number, without repeating list or input.

    Standard input is a list in any text format, such as the output of `sha256sum`. Exit code 8 if anything hits.
    """
    from hashaudit.lists.index.check_digests import check as look_up
    from hashaudit.lists.list_parser import ListParser
    from hashaudit.lists.load import load_lists

    if settings.has_read_standard_input:
        raise UsageError("standard input holds the digests to look up", hint="name the file of the list")
    config, as_json = settings.make(ScanConfig, roots=()), settings.make(JsonOption).as_json
    options = ParseOptions(algorithm=settings.make(CheckOptions).algorithm, columns=config.columns)
    found = False
    with load_lists(
        settings.make(ListArguments).files, tolerance=config.tolerance, parser=ListParser(forks=True)
    ) as loaded:
        for answer in look_up(sys.stdin.buffer, loaded.indexes, options):
            found = found or bool(answer.lists)
            if as_json:
                print(msgspec.json.encode(answer).decode())
            elif answer.rejected is not None:
                print(f"{_id(answer.id)}\tnot looked up: {answer.rejected}")
            else:
                print(f"{_id(answer.id)}\t{_hit(loaded, answer.lists)}")
    return ExitCode.FINDINGS if found else ExitCode.COMPLETE


@command(
    "lists diff",
    options_of(DiffOptions),
    select(ScanConfig, "max_malformed", "include_unmarked"),
    options_of(JsonOption),
    examples=("hashaudit lists diff old.hai new.hai",),
)
def diff(settings: Settings) -> int:
    """Count what two lists have in common and what only one of them has. Digests are never shown."""
    from hashaudit.lists.index.diff import diff as compare_indexes
    from hashaudit.lists.list_parser import ListParser
    from hashaudit.lists.load import load_lists

    own = settings.make(DiffOptions)
    entry_ids, as_json = own.entry_ids, settings.make(JsonOption).as_json
    tolerance = settings.make(ScanConfig, roots=()).tolerance
    with (
        load_lists([own.first], tolerance=tolerance, parser=ListParser(forks=True)) as one,
        load_lists([own.second], tolerance=tolerance, parser=ListParser(forks=True)) as other,
    ):
        sides = compare_indexes(_only(one), _only(other))
        names = ("only_in_a", "only_in_b")
        if as_json:
            summary: dict[str, Any] = {"common_of_a": sides[0].common, "common_of_b": sides[1].common}
            for name, side in zip(names, sides, strict=True):
                summary[name] = _ids(side) if entry_ids else side.alone
            print_json(summary)
            return ExitCode.COMPLETE
        print(f"in both:   {counted(sides[0].common, 'entry', 'entries')} of A, {sides[1].common:,} of B")
        for name, side in zip(("A", "B"), sides, strict=True):
            print(f"only in {name}: {side.alone:,}")
            for identity in _ids(side) if entry_ids else ():
                print(f"  {_id(identity)}")
    return ExitCode.COMPLETE


@command(
    "lists export",
    options_of(ListArguments),
    select(ScanConfig, "max_malformed", "include_unmarked"),
    options_of(ExportOptions),
    options_of(OutputOption),
    examples=("hashaudit lists export list.hai -a sha256 --show-entries -o plain.txt",),
)
def export(settings: Settings) -> int:
    """Write the digests of lists unprotected, as plain or hashdeep text (a new file, mode 0600)."""
    from hashaudit.lists.index.export import export_hashdeep, export_plain
    from hashaudit.lists.index.index_writer import new_file
    from hashaudit.lists.list_parser import ListParser
    from hashaudit.lists.load import load_lists

    own, output = settings.make(ExportOptions), settings.make(OutputOption).output
    form = own.form
    if not own.show_entries:
        raise UsageError(
            "lists export writes entries unprotected (plain text)", hint="give --show-entries if this is intended"
        )
    if form not in {"plain", "hashdeep"}:
        raise UsageError(f"invalid --format: '{form}'; must be plain or hashdeep")
    tolerance = settings.make(ScanConfig, roots=()).tolerance
    with load_lists(settings.make(ListArguments).files, tolerance=tolerance, parser=ListParser(forks=True)) as loaded:
        index = _only(loaded)
        wanted = own.algorithm or index.algorithms
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


def _only(loaded: "LoadedLists") -> "ListIndex":
    if len(loaded.indexes) != 1:
        raise UsageError("more than one index was given", hint="combine the lists first with hashaudit lists merge")
    return loaded.indexes[0]


def _ids(side: "Side") -> list[str]:
    return [identity for _, identity in side.alone_ids()]


def _hit(loaded: "LoadedLists", lists: Sequence[int]) -> str:
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


def _say_list(info: ListInfo, *, quiet: bool) -> None:
    if not quiet:
        rejected = _text(info.rejected)
        kept = counted(info.kept, "entry", "entries")
        log(f"list {quote(os.fsencode(info.name))}: {info.format}, {kept}, skipped: {rejected}")
    for warning in info.omissions if quiet else info.warnings:
        log(f"list {quote(os.fsencode(info.name))}: {warning}")
