"""Errors of the command line itself, in the same two lines as every other error.

Typer, and Click within it, finds these before a command runs. Typer 0.15 raises Click's exceptions and later versions
raise those of their own copy of Click. Their class names and attributes agree, so this module goes by these.
"""

import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import typer

from hashaudit.exit_codes import ExitCode
from hashaudit_cli.suggestions import PROGRAM, closest, did_you_mean, see_help
from hashaudit_cli.ui.terminal import log_error, page_columns

_UsageError: type[Exception] = typer.BadParameter.__bases__[0]

_NAMES_ELSEWHERE = {
    "--allow": "--known",
    "--blocklist": "--list",
    "--checkers": "--jobs",
    "--database": "--list",
    "--deny": "--list",
    "--deny-list": "--list",
    "--digest": "--algorithm",
    "--hash": "--algorithm",
    "--hash-list": "--list",
    "--hashes": "--list",
    "--known-list": "--known",
    "--match": "--list",
    "--parallel": "--jobs",
    "--processes": "--jobs",
    "--threads": "--jobs",
    "--transfers": "--jobs",
    "--whitelist": "--known",
    "--workers": "--jobs",
}
"""Options that other tools have for the same, or that one would guess."""


def run_application(app: typer.Typer) -> int:
    """Runs the command that the command line names, and returns its exit code.

    An error of the command line without a hint of its own gets one that names the help of its command.
    """
    # Rich draws the help at the width of the terminal, which may be too narrow for a word.
    os.environ["COLUMNS"] = str(page_columns())
    try:
        code = app(prog_name=PROGRAM, standalone_mode=False)
    except _UsageError as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            if str(error):  # with Rich the help is already on standard output
                print(str(error))
        else:
            command, path = _addressed(typer.main.get_command(app), sys.argv[1:])
            message, candidates = _explained(error, command, sys.argv[1:])
            log_error(message, did_you_mean(candidates) or see_help(path))
        return ExitCode.USAGE
    except typer.Abort:
        return ExitCode.SIGNAL + 2
    return code if isinstance(code, int) else ExitCode.COMPLETE


def _addressed(command: Any, arguments: Sequence[str]) -> tuple[Any, list[str]]:
    """Follows the names of commands that the command line begins with; some exceptions do not carry the command."""
    path: list[str] = []
    for argument in arguments:
        child = getattr(command, "commands", {}).get(argument)
        if child is None:
            break
        command = child
        path.append(argument)
    return command, path


def _explained(error: Exception, command: Any, arguments: Sequence[str]) -> tuple[str, list[str]]:
    """Returns the message for an error, and what may have been meant."""
    details: Any = error
    match type(error).__name__:
        case "NoSuchOption":
            name = str(details.option_name)
            options = _options(command)
            elsewhere = [own for own in (_NAMES_ELSEWHERE.get(name),) if own in options]
            return f"unknown option: '{name}'", elsewhere or closest(name, options)
        case "MissingParameter":
            return f"missing {details.param.param_type_name}: '{_label(details.param)}'", []
        case "BadOptionUsage":
            return _misused(str(error), str(details.option_name), arguments), []
        case "BadParameter" if details.param is not None:
            value = next(_values(details.param.opts, arguments), None)
            given = "" if value is None else f": '{value}'"
            return f"invalid {_label(details.param)}{given}; {_cause(str(details.message))}", []
    return _misplaced(str(getattr(error, "message", error)), command)


def _misused(message: str, name: str, arguments: Sequence[str]) -> str:
    value = next(_values([name], arguments), None)
    if "does not take" in message and value is not None:
        return f"unexpected value for {name}: '{value}'; the option takes none"
    return f"missing value for option: '{name}'"


def _misplaced(message: str, command: Any) -> tuple[str, list[str]]:
    """Returns the message for an unknown command or a surplus argument; their class is the same."""
    if found := re.search(r"No such command ['\"](.*?)['\"]\.", message + ".", re.DOTALL):
        return f"unknown command: '{found[1]}'", closest(found[1], list(getattr(command, "commands", {})))
    if found := re.search(r"unexpected extra arguments? ?(?:\(s\) )?\((.*)\)", message, re.DOTALL):
        return f"unexpected argument: '{found[1]}'", []
    return message[:1].lower() + message[1:].rstrip("."), []


def _options(command: Any) -> list[str]:
    return ["--help"] + [name for parameter in command.params for name in parameter.opts if name.startswith("--")]


def _label(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return str(parameter.metavar or parameter.name).strip("[].{}").upper()
    return str(max(parameter.opts, key=len))


def _values(names: Sequence[str], arguments: Sequence[str]) -> Iterator[str]:
    """Yields the values of an option as typed, last first, because the last one counts."""
    for place in range(len(arguments) - 1, -1, -1):
        argument = arguments[place]
        name, equals, value = argument.partition("=")
        if argument in names and place + 1 < len(arguments):
            yield arguments[place + 1]
        elif name in names and equals:
            yield value
        elif argument[:2] in names and argument[:2] != "--" and argument[2:]:
            yield argument[2:]


_REWORDED: tuple[tuple[str, str | Callable[[re.Match[str]], str]], ...] = (
    (r"^'.*' is not ", "must be "),
    (r"^(?:.*? )?is not in the range (.*)$", r"must be in the range \1"),
    (r"^Input should be ", "must be "),
    (r", unable to parse.*$", ""),
    (r"greater than or equal to (\S+)", r"\1 or more"),
    (r"less than or equal to (\S+)", r"\1 or less"),
)


def _cause(message: str) -> str:
    message = message.rstrip(".")
    for pattern, replacement in _REWORDED:
        message = re.sub(pattern, replacement, message, flags=re.DOTALL)
    return message[:1].lower() + message[1:]
