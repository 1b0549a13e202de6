"""``hashaudit explain``: the meaning of a code, and what to do about it."""

from collections.abc import Iterable, Iterator
from typing import Annotated

import msgspec

from hashaudit.errors import UsageError
from hashaudit.exit_codes import ExitCode
from hashaudit.explanations import GROUPS, Code, CodeGroup, find_codes
from hashaudit.scan.option import Option, options_of
from hashaudit_cli.command import command
from hashaudit_cli.options import JsonOption
from hashaudit_cli.settings import Settings
from hashaudit_cli.suggestions import closest, did_you_mean
from hashaudit_cli.ui.terminal import page_columns, print_json, wrapped


class ExplainOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options of the command."""

    code: Annotated[
        str | None,
        Option("code", "Code of a record, or exit code. Without it, all are listed.", argument=True, metavar="CODE"),
    ] = None


@command(
    "explain",
    options_of(ExplainOptions),
    options_of(JsonOption),
    examples=(
        "hashaudit explain worker_crashed",
        "hashaudit explain 16",
    ),
)
def explain(settings: Settings) -> int:
    """Explain a fault code, skip reason, caveat, fault stage, consistency value, outcome or exit code."""
    text = settings.make(ExplainOptions).code
    found = [(group, code) for group in GROUPS for code in group.codes] if text is None else find_codes(text)
    if not found:
        meant = did_you_mean(closest(str(text).lower(), _all_words()))
        raise UsageError(f"unknown code: '{text}'", hint=meant or "'hashaudit explain' lists all codes")
    if settings.make(JsonOption).as_json:
        print_json({"codes": [_as_object(group, code) for group, code in found]})
    else:
        width = page_columns()
        print("\n".join(_list(width) if text is None else _details(found, width)))
    return ExitCode.COMPLETE


def _all_words() -> list[str]:
    words = (word for group in GROUPS for code in group.codes for word in (code.code, code.name))
    return list(dict.fromkeys(word for word in words if word is not None))


def _as_object(group: CodeGroup, code: Code) -> dict[str, str]:
    named = {} if code.name is None else {"name": code.name}
    return {"kind": group.kind, "code": code.code, **named, "meaning": code.meaning, "action": code.action}


def _details(found: Iterable[tuple[CodeGroup, Code]], width: int) -> Iterator[str]:
    for number, (group, code) in enumerate(found):
        if number:
            yield ""
        name = "" if code.name is None else f" {code.name}"
        yield f"{code.code}{name} ({group.kind.replace('_', ' ')})"
        yield from wrapped("  meaning:    ", code.meaning, width)
        yield from wrapped("  what to do: ", code.action, width)


def _list(width: int) -> Iterator[str]:
    column = max(len(code.code) for group in GROUPS for code in group.codes) + 4
    for number, group in enumerate(GROUPS):
        if number:
            yield ""
        yield group.title
        for code in group.codes:
            yield from wrapped(f"  {code.code:<{column - 2}}", code.meaning, width)
    yield ""
    yield from wrapped("", "`hashaudit explain CODE` prints what to do about a code.", width)
