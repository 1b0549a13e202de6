"""``hashaudit keys``: the user's signing keys."""

from typing import Annotated

import typer

from hashaudit_cli.exits import guarded
from hashaudit_cli.options import PassphraseFdOption, PassphraseFileOption

app = typer.Typer(no_args_is_help=True, help="Create keys to sign findings with.", add_completion=False)


@app.callback()
def keys() -> None:
    """Create keys to sign findings with."""


@app.command("new")
def new(
    path: Annotated[
        str | None, typer.Argument(metavar="[PATH]", help="Output path (default: your config directory).")
    ] = None,
    passphrase_file: PassphraseFileOption = None,
    passphrase_fd: PassphraseFdOption = None,
) -> None:
    """Create an Ed25519 key: PATH (mode 0600, OpenSSH form) and PATH.pub. Never overwrites a file.

    Prints the fingerprint, and the line for an *allowed_signers* file with which others can trust the key.
    Without a passphrase option the key has none, and only the mode of its file protects it.
    """

    def body() -> int:
        # Start-up: --help needs none of this.
        from hashaudit.scan.key_policy import create_key, default_key_path, identity_line  # noqa: PLC0415 # as above
        from hashaudit_cli.passphrase import PassphraseSource  # noqa: PLC0415 # as above
        from hashaudit_cli.ui.terminal import printable  # noqa: PLC0415 # as above

        target = path or default_key_path()
        source = PassphraseSource(passphrase_file, passphrase_fd)
        key = create_key(target, source.read(target) if source.is_given else None)
        print(f"key:             {printable(target)}")
        print(f"public key:      {printable(target)}.pub")
        print(f"fingerprint:     {key.fingerprint}")
        print(f"allowed_signers: {identity_line(key)}", end="")
        return 0

    raise typer.Exit(guarded(body))
