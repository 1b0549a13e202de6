"""The completion script for zsh.

Source: zshcompsys(1), "_arguments", "_describe" and "_sequence".
"""

import shlex
from collections.abc import Mapping

from hashaudit_cli.completion.command_tree import (
    VERSION,
    CompletedCommand,
    CompletedOption,
    completed_commands,
    first_words,
    groups,
)
from hashaudit_cli.completion.value_kinds import CompletedValue, ValueKind

_HEAD = """#compdef hashaudit
# zsh completion for hashaudit, made by: hashaudit completion zsh

_hashaudit() {
    local curcontext="$curcontext" state line
    typeset -A opt_args
    local -a commands
    local place=2 helps=0
    if [[ $words[2] == help ]]; then place=3; helps=1; fi
    if (( CURRENT == place )); then
"""

_FOOT = """
if [[ $funcstack[1] == _hashaudit ]]; then
    _hashaudit "$@"
else
    compdef _hashaudit hashaudit
fi
"""


def zsh_script() -> str:
    """Returns the script."""
    commands = completed_commands()
    top = first_words() | {"help": "Show the help of a command"}
    version = " ".join(_spec(VERSION))
    lines = [
        *_described(top, 8),
        f"        (( helps )) || _arguments {version} {' '.join(_spec(_HELP))}",
        "        return",
        "    fi",
        "    case $words[place] in",
    ]
    for group in groups():
        second = {one.words[1]: one.help for one in commands if one.words[0] == group}
        lines += [f"        {group})", "            if (( CURRENT == place + 1 )); then"]
        lines += [*_described(second, 16), "                return", "            fi", "            ;;"]
    lines += ["    esac", "    (( helps )) && return 1"]
    lines += ['    case "$words[2] $words[3]" in']
    lines += [line for one in commands if len(one.words) == 2 for line in _case(one)]
    lines += ["    esac", "    case $words[2] in"]
    lines += [line for one in commands if len(one.words) == 1 for line in _case(one)]
    lines += ["    esac", "    return 1", "}"]
    return _HEAD + "".join(f"{line}\n" for line in lines) + _FOOT


_HELP = CompletedOption(("-h", "--help"), "Show help", "", None, repeatable=False)


def _described(words: Mapping[str, str], indent: int) -> list[str]:
    blank = " " * indent
    pairs = [blank + "    " + shlex.quote(f"{word}:{text.replace(':', ';')}") for word, text in words.items()]
    return [f"{blank}commands=(", *pairs, f"{blank})", f"{blank}_describe -t commands command commands"]


def _case(command: CompletedCommand) -> list[str]:
    specs = [spec for option in command.options for spec in _spec(option)]
    for number, argument in enumerate(command.arguments, 1):
        place = "*" if argument.repeatable else str(number)
        specs.append(shlex.quote(f"{place}:{_escaped(argument.metavar)}:{_action(argument.value, argument.metavar)}"))
    pattern = f'"{command.words_text}"'
    return [
        f"        {pattern})",
        f"            shift {len(command.words)} words; (( CURRENT -= {len(command.words)} ))",
        "            _arguments -s -S \\",
        *(f"                {spec} \\" for spec in specs[:-1]),
        f"                {specs[-1]}",
        "            return",
        "            ;;",
    ]


def _spec(option: CompletedOption) -> list[str]:
    """Returns the specifications of an option, one for each name."""
    excluded = "*" if option.repeatable else f"({' '.join(option.names)})"
    value = "" if option.value is None else f":{_escaped(option.metavar)}:{_action(option.value, option.metavar)}"
    suffixes = ["" if option.value is None else "=" if name.startswith("--") else "+" for name in option.names]
    return [
        shlex.quote(f"{excluded}{name}{suffix}[{_escaped(option.help)}]{value}")
        for name, suffix in zip(option.names, suffixes, strict=True)
    ]


def _action(value: CompletedValue | None, metavar: str) -> str:
    match value:
        case CompletedValue(kind=ValueKind.CHOICE, choices=choices):
            return f"({' '.join(choices)})"
        case CompletedValue(kind=ValueKind.CHOICES, choices=choices):
            return f"_sequence compadd - {' '.join(choices)}"
        case CompletedValue(kind=ValueKind.DIRECTORY):
            return "_path_files -/"
        case CompletedValue(kind=ValueKind.FILE):
            # The algorithm can stand before the file, with an equals sign.
            return '{compset -P "*="; _files}' if metavar == "LIST" else "_files"
        case _:
            return " "


def _escaped(text: str) -> str:
    for one in "\\:[]":
        text = text.replace(one, f"\\{one}")
    return text
