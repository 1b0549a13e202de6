"""``hashaudit verify``: checks a findings file."""

from typing import Annotated

import typer

from hashaudit_cli.exits import guarded


def verify(  # noqa: PLR0917 # Typer reads the command's options from its parameters
    file: Annotated[str, typer.Argument(metavar="FILE", help="The findings file; FILE.sig beside it is checked too.")],
    allowed_signers: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="allowed_signers file. Default: the one next to your key.",
        ),
    ] = None,
    identity: Annotated[
        str | None, typer.Option(metavar="NAME", help="The name under which the signer must be trusted.")
    ] = None,
    key: Annotated[str | None, typer.Option(metavar="PUB", help="The public key that must have signed.")] = None,
    allow_any_signer: Annotated[
        bool,
        typer.Option("--allow-any-signer", help="Check integrity only; accept any signer."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")] = False,
) -> None:
    """Check a findings file: every line, the chain, every signature, the totals and the end.

    Prints what is proven and what is not. Exit code 0: everything verifies. 4: something does not; the output names
    each damaged segment with its lines, and the records that are still proven.

    The same can be checked with ssh-keygen, jq and sha256sum alone: see docs/reference/findings-format.md.
    """

    def body() -> int:
        from hashaudit_cli.commands.verify_body import run_verify  # noqa: PLC0415 # start-up: --help needs none of this

        return run_verify(
            file,
            allowed_signers=allowed_signers,
            identity=identity,
            key=key,
            allow_any_signer=allow_any_signer,
            as_json=as_json,
        )

    raise typer.Exit(guarded(body))
