"""Chooses the key that signs, and creates the user's own key at first use."""

import contextlib
import os
import socket
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import msgspec

from hashaudit.errors import SigningKeyError, UsageError
from hashaudit.host import user_directory
from hashaudit.host.private_files import append_private, make_private_directories, other_writer
from hashaudit.model.paths import for_terminal
from hashaudit.scan.events import KeyCreated

if TYPE_CHECKING:
    from hashaudit.signing.key_files import SigningKey

KEY_VARIABLE = "HASHAUDIT_KEY"
"""Environment variable that names the signing key."""

_WITHOUT_HOME = (
    "for a user without a home: name a key with --key that hashaudit keys new made in a directory of this user; "
    "or set XDG_CONFIG_HOME to such a directory (systemd: StateDirectory=hashaudit, Environment=XDG_CONFIG_HOME=%S); "
    "or give --unsigned"
)

_USER_VARIABLES = ("LOGNAME", "USER", "LNAME", "USERNAME")
"""In the order of Python's ``getpass.getuser``."""


class Signing(msgspec.Struct, frozen=True, kw_only=True):
    """How a scan is signed."""

    key: str | None = None
    """Path of the private key; ``None``: :data:`KEY_VARIABLE`, else the user's own key."""
    unsigned: bool = False
    """Do not sign. Damage is still detected, forgery is not."""
    passphrase: bytes | Callable[[str], bytes] | None = None
    """Passphrase of the key, or a function that returns it for the path of the key. Used only if the key has one."""


def config_directory() -> str:
    """Returns the user's configuration directory for hashaudit (XDG Base Directory Specification).

    Raises:
        SigningKeyError: the user has no home directory.
    """
    directory = user_directory.config_directory()
    if directory is None:
        raise SigningKeyError("no home directory for the signing key", hint=_WITHOUT_HOME)
    return directory


def default_key_path() -> str:
    """Returns the path of the user's own key.

    Raises:
        SigningKeyError: the user has no home directory.
    """
    return os.path.join(config_directory(), "signing_key")


def default_allowed_signers_path() -> str:
    """Returns the path of the user's own trust store.

    Raises:
        SigningKeyError: the user has no home directory.
    """
    return os.path.join(config_directory(), "allowed_signers")


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
        raise SigningKeyError(f"cannot examine your allowed signers: {_quoted(path)}; {error.strerror}") from error
    try:
        shared = other_writer(path)
    except OSError as error:
        raise SigningKeyError(f"cannot examine your allowed signers: {_quoted(path)}; {error.strerror}") from error
    if shared is not None:
        raise SigningKeyError(
            f"cannot trust your allowed signers: {_quoted(path)}; another user owns or can write {_quoted(shared)}",
            hint=f"check what it holds, then run chown and chmod go-w on {_quoted(shared)}; "
            "or name a trust store with --allowed-signers",
        )
    return path


def key_path(signing: Signing) -> str | None:
    """Returns the path of the key that signs, if it is not the user's own."""
    return signing.key or os.environ.get(KEY_VARIABLE) or None


def possible_keys(signing: Signing) -> Iterator[str]:
    """Yields the paths of the key that signs, if it is named, and of the user's own key."""
    named = None if signing.unsigned else key_path(signing)
    if named is not None:
        yield named
    with contextlib.suppress(SigningKeyError):
        yield default_key_path()


def key_paths(signing: Signing) -> tuple[bytes, ...]:
    """Returns the absolute paths, without links, of the key that signs and of the user's own key."""
    return tuple(os.path.realpath(os.fsencode(path)) for path in possible_keys(signing))


def load_signer(signing: Signing, report: Callable[[KeyCreated], None], *, create: bool = True) -> "SigningKey | None":
    """Returns the key that signs, or ``None`` for an unsigned scan. Creates the user's own key at first use.

    Args:
        signing: how to sign.
        report: receives the creation of a key.
        create: whether a missing key of the user is created; otherwise it is an error.

    Raises:
        SigningKeyError: the key cannot be used.
        UsageError: a key and ``unsigned`` were both given.
    """
    if signing.unsigned:
        if signing.key is not None:
            raise UsageError("--key and --unsigned are mutually exclusive")
        return None
    path = key_path(signing)
    if path is None:
        path = default_key_path()
        if not os.path.lexists(path):
            if not create:
                raise SigningKeyError(
                    f"no signing key: {_quoted(path)}; no such file",
                    hint="create it with hashaudit keys new, or name another with --key",
                )
            key = _create_own_key(path)
            if key is not None:
                report(KeyCreated(path, key.fingerprint, identity_line(key).strip()))
                return key
    from hashaudit.signing.key_files import load_key  # noqa: PLC0415 # start-up: not before a process is forked

    passphrase = signing.passphrase
    return load_key(path, (lambda: passphrase(path)) if callable(passphrase) else passphrase)


def _create_own_key(path: str) -> "SigningKey | None":
    """Creates the user's own key; returns ``None`` if another process has just done so."""
    try:
        return create_key(path)
    except SigningKeyError:
        # Several first scans start at once: the jobs of an array, the entries of a crontab. They share one key.
        if os.path.lexists(path):
            return None
        raise


def create_key(path: str, passphrase: bytes | None = None) -> "SigningKey":
    """Creates a key with its directory. For the user's own key, adds its line to ``allowed_signers`` beside it.

    Raises:
        SigningKeyError: a file cannot be written, or exists.
    """
    directory = os.path.dirname(os.path.abspath(path))
    try:
        make_private_directories(directory)
    except OSError as error:
        hint = _WITHOUT_HOME if directory == user_directory.config_directory() else None
        raise SigningKeyError(
            f"cannot create the directory: {_quoted(directory)}; {error.strerror}", hint=hint
        ) from error
    from hashaudit.signing.key_files import new_key  # noqa: PLC0415 # as in load_signer

    key = new_key(path, identity(), passphrase)
    if path == default_key_path():
        trust_store = default_allowed_signers_path()
        try:
            append_private(trust_store, identity_line(key).encode("ascii"))
        except OSError as error:
            raise SigningKeyError(f"cannot write: {_quoted(trust_store)}; {error.strerror}") from error
    return key


def identity() -> str:
    """Returns ``user@host``: the name under which this user's key is offered for trust."""
    name = f"{_user_name()}@{socket.gethostname() or 'localhost'}"
    return "".join(letter if letter.isascii() and (letter.isalnum() or letter in "@.-_") else "-" for letter in name)


def identity_line(key: "SigningKey") -> str:
    """Returns the ``allowed_signers`` line that trusts a key under this user's name."""
    from hashaudit.signing.key_files import allowed_signers_line  # noqa: PLC0415 # as in load_signer

    return allowed_signers_line(key.public_key, identity())


def _user_name() -> str:
    stated = next((os.environ[name] for name in _USER_VARIABLES if os.environ.get(name)), None)
    if stated is not None:
        return stated
    try:
        import pwd  # noqa: PLC0415 # absent on Windows
    except ImportError:
        return "user"
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid-{os.geteuid()}"


def _quoted(path: str) -> str:
    return f"'{for_terminal(os.fsencode(path))}'"
