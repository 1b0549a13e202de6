"""The two parsers of the command line: whatever ours accepts, Typer accepts with equal values."""

from typing import Any

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from hashaudit_cli.app import app
from hashaudit_cli.arguments import parse_arguments
from hashaudit_cli.command import Command, all_options, find_command
from hashaudit_cli.commands import COMMAND_MODULES

COMMANDS = sorted(all_options())
VALUES = ["x", "", "-", "a b", "7", "md5=f", "ä", "a=b", "-x", "--", "--json", "\udcff"]


def _command(words: str) -> Command:
    command = find_command(words.split())
    assert command is not None
    return command


def _of_typer(words: str, arguments: list[str]) -> dict[str, Any]:
    command: Any = typer.main.get_command(app)
    for word in words.split():
        command = command.commands[word]
    values: dict[str, Any] = command.make_context(words, list(arguments)).params
    return {name: value for name, value in values.items() if value not in (None, [], ())}


def _ways(command: Command) -> list[str]:
    ways = ["--help", "-h", "--nonsense", "-z", "-qx", "-q7"]
    for one in command.options:
        if not one.option.argument:
            ways += [f"--{one.name}", f"--{one.name}=v", f"--no-{one.name}", f"--{one.name[:-1]}"]
            ways += [f"--{one.option.negative}"] if one.option.negative else []
            ways += [f"-{one.option.short}", f"-{one.option.short}=v"] if one.option.short else []
    return ways


@st.composite
def _lines(draw: st.DrawFn) -> tuple[str, list[str]]:
    words = draw(st.sampled_from(COMMANDS))
    some = st.sampled_from(_ways(_command(words)) + VALUES)
    return words, draw(st.lists(some, max_size=7))


@given(_lines())
def test_what_is_accepted_is_what_typer_gives(line: tuple[str, list[str]]) -> None:
    words, arguments = line
    parsed = parse_arguments(_command(words).options, arguments)
    if parsed is not None:
        given_values = {name: value for name, value in parsed.items() if value != []}
        assert given_values == _of_typer(words, arguments)


@pytest.mark.parametrize("words", COMMANDS)
def test_every_option_of_a_command_is_accepted(words: str) -> None:
    arguments = []
    for one in _command(words).options:
        if one.option.argument:
            arguments.append("FILE")
        elif one.is_flag:
            arguments += [f"--{one.name}", f"--{one.negative_name}"]
        else:
            arguments += [f"--{one.name}", "1", f"--{one.name}=2"]
            arguments += [f"-{one.option.short}", "3"] if one.option.short else []
    parsed = parse_arguments(_command(words).options, arguments)
    assert parsed is not None
    assert parsed == _of_typer(words, arguments)


def test_only_a_whole_name_finds_a_command() -> None:
    assert [find_command(words) for words in ([], ["lists"], ["lists", "bild"], ["list", "build"], ["--version"])] == [
        None
    ] * 5
    assert {_command(words).words.split()[0] for words in COMMANDS} == set(COMMAND_MODULES)
