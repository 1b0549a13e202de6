"""``hashaudit doctor``: checks if this host is ready for a scan."""

import os
import socket
import time
from collections.abc import Iterable, Sequence
from typing import Annotated

import msgspec

from hashaudit import __version__
from hashaudit.doctor.check import Check, State, worst_state
from hashaudit.errors import SigningKeyError
from hashaudit.exit_codes import ExitCode
from hashaudit.model import paths
from hashaudit.model.counted import counted
from hashaudit.scan.config import ScanConfig
from hashaudit.scan.option import Group, Option, options_of
from hashaudit_cli.command import command
from hashaudit_cli.options import JsonOption, SigningOptions, select
from hashaudit_cli.settings import Settings
from hashaudit_cli.ui.terminal import page_columns, printable, quote, wrapped

FORM_VERSION = 1
"""``v`` of the JSON form."""

MARKS = {State.OK: "ok     ", State.WARNING: "warning", State.PROBLEM: "PROBLEM"}


class DoctorOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options of the command, besides those of the planned scan."""

    output: Annotated[
        str | None,
        Option("output", "Check the place of this findings file.", Group.OUTPUT, short="o", metavar="FILE"),
    ] = None


@command(
    "doctor",
    select(
        ScanConfig,
        roots="Directories and files of the planned scan.",
        deny_lists="Check this list of hashes to match.",
        known_lists="Check this list of known files.",
    ),
    select(SigningOptions, key="Check this signing key."),
    options_of(DoctorOptions),
    select(JsonOption, as_json="Print one JSON object (docs/guides/doctor.md)."),
    examples=("hashaudit doctor /srv --list bad.txt -o findings.jsonl",),
)
def doctor(settings: Settings) -> int:
    """Check this host before a scan: active protections, speed, and what to fix.

    Use the options of the planned scan. Exit code 0: a scan can start (there may be warnings).
    4: a scan could not start, or its result would be wrong.
    """
    from hashaudit.doctor.checks import Subject, examine
    from hashaudit.scan.key_policy import KEY_VARIABLE

    config = settings.make(ScanConfig)
    stated = settings.make(SigningOptions).key or os.environ.get(KEY_VARIABLE) or None
    output = settings.make(DoctorOptions).output
    checks = tuple(examine(Subject(config.roots, config.lists, stated or _own_key(), stated is None, output)))
    state = worst_state(checks)
    code = ExitCode.CANNOT_START if state is State.PROBLEM else ExitCode.COMPLETE
    print(_as_json(checks, state, code) if settings.make(JsonOption).as_json else _page(checks))
    return code


def _own_key() -> str | None:
    from hashaudit.scan.key_policy import default_key_path

    try:
        return default_key_path()
    except SigningKeyError:
        return None


def _page(checks: Sequence[Check]) -> str:
    width = page_columns()
    lines: list[str] = []
    for check in checks:
        subject = f"{quote(check.subject)}: " if check.subject is not None else ""
        text = printable(f"{subject}{check.found}")
        lines += wrapped(f"{MARKS[check.state]}  {check.name:<26} ", text, width)
        if check.advice is not None:
            lines += wrapped(f"{'':9}{'':26} -> ", printable(check.advice), width)
    problems = sum(check.state is State.PROBLEM for check in checks)
    warnings = sum(check.state is State.WARNING for check in checks)
    lines.append(f"{counted(problems, 'problem')}, {counted(warnings, 'warning')}")
    return "\n".join(lines)


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
