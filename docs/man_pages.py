"""Makes the manual pages from the declared commands, the table of codes and the specification of the findings file.

The pages are in man(7), which man-db and mandoc both read. ``docs/generate.py`` writes them to docs/man.
"""

import inspect
import re
import textwrap
from collections.abc import Iterator, Sequence

from hashaudit import __version__
from hashaudit.explanations import EXIT_CODES
from hashaudit.scan.option import DeclaredOption, Group
from hashaudit_cli.app import ENVIRONMENT_HELP, app, help_text
from hashaudit_cli.command import Command, commands_of
from hashaudit_cli.commands import COMMAND_MODULES, GROUP_HELP

DATE = "2026-11-26"
"""Date in the footer. It is constant, so that a page changes only with its content."""

LINE_COLUMNS = 78
"""mandoc complains about source lines of more than 80 bytes."""

FILES = (
    ("~/.config/hashaudit/config.toml", "Options, if it exists. `--config FILE` names another file."),
    ("~/.config/hashaudit/signing_key", "Your signing key, created at first use. `--key FILE` names another key."),
    ("~/.config/hashaudit/allowed_signers", "The signers that you trust. `--allowed-signers FILE` names another file."),
    ("FILE.sig", "The signature of the findings file FILE."),
    ("FILE.journal", "The private file from which an interrupted scan resumes."),
)


def man_pages(specification: str) -> dict[str, str]:
    """Returns each manual page by its file name, such as ``man1/hashaudit-scan.1``.

    Args:
        specification: the page docs/reference/findings-format.md.
    """
    pages = {"man1/hashaudit.1": _main_page(), "man5/hashaudit-findings.5": _findings_page(specification)}
    for word in COMMAND_MODULES:
        commands = commands_of(word)
        if word in GROUP_HELP:
            pages[f"man1/hashaudit-{word}.1"] = _group_page(word, commands)
        pages |= {f"man1/{_name(command)}.1": _command_page(command) for command in commands}
    return pages


def _name(command: Command) -> str:
    return f"hashaudit-{command.words.replace(' ', '-')}"


def _main_page() -> str:
    rows = [(f"hashaudit-{word}(1)", _summary_of_word(word)) for word in COMMAND_MODULES]
    return _page(
        "hashaudit",
        "hash storage, match known hashes, write signed findings",
        [
            *_section("SYNOPSIS", [".B hashaudit", r"\fICOMMAND\fP [\fIOPTION\fP]... [\fIARGUMENT\fP]..."]),
            *_section("DESCRIPTION", _paragraphs(str(app.info.help))),
            *_section("COMMANDS", _definitions(rows)),
            *_section("OPTIONS", _definitions([("-h, --help", "Show help."), ("-V, --version", "Show the version.")])),
            *_section("ENVIRONMENT", _paragraphs(ENVIRONMENT_HELP)),
            *_section("FILES", _definitions(FILES)),
            *_section("EXIT STATUS", _exit_codes()),
            *_see_also([f"hashaudit-{word}" for word in COMMAND_MODULES]),
        ],
    )


def _summary_of_word(word: str) -> str:
    if word in GROUP_HELP:
        return GROUP_HELP[word]
    (command,) = commands_of(word)
    return f"{_summary(command)}."


def _exit_codes() -> list[str]:
    named = {"128": "128 + N"}
    rows = [(named.get(str(int(code)), str(int(code))), text.meaning) for code, text in sorted(EXIT_CODES.items())]
    return [*_definitions(rows), ".PP", *_text("`hashaudit explain CODE` explains any code and says what to do.")]


def _group_page(word: str, commands: Sequence[Command]) -> str:
    summary, _, rest = GROUP_HELP[word].partition(". ")
    return _page(
        f"hashaudit-{word}",
        _as_name(summary),
        [
            *_section("SYNOPSIS", [f".B hashaudit {word}", r"\fICOMMAND\fP [\fIOPTION\fP]... [\fIARGUMENT\fP]..."]),
            *_section("DESCRIPTION", _paragraphs(f"{summary.rstrip('.')}. {rest}".strip())),
            *_section("COMMANDS", _definitions([(f"{_name(one)}(1)", f"{_summary(one)}.") for one in commands])),
            *_see_also(["hashaudit", *map(_name, commands)]),
        ],
    )


