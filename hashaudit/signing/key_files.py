"""Files of signing keys: loads a key that only its owner can read, and creates one.

Source of the two forms that are read: OpenSSH's PROTOCOL.key, and RFC 5208/8410 (PKCS#8). New keys have OpenSSH's form,
because OpenSSH before 9.6 cannot read Ed25519 in PKCS#8.
"""

import base64
import binascii
import os
import stat
from collections.abc import Callable
from contextlib import suppress

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hashaudit.errors import SigningKeyError
from hashaudit.host.private_files import set_mode
from hashaudit.model.paths import for_terminal
from hashaudit.signing import sshsig
from hashaudit.signing.openssh_private_key import MAGIC, parse_private_key
from hashaudit.signing.public_key import PublicKey, unpack_string
from hashaudit.signing.signer import CHECKPOINT_NAMESPACE, FILE_NAMESPACE

Passphrase = bytes | Callable[[], bytes] | None
"""The passphrase, or a function that asks for it; called only if the key has one."""

PUBLIC_SUFFIX = b".pub"

_NEW_KEY = "create a key with hashaudit keys new"
_PRIVATE_MODE = 0o600
_PUBLIC_MODE = 0o644
_OTHERS = 0o077
_MAX_KEY_BYTES = 64 * 1024
"""A key with a long comment has about a kilobyte."""

_OPENSSH_BEGIN = b"-----BEGIN OPENSSH PRIVATE KEY-----"
_OPENSSH_END = b"-----END OPENSSH PRIVATE KEY-----"
_PKCS8_BEGIN = b"-----BEGIN PRIVATE KEY-----"
_PKCS8_ENCRYPTED_BEGIN = b"-----BEGIN ENCRYPTED PRIVATE KEY-----"

_READ = (
    os.O_RDONLY
    # A FIFO must not block the program, and a terminal must not become its own. Windows has neither flag.
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
        """Device and inode of its file, which a scan skips."""
        self.public_key = PublicKey(private_key.public_key().public_bytes_raw())

    @property
    def fingerprint(self) -> str:
        """The fingerprint, as ``ssh-keygen -l`` prints it."""
        return self.public_key.fingerprint

    def sign(self, message: bytes, namespace: str) -> str:
        """Returns an armoured SSHSIG over a message."""
        return sshsig.sign(self._private_key, message, namespace)

    def sign_sha512(self, digest: bytes, namespace: str) -> str:
        """Returns an armoured SSHSIG over a message, from its SHA-512."""
        return sshsig.sign_sha512(self._private_key, digest, namespace)


def load_key(path: str | bytes, passphrase: Passphrase = None) -> SigningKey:
    """Reads a private key, in OpenSSH's form or PKCS#8 PEM.

    A symbolic link is followed: the owner and mode of the opened file count.

    Raises:
        SigningKeyError: the file is missing, not a private key or not Ed25519; others own it or can read it; or the
            passphrase is missing or wrong.
    """
    shown = for_terminal(os.fsencode(path))
    content, identity = _read_private(path, shown)
    try:
        blob = _openssh_blob(content)
        encrypted = _is_encrypted(content, blob)
    except ValueError as error:
        raise SigningKeyError(f"not a private key in OpenSSH or PKCS#8 PEM form: '{shown}'") from error
    plain = None if blob is None else parse_private_key(blob)
    if plain is not None:
        return SigningKey(plain, identity)
    secret = _passphrase(passphrase, shown) if encrypted else None
    # Start-up: the form that hashaudit writes is read above.
    from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415 # as above
        load_pem_private_key,
        load_ssh_private_key,
    )

    load = load_ssh_private_key if content.startswith(_OPENSSH_BEGIN) else load_pem_private_key
    try:
        key = load(content, secret)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        cause = (
            "the passphrase is wrong, or the key is damaged"
            if encrypted
            else "the key is damaged or of an unknown type"
        )
        raise SigningKeyError(f"cannot use the signing key: '{shown}'; {cause}") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise SigningKeyError(f"cannot use the signing key: '{shown}'; it is not Ed25519", hint=_NEW_KEY)
    return SigningKey(key, identity)


def new_key(path: str | bytes, comment: str, passphrase: bytes | None = None) -> SigningKey:
    """Creates a key: ``path`` in OpenSSH's form with mode 0600, and ``path.pub``. Neither may exist.

    Args:
        path: file in an existing directory.
        comment: text for people on the ``.pub`` line.
        passphrase: encrypts the private key.

    Raises:
        SigningKeyError: a file exists or cannot be created, or the comment or the passphrase is invalid.
    """
    if not comment.isprintable():
        raise SigningKeyError(f"invalid key comment: {comment!a}; it must be one line of printable text")
    if passphrase == b"":
        raise SigningKeyError("the passphrase is empty", hint="give a passphrase, or omit the option")
    from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415 # start-up, as in load_key
        BestAvailableEncryption,
        Encoding,
        KeySerializationEncryption,
        NoEncryption,
        PrivateFormat,
    )

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
    """Returns the line with which a reader trusts this key for findings under the name ``identity``.

    Source: ssh-keygen(1), ALLOWED SIGNERS.

    Raises:
        SigningKeyError: the name would be read as a pattern or as several names.
    """
    if not identity or not identity.isprintable() or set(identity) & set(' ",*?!#'):
        raise SigningKeyError(f'invalid signer name: {identity!a}; it must not contain blanks or , * ? ! # "')
    return f'{identity} namespaces="{CHECKPOINT_NAMESPACE},{FILE_NAMESPACE}" {public_key.text}\n'


