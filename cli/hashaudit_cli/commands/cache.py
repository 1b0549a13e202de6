"""``hashaudit cache``: inspects and prunes the cache that ``scan --cache`` keeps."""

from typing import Annotated

import typer

from hashaudit_cli.exits import guarded

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Inspect and prune the cache that `scan --cache` keeps. No command shows a path or a hash.",
)

FileArgument = Annotated[str, typer.Argument(metavar="FILE", help="The cache.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.callback()
def cache() -> None:
    """Inspect and prune the cache that ``scan --cache`` keeps."""


@app.command("stats")
def stats(file: FileArgument, as_json: JsonOption = False) -> None:
    """Show the contents of a cache: files, scans, algorithms and versions, size, when files were last seen."""

    def body() -> int:
        from hashaudit_cli.commands.cache_body import run_stats  # noqa: PLC0415 # start-up: --help needs none of this

        return run_stats(file, as_json=as_json)

    raise typer.Exit(guarded(body))


@app.command("prune")
def prune(
    file: FileArgument,
    days: Annotated[
        int, typer.Option(metavar="N", min=0, help="Remove entries not seen by any scan for N days (up to N+7).")
    ] = 90,
    as_json: JsonOption = False,
) -> None:
    """Remove entries that no scan has seen for a while, and free their space."""

    def body() -> int:
        from hashaudit_cli.commands.cache_body import run_prune  # noqa: PLC0415 # as above

        return run_prune(file, days, as_json=as_json)

    raise typer.Exit(guarded(body))