def _command_page(command: Command) -> str:
    arguments = [one for one in command.options if one.option.argument]
    groups = {group: [one for one in command.options if one.option.group is group] for group in Group}
    options: list[str] = []
    for group, members in groups.items():
        rows = [(_option_tag(one), help_text(one)) for one in members if not one.option.argument]
        if group is Group.NONE:
            rows.append((r"\fB\-h\fP, \fB\-\-help\fP", "Show help and exit."))
        if rows:
            options += [*([] if group is Group.NONE else [f".SS {group.value}"]), *_definitions(rows, marked=True)]
    usage = " ".join([r"[\fIOPTION\fP]...", *map(_argument, arguments)])
    sections = [
        *_section("SYNOPSIS", [f".B hashaudit {command.words}", usage]),
        *_section("DESCRIPTION", _paragraphs(inspect.getdoc(command.function) or "")),
    ]
    if arguments:
        sections += _section(
            "ARGUMENTS", _definitions([(_argument(one), help_text(one)) for one in arguments], marked=True)
        )
    sections += _section("OPTIONS", options)
    sections += _section("ENVIRONMENT", _paragraphs(ENVIRONMENT_HELP))
    sections += _section("EXIT STATUS", _text("See `hashaudit`(1)."))
    sections += _section("EXAMPLES", [*(_code(command.examples))])
    first_word = command.words.split()[0]
    see = ["hashaudit", *([f"hashaudit-{first_word}"] if first_word in GROUP_HELP else [])]
    return _page(_name(command), _as_name(_summary(command)), [*sections, *_see_also(see)])


def _summary(command: Command) -> str:
    """Returns the first sentence of a command's help, without its full stop."""
    first = (inspect.getdoc(command.function) or "").partition("\n\n")[0]
    return re.split(r"\.(?:\s|$)", " ".join(first.split()))[0]


def _as_name(summary: str) -> str:
    """Returns a sentence in the form of a NAME section: no capital, no full stop."""
    return summary[:1].lower() + summary[1:].rstrip(".")


def _option_tag(one: DeclaredOption) -> str:
    names = [f"-{one.option.short}"] if one.option.short else []
    names += [f"--{one.name}", *([f"--{one.negative_name}"] if one.is_flag else [])]
    value = f" {_metavar(one)}" if not one.is_flag and one.option.metavar else ""
    return ", ".join(rf"\fB{_escaped(name, code=True)}\fP" for name in names) + value


def _argument(one: DeclaredOption) -> str:
    shown = _metavar(one)
    shown = shown if one.is_required else f"[{shown}]"
    return f"{shown}..." if one.repeatable else shown


def _metavar(one: DeclaredOption) -> str:
    return rf"\fI{_escaped(one.option.metavar or one.name.upper(), code=True)}\fP"


def _page(name: str, summary: str, body: Sequence[str], section: int = 1) -> str:
    head = [
        r".\" Made by docs/generate.py from the declared commands; change those, then run: make docs",
        f'.TH {name.upper()} {section} {DATE} "hashaudit {__version__}" "hashaudit manual"',
        ".SH NAME",
        *_wrapped(f"{_escaped(name, code=True)} \\- {_inline(summary)}"),
    ]
    lines = [*head, *body]
    # A section begins a paragraph of itself; mandoc warns of a second one.
    kept = [
        line for before, line in zip(["", *lines], lines, strict=False) if line != ".PP" or before[:3] not in _TITLES
    ]
    return "".join(f"{line}\n" for line in kept)


_TITLES = {".SH", ".SS"}


def _section(title: str, lines: Sequence[str]) -> list[str]:
    return [f".SH {title}", *lines] if lines else []


def _see_also(names: Sequence[str]) -> list[str]:
    lines = [rf".BR {_escaped(name, code=True)} (1)," for name in names]
    return _section("SEE ALSO", [*lines, r".BR hashaudit\-findings (5)"])


def _definitions(rows: Sequence[tuple[str, str]], *, marked: bool = False) -> list[str]:
    """Returns a list of terms with their texts.

    Args:
        rows: term and text.
        marked: the terms are in man(7) already.
    """
    lines = []
    for term, text in rows:
        lines += [".TP", term if marked else rf"\fB{_escaped(term, code=True)}\fP", *_text(text)]
    return lines


def _paragraphs(text: str) -> list[str]:
    lines: list[str] = []
    for paragraph in text.split("\n\n"):
        lines += [*([".PP"] if lines else []), *_text(paragraph)]
    return lines


def _code(lines: Sequence[str]) -> list[str]:
    shown = [_guarded(_escaped(line, code=True)) for line in lines]
    return [".PP", ".RS 4", ".nf", *shown, ".fi", ".RE"]


def _text(text: str) -> list[str]:
    """Returns prose: each sentence begins a line, as man(7) wants it."""
    sentences = re.split(r"(?<=[.:;])\s+(?=[A-Z`*(])", " ".join(text.split()))
    return [line for sentence in sentences for line in _wrapped(_inline(sentence))]