def _read_private(path: str | bytes, shown: str) -> tuple[bytes, tuple[int, int]]:
    try:
        descriptor = os.open(path, _READ)
    except FileNotFoundError as error:
        raise SigningKeyError(f"signing key not found: '{shown}'", hint=_NEW_KEY) from error
    except OSError as error:
        raise SigningKeyError(f"cannot read the signing key: '{shown}'; {error.strerror}") from error
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        raise SigningKeyError(f"cannot use the signing key: '{shown}'; not a regular file")
    with open(descriptor, "rb") as stream:
        # Windows has no such owners and modes; its access lists are not checked.
        if hasattr(os, "geteuid"):
            if status.st_uid != os.geteuid():
                raise SigningKeyError(
                    f"cannot use the signing key: '{shown}'; it belongs to another user", hint="use a key of your own"
                )
            if status.st_mode & _OTHERS:
                raise SigningKeyError(
                    f"cannot use the signing key: '{shown}'; others can read or write it",
                    hint=f"run chmod 600 '{shown}'",
                )
        try:
            content = stream.read(_MAX_KEY_BYTES + 1)
        except OSError as error:
            raise SigningKeyError(f"cannot read the signing key: '{shown}'; {error.strerror}") from error
    if len(content) > _MAX_KEY_BYTES:
        raise SigningKeyError(f"not a private key: '{shown}'; larger than {_MAX_KEY_BYTES >> 10} KiB")
    return content.lstrip(), (status.st_dev, status.st_ino)


def _openssh_blob(content: bytes) -> bytes | None:
    """Returns the decoded content of a file in OpenSSH's form; ``None`` for PKCS#8.

    Raises:
        ValueError: it is neither.
    """
    if content.startswith((_PKCS8_BEGIN, _PKCS8_ENCRYPTED_BEGIN)):
        return None
    text = content.removeprefix(_OPENSSH_BEGIN)
    if text == content:
        raise ValueError("neither form")
    try:
        blob = base64.b64decode(b"".join(text.partition(_OPENSSH_END)[0].split()), validate=True)
    except binascii.Error as error:
        raise ValueError("not base64") from error
    if not blob.startswith(MAGIC):
        raise ValueError("not OpenSSH's form")
    return blob


def _is_encrypted(content: bytes, openssh_blob: bytes | None) -> bool:
    if openssh_blob is None:
        return content.startswith(_PKCS8_ENCRYPTED_BEGIN)
    cipher, _ = unpack_string(openssh_blob.removeprefix(MAGIC))
    return cipher != b"none"


def _passphrase(passphrase: Passphrase, shown: str) -> bytes:
    secret = passphrase() if callable(passphrase) else passphrase
    if not secret:
        raise SigningKeyError(
            f"cannot use the signing key: '{shown}'; it has a passphrase, and none was given",
            hint="use --passphrase-file or --passphrase-fd",
        )
    return secret


def _write_new(path: bytes, content: bytes, mode: int) -> None:
    """Creates a file that nobody sees before it is complete, so that another process can load it at once."""
    shown = for_terminal(path)
    partial = path + b"." + os.urandom(8).hex().encode() + b".partial"
    try:
        _write(partial, content, mode)
        try:
            os.link(partial, path)
        except FileExistsError:
            raise
        except (OSError, AttributeError, NotImplementedError):  # no hard links on this filesystem or system
            _write(path, content, mode)
    except FileExistsError as error:
        raise _exists(path) from error
    except OSError as error:
        raise SigningKeyError(f"cannot create: '{shown}'; {error.strerror}") from error
    finally:
        with suppress(OSError):
            os.unlink(partial)


def _write(path: bytes, content: bytes, mode: int) -> None:
    descriptor = os.open(path, _NEW, mode)
    try:
        with open(descriptor, "wb") as stream:
            if mode == _PRIVATE_MODE:
                set_mode(descriptor, mode)
            stream.write(content)
            stream.flush()
            os.fsync(descriptor)
    except OSError:
        with suppress(OSError):
            os.unlink(path)
        raise


def _exists(path: bytes) -> SigningKeyError:
    return SigningKeyError(
        f"already exists: '{for_terminal(path)}'; hashaudit never overwrites it", hint="choose another name"
    )
