"""The completion script for fish, 3.0 and newer.

Source: the page "complete" of fish's documentation.
"""

from collections.abc import Iterator

from hashaudit_cli.completion.command_tree import (
    HELP,
    VERSION,
    CompletedCommand,
    CompletedOption,
    completed_commands,
    first_words,
    groups,
)
from hashaudit_cli.completion.value_kinds import CompletedValue, ValueKind

_HEAD = r"""# fish completion for hashaudit, made by: hashaudit completion fish

# True if the command line begins with these words.
function __hashaudit_in
    set -l words (commandline -opc)
    set -e words[1]
    test (count $words) -ge (count $argv); or return 1
    test (count $argv) -eq 0; and return 0
    test (string join ' ' -- $words[1..(count $argv)]) = "$argv"
end

# True if the command line is these words, and the word to complete.
function __hashaudit_at
    __hashaudit_in $argv; and test (count (commandline -opc)) -eq (math (count $argv) + 1)
end

# Completes the last of the words that commas separate.
function __hashaudit_list
    set -l before (commandline -ct | string replace -r '^(--[^=]*=|-\w)' '' | string match -r '^.*,')
    for word in $argv
        echo $before$word
    end
end

complete -c hashaudit -f
"""


def fish_script() -> str:
    """Returns the script."""
    commands = completed_commands()
    return _HEAD + "".join(f"{line}\n" for line in _lines(commands))


def _lines(commands: tuple[CompletedCommand, ...]) -> Iterator[str]:
    for word, text in (first_words() | {"help": "Show the help of a command"}).items():
        yield f"complete -c hashaudit -n '__hashaudit_at' -a {word} -d {_quoted(text)}"
        if word != "help":
            yield f"complete -c hashaudit -n '__hashaudit_at help' -a {word} -d {_quoted(text)}"
    for option in (HELP, VERSION):
        yield f"complete -c hashaudit -n '__hashaudit_at' {_names(option)} -d {_quoted(option.help)}"
    for command in commands:
        if command.words[0] in groups():
            group, word = command.words
            for condition in (f"__hashaudit_at {group}", f"__hashaudit_at help {group}"):
                yield f"complete -c hashaudit -n '{condition}' -a {word} -d {_quoted(command.help)}"
        condition = f"-n '__hashaudit_in {command.words_text}'"
        yield from (
            f"complete -c hashaudit {condition} {_names(one)}{_value(one.value)} -d {_quoted(one.help)}"
            for one in command.options
        )
        yield from _arguments(command)


def _arguments(command: CompletedCommand) -> Iterator[str]:
    for argument in command.arguments:
        if argument.value is None:
            continue
        if argument.value.kind is ValueKind.FILE:
            yield f"complete -c hashaudit -n '__hashaudit_in {command.words_text}' -F"
        elif argument.value.kind is not ValueKind.TEXT:
            condition = f"-n '__hashaudit_at {command.words_text}'"
            yield f"complete -c hashaudit {condition} {_candidates(argument.value)}"


def _names(option: CompletedOption) -> str:
    return " ".join(f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}" for name in option.names)


def _value(value: CompletedValue | None) -> str:
    match value:
        case None:
            return ""
        case CompletedValue(kind=ValueKind.FILE):
            return " -r -F"
        case CompletedValue(kind=ValueKind.TEXT):
            return " -x"
        case _:
            return f" -x {_candidates(value)}"


def _candidates(value: CompletedValue) -> str:
    words = " ".join(value.choices)
    match value.kind:
        case ValueKind.CHOICES:
            return f"-a '(__hashaudit_list {words})'"
        case ValueKind.DIRECTORY:
            return "-a '(__fish_complete_directories)'"
        case _:
            return f"-a {_quoted(words)}"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
