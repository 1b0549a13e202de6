"""``hashaudit lists``: compiles, inspects, checks, merges, compares and exports hash lists."""

from typing import Annotated

import msgspec

from hashaudit.lists.interface import ListSpec
from hashaudit.model.results import AlgorithmName, Role
from hashaudit.scan.config import ScanConfig
from hashaudit.scan.option import Group, Option, options_of
from hashaudit.scan.option_values import algorithm_name, algorithm_names, deny_list
from hashaudit_cli.options import JsonOption, QuietOption, application, command, examples, select
from hashaudit_cli.settings import Settings

app = application(
    "Compile, inspect, check, merge, compare and export hash lists. No command shows an entry unless asked to."
)


@app.callback()
def lists() -> None:
    """Compile, inspect, check, merge, compare and export hash lists."""


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

    index: Annotated[str, Option("index", "A compiled index.", argument=True, metavar="INDEX")]


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
        Option("first", "A list or compiled index.", argument=True, metavar="A", parse=_one_list),
    ]
    second: Annotated[ListSpec, Option("second", "Another.", argument=True, metavar="B", parse=_one_list)]
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


@app.command("build", epilog=examples("hashaudit lists build hashes.csv sha256=more.txt -o list.hai"))
@command(
    "lists build",
    options_of(ListArguments),
    select(ScanConfig, "columns", "only_categories", "min_score"),
    options_of(BuildOptions),
    options_of(OutputOption),
    options_of(QuietOption),
)
def build(settings: Settings) -> int:
    """Compile lists once into an index that every later scan opens in milliseconds and all workers share.

    The index holds the entries: it is created with mode 0600 and is as confidential as the lists.
    Use it in `scan` as a `--list` or `--known` like any list.
    """
    return _build(settings, as_known=settings.make(BuildOptions).as_known)


@app.command("merge", epilog=examples("hashaudit lists merge a.hai b.hai -o both.hai"))
@command("lists merge", options_of(ListArguments), options_of(OutputOption), options_of(QuietOption))
def merge(settings: Settings) -> int:
    """Combine compiled indexes, and lists, into one index. Each list keeps its provenance, entries and role."""
    return _build(settings, as_known=False)


def _build(settings: Settings, *, as_known: bool) -> int:
    from hashaudit_cli.commands.lists_body import run_build  # noqa: PLC0415 # start-up: --help needs none of this

    config = settings.make(ScanConfig, roots=())
    role = Role.KNOWN if as_known else Role.DENY
    specs = [msgspec.structs.replace(spec, role=role) for spec in settings.make(ListArguments).files]
    output, quiet = settings.make(OutputOption).output, settings.make(QuietOption).quiet
    return run_build(specs, output, config.columns, config.selection, quiet=quiet)


@app.command("info", epilog=examples("hashaudit lists info hashes.csv"))
@command("lists info", options_of(ListArguments), select(ScanConfig, "columns"), options_of(JsonOption))
def info(settings: Settings) -> int:
    """Describe lists: format, version, counts of what was kept and why the rest was not. Never an entry."""
    from hashaudit_cli.commands.lists_body import run_info  # noqa: PLC0415 # as above

    columns = settings.make(ScanConfig, roots=()).columns
    return run_info(settings.make(ListArguments).files, columns, as_json=settings.make(JsonOption).as_json)


@app.command("verify", epilog=examples("hashaudit lists verify list.hai"))
@command("lists verify", options_of(IndexArgument))
def verify(settings: Settings) -> int:
    """Check that a compiled index is intact: checksums, order, tables. Exit code 4 if it is not."""
    from hashaudit_cli.commands.lists_body import run_verify_index  # noqa: PLC0415 # as above

    return run_verify_index(settings.make(IndexArgument).index)


@app.command("check", epilog=examples("sha256sum * | hashaudit lists check list.hai"))
@command(
    "lists check",
    options_of(ListArguments),
    options_of(CheckOptions),
    select(ScanConfig, "columns"),
    options_of(JsonOption),
)
def check(settings: Settings) -> int:
    """Look up digests from standard input: hit or miss by line number, without repeating list or input.

    Standard input is a list in any text format, such as the output of `sha256sum`. Exit code 8 if anything hits.
    """
    from hashaudit_cli.commands.lists_body import run_check  # noqa: PLC0415 # as above

    return run_check(
        settings.make(ListArguments).files,
        settings.make(CheckOptions).algorithm,
        settings.make(ScanConfig, roots=()).columns,
        as_json=settings.make(JsonOption).as_json,
    )


@app.command("diff", epilog=examples("hashaudit lists diff old.hai new.hai"))
@command("lists diff", options_of(DiffOptions), options_of(JsonOption))
def diff(settings: Settings) -> int:
    """Count what two lists have in common and what only one of them has. Digests are never shown."""
    from hashaudit_cli.commands.lists_body import run_diff  # noqa: PLC0415 # as above

    own = settings.make(DiffOptions)
    as_json = settings.make(JsonOption).as_json
    return run_diff([own.first], [own.second], entry_ids=own.entry_ids, as_json=as_json)


@app.command("export", epilog=examples("hashaudit lists export list.hai -a sha256 --show-entries -o plain.txt"))
@command("lists export", options_of(ListArguments), options_of(ExportOptions), options_of(OutputOption))
def export(settings: Settings) -> int:
    """Write the digests of lists unprotected, as plain or hashdeep text (a new file, mode 0600)."""
    from hashaudit_cli.commands.lists_body import run_export  # noqa: PLC0415 # as above

    own, output = settings.make(ExportOptions), settings.make(OutputOption).output
    files = settings.make(ListArguments).files
    return run_export(files, output, own.form, own.algorithm, show_entries=own.show_entries)
