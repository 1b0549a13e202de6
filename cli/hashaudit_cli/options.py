"""Makes commands of Typer from tables of options, and holds the options that several commands share."""

import importlib
import inspect
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import msgspec
import typer

from hashaudit.errors import UsageError
from hashaudit.scan.option import REQUIRED, DeclaredOption, Group, Option, options_of
from hashaudit_cli.commands import COMMAND_MODULES
from hashaudit_cli.config_file import CONFIG_FIELD
from hashaudit_cli.exits import guarded
from hashaudit_cli.settings import Settings

ENVIRONMENT_HELP = (
    "Each option can also come from the environment (HASHAUDIT_ and its name, as in HASHAUDIT_MAX_RATE), "
    "or from the configuration file. The command line wins, then the environment."
)

_loaded: dict[str, tuple[DeclaredOption, ...]] = {}
"""Options by command, for the commands whose modules are loaded."""


class ConfigOption(msgspec.Struct, frozen=True, kw_only=True):
    """The option that every command has."""

    config: Annotated[
        str | None,
        Option(
            CONFIG_FIELD,
            "Read options from this TOML file.",
            metavar="FILE",
            shown="~/.config/hashaudit/config.toml, if it exists",
        ),
    ] = None


class QuietOption(msgspec.Struct, frozen=True, kw_only=True):
    """The option of commands that report progress."""

    quiet: Annotated[bool, Option("quiet", "Report only findings and errors on standard error.", short="q")] = False


class JsonOption(msgspec.Struct, frozen=True, kw_only=True):
    """The option of commands that print a result."""

    as_json: Annotated[bool, Option("json", "Print JSON.", Group.OUTPUT)] = False


class SigningOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options of commands that sign."""

    key: Annotated[
        str | None,
        Option(
            "key",
            "Sign with this Ed25519 key.",
            Group.OUTPUT,
            metavar="FILE",
            shown="your own key, created at first use",
        ),
    ] = None
    unsigned: Annotated[
        bool,
        Option(
            "unsigned", "Do not sign. Corruption stays detectable, forgery does not.", Group.OUTPUT, negative="signed"
        ),
    ] = False
    passphrase_file: Annotated[
        str | None,
        Option(
            "passphrase-file",
            "Read the key's passphrase from the first line of FILE.",
            Group.OUTPUT,
            metavar="FILE",
            secret=True,
        ),
    ] = None
    passphrase_fd: Annotated[
        int | None,
        Option(
            "passphrase-fd",
            "Read the key's passphrase from open descriptor N.",
            Group.OUTPUT,
            metavar="N",
            secret=True,
        ),
    ] = None


class TrustOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options of commands that verify signatures."""

    allowed_signers: Annotated[
        str | None,
        Option(
            "allowed-signers",
            "Trust the signers in this OpenSSH allowed_signers file.",
            metavar="FILE",
            shown="the file next to your own key",
        ),
    ] = None
    identity: Annotated[
        str | None,
        Option("identity", "Require a signer that is trusted under this name.", metavar="NAME", shown="any name"),
    ] = None
    allow_any_signer: Annotated[
        bool, Option("allow-any-signer", "Check integrity only, and accept any signer (exit code 3).")
    ] = False


def application(text: str | None = None) -> typer.Typer:
    """Returns the Typer application of a command, or of a group of commands with its help."""
    return typer.Typer(no_args_is_help=text is not None, help=text, add_completion=False, rich_markup_mode="markdown")


def select(table: type, *fields: str, **helps: str) -> tuple[DeclaredOption, ...]:
    """Returns some options of a class, in the order given.

    Args:
        table: an options class.
        fields: names of fields.
        helps: fields with another help text for this command.
    """
    declared = {one.field: one for one in options_of(table)}
    chosen = []
    for field in (*fields, *helps):
        one = declared[field]
        if field in helps:
            one = msgspec.structs.replace(one, option=msgspec.structs.replace(one.option, help=helps[field]))
        chosen.append(one)
    return tuple(chosen)


def command(
    words: str, *tables: Sequence[DeclaredOption]
) -> Callable[[Callable[[Settings], int]], Callable[..., None]]:
    """Makes the function that Typer registers from one that takes the resolved options and returns the exit code.

    Args:
        words: the words of the command, such as ``lists build``.
        tables: its options. ``--config`` is added.

    Raises:
        TypeError: two options have the same name.
    """
    options = tuple(
        one for table in (*tables, options_of(ConfigOption)) for one in table if one.option.name is not None
    )
    if len({one.field for one in options}) < len(options) or len({one.name for one in options}) < len(options):
        raise TypeError(f"{words}: two options have the same name")
    _loaded[words] = options

    def decorate(function: Callable[[Settings], int]) -> Callable[..., None]:
        def call(**given: Any) -> None:
            def body() -> int:
                settings = Settings(words, options, given, all_commands)
                try:
                    return function(settings)
                except UsageError as error:
                    raise settings.explained(error) from error

            raise typer.Exit(guarded(body))

        # The order of the panels in --help is that of the first option in each.
        parameters = [_parameter(one) for one in sorted(options, key=lambda one: list(Group).index(one.option.group))]
        call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined] # any function takes attributes
        call.__annotations__ = {one.name: one.annotation for one in parameters}
        call.__name__ = words.replace(" ", "_")
        call.__doc__ = function.__doc__
        return call

    return decorate


def all_commands() -> dict[str, tuple[DeclaredOption, ...]]:
    """Returns the options of every command by its words. Loads the modules of all commands."""
    for module in COMMAND_MODULES.values():
        importlib.import_module(module)
    return _loaded


def examples(*lines: str) -> str:
    """Returns the epilog of a command: examples, and the other places that options come from."""
    return "\n\n".join(["Examples:", *(f"`{line}`" for line in lines), ENVIRONMENT_HELP])


def _parameter(option: DeclaredOption) -> inspect.Parameter:
    """Returns the parameter from which Typer makes an option. The value is ``None`` if the user does not give it."""
    stated = option.option
    kind: Any = bool if option.is_flag else list[str] if option.repeatable else str
    if stated.argument:
        required = option.default is REQUIRED and not stated.optional
        argument = typer.Argument(metavar=stated.metavar, help=help_text(option), show_default=False)
        return _keyword(option.field, Annotated[kind if required else kind | None, argument], required=required)
    name = f"--{option.name}/--{stated.negative or 'no-' + option.name}" if option.is_flag else f"--{option.name}"
    names = (name, *([f"-{stated.short}"] if stated.short else []))
    panel = None if stated.group is Group.NONE else stated.group.value
    typed = typer.Option(
        *names, metavar=stated.metavar, help=help_text(option), rich_help_panel=panel, show_default=False
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
