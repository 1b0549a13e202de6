"""``hashaudit lists``: compiles, inspects, checks, merges, compares and exports hash lists."""

from typing import Annotated

import typer

from hashaudit_cli.exits import guarded
from hashaudit_cli.options import CategoryOption, MapOption, ScoreOption, column_map, list_specs

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Compile, inspect, check, merge, compare and export hash lists. No command shows an entry unless asked to.",
)

ListArguments = Annotated[
    list[str], typer.Argument(metavar="LIST", help="Lists of any format, or compiled indexes. `ALGO=FILE` as for scan.")
]
IndexArgument = Annotated[str, typer.Argument(metavar="INDEX", help="A compiled index.")]
OutputOption = Annotated[str, typer.Option("-o", "--output", metavar="FILE", help="Output file.")]
KnownOption = Annotated[bool, typer.Option("--known", help="Treat as known-file lists.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
QuietOption = Annotated[bool, typer.Option("-q", "--quiet", help="Only errors on standard error.")]


@app.callback()
def lists() -> None:
    """Compile, inspect, check, merge, compare and export hash lists."""


@app.command("build")
def build(  # noqa: PLR0917 # Typer reads the command's options from its parameters
    files: ListArguments,
    output: OutputOption,
    known: KnownOption = False,
    columns: MapOption = None,
    only_category: CategoryOption = None,
    min_score: ScoreOption = None,
    quiet: QuietOption = False,
) -> None:
    """Compile lists once into an index that every later scan opens in milliseconds and all workers share.

    The index holds the entries: it is made with mode 0600 and is as confidential as the lists.
    Give it to `scan` as a `--list` or `--known` like any list.
    """

    def body() -> int:
        from hashaudit.lists.selection import Selection  # noqa: PLC0415 # start-up: --help needs none of this
        from hashaudit_cli.commands.lists_body import run_build  # noqa: PLC0415 # as above

        specs = list_specs([], files) if known else list_specs(files, [])
        selection = Selection(tuple(only_category or ()), min_score)
        return run_build(specs, output, column_map(columns or []), selection, quiet=quiet)

    raise typer.Exit(guarded(body))


@app.command("merge")
def merge(files: ListArguments, output: OutputOption, quiet: QuietOption = False) -> None:
    """Join compiled indexes, and lists, into one index. Each list keeps its provenance, entries and role."""
    build(files, output, known=False, columns=None, quiet=quiet)


@app.command("info")
def info(files: ListArguments, columns: MapOption = None, as_json: JsonOption = False) -> None:
    """Describe lists: format, version, entries kept, and why others were skipped. Never shows an entry."""

    def body() -> int:
        from hashaudit_cli.commands.lists_body import run_info  # noqa: PLC0415 # as above

        return run_info(list_specs(files, []), column_map(columns or []), as_json=as_json)

    raise typer.Exit(guarded(body))


@app.command("verify")
def verify(index: IndexArgument) -> None:
    """Check the integrity of a compiled index: checksums, order, tables. Exit code 4 if it is not."""

    def body() -> int:
        from hashaudit_cli.commands.lists_body import run_verify_index  # noqa: PLC0415 # as above

        return run_verify_index(index)

    raise typer.Exit(guarded(body))


@app.command("check")
def check(
    files: ListArguments,
    algorithm: Annotated[
        str | None, typer.Option("-a", "--algorithm", metavar="ALGO", help="Algorithm of untagged digests on stdin.")
    ] = None,
    columns: MapOption = None,
    as_json: JsonOption = False,
) -> None:
    """Look up digests from stdin: hit or miss by line number, without showing list or input.

    Standard input is a list in any text format, such as what `sha256sum` prints. Exit code 8 if anything hits.
    """

    def body() -> int:
        from hashaudit_cli.commands.lists_body import run_check  # noqa: PLC0415 # as above

        return run_check(list_specs(files, []), algorithm, column_map(columns or []), as_json=as_json)

    raise typer.Exit(guarded(body))


@app.command("diff")
def diff(
    first: Annotated[str, typer.Argument(metavar="A", help="A list or compiled index.")],
    second: Annotated[str, typer.Argument(metavar="B", help="A list or compiled index to compare with A.")],
    entry_ids: Annotated[bool, typer.Option("--entry-ids", help="Also print the lists' entry ids.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Count the entries that two lists share and those in only one of them. Never shows a digest."""

    def body() -> int:
        from hashaudit_cli.commands.lists_body import run_diff  # noqa: PLC0415 # as above

        return run_diff(list_specs([first], []), list_specs([second], []), entry_ids=entry_ids, as_json=as_json)

    raise typer.Exit(guarded(body))


@app.command("export")
def export(
    files: ListArguments,
    output: OutputOption,
    show_entries: Annotated[
        bool, typer.Option("--show-entries", help="Required, because the output has the entries in plain text.")
    ] = False,
    form: Annotated[str, typer.Option("--format", metavar="plain|hashdeep", help="Format of the output.")] = "plain",
    algorithm: Annotated[
        list[str] | None, typer.Option("-a", "--algorithm", metavar="ALGO,...", help="Digests to write.")
    ] = None,
) -> None:
    """Write the digests of lists unprotected, as plain or hashdeep text (a new file, mode 0600)."""

    def body() -> int:
        from hashaudit_cli.commands.lists_body import run_export  # noqa: PLC0415 # as above

        return run_export(list_specs(files, []), output, form, algorithm or [], show_entries=show_entries)

    raise typer.Exit(guarded(body))
