"""Parses a correct command line, without Typer.

Typer takes longer to import than a scan of a small directory lasts, because recent versions import pydantic. Only help
and errors need it (docs/adr/0080-parse-command-lines-without-typer.md).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from hashaudit.scan.option import DeclaredOption

_Values = dict[str, Any]


def parse_arguments(options: Sequence[DeclaredOption], words: Sequence[str]) -> _Values | None:
    """Returns the values of a command line by field, as Typer would give them.

    Args:
        options: the options of the command.
        words: the command line after the name of the command.

    Returns:
        ``None`` if the command line asks for help, has an error, or has a rare form: a value that begins with a dash,
        or a short option that is joined with its value or with another. Typer decides about these.
    """
    by_word = _words_of(options)
    values: _Values = {}
    positional: list[str] = []
    rest = iter(words)
    for word in rest:
        if word == "--":
            positional += rest
        elif word == "-" or not word.startswith("-"):
            positional.append(word)
        else:
            name, equals, joined = word.partition("=") if word.startswith("--") else (word, "", "")
            option, state = by_word.get(name, (None, None))
            if option is None or (option.is_flag and equals):
                return None
            if option.is_flag:
                values[option.field] = state
                continue
            value = joined if equals else next(rest, None)
            if value is None or (value.startswith("-") and value != "-"):
                return None
            if option.repeatable:
                values.setdefault(option.field, []).append(value)
            else:
                values[option.field] = value
    return _with_positional(options, positional, values)


def _words_of(options: Sequence[DeclaredOption]) -> Mapping[str, tuple[DeclaredOption, bool | None]]:
    """Returns each way to write an option, and for a flag the state that it sets."""
    found: dict[str, tuple[DeclaredOption, bool | None]] = {}
    for one in options:
        if one.option.argument:
            continue
        found[f"--{one.name}"] = (one, True)
        if one.option.short:
            found[f"-{one.option.short}"] = (one, True)
        if one.is_flag:
            found[f"--{one.negative_name}"] = (one, False)
    return found


def _with_positional(options: Sequence[DeclaredOption], given: Sequence[str], values: _Values) -> _Values | None:
    remaining = list(given)
    for one in options:
        if not one.option.argument:
            continue
        if remaining:
            values[one.field] = remaining if one.repeatable else remaining[0]
            remaining = [] if one.repeatable else remaining[1:]
        elif one.is_required:
            return None
    return None if remaining else values
