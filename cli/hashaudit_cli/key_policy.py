"""Which key signs, where its passphrase comes from, and the user's own key that is made at first use."""

import getpass
import os
import socket
import sys

import msgspec

from hashaudit.errors import SigningKeyError, UsageError
from hashaudit.host.private_files import append_private, make_private_directories, other_writer
from hashaudit.signing.key_files import SigningKey, allowed_signers_line, load_key, new_key
from hashaudit_cli.ui.terminal import log, printable, quote

KEY_VARIABLE = "HASHAUDIT_KEY"
CREDENTIAL_NAME = "hashaudit-passphrase"
"""Of a systemd credential (systemd.exec(5), LoadCredential=)."""

MAX_PASSPHRASE_BYTES = 4096


class Signing(msgspec.Struct, frozen=True):
    """What the command line says about signing."""

    key: str | None = None
    unsigned: bool = False
    passphrase_file: str | None = None
    passphrase_fd: int | None = None


def config_folder() -> str:
    """The user's configuration folder for hashaudit (XDG Base Directory Specification)."""
    base = os.environ.get("XDG_CONFIG_HOME", "")
    if not os.path.isabs(base):  # the specification says to pass a relative one over
        base = os.path.join(os.path.expanduser("~"), ".config")
    if not os.path.isabs(base) or base == "/.config":
        raise SigningKeyError(
            "there is no home folder to keep a signing key in: name one with --key, or give --unsigned"
        )
    return os.path.join(base, "hashaudit")


def default_key_path() -> str:
    """Where the user's own key is."""
    return os.path.join(config_folder(), "signing_key")


def default_allowed_signers_path() -> str:
    """Where the line that trusts the user's own key is."""
    return os.path.join(config_folder(), "allowed_signers")


def own_trust_store() -> str | None:
    """Returns the path of the user's own ``allowed_signers``; ``None`` if there is none.

    Raises:
        SigningKeyError: it cannot be examined, or another user could have written it.
    """
    path = default_allowed_signers_path()
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise SigningKeyError(f"cannot examine your allowed signers: '{printable(path)}'; {error.strerror}") from error
    try:
        shared = other_writer(path)
    except OSError as error:
        raise SigningKeyError(f"cannot examine your allowed signers: '{printable(path)}'; {error.strerror}") from error
    if shared is not None:
        raise SigningKeyError(
            f"cannot trust your allowed signers: '{printable(path)}'; another user owns or can write "
            f"'{printable(shared)}'",
            hint=f"check what it holds, then run chown and chmod go-w on '{printable(shared)}'; "
            "or name a trust store with --allowed-signers",
        )
    return path


def load_signer(signing: Signing, *, quiet: bool) -> SigningKey | None:
    """Returns the key that signs, or ``None`` for an unsigned scan. Creates the user's own key at first use.

    Raises:
        SigningKeyError: the key cannot be used.
        UsageError: ``--key`` and ``--unsigned`` were both given.
    """
    if signing.unsigned:
        if signing.key is not None:
            raise UsageError("--key and --unsigned contradict each other")
        return None
    path = signing.key or os.environ.get(KEY_VARIABLE) or None
    if path is None:
        path = default_key_path()
        if not os.path.lexists(path):
            key = _make_own_key(path)
            if key is not None:
                if not quiet:
                    line = identity_line(key).strip()
                    log(f"made your signing key {path}, {key.fingerprint}; others can trust it with: {line}")
                return key
    return load_key(path, lambda: read_passphrase(signing, path))


def _make_own_key(path: str) -> SigningKey | None:
    """Creates the user's own key; returns ``None`` if another process has just done so."""
    try:
        return make_key(path)
    except SigningKeyError:
        # Several first scans start at once: the jobs of an array, the entries of a crontab. They share one key.
        if os.path.lexists(path):
            return None
        raise


def make_key(path: str, passphrase: bytes | None = None) -> SigningKey:
    """Creates a key with its directory; for the user's own key, the ``allowed_signers`` beside it too.

    Raises:
        SigningKeyError: it cannot be created.
    """
    try:
        make_private_directories(os.path.dirname(os.path.abspath(path)))
    except OSError as error:
        raise SigningKeyError(f"cannot create the directory of: '{printable(path)}'; {error.strerror}") from error
    key = new_key(path, identity(), passphrase)
    if path == default_key_path():
        try:
            append_private(default_allowed_signers_path(), identity_line(key).encode("ascii"))
        except OSError as error:
            store = printable(default_allowed_signers_path())
            raise SigningKeyError(f"cannot write: '{store}'; {error.strerror}") from error
    return key


def identity() -> str:
    """``user@host``: the name under which this user's key is offered for trust."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError, ImportError):
        user = "uid-" + str(os.geteuid()) if hasattr(os, "geteuid") else "user"
    name = f"{user}@{socket.gethostname() or 'localhost'}"
    return "".join(letter if letter.isascii() and (letter.isalnum() or letter in "@.-_") else "-" for letter in name)


def identity_line(key: SigningKey) -> str:
    """The line of ``allowed_signers`` that trusts a key under this user's name."""
    return allowed_signers_line(key.public_key, identity())


def read_passphrase(signing: Signing, path: str) -> bytes:
    """A passphrase from the descriptor or file that the user names, a systemd credential, or a prompt.

    Raises:
        SigningKeyError: there is none to be had.
    """
    credentials = os.environ.get("CREDENTIALS_DIRECTORY")
    credential = os.path.join(credentials, CREDENTIAL_NAME) if credentials else None
    place: str | int | None = signing.passphrase_fd if signing.passphrase_fd is not None else signing.passphrase_file
    if place is None and credential is not None and os.path.exists(credential):
        place = credential
    if place is not None:
        return _first_line(place)
    if not sys.stdin.isatty():
        raise SigningKeyError(
            f"{path} has a passphrase and there is no terminal to ask on: give --passphrase-file or --passphrase-fd"
        )
    return getpass.getpass(f"Passphrase for {quote(os.fsencode(path))}: ").encode()


def _first_line(place: str | int) -> bytes:
    try:
        with open(place, "rb") as file:
            line = file.readline(MAX_PASSPHRASE_BYTES)
    except OSError as error:
        raise SigningKeyError(f"cannot read the passphrase from {place}: {error.strerror}") from error
    return line.rstrip(b"\r\n")