def _wrapped(line: str) -> list[str]:
    wrapped = textwrap.wrap(line, LINE_COLUMNS, break_long_words=False, break_on_hyphens=False)
    return [_guarded(one) for one in wrapped]


def _guarded(line: str) -> str:
    """Returns a line of text that cannot be a request of man(7)."""
    return rf"\&{line}" if line.startswith((".", "'")) else line or r"\&"


_MARKED = re.compile(
    r"`(?P<code>[^`]+)`|\*\*(?P<bold>[^*]+)\*\*|(?<!\w)\*(?P<emphasis>\w[^*]*)\*|\[(?P<link>[^]]+)\]\([^)]+\)"
)
_WORD = re.compile(r"(?<![\w-])--?[a-z][a-z0-9-]*")


def _inline(text: str) -> str:
    """Returns prose of Markdown in man(7)."""
    parts, place = [], 0
    for found in _MARKED.finditer(text):
        parts.append(_plain(text[place : found.start()]))
        if found["code"] is not None:
            parts.append(rf"\fB{_escaped(found['code'], code=True)}\fP")
        elif found["link"] is not None:
            parts.append(_inline(found["link"]))
        else:
            font, inner = ("B", found["bold"]) if found["bold"] is not None else ("I", found["emphasis"])
            parts.append(rf"\f{font}{_inline(inner)}\fP")
        place = found.end()
    return "".join([*parts, _plain(text[place:])])


def _plain(text: str) -> str:
    """Returns text without markup; names of options keep their dashes when they are copied."""
    return _WORD.sub(lambda found: found[0].replace("-", r"\-"), _escaped(text, code=False))


_ESCAPES = {"\\": r"\(rs", "'": r"\(aq", "`": r"\(ga", "^": r"\(ha", "~": r"\(ti"}


def _escaped(text: str, *, code: bool) -> str:
    escapes = _ESCAPES | ({"-": r"\-"} if code else {})
    return "".join(escapes.get(one, one if one.isascii() else rf"\[u{ord(one):04X}]") for one in text)


def _findings_page(specification: str) -> str:
    """Returns the page about the findings file: its specification in man(7)."""
    body = [".SH DESCRIPTION"]
    for block in _blocks(specification):
        body += _block(block)
    see = _section("SEE ALSO", [".BR hashaudit (1),", r".BR hashaudit\-verify (1),", ".BR ssh\\-keygen (1)"])
    return _page("hashaudit-findings", "signed findings file of hashaudit", [*body, *see], section=5)


def _blocks(text: str) -> Iterator[list[str]]:
    """Yields the blocks of a page of Markdown, after its title: lines between blank ones, and fenced code whole."""
    block: list[str] = []
    is_code = False
    for line in [*text.splitlines()[1:], ""]:
        if line.startswith("```"):
            is_code = not is_code
        if line.strip() or is_code:
            if line.startswith("#") and not is_code:
                yield [line]
                continue
            block.append(line)
        elif block:
            yield block
            block = []


def _block(lines: list[str]) -> list[str]:
    first = lines[0]
    if first.startswith("## "):
        return [f".SH {_escaped(first[3:], code=False).upper()}"]
    if first.startswith("### "):
        return [f".SS {_inline(first[4:])}"]
    made = {"`": lambda: _code(lines[1:-1]), "|": lambda: _table(lines), "-": lambda: _items(lines)}.get(
        first[:1] if first.startswith(("```", "|", "- ")) else ""
    )
    return made() if made is not None else [".PP", *_text(" ".join(lines))]


def _items(lines: list[str]) -> list[str]:
    items: list[str] = []
    for line in lines:
        if found := re.match(r"- (.*)", line):
            items.append(found[1])
        else:
            items[-1] += f" {line.strip()}"
    if all(re.fullmatch(r"(?:\[[^]]+\]\(#[^)]*\)[,: ]*)+", item) for item in items):
        return []  # links within the page
    made = []
    for item in items:
        made += [r".IP \(bu 2", *_text(item)]
    return made


def _table(lines: list[str]) -> list[str]:
    """Returns a table as a list of terms: the first cell, then the others with the titles of their columns."""
    rows = [[cell.strip().replace(r"\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
    made = []
    for row in rows[2:]:
        typed = ", ".join(cell for cell in row[1:-1] if cell)
        text = f"({typed}) {row[-1]}" if typed else row[-1]
        made += [".TP", _guarded(_inline(row[0])) if row[0] else r"\&", *(_text(text) or [r"\&"])]
    return made
