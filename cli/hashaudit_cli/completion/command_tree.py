"""The commands and their options as the scripts of all shells need them."""

import inspect

import msgspec

from hashaudit.scan.option import DeclaredOption
from hashaudit_cli.command import Command, commands_of
from hashaudit_cli.commands import COMMAND_MODULES, GROUP_HELP
from hashaudit_cli.completion.value_kinds import CompletedValue, completed_value, short_help


class CompletedOption(msgspec.Struct, frozen=True):
    """An option, or an argument, of a command."""

    names: tuple[str, ...]
    """As typed, such as ``-o`` and ``--output``. Of an argument: its metavar."""
    help: str
    metavar: str
    value: CompletedValue | None
    """``None``: it takes none."""
    repeatable: bool

    @property
    def long_name(self) -> str:
        """The last name, without dashes."""
        return self.names[-1].removeprefix("--")


class CompletedCommand(msgspec.Struct, frozen=True):
    """A command."""

    words: tuple[str, ...]
    help: str
    options: tuple[CompletedOption, ...]
    arguments: tuple[CompletedOption, ...]

    @property
    def words_text(self) -> str:
        """Its words, separated by blanks."""
        return " ".join(self.words)


HELP = CompletedOption(("-h", "--help"), "Show help", "", None, repeatable=False)
VERSION = CompletedOption(("-V", "--version"), "Show the version", "", None, repeatable=False)


def completed_commands() -> tuple[CompletedCommand, ...]:
    """Returns all commands. Loads their modules."""
    return tuple(_completed(one) for word in COMMAND_MODULES for one in commands_of(word))


def first_words() -> dict[str, str]:
    """Returns the help of each word with which a command line can begin."""
    helps = {one.words[0]: one.help for one in completed_commands() if len(one.words) == 1}
    return {word: helps[word] if word in helps else short_help(GROUP_HELP[word]) for word in COMMAND_MODULES}


def groups() -> tuple[str, ...]:
    """Returns the first words that a second one follows."""
    return tuple(GROUP_HELP)


def _completed(command: Command) -> CompletedCommand:
    options = [made for one in command.options if not one.option.argument for made in _options(one)]
    arguments = [
        CompletedOption(
            (one.option.metavar or one.name,),
            "",
            one.option.metavar or one.name,
            completed_value(one),
            repeatable=one.repeatable,
        )
        for one in command.options
        if one.option.argument
    ]
    first = " ".join((inspect.getdoc(command.function) or "").partition("\n\n")[0].split())
    return CompletedCommand(tuple(command.words.split()), short_help(first), (*options, HELP), tuple(arguments))


def _options(one: DeclaredOption) -> list[CompletedOption]:
    """Returns an option, and of a flag that is on by default only the form that changes something."""
    names = ((f"-{one.option.short}",) if one.option.short else ()) + (f"--{one.name}",)
    text = short_help(one.option.help)
    if not one.is_flag:
        metavar = one.option.metavar or one.name.upper()
        return [CompletedOption(names, text, metavar, completed_value(one), repeatable=one.repeatable)]
    forms = [
        CompletedOption(names, text, "", None, repeatable=False),
        CompletedOption(
            (f"--{one.negative_name}",), f"Do not {text[:1].lower()}{text[1:]}", "", None, repeatable=False
        ),
    ]
    return forms[1:] if one.default is True else forms[:1] if one.option.negative is None else forms
