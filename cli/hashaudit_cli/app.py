"""The Typer application. It loads the module of a command only when that command is used or listed."""

import importlib
from collections.abc import Iterator, MutableMapping
from typing import Any

import typer
from typer.core import TyperGroup

from hashaudit_cli.commands import COMMAND_MODULES
from hashaudit_cli.options import ENVIRONMENT_HELP


class _Commands(MutableMapping[str, Any]):
    """The commands by name."""

    def __init__(self) -> None:
        self._loaded: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._loaded:
            command = typer.main.get_command(importlib.import_module(COMMAND_MODULES[name]).app)
            command.name = name
            self._loaded[name] = command
        return self._loaded[name]

    def __setitem__(self, name: str, command: Any) -> None:
        self._loaded[name] = command

    def __delitem__(self, name: str) -> None:
        del self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        return iter(COMMAND_MODULES)

    def __len__(self) -> int:
        return len(COMMAND_MODULES)


class _LazyGroup(TyperGroup):
    """A group whose commands are loaded on demand: all of them take longer than the help of one."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options | {"commands": None})
        self.commands = _Commands()


app = typer.Typer(
    name="hashaudit",
    cls=_LazyGroup,
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
        f"141 closed pipe. `hashaudit explain CODE` explains any code.\n\n{ENVIRONMENT_HELP}"
    ),
)


def _version(value: bool) -> None:  # noqa: FBT001 # the signature that Typer calls
    if value:
        from hashaudit import __version__  # noqa: PLC0415 # start-up

        print(f"hashaudit {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Show the version."),  # noqa: FBT001, FBT003 # Typer's form of an option
) -> None:
    """Takes the options before a command."""
