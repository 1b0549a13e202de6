"""Shows, trusts and checks keys: the public half of a key, and the lines of a trust store."""

import os
import re
import sys
import time

import msgspec

from hashaudit.errors import SigningKeyError
from hashaudit.host.files import open_regular
from hashaudit.host.private_files import append_private, make_private_directories
from hashaudit.model.paths import for_terminal
from hashaudit.scan.key_policy import (
    Signing,
    default_allowed_signers_path,
    default_key_path,
    identity,
    key_path,
    load_signer,
    own_trust_store,
)
from hashaudit.signing.allowed_signers import AllowedSigners
from hashaudit.signing.key_files import allowed_signers_line
from hashaudit.signing.public_key import PublicKey, parse_public_key
from hashaudit.signing.signer import CHECKPOINT_NAMESPACE

MAX_PUBLIC_BYTES = 64 << 10

_PRIVATE = "-----BEGIN"
_PUBLIC = ".pub"


class OfferedKey(msgspec.Struct, frozen=True):
    """A public key, and the name under which it is offered."""

    key: PublicKey
    name: str | None
    """``None``: the file states none that a trust store can hold."""


class KeyState(msgspec.Struct, frozen=True, kw_only=True):
    """The state of a signing key that can be used."""

    path: str
    fingerprint: str
    public_file: str | None
    """``None``: there is no file with the public key beside it."""
    public_agrees: bool
    trust_store: str | None
    """The user's own trust store, if there is one."""
    trusted_as: tuple[str, ...]
    """Names under which the trust store trusts the key now."""


def own_key_path() -> str:
    """Returns the path of the key that signs if no option names one.

    Raises:
        SigningKeyError: the user has no home directory, and the environment names no key.
    """
    return key_path(Signing()) or default_key_path()


def public_half(path: str) -> OfferedKey:
    """Reads a public key, a line of allowed_signers, or the public key beside a private key.

    Args:
        path: the file; ``-`` is standard input.

    Raises:
        SigningKeyError: the file cannot be read, or holds none of these.
    """
    text = _text(path)
    if text.startswith(_PRIVATE) and path != "-":
        beside = path + _PUBLIC
        if not os.path.exists(beside):
            raise SigningKeyError(
                f"this is a private key without its public key beside it: {_quoted(path)}",
                hint=f"make it: ssh-keygen -y -f {path} > {beside}",
            )
        path, text = beside, _text(beside)
    if text.startswith(_PRIVATE):
        raise SigningKeyError("this is a private key; it must stay with its owner", hint="give the .pub file")
    lines = text.strip().splitlines()
    if len(lines) != 1:
        raise SigningKeyError(f"not a public key in OpenSSH form: {_quoted(path)}; it must be one line")
    try:
        key = parse_public_key(lines[0])
    except SigningKeyError as error:
        return _of_trust_line(lines[0], path, error)
    comment = lines[0].split(maxsplit=2)[2:]
    return OfferedKey(key, _usable_name(key, comment[0].strip() if comment else ""))


def _of_trust_line(line: str, path: str, error: SigningKeyError) -> OfferedKey:
    """Reads the line of allowed_signers that ``keys new`` and ``keys show`` print."""
    try:
        (signer,) = AllowedSigners.parse(line.removeprefix("allowed_signers:").strip()).signers
        key = PublicKey.from_blob(signer.key_blob)
    except (SigningKeyError, ValueError):
        raise SigningKeyError(f"cannot use the public key: {_quoted(path)}; {error}", hint=error.hint) from error
    return OfferedKey(key, _usable_name(key, signer.principals))


def _usable_name(key: PublicKey, name: str) -> str | None:
    try:
        allowed_signers_line(key, name)
    except SigningKeyError:
        return None
    return name


def trust_line(offered: OfferedKey) -> str:
    """Returns the line of allowed_signers for a key; a key without a name gets that of this user."""
    return allowed_signers_line(offered.key, offered.name or identity())


def trust(offered: OfferedKey, name: str | None, fingerprint: str | None, store: str | None) -> tuple[str, str, bool]:
    """Adds a key to a trust store.

    Args:
        offered: the key.
        name: the name under which it is trusted; ``None``: the one under which it is offered.
        fingerprint: the fingerprint that it must have.
        store: the trust store; ``None``: the user's own.

    Returns:
        The name, the trust store, and whether the key was added; false if it was trusted already.

    Raises:
        SigningKeyError: the key has another fingerprint, nobody is named as its owner, or the trust
            store cannot be used.
    """
    if fingerprint is not None and fingerprint.removeprefix("SHA256:") != offered.key.fingerprint[len("SHA256:") :]:
        raise SigningKeyError(
            f"the key has another fingerprint: {offered.key.fingerprint}",
            hint="ask the signer which key is theirs; nothing was trusted",
        )
    chosen = name or offered.name
    if chosen is None:
        raise SigningKeyError("the key states no name that a trust store can hold", hint="name its owner with --name")
    line = allowed_signers_line(offered.key, chosen)
    path = store or own_trust_store() or default_allowed_signers_path()
    before = ""
    if os.path.lexists(path):
        before = _text(path)
        if re.search(r"^[ \t]*[^#\s]", before, re.MULTILINE):
            known = AllowedSigners.parse(before)
            if known.lookup(offered.key, CHECKPOINT_NAMESPACE, time.time(), chosen).accepted:
                return chosen, path, False
    try:
        if store is None:
            make_private_directories(os.path.dirname(path))
        # A last line without its end would swallow the new one.
        append_private(path, (("\n" if before and not before.endswith("\n") else "") + line).encode("ascii"))
    except OSError as error:
        raise SigningKeyError(f"cannot write: {_quoted(path)}; {error.strerror}") from error
    return chosen, path, True


def check_key(signing: Signing) -> KeyState:
    """Reads a signing key as a scan does, and compares it with its public key and the user's trust store.

    Raises:
        SigningKeyError: the key, or the trust store, cannot be used.
    """
    path = key_path(signing) or default_key_path()
    key = load_signer(signing, lambda _: None, create=False)
    if key is None:
        raise SigningKeyError("no key is checked without a key")
    beside = path + _PUBLIC
    public_file = beside if os.path.lexists(beside) else None
    agrees = public_file is None or public_half(public_file).key.blob == key.public_key.blob
    store = own_trust_store() if _has_home() else None
    names: tuple[str, ...] = ()
    if store is not None:
        names = AllowedSigners.load(store).lookup(key.public_key, CHECKPOINT_NAMESPACE, time.time()).principals
    return KeyState(
        path=path,
        fingerprint=key.fingerprint,
        public_file=public_file,
        public_agrees=agrees,
        trust_store=store,
        trusted_as=names,
    )


def _has_home() -> bool:
    try:
        default_allowed_signers_path()
    except SigningKeyError:
        return False
    return True


def _text(path: str) -> str:
    try:
        if path == "-":
            content = sys.stdin.buffer.read(MAX_PUBLIC_BYTES + 1)
        else:
            with open_regular(path) as stream:
                content = stream.read(MAX_PUBLIC_BYTES + 1)
    except OSError as error:
        hint = "hashaudit keys new creates a key" if isinstance(error, FileNotFoundError) else None
        raise SigningKeyError(f"cannot read the key: {_quoted(path)}; {error.strerror}", hint=hint) from error
    return content.decode(errors="replace")


def _quoted(path: str) -> str:
    return f"'{for_terminal(os.fsencode(path))}'"
