"""``hashaudit doctor``: is this host fit for a scan, and what to do about it."""

from typing import Annotated

import typer

from hashaudit_cli.exits import guarded
from hashaudit_cli.options import KeyOption, list_specs, raw


def doctor(  # noqa: PLR0917 # Typer reads the command's options from its parameters
    roots: Annotated[list[str] | None, typer.Argument(metavar="[ROOT]...", help="What would be scanned.")] = None,
    deny: Annotated[
        list[str] | None, typer.Option("--list", metavar="LIST", help="A list of hashes that would be looked for.")
    ] = None,
    known: Annotated[list[str] | None, typer.Option(metavar="LIST", help="A list of known files.")] = None,
    key: KeyOption = None,
    output: Annotated[
        str | None, typer.Option("-o", "--output", metavar="FILE", help="Where the findings would go.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object (docs/guides/doctor.md).")] = False,
) -> None:
    """Look at this host before a scan: what is in force, how fast it is, and what to do about what is not right.

    Give it the words of the scan that is planned. Exit code 0: nothing stands against it (there may be warnings);
    4: a scan could not start, or its result would be wrong.

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
