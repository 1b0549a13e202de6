"""Signing keys: loading one that only its owner can read, and making one.

Source: OpenSSH's PROTOCOL.key and RFC 5208/8410 (PKCS#8) for the two forms that are read; the former is written, since
OpenSSH before 9.6 cannot read Ed25519 in PKCS#8.
"""

import base64
import binascii
import os
import stat
from collections.abc import Callable
from contextlib import suppress

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    load_ssh_private_key,
)

from hashaudit.errors import SigningKeyError
from hashaudit.model.paths import for_terminal
from hashaudit.signing import sshsig
from hashaudit.signing.public_key import PublicKey, unpack_string
from hashaudit.signing.signer import CHECKPOINT_NAMESPACE, FILE_NAMESPACE

Passphrase = bytes | Callable[[], bytes] | None
"""The passphrase itself, or what asks for it; called only if the key has one."""

PUBLIC_SUFFIX = b".pub"

_PRIVATE_MODE = 0o600
_PUBLIC_MODE = 0o644
_OTHERS = 0o077
_MAX_KEY_BYTES = 64 * 1024
"""A key with a long comment takes about a kilobyte."""

_OPENSSH_BEGIN = b"-----BEGIN OPENSSH PRIVATE KEY-----"
_OPENSSH_END = b"-----END OPENSSH PRIVATE KEY-----"
_OPENSSH_MAGIC = b"openssh-key-v1\0"
_PKCS8_BEGIN = b"-----BEGIN PRIVATE KEY-----"
_PKCS8_ENCRYPTED_BEGIN = b"-----BEGIN ENCRYPTED PRIVATE KEY-----"

_READ = (
    os.O_RDONLY
    # A FIFO must not hang the program, nor a terminal become its own. Absent on Windows, as are both.
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_NOCTTY", 0)
    | getattr(os, "O_CLOEXEC", 0)
)
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)


class SigningKey:
    """An Ed25519 key in memory. A :class:`hashaudit.signing.signer.Signer`."""

    def __init__(self, private_key: Ed25519PrivateKey, identity: tuple[int, int] | None = None) -> None:
        self._private_key = private_key
        self.identity = identity
        """Device and inode of its file, for a scan to leave out."""
        self.public_key = PublicKey(private_key.public_key().public_bytes_raw())

    @property
    def fingerprint(self) -> str:
        """As ``ssh-keygen -l`` prints it."""
        return self.public_key.fingerprint

    def sign(self, message: bytes, namespace: str) -> str:
        """An armoured SSHSIG over a message."""
        return sshsig.sign(self._private_key, message, namespace)

    def sign_sha512(self, digest: bytes, namespace: str) -> str:
        """An armoured SSHSIG over a message of which only the SHA-512 is at hand."""
        return sshsig.sign_sha512(self._private_key, digest, namespace)


def load_key(path: str | bytes, passphrase: Passphrase = None) -> SigningKey:
    """Reads a private key, in OpenSSH's form or PKCS#8 PEM.

    A symbolic link is followed: what counts is who owns and who can read the file that is opened.

    Raises:
        SigningKeyError: there is none; others can read it or own it; it is not Ed25519; the passphrase is missing or
            wrong; or it is no private key.
    """
    shown = for_terminal(os.fsencode(path))
    content, identity = _read_private(path, shown)
    try:
        encrypted = _is_encrypted(content)
    except ValueError as error:
        raise SigningKeyError(f"{shown} is no private key in OpenSSH or PKCS#8 PEM form") from error
    secret = _passphrase(passphrase, shown) if encrypted else None
    load = load_ssh_private_key if content.startswith(_OPENSSH_BEGIN) else load_pem_private_key
    try:
        key = load(content, secret)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        cause = (
            "the passphrase is wrong, or the key is damaged" if encrypted else "the key is damaged or of a kind unknown"
        )
        raise SigningKeyError(f"cannot use the signing key {shown}: {cause}") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise SigningKeyError(f"the signing key {shown} is not Ed25519: make one with hashaudit keys new")
    return SigningKey(key, identity)


