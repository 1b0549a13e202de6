"""``hashaudit explain``: the meaning of a code, and what to do about it."""

from typing import Annotated

import typer

from hashaudit_cli.exits import guarded


def explain(
    code: Annotated[
        str | None, typer.Argument(metavar="[CODE]", help="A code of a record, or an exit code. Default: list all.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Explain a fault code, skip reason, caveat, fault stage, consistency value or exit code.

    `hashaudit explain worker_crashed`

    `hashaudit explain 16`
    """

    def body() -> int:
        from hashaudit_cli.commands.explain_body import run_explain  # noqa: PLC0415 # start-up: --help needs none of this

        return run_explain(code, as_json=as_json)

    raise typer.Exit(guarded(body))
