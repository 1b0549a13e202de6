"""The body of ``doctor``: runs the checks and shows their results, for people or as JSON."""

import os
import shutil
import socket
import textwrap
import time
from collections.abc import Iterable, Sequence

import msgspec

from hashaudit import __version__
from hashaudit.doctor.check import Check, State, worst_state
from hashaudit.doctor.checks import Subject, examine
from hashaudit.errors import SigningKeyError
from hashaudit.exit_codes import ExitCode
from hashaudit.lists.interface import ListSpec
from hashaudit.model import paths
from hashaudit.scan.key_policy import KEY_VARIABLE, default_key_path
from hashaudit_cli.ui.terminal import counted, printable, quote

FORM_VERSION = 1
"""``v`` of the JSON form."""

MARKS = {State.OK: "ok     ", State.WARNING: "warning", State.PROBLEM: "PROBLEM"}
NARROWEST_COLUMNS = 60


def run_doctor(
    roots: tuple[bytes, ...], lists: tuple[ListSpec, ...], *, key: str | None, output: str | None, as_json: bool
) -> int:
    """Prints the page; gives 4 where anything is a problem."""
    stated = key or os.environ.get(KEY_VARIABLE) or None
    subject = Subject(roots, lists, stated or _own_key(), stated is None, output)
    checks = tuple(examine(subject))
    state = worst_state(checks)
    code = ExitCode.CANNOT_START if state is State.PROBLEM else ExitCode.COMPLETE
    print(_as_json(checks, state, code) if as_json else _page(checks))
    return code


def _own_key() -> str | None:
    try:
        return default_key_path()
    except SigningKeyError:
        return None


def _page(checks: Sequence[Check]) -> str:
    width = max(NARROWEST_COLUMNS, shutil.get_terminal_size().columns)
    lines: list[str] = []
    for check in checks:
        subject = f"{quote(check.subject)}: " if check.subject is not None else ""
        text = printable(f"{subject}{check.found}")
        lines += _wrapped(f"{MARKS[check.state]}  {check.name:<26} ", text, width)
        if check.advice is not None:
            lines += _wrapped(f"{'':9}{'':26} -> ", printable(check.advice), width)
    problems = sum(check.state is State.PROBLEM for check in checks)
    warnings = sum(check.state is State.WARNING for check in checks)
    lines.append(f"{counted(problems, 'problem')}, {counted(warnings, 'warning')}")
    return "\n".join(lines)


def _wrapped(begin: str, text: str, width: int) -> list[str]:
    return textwrap.wrap(
        text, width, initial_indent=begin, subsequent_indent=" " * len(begin), break_on_hyphens=False
    ) or [begin]


def _as_json(checks: Iterable[Check], state: State, code: ExitCode) -> str:
    page = {
        "v": FORM_VERSION,
        "tool": {"name": "hashaudit", "version": __version__},
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "host": socket.gethostname(),
        "state": state,
        "exit_code": int(code),
        "checks": [_as_fields(check) for check in checks],
    }
    return msgspec.json.encode(page).decode()


def _as_fields(check: Check) -> dict[str, str | None]:
    subject, exact = paths.to_text(check.subject) if check.subject is not None else (None, None)
    fields: dict[str, str | None] = {
        "name": check.name,
        "state": check.state,
        "found": printable(check.found),
        "advice": None if check.advice is None else printable(check.advice),
        "subject": subject,
    }
    return fields if exact is None else fields | {"subject_uri": exact}
