"""Declares the commands: words, options, function and examples. Running one needs no Typer, which is slow to import."""

import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

import msgspec

from hashaudit.errors import HashauditError, UsageError
from hashaudit.exit_codes import ExitCode
from hashaudit.scan.option import DeclaredOption, Option, options_of
from hashaudit_cli.commands import COMMAND_MODULES
from hashaudit_cli.config_file import CONFIG_FIELD
from hashaudit_cli.exits import guarded
from hashaudit_cli.piped_inputs import PipedInputs
from hashaudit_cli.settings import Settings
from hashaudit_cli.suggestions import see_help
from hashaudit_cli.ui.colors import Color, choose_colors
from hashaudit_cli.ui.terminal import HeldWarnings, log_as_json, log_error


class CommonOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options that every command has."""

    color: Annotated[
        Color,
        Option(
            "color",
            "Colour messages: auto is on a terminal, unless NO_COLOR is set.",
            metavar="auto|always|never",
        ),
    ] = Color.AUTO

    config: Annotated[
        str | None,
        Option(
            CONFIG_FIELD,
            "Read options from this TOML file.",
            metavar="FILE",
            shown="~/.config/hashaudit/config.toml, if it exists",
        ),
    ] = None


class Command(msgspec.Struct, frozen=True):
    """A command of the command line."""

    words: str
    """Its name, such as ``lists build``."""
    options: tuple[DeclaredOption, ...]
    function: Callable[[Settings], int]
    """Runs it with its resolved options, and returns the exit code. Its docstring is the command's help."""
    examples: tuple[str, ...]
    takes_words: bool = False
    """Its only argument takes all words behind its name, also those that begin with a dash."""

    def run(self, given: Mapping[str, Any]) -> int:
        """Runs the command and returns its exit code.

        Args:
            given: values of the command line by field. An option that was not given is ``None``, or absent.
        """

        def body() -> int:
            with HeldWarnings() as held, PipedInputs() as inputs:
                if given.get("log_json"):
                    log_as_json()
                settings = Settings(self.words, self.options, given, all_options, inputs)
                choose_colors(settings.make(CommonOptions).color)
                if settings.is_on("log_json"):
                    log_as_json()
                if not settings.is_on("quiet"):
                    held.release()
                try:
                    code = self.function(settings)
                except UsageError as error:
                    raise settings.explained(error) from error
                except HashauditError as error:
                    error.args = (inputs.restored(str(error)),)
                    raise
                if code:
                    held.release()
                return code

        try:
            return guarded(body)
        except UsageError as error:
            log_error(str(error), error.hint or see_help(self.words.split()))
            return ExitCode.USAGE


_loaded: dict[str, Command] = {}
"""The commands whose modules are loaded, by their words."""


def command(
    words: str, *tables: Sequence[DeclaredOption], examples: Sequence[str], takes_words: bool = False
) -> Callable[[Callable[[Settings], int]], Callable[[Settings], int]]:
    """Declares the command that a function runs.

    Args:
        words: the words of the command, such as ``lists build``.
        tables: its options. ``--config`` and ``--color`` are added.
        examples: command lines for its help.
        takes_words: its only argument takes all words behind its name.

    Raises:
        TypeError: two options have the same name.
    """
    options = tuple(
        one for table in (*tables, options_of(CommonOptions)) for one in table if one.option.name is not None
    )
    if len({one.field for one in options}) < len(options) or len({one.name for one in options}) < len(options):
        raise TypeError(f"{words}: two options have the same name")

    def declare(function: Callable[[Settings], int]) -> Callable[[Settings], int]:
        _loaded[words] = Command(words, options, function, tuple(examples), takes_words)
        return function

    return declare


def commands_of(word: str) -> tuple[Command, ...]:
    """Returns the commands whose name begins with a word of ``--help``, in the order of their declaration."""
    importlib.import_module(COMMAND_MODULES[word])
    return tuple(one for one in _loaded.values() if one.words.split()[0] == word)


def find_command(words: Sequence[str]) -> Command | None:
    """Returns the command with which a command line begins; ``None`` if it names none, or only a group."""
    if not words or words[0] not in COMMAND_MODULES:
        return None
    commands = commands_of(words[0])
    return next((one for one in commands if list(words[: len(one.words.split())]) == one.words.split()), None)


def all_options() -> dict[str, tuple[DeclaredOption, ...]]:
    """Returns the options of every command by its words. Loads the modules of all commands."""
    return {one.words: one.options for word in COMMAND_MODULES for one in commands_of(word)}
