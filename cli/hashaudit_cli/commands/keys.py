"""``hashaudit keys``: the user's signing keys."""

from typing import Annotated

import msgspec

from hashaudit.scan.option import Option, options_of
from hashaudit_cli.command import command
from hashaudit_cli.options import SigningOptions, select
from hashaudit_cli.settings import Settings


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
    from hashaudit_cli.ui.terminal import printable

    settings.prefer_stronger("passphrase_file", "passphrase_fd")
    target = settings.make(KeyOptions).path or default_key_path()
    signing = settings.make(SigningOptions)
    source = PassphraseSource(signing.passphrase_file, signing.passphrase_fd)
    key = create_key(target, source.read(target) if source.is_given else None)
    print(f"key:             {printable(target)}")
    print(f"public key:      {printable(target)}.pub")
    print(f"fingerprint:     {key.fingerprint}")
    print(f"allowed_signers: {identity_line(key)}", end="")
    return 0
