"""The Typer application: help, and the errors of a command line. It loads a command only when it is used or listed."""

import inspect
from collections.abc import Iterator, MutableMapping
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from hashaudit.scan.option import REQUIRED, DeclaredOption, Group
from hashaudit_cli.command import Command, commands_of
from hashaudit_cli.commands import COMMAND_MODULES, GROUP_HELP

ENVIRONMENT_HELP = (
    "Each option can also come from the environment (HASHAUDIT_ and its name, as in HASHAUDIT_MAX_RATE), "
    "or from the configuration file. The command line wins, then the environment."
)


def _typer_command(word: str) -> Any:
    """Returns the command of Typer for the first word of a command line."""
    group_help = GROUP_HELP.get(word)
    application = typer.Typer(
        no_args_is_help=group_help is not None, help=group_help, add_completion=False, rich_markup_mode="markdown"
    )
    if group_help is not None:
        application.callback()(_nothing)
    for command in commands_of(word):
        name = command.words.split()[-1]
        application.command(name, epilog=_epilog(command))(_function(command))
    made = typer.main.get_command(application)
    made.name = word
    return made


def _nothing() -> None:
    """Takes the options of a group, which has none."""


def _epilog(command: Command) -> str:
    """Returns the end of a command's help: examples, and the other places that options come from."""
    return "\n\n".join(["Examples:", *(f"`{line}`" for line in command.examples), ENVIRONMENT_HELP])


def _function(command: Command) -> Any:
    """Returns the function that Typer registers."""

    def call(**given: Any) -> None:
        raise typer.Exit(command.run(given))

    # The order of the panels in --help is that of the first option in each.
    parameters = [
        _parameter(one) for one in sorted(command.options, key=lambda one: list(Group).index(one.option.group))
    ]
    call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined] # any function takes attributes
    call.__annotations__ = {one.name: one.annotation for one in parameters}
    call.__name__ = command.words.replace(" ", "_")
    call.__doc__ = command.function.__doc__
    return call


def _parameter(option: DeclaredOption) -> inspect.Parameter:
    """Returns the parameter from which Typer makes an option. The value is ``None`` if the user does not give it."""
    stated = option.option
    kind: Any = bool if option.is_flag else list[str] if option.repeatable else str
    if stated.argument:
        required = option.is_required
        argument = typer.Argument(metavar=stated.metavar, help=help_text(option), show_default=False)
        return _keyword(option.field, Annotated[kind if required else kind | None, argument], required=required)
    name = f"--{option.name}/--{option.negative_name}" if option.is_flag else f"--{option.name}"
    names = (name, *([f"-{stated.short}"] if stated.short else []))
    panel = None if stated.group is Group.NONE else stated.group.value
    typed = typer.Option(
        *names,
        metavar="" if option.is_flag else stated.metavar,
        help=help_text(option),
        rich_help_panel=panel,
        show_default=False,
    )
    return _keyword(option.field, Annotated[kind | None, typed], required=False)


def _keyword(name: str, annotation: Any, *, required: bool) -> inspect.Parameter:
    default = inspect.Parameter.empty if required else None
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def help_text(option: DeclaredOption) -> str:
    """Returns the help with the unit and the default in brackets."""
    stated = option.option
    parts = [stated.unit] if stated.unit else []
    if option.repeatable and not stated.argument:
        parts.append("repeatable")
    shown = stated.shown or _shown(option.default)
    if shown and not option.is_flag:
        parts.append(f"default: {shown}")
    return f"{stated.help} [{'; '.join(parts)}]" if parts else stated.help


def _shown(default: object) -> str:
    if default is REQUIRED or default is None or (isinstance(default, tuple | dict) and not default):
        return ""
    return f"{default:g}" if isinstance(default, int | float) else str(default)


class _Commands(MutableMapping[str, Any]):
    """The commands by name."""

    def __init__(self) -> None:
        self._loaded: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._loaded:
            self._loaded[name] = _typer_command(name)
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
        "Exit codes: 0 clean, 2 usage, 4 cannot start, 8 findings, 16 incomplete, 24 both, 48 and 56 --max-time, "
        f"128+N signal N, 141 closed pipe. `hashaudit explain CODE` explains any code.\n\n{ENVIRONMENT_HELP}"
    ),
)


def _version(value: bool) -> None:  # noqa: FBT001 # the signature that Typer calls
    if value:
        from hashaudit import __version__  # noqa: PLC0415 # start-up

        print(f"hashaudit {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: bool = typer.Option(False, "--version", "-V", callback=_version, is_eager=True, help="Show the version."),  # noqa: FBT001, FBT003 # Typer's form of an option
) -> None:
    """Takes the options before a command."""
