"""``hashaudit keys``: the user's signing keys."""

from typing import Annotated

import msgspec

from hashaudit.exit_codes import ExitCode
from hashaudit.scan.option import Option, options_of
from hashaudit_cli.command import command
from hashaudit_cli.findings_options import TrustOptions
from hashaudit_cli.options import JsonOption, SigningOptions, select
from hashaudit_cli.settings import Settings
from hashaudit_cli.ui.terminal import log, print_json, printable


class KeyOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options of ``keys new``."""

    path: Annotated[
        str | None,
        Option(
            "path",
            "Output path. Without it: in your configuration directory.",
            argument=True,
            metavar="PATH",
        ),
    ] = None


@command(
    "keys new",
    options_of(KeyOptions),
    select(SigningOptions, "passphrase_file", "passphrase_fd"),
    examples=(
        "hashaudit keys new",
        "hashaudit keys new case-key --passphrase-file passphrase.txt",
    ),
)
def new(settings: Settings) -> int:
    """Create an Ed25519 key: PATH (mode 0600, OpenSSH form) and PATH.pub. Nothing is ever overwritten.

    Prints the fingerprint, and the line for an *allowed_signers* file with which others can trust the key.
    Without a passphrase option the key has none; its file's mode protects it.
    """
    from hashaudit.scan.key_policy import create_key, default_key_path, identity_line
    from hashaudit_cli.passphrase import PassphraseSource

    settings.prefer_stronger("passphrase_file", "passphrase_fd")
    target = settings.make(KeyOptions).path or default_key_path()
    signing = settings.make(SigningOptions)
    source = PassphraseSource(signing.passphrase_file, signing.passphrase_fd)
    source.require()
    key = create_key(target, source.read(target) if source.is_given else None)
    print(f"key:             {printable(target)}")
    print(f"public key:      {printable(target)}.pub")
    print(f"fingerprint:     {key.fingerprint}")
    print(f"allowed_signers: {identity_line(key)}", end="")
    return 0


class ShowOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options of ``keys show``."""

    file: Annotated[
        str | None,
        Option(
            "file", "A public key, or a private key with its .pub. Without it: your own.", argument=True, metavar="FILE"
        ),
    ] = None


class TrustedKeyOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options of ``keys trust``."""

    file: Annotated[
        str,
        Option(
            "file", "A public key, or a line of allowed_signers; - is standard input.", argument=True, metavar="PUB"
        ),
    ]
    name: Annotated[
        str | None,
        Option(
            "name",
            "Trust the key under this name.",
            metavar="NAME",
            shown="the name that PUB states",
            setting="signer-name",
        ),
    ] = None
    fingerprint: Annotated[
        str | None,
        Option("fingerprint", "Refuse the key unless it has this fingerprint, SHA256:...", metavar="FINGERPRINT"),
    ] = None


@command(
    "keys show",
    options_of(ShowOptions),
    options_of(JsonOption),
    examples=("hashaudit keys show", "hashaudit keys show case-key.pub --json"),
)
def show(settings: Settings) -> int:
    """Show the fingerprint of a key, and the line for an *allowed_signers* file with which others can trust it.

    Only the public key is read, so no passphrase is needed.
    """
    from hashaudit.scan.key_inspection import own_key_path, public_half, trust_line

    path = settings.make(ShowOptions).file or own_key_path()
    offered = public_half(path)
    line = trust_line(offered)
    if settings.make(JsonOption).as_json:
        print_json({"file": path, "fingerprint": offered.key.fingerprint, "allowed_signers": line.rstrip("\n")})
    else:
        print(f"key:             {printable(path)}")
        print(f"fingerprint:     {offered.key.fingerprint}")
        print(f"allowed_signers: {line}", end="")
    return ExitCode.COMPLETE


@command(
    "keys trust",
    options_of(TrustedKeyOptions),
    select(TrustOptions, allowed_signers="Add the key to this OpenSSH allowed_signers file."),
    examples=(
        "hashaudit keys trust colleague.pub --fingerprint SHA256:BCQ1...",
        "hashaudit keys trust lab.pub --name lab@example.org --allowed-signers team_signers",
    ),
)
def trust(settings: Settings) -> int:
    """Trust the key of a signer: add its line to your *allowed_signers* file.

    The sender of the findings must not be the only source of the key. Compare the fingerprint with its owner, or
    give it with --fingerprint.
    """
    from hashaudit.scan.key_inspection import public_half
    from hashaudit.scan.key_inspection import trust as add

    own = settings.make(TrustedKeyOptions)
    offered = public_half(own.file)
    name, store, is_new = add(offered, own.name, own.fingerprint, settings.value("allowed_signers"))
    print(f"{'trusted' if is_new else 'trusted already'}: {name} with {offered.key.fingerprint} in {printable(store)}")
    if own.fingerprint is None and is_new:
        log("compare this fingerprint with the owner of the key, by another way than the one PUB came by")
    return ExitCode.COMPLETE


@command(
    "keys check",
    select(SigningOptions, "passphrase_file", "passphrase_fd", key="Check this key."),
    options_of(JsonOption),
    examples=("hashaudit keys check", "hashaudit keys check --key /etc/hashaudit/key --passphrase-file words"),
)
def check(settings: Settings) -> int:
    """Check that a key can sign: its file, owner, mode and passphrase, its public key, and your trust in it.

    Exit code 4: a scan could not sign with it, or the public key beside it is that of another key.
    """
    from hashaudit.scan.key_inspection import check_key
    from hashaudit_cli.passphrase import signing_options

    settings.prefer_stronger("passphrase_file", "passphrase_fd")
    state = check_key(signing_options(**msgspec.structs.asdict(settings.make(SigningOptions, unsigned=False))))
    if settings.make(JsonOption).as_json:
        print_json(state)
    else:
        print(f"key:         {printable(state.path)}; it can sign")
        print(f"fingerprint: {state.fingerprint}")
        agreement = "none beside it" if state.public_file is None else f"{printable(state.public_file)} agrees"
        print(f"public key:  {agreement if state.public_agrees else f'{state.public_file} IS ANOTHER KEY'}")
        names = ", ".join(map(printable, state.trusted_as))
        where = "you have no allowed_signers file" if state.trust_store is None else printable(state.trust_store)
        print(f"trusted:     {f'as {names} in {where}' if names else f'no; {where}'}")
        if not names:
            log("to verify your own findings, trust it: hashaudit keys trust, with its .pub file")
    return ExitCode.COMPLETE if state.public_agrees else ExitCode.CANNOT_START
