"""``hashaudit doctor``: checks this host before a scan."""

from typing import Annotated

import typer

from hashaudit_cli.exits import guarded
from hashaudit_cli.options import KeyOption, list_specs, raw


def doctor(  # noqa: PLR0917 # Typer reads the command's options from its parameters
    roots: Annotated[list[str] | None, typer.Argument(metavar="[ROOT]...", help="Roots of the planned scan.")] = None,
    deny: Annotated[list[str] | None, typer.Option("--list", metavar="LIST", help="A list of hashes to match.")] = None,
    known: Annotated[list[str] | None, typer.Option(metavar="LIST", help="A list of known files.")] = None,
    key: KeyOption = None,
    output: Annotated[
        str | None, typer.Option("-o", "--output", metavar="FILE", help="Findings file of the planned scan.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object (docs/guides/doctor.md).")] = False,
) -> None:
    """Check this host before a scan: active protections, speed, resources, and what to fix.

    Give it the options of the planned scan. Exit code 0: no problem (there may be warnings); 4: the scan could not
    start, or its result would be wrong.

    `hashaudit doctor /srv --list bad.txt -o findings.jsonl`
    """

    def body() -> int:
        from hashaudit_cli.commands.doctor_body import run_doctor  # noqa: PLC0415 # start-up: --help needs none of this

        return run_doctor(
            tuple(raw(root) for root in roots or ()),
            list_specs(deny or [], known or []),
            key=key,
            output=output,
            as_json=as_json,
        )

    raise typer.Exit(guarded(body))
