"""``hashaudit merge``: combines the shards of a scan into one signed result."""

from typing import Annotated

import msgspec

from hashaudit.errors import SigningKeyError
from hashaudit.scan.option import Group, Option, options_of
from hashaudit_cli.options import JsonOption, SigningOptions, TrustOptions, application, command, examples, select
from hashaudit_cli.settings import Settings

app = application()


class MergeOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options of the command."""

    shards: Annotated[
        tuple[str, ...],
        Option("shards", "Findings files of all shards, in any order.", argument=True, metavar="SHARD"),
    ]
    output: Annotated[
        str,
        Option(
            "output",
            "Write checksums to this new file, the signature to FILE.sig, and a summary to FILE.json.",
            Group.OUTPUT,
            short="o",
            metavar="FILE",
        ),
    ]
    allow_different_root: Annotated[
        bool,
        Option("allow-different-root", "Accept shards of other storage; the difference is recorded.", Group.OUTPUT),
    ] = False


@app.command(epilog=examples("hashaudit merge part-*.jsonl -o whole"))
@command(
    "merge",
    options_of(MergeOptions),
    select(SigningOptions, "key", "passphrase_file", "passphrase_fd"),
    select(
        TrustOptions,
        "allowed_signers",
        identity="Require signers that are trusted under this name.",
        allow_any_signer="Accept shards signed by any key.",
    ),
    options_of(JsonOption),
)
def merge(settings: Settings) -> int:
    """Combine the findings files of `scan --shard 1/N` to `scan --shard N/N`.

    Each shard is verified. A missing, repeated, altered or unfinished shard is reported, and so is one with other
    lists or options. FILE has checksums, so `sha256sum -c FILE` and `ssh-keygen -Y verify` check the whole.
    The exit code is that of the whole scan.
    """
    # Start-up: --help needs none of this.
    from hashaudit.scan.trust_policy import choose_trust  # noqa: PLC0415 # as above
    from hashaudit_cli.commands.merge_body import run_merge  # noqa: PLC0415 # as above
    from hashaudit_cli.passphrase import signing_options  # noqa: PLC0415 # as above

    settings.prefer_stronger("passphrase_file", "passphrase_fd")
    own, stated = settings.make(MergeOptions), settings.make(TrustOptions)
    trust = choose_trust(**msgspec.structs.asdict(stated), key=None)
    if trust is None and not stated.allow_any_signer:
        raise SigningKeyError(
            "cannot trust the signers of the shards; no allowed_signers file names them",
            hint="name one with --allowed-signers, or accept shards signed by any key with --allow-any-signer",
        )
    signing = signing_options(**msgspec.structs.asdict(settings.make(SigningOptions)))
    return run_merge(
        own.shards,
        own.output,
        trust=trust,
        signing=signing,
        allow_different_root=own.allow_different_root,
        as_json=settings.make(JsonOption).as_json,
    )
