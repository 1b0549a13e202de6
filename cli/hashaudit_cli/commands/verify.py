"""``hashaudit verify``: what a findings file proves, and what it does not."""

from typing import Annotated

import msgspec

from hashaudit.scan.option import Option, options_of
from hashaudit_cli.options import JsonOption, TrustOptions, application, command, examples
from hashaudit_cli.settings import Settings

app = application()


class VerifyOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options of the command."""

    files: Annotated[
        tuple[str, ...],
        Option(
            "files",
            "Findings files, or results of merge -o. FILE.sig next to each is checked too.",
            argument=True,
            metavar="FILE",
        ),
    ]
    signer: Annotated[
        str | None,
        Option(
            "key",
            "Accept only this public key: its file or its fingerprint.",
            metavar="PUB",
            setting="signer",
            shown="any trusted key",
        ),
    ] = None


@app.command(
    epilog=examples("hashaudit verify findings.jsonl", "hashaudit verify findings.jsonl --allowed-signers team_signers")
)
@command("verify", options_of(VerifyOptions), options_of(TrustOptions), options_of(JsonOption))
def verify(settings: Settings) -> int:
    """Check findings files: every line, the chain, every signature, the totals and the end.

    Prints what is proven and what is not. Exit code 0: everything verifies, and you trust the signer. 3: intact, signer
    unknown (--allow-any-signer). 4: something does not verify; the output names each damaged segment with its lines,
    and the records that are still proven. With several files, the worst code counts.

    The same can be checked with ssh-keygen, jq and sha256sum alone: see docs/reference/findings-format.md.
    """
    from hashaudit_cli.commands.verify_body import run_verify  # noqa: PLC0415 # start-up: --help needs none of this

    own, trust = settings.make(VerifyOptions), settings.make(TrustOptions)
    return run_verify(
        own.files,
        allowed_signers=trust.allowed_signers,
        identity=trust.identity,
        key=own.signer,
        allow_any_signer=trust.allow_any_signer,
        as_json=settings.make(JsonOption).as_json,
    )
