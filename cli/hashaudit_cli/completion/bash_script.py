"""The completion script for bash, 3.2 and newer. It does not need the package bash-completion.

Source: bash(1), "Programmable Completion".
"""

import shlex
from collections.abc import Iterable

from hashaudit_cli.completion.command_tree import (
    HELP,
    VERSION,
    CompletedCommand,
    completed_commands,
    first_words,
    groups,
)
from hashaudit_cli.completion.value_kinds import CompletedValue, ValueKind

_HEAD = r"""# bash completion for hashaudit, made by: hashaudit completion bash

# Without words in COMPREPLY, bash completes names of files, because of `complete -o default`.
_hashaudit_no_files() {
    compopt +o default +o bashdefault 2>/dev/null
}

_hashaudit_directories() {
    compopt -o filenames 2>/dev/null
    COMPREPLY=($(compgen -d -- "$current"))
    _hashaudit_no_files
}

_hashaudit_words() {
    COMPREPLY=($(compgen -W "$1" -- "$current"))
    _hashaudit_no_files
}

_hashaudit_list() {
    local before=
    [[ $current == *,* ]] && before=${current%,*},
    compopt -o nospace 2>/dev/null
    COMPREPLY=($(compgen -P "$before" -W "$1" -- "${current##*,}"))
    _hashaudit_no_files
}

_hashaudit() {
    local IFS=$' \t\n' current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} first=1 command
    COMPREPLY=()
    # bash takes --option=value for three words.
    if [[ $current == = ]]; then
        current=
    elif [[ $before == = ]]; then
        before=${COMP_WORDS[COMP_CWORD-2]}
    fi
    [[ ${COMP_WORDS[1]} == help ]] && first=2
    command=${COMP_WORDS[first]}
"""


def bash_script() -> str:
    """Returns the script."""
    commands = completed_commands()
    lines = [
        f"    if ((COMP_CWORD == first)); then _hashaudit_words {_quoted(_top())}; return; fi",
        "    case $command in",
        f"        {'|'.join(groups())})",
        "            if ((COMP_CWORD == first + 1)); then",
        "                case $command in",
        *(
            f"                    {group}) _hashaudit_words {_quoted(_second(commands, group))} ;;"
            for group in groups()
        ),
        "                esac",
        "                return",
        "            fi",
        '            command+=" ${COMP_WORDS[first+1]}"',
        "            ;;",
        "    esac",
        "    if ((first == 2)); then _hashaudit_no_files; return; fi",
        '    case "$command:$before" in',
        *(line for command in commands for line in _values(command)),
        "    esac",
        "    if [[ $current == -* ]]; then",
        '        case "$command" in',
        *(f'            "{one.words_text}") _hashaudit_words {_quoted(_names(one))} ;;' for one in commands),
        "        esac",
        "        return",
        "    fi",
        '    case "$command" in',
        *(line for command in commands for line in _positional(command)),
        "    esac",
    ]
    return (
        _HEAD
        + "".join(f"{line}\n" for line in lines)
        + "}\n\ncomplete -o bashdefault -o default -F _hashaudit hashaudit\n"
    )


def _top() -> Iterable[str]:
    return (*first_words(), "help", *HELP.names, *VERSION.names)


def _second(commands: Iterable[CompletedCommand], group: str) -> Iterable[str]:
    return (*(one.words[1] for one in commands if one.words[0] == group), *HELP.names)


def _names(command: CompletedCommand) -> Iterable[str]:
    return (name for option in command.options for name in option.names)


def _values(command: CompletedCommand) -> Iterable[str]:
    for option in command.options:
        if option.value is not None:
            pattern = "|".join(shlex.quote(f"{command.words_text}:{name}") for name in option.names)
            yield f"        {pattern}) {_action(option.value)}return ;;"


def _positional(command: CompletedCommand) -> Iterable[str]:
    """Yields the completion of arguments that are not files; only the first can be one of a closed set."""
    if not command.arguments:
        yield f'        "{command.words_text}") _hashaudit_no_files ;;'
        return
    first = command.arguments[0].value
    if first is not None and first.kind is not ValueKind.FILE:
        place = len(command.words)
        action = f"((COMP_CWORD == first + {place})) && {{ {_action(first)}}}"
        yield f'        "{command.words_text}") {action} ;;'


def _action(value: CompletedValue) -> str:
    match value.kind:
        case ValueKind.CHOICE:
            return f"_hashaudit_words {_quoted(value.choices)}; "
        case ValueKind.CHOICES:
            return f"_hashaudit_list {_quoted(value.choices)}; "
        case ValueKind.DIRECTORY:
            return "_hashaudit_directories; "
        case ValueKind.TEXT:
            return "_hashaudit_no_files; "
        case ValueKind.FILE:
            return ""


def _quoted(words: Iterable[str]) -> str:
    return shlex.quote(" ".join(words))
