"""The Typer application: every command by name. Each command has a module of its own."""

import typer

from hashaudit_cli.commands import cache, doctor, explain, hashes, keys, lists, merge, scan, verify

app = typer.Typer(
    name="hashaudit",
    no_args_is_help=True,
    add_completion=False,
    # A traceback with local variables could show what a list holds.
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
    help=(
        "Walks storage, hashes every file, matches known hashes and writes signed findings "
        "that a third party can verify."
    ),
    epilog=(
        "Exit codes: 0 clean, 2 usage, 4 cannot start, 8 findings, 16 incomplete, 24 both, 128+N signal N, "
        "141 closed pipe. `hashaudit explain CODE` explains any code."
    ),
)
app.command("scan")(scan.scan)
app.command("verify")(verify.verify)
app.command("merge")(merge.merge)
app.command("hash")(hashes.hash_files)
app.command("compare")(hashes.compare)
app.command("doctor")(doctor.doctor)
app.command("explain")(explain.explain)
app.add_typer(lists.app, name="lists")
app.add_typer(keys.app, name="keys")
app.add_typer(cache.app, name="cache")


def _version(value: bool) -> None:  # noqa: FBT001 # the signature that Typer calls
    if value:
        from hashaudit import __version__  # noqa: PLC0415 # start-up

        print(f"hashaudit {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Show the version."),  # noqa: FBT001, FBT003 # Typer's form of an option
) -> None:
    """Accepts the options that precede a command."""
