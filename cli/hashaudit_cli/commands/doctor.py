"""``hashaudit doctor``: checks if this host is ready for a scan."""

from typing import Annotated

import msgspec

from hashaudit.scan.config import ScanConfig
from hashaudit.scan.option import Group, Option, options_of
from hashaudit_cli.options import JsonOption, SigningOptions, application, command, examples, select
from hashaudit_cli.settings import Settings

app = application()


class DoctorOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options of the command, besides those of the planned scan."""

    output: Annotated[
        str | None,
        Option("output", "Check the place of this findings file.", Group.OUTPUT, short="o", metavar="FILE"),
    ] = None


@app.command(epilog=examples("hashaudit doctor /srv --list bad.txt -o findings.jsonl"))
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
)
def doctor(settings: Settings) -> int:
    """Check this host before a scan: active protections, speed, and what to fix.

    Use the options of the planned scan. Exit code 0: a scan can start (there may be warnings).
    4: a scan could not start, or its result would be wrong.
    """
    from hashaudit_cli.commands.doctor_body import run_doctor  # noqa: PLC0415 # start-up: --help needs none of this

    config = settings.make(ScanConfig)
    return run_doctor(
        config.roots,
        config.lists,
        key=settings.make(SigningOptions).key,
        output=settings.make(DoctorOptions).output,
        as_json=settings.make(JsonOption).as_json,
    )
