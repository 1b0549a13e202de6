"""``hashaudit verify``: checks a findings file."""

from typing import Annotated

import typer

from hashaudit_cli.exits import guarded


def verify(  # noqa: PLR0917 # Typer reads the command's options from its parameters
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE...", help="Findings files, or results of merge -o; FILE.sig beside each is checked too."
        ),
    ],
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
    key: Annotated[
        str | None,
        typer.Option(metavar="PUB", help="The only accepted public key, or its fingerprint."),
    ] = None,
    allow_any_signer: Annotated[
        bool,
        typer.Option("--allow-any-signer", help="Check integrity only; accept any signer (exit code 3)."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")] = False,
) -> None:
    """Check findings files: every line, the chain, every signature, the totals and the end.

    Prints what is proven and what is not. Exit code 0: everything verifies, and you trust the signer. 3: intact, signer
    unknown (--allow-any-signer). 4: something does not verify; the output names each damaged segment with its lines,
    and the records that are still proven. With several files, the worst code counts.

    The same can be checked with ssh-keygen, jq and sha256sum alone: see docs/reference/findings-format.md.
    """

    def body() -> int:
        from hashaudit_cli.commands.verify_body import run_verify  # noqa: PLC0415 # start-up: --help needs none of this

        return run_verify(
            files,
            allowed_signers=allowed_signers,
            identity=identity,
            key=key,
            allow_any_signer=allow_any_signer,
            as_json=as_json,
        )

    raise typer.Exit(guarded(body))