def new_key(path: str | bytes, comment: str, passphrase: bytes | None = None) -> SigningKey:
    """Makes a key: ``path`` in OpenSSH's form with mode 0600, and ``path.pub``. Neither may exist.

    Args:
        path: in a folder that exists.
        comment: for people, on the ``.pub`` line.
        passphrase: encrypts the private key.

    Raises:
        SigningKeyError: a file exists or cannot be made, or the comment or the passphrase is unfit.
    """
    if not comment.isprintable():
        raise SigningKeyError("a key's comment is one line of printable text")
    if passphrase == b"":
        raise SigningKeyError("an empty passphrase protects nothing: give one, or none")
    private_path = os.fsencode(path)
    key = Ed25519PrivateKey.generate()
    encryption: KeySerializationEncryption = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, encryption)
    public = f"{SigningKey(key).public_key.text} {comment}".rstrip() + "\n"
    if os.path.lexists(private_path + PUBLIC_SUFFIX):
        raise _exists(private_path + PUBLIC_SUFFIX)
    _write_new(private_path, private, _PRIVATE_MODE)
    try:
        _write_new(private_path + PUBLIC_SUFFIX, public.encode(), _PUBLIC_MODE)
    except SigningKeyError:
        os.unlink(private_path)
        raise
    status = os.stat(private_path)
    return SigningKey(key, (status.st_dev, status.st_ino))


def allowed_signers_line(public_key: PublicKey, identity: str) -> str:
    """The line that makes a reader trust this key for findings under the name ``identity``.

    Source: ssh-keygen(1), ALLOWED SIGNERS.

    Raises:
        SigningKeyError: the name would be read as a pattern or as several.
    """
    if not identity or not identity.isprintable() or set(identity) & set(' ",*?!#'):
        raise SigningKeyError("a signer's name has no blank and none of , * ? ! # \"")
    return f'{identity} namespaces="{CHECKPOINT_NAMESPACE},{FILE_NAMESPACE}" {public_key.text}\n'


def _read_private(path: str | bytes, shown: str) -> tuple[bytes, tuple[int, int]]:
    try:
        descriptor = os.open(path, _READ)
    except FileNotFoundError as error:
        raise SigningKeyError(f"there is no signing key {shown}: make one with hashaudit keys new") from error
    except OSError as error:
        raise SigningKeyError(f"cannot read the signing key {shown}: {error.strerror}") from error
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        raise SigningKeyError(f"the signing key {shown} is no regular file")
    with open(descriptor, "rb") as stream:
        # Windows has neither owners nor modes in this sense; its access lists are not looked at.
        if hasattr(os, "geteuid"):
            if status.st_uid != os.geteuid():
                raise SigningKeyError(f"the signing key {shown} belongs to another user: sign with a key of your own")
            if status.st_mode & _OTHERS:
                raise SigningKeyError(f"others can read or write the signing key {shown}: run chmod 600 on it")
        try:
            content = stream.read(_MAX_KEY_BYTES + 1)
        except OSError as error:
            raise SigningKeyError(f"cannot read the signing key {shown}: {error.strerror}") from error
    if len(content) > _MAX_KEY_BYTES:
        raise SigningKeyError(f"{shown} is too large for a private key")
    return content.lstrip(), (status.st_dev, status.st_ino)


def _is_encrypted(content: bytes) -> bool:
    if content.startswith(_PKCS8_ENCRYPTED_BEGIN):
        return True
    if content.startswith(_PKCS8_BEGIN):
        return False
    text = content.removeprefix(_OPENSSH_BEGIN)
    if text == content:
        raise ValueError("neither form")
    try:
        blob = base64.b64decode(b"".join(text.partition(_OPENSSH_END)[0].split()), validate=True)
    except binascii.Error as error:
        raise ValueError("not base64") from error
    if not blob.startswith(_OPENSSH_MAGIC):
        raise ValueError("not OpenSSH's form")
    cipher, _ = unpack_string(blob.removeprefix(_OPENSSH_MAGIC))
    return cipher != b"none"


def _passphrase(passphrase: Passphrase, shown: str) -> bytes:
    secret = passphrase() if callable(passphrase) else passphrase
    if not secret:
        raise SigningKeyError(f"the signing key {shown} has a passphrase, and none was given")
    return secret


def _write_new(path: bytes, content: bytes, mode: int) -> None:
    shown = for_terminal(path)
    try:
        descriptor = os.open(path, _NEW, mode)
    except FileExistsError as error:
        raise _exists(path) from error
    except OSError as error:
        raise SigningKeyError(f"cannot make {shown}: {error.strerror}") from error
    try:
        with open(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(descriptor)
    except OSError as error:
        with suppress(OSError):
            os.unlink(path)
        raise SigningKeyError(f"cannot write {shown}: {error.strerror}") from error


def _exists(path: bytes) -> SigningKeyError:
    return SigningKeyError(f"{for_terminal(path)} exists already and is never overwritten: choose another name")
