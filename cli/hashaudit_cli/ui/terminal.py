"""Messages for people: on standard error, with everything that could control a terminal escaped."""

import contextlib
import os
import sys
import textwrap
from collections.abc import Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

import msgspec

from hashaudit.errors import OutputError
from hashaudit.model.paths import for_terminal
from hashaudit.model.secret_masking import mask_message
from hashaudit.record.output import Output
from hashaudit_cli.ui.colors import painted
from hashaudit_cli.ui.streams import STANDARD_OUTPUT, opened_in_place

NARROWEST_COLUMNS = 60


def log_as_json() -> None:
    """Makes every further message a line of JSON."""
    import json  # noqa: F401, PLC0415 # loaded here, where a failure ends the command before it has begun

    _form.is_json = True


def logs_json() -> bool:
    """Returns whether messages are lines of JSON."""
    return _form.is_json


class _Form:
    is_json = False


_form = _Form()


def log(text: str, **fields: object) -> None:
    """Writes one line to standard error, escaping names from lists and directories.

    Secrets in it are masked. A closed or full standard error does not change what the command does.

    Args:
        text: for people.
        fields: what a line of JSON has besides the text.
    """
    _write(f"hashaudit: {painted(printable(mask_message(text)))}", text, fields)


def _write(line: str, text: str, fields: Mapping[str, object]) -> None:
    if _form.is_json:
        level, _, rest = text.partition(": ")
        if level not in {"error", "warning"}:
            level, rest = "warning" if level in {"finding", "fault"} else "info", text
        time = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        import json  # noqa: PLC0415 # start-up: few programs read the messages

        # Lone surrogates and everything that could control a terminal become escapes.
        line = json.dumps({"time": time, "level": level, "message": mask_message(rest), **fields})
    with contextlib.suppress(OSError, ValueError):
        print(line, file=sys.stderr, flush=True)


class HeldWarnings:
    """A context manager that holds warnings back: with ``-q``, nothing is printed if and only if the exit code is 0."""

    def __init__(self) -> None:
        self._texts: list[str] | None = []

    def __enter__(self) -> Self:
        _holding.append(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _holding.remove(self)
        if error is not None:
            self.release()

    def add(self, text: str) -> None:
        """Takes a warning: holds it, or prints it after :meth:`release`."""
        if self._texts is None:
            log(text)
        else:
            self._texts.append(text)

    def release(self) -> None:
        """Prints what is held, and everything from now on at once."""
        texts, self._texts = self._texts or [], None
        for text in texts:
            log(text)


_holding: list[HeldWarnings] = []
"""The innermost one is last."""


def warn(text: str) -> None:
    """Writes a warning, which alone is no reason for an exit code, as :func:`log` does, or holds it back."""
    if _holding:
        _holding[-1].add(text)
    else:
        log(text)


def printable(text: str) -> str:
    """Returns the text with everything that could control a terminal escaped. Existing escapes stay as they are."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


def log_error(text: str, hint: str | None = None) -> None:
    """Writes what went wrong, and on a second line what to do about it, to standard error."""
    if _form.is_json:
        log(f"error: {text}", **({} if hint is None else {"hint": mask_message(hint)}))
        return
    log(f"error: {text}")
    if hint is not None:
        with contextlib.suppress(OSError, ValueError):
            print(painted(f"hint: {printable(mask_message(hint))}"), file=sys.stderr, flush=True)


def quote(raw: bytes) -> str:
    """Returns a path in a form that is safe on a terminal."""
    return for_terminal(raw)


class TerminalOutput(Output):
    """Standard output that is a terminal. Everything that could control it is escaped."""

    def write(self, data: bytes) -> None:
        """Writes all of ``data``, which consists of whole lines.

        Raises:
            OutputError: as :meth:`hashaudit.record.output.Output.write`.
        """
        text = data.decode(errors="surrogateescape")
        # A backslash stays: what is escaped already by the format of the lines keeps its form.
        shown = (one if one in "\\\n" or one.isprintable() else _escape(one) for one in text)
        super().write("".join(shown).encode())


def _escape(character: str) -> str:
    return for_terminal(character.encode(errors="surrogateescape"))


def standard_output() -> Output:
    """Returns standard output as an output for results; a pipe and a file get them exactly.

    Raises:
        OutputError: the caller closed it.
    """
    if STANDARD_OUTPUT in opened_in_place:
        raise OutputError("standard output is closed", hint="write to a file with -o")
    return (TerminalOutput if os.isatty(STANDARD_OUTPUT) else Output).of_descriptor(STANDARD_OUTPUT)


def null_output(stack: contextlib.ExitStack) -> Output:
    """Returns an output that keeps nothing, and which ``stack`` closes."""
    descriptor = os.open(os.devnull, os.O_WRONLY)
    stack.callback(os.close, descriptor)
    return Output.of_descriptor(descriptor)


def print_json(value: object) -> None:
    """Prints a value as indented JSON."""
    print(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def page_columns() -> int:
    """Returns the width of wrapped text: that of the terminal, but not less than :data:`NARROWEST_COLUMNS`."""
    import shutil  # noqa: PLC0415 # start-up: it imports three compressions

    return max(NARROWEST_COLUMNS, shutil.get_terminal_size().columns)


def wrapped(begin: str, text: str, columns: int) -> list[str]:
    """Returns the lines of a text behind ``begin``, which the further lines are indented by."""
    return textwrap.wrap(
        text, columns, initial_indent=begin, subsequent_indent=" " * len(begin), break_on_hyphens=False
    ) or [begin]


def bytes_shown(number: float) -> str:
    """A number of bytes in the unit that keeps it short: ``1.5 GiB``."""
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if abs(number) < 1024:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1024
    return f"{number:.1f} PiB"
