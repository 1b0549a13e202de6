"""``hashaudit keys``: the user's signing keys."""

from typing import Annotated

import typer

from hashaudit_cli.exits import guarded
from hashaudit_cli.options import PassphraseFdOption, PassphraseFileOption

app = typer.Typer(no_args_is_help=True, help="Make the keys that findings are signed with.", add_completion=False)


@app.callback()
def keys() -> None:
    """Make the keys that findings are signed with."""


@app.command("new")
def new(
    path: Annotated[
        str | None, typer.Argument(metavar="[PATH]", help="Where to; default: your configuration folder.")
    ] = None,
    passphrase_file: PassphraseFileOption = None,
    passphrase_fd: PassphraseFdOption = None,
) -> None:
    """Make an Ed25519 key: PATH (mode 0600, OpenSSH form) and PATH.pub. Nothing is ever overwritten.

    Prints the fingerprint, and the line for an *allowed_signers* file with which others can trust the key.
    Without a passphrase option the key has none; its file's mode protects it.
    """

    def body() -> int:
        # Start-up: --help needs none of this.
        from hashaudit_cli.key_policy import (  # noqa: PLC0415 # as above
            Signing,
            default_key_path,
            identity_line,
            make_key,
            read_passphrase,
        )
        from hashaudit_cli.ui.terminal import printable  # noqa: PLC0415 # as above

        target = path or default_key_path()
        signing = Signing(passphrase_file=passphrase_file, passphrase_fd=passphrase_fd)
        given = passphrase_file is not None or passphrase_fd is not None
        key = make_key(target, read_passphrase(signing, target) if given else None)
        print(f"key:             {printable(target)}")
        print(f"public key:      {printable(target)}.pub")
        print(f"fingerprint:     {key.fingerprint}")
        print(f"allowed_signers: {identity_line(key)}", end="")
        return 0

    raise typer.Exit(guarded(body))
