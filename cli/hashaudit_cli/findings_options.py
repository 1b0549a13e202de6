"""The options that commands about existing findings files share."""

from typing import Annotated

import msgspec

from hashaudit.report.redaction import Redact
from hashaudit.scan.option import Group, Option


class FindingsArgument(msgspec.Struct, frozen=True, kw_only=True):
    """The argument of commands that read findings files."""

    files: Annotated[
        tuple[str, ...],
        Option("findings", "Findings files, or results of merge -o.", argument=True, metavar="FILE", is_input=True),
    ]


class MarkingOption(msgspec.Struct, frozen=True, kw_only=True):
    """The option of commands that write pages for people."""

    marking: Annotated[
        str,
        Option("marking", "Put this text above and below the page, such as RESTRICTED.", Group.OUTPUT, metavar="TEXT"),
    ] = ""


class RedactOption(msgspec.Struct, frozen=True, kw_only=True):
    """The option of reports that can hide what they say of files."""

    redact: Annotated[
        tuple[Redact, ...],
        Option("redact", "Hide paths, names, labels or digests.", Group.OUTPUT, metavar="KIND"),
    ] = ()


class TrustOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options of commands that verify signatures."""

    allowed_signers: Annotated[
        str | None,
        Option(
            "allowed-signers",
            "Trust the signers in this OpenSSH allowed_signers file.",
            metavar="FILE",
            shown="the file next to your own key",
        ),
    ] = None
    identity: Annotated[
        str | None,
        Option("identity", "Require a signer that is trusted under this name.", metavar="NAME", shown="any name"),
    ] = None
    allow_any_signer: Annotated[
        bool, Option("allow-any-signer", "Check integrity only, and accept any signer (exit code 3).")
    ] = False


class SignerOption(msgspec.Struct, frozen=True, kw_only=True):
    """The option that names the only accepted signer."""

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


HOW_TO_TRUST = (
    "get the signer's public key or its fingerprint (SHA256:...) from the signer, then pass it with --key; "
    "--allow-any-signer checks integrity only"
)
"""The hint where nobody vouches for a signer."""
