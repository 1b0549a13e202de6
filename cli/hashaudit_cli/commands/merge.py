"""``hashaudit merge``: combines the shards of a scan into one signed result."""

from typing import Annotated

import typer

from hashaudit_cli.exits import guarded
from hashaudit_cli.options import KeyOption, PassphraseFdOption, PassphraseFileOption


def merge(  # noqa: PLR0917 # Typer reads the command's options from its parameters
    shards: Annotated[
        list[str], typer.Argument(metavar="SHARD...", help="The findings files of all shards, in any order.")
    ],
    output: Annotated[
        str,
        typer.Option(
            "-o",
            "--output",
            metavar="FILE",
            help="Write checksums to this new FILE, signature to FILE.sig, summary to FILE.json.",
        ),
    ],
    key: KeyOption = None,
    passphrase_file: PassphraseFileOption = None,
    passphrase_fd: PassphraseFdOption = None,
    allowed_signers: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="allowed_signers file for the shards. Default: the one next to your key."),
    ] = None,
    identity: Annotated[
        str | None, typer.Option(metavar="NAME", help="The name under which the signers must be trusted.")
    ] = None,
    allow_any_signer: Annotated[
        bool, typer.Option("--allow-any-signer", help="Accept shards signed by any key.")
    ] = False,
    allow_different_root: Annotated[
        bool, typer.Option("--allow-different-root", help="Accept shards of other storage; recorded.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Combine the findings files of `scan --shard 1/N` to `scan --shard N/N`.

    Verifies each shard and names any that is missing, repeated, modified or unfinished, or has other lists or options.
    FILE contains checksums, so the whole can be checked with `sha256sum -c FILE` and `ssh-keygen -Y verify`.
    The exit code is that of the whole scan.

    `hashaudit merge part-*.jsonl -o whole`
    """

    def body() -> int:
        from hashaudit.errors import SigningKeyError  # noqa: PLC0415 # start-up: --help needs none of this
        from hashaudit.scan.trust_policy import choose_trust  # noqa: PLC0415 # as above
        from hashaudit_cli.commands.merge_body import run_merge  # noqa: PLC0415 # as above
        from hashaudit_cli.passphrase import signing_options  # noqa: PLC0415 # as above

        trust = choose_trust(
            allowed_signers=allowed_signers, identity=identity, key=None, allow_any_signer=allow_any_signer
        )
        if trust is None and not allow_any_signer:
            raise SigningKeyError(
                "cannot trust the signers of the shards; no allowed_signers file names them",
                hint="name one with --allowed-signers, or accept shards signed by any key with --allow-any-signer",
            )
        signing = signing_options(key, passphrase_file, passphrase_fd)
        return run_merge(
            shards, output, trust=trust, signing=signing, allow_different_root=allow_different_root, as_json=as_json
        )

    raise typer.Exit(guarded(body))
