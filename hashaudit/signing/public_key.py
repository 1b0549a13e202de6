"""Ed25519 public keys in OpenSSH's form.

Source: RFC 4251 section 5 (types ``string`` and ``uint32``), RFC 8709 section 4 (key blob).
"""

import base64
import binascii
import hashlib
import os
import re
from typing import Self

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from hashaudit.errors import SigningKeyError
from hashaudit.host.files import open_regular
from hashaudit.model.paths import for_terminal

KEY_TYPE = b"ssh-ed25519"

_UINT32_BYTES = 4
_KEY_BYTES = 32
_MAX_FILE_BYTES = 64 * 1024
"""A public key file is one line, so a larger file is something else."""


def pack_string(data: bytes) -> bytes:
    """Returns an RFC 4251 ``string``: the length, then the bytes."""
    return len(data).to_bytes(_UINT32_BYTES, "big") + data


def unpack_string(data: bytes) -> tuple[bytes, bytes]:
    """Returns the first RFC 4251 ``string`` of ``data``, and the rest.

    Raises:
        ValueError: the data ends too early.
    """
    end = _UINT32_BYTES + int.from_bytes(data[:_UINT32_BYTES], "big")
    if len(data) < max(end, _UINT32_BYTES):
        raise ValueError("truncated")
    return data[_UINT32_BYTES:end], data[end:]


def decode_base64(text: str) -> bytes | None:
    """Returns the data of base64 in its only canonical form; ``None`` for any other text.

    Python takes superfluous padding and stray bits, and ``ssh-keygen`` refuses them.
    """
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return data if base64.b64encode(data).decode("ascii") == text else None


class PublicKey(msgspec.Struct, frozen=True):
    """An Ed25519 public key."""

    raw: bytes
    """The 32 bytes of RFC 8032 section 5.1.5."""

    @classmethod
    def from_blob(cls, blob: bytes) -> Self:
        """Reads the wire form.

        Raises:
            SigningKeyError: the blob is not an Ed25519 key.
        """
        try:
            key_type, rest = unpack_string(blob)
            raw, rest = unpack_string(rest) if key_type == KEY_TYPE else (b"", b"")
        except ValueError as error:
            raise SigningKeyError("the public key is truncated") from error
        if key_type != KEY_TYPE:
            raise SigningKeyError("the public key is not Ed25519, the only supported type")
        if len(raw) != _KEY_BYTES or rest:
            raise SigningKeyError("the public key is damaged")
        return cls(raw)

    @property
    def blob(self) -> bytes:
        """The wire form."""
        return pack_string(KEY_TYPE) + pack_string(self.raw)

    @property
    def fingerprint(self) -> str:
        """The fingerprint as ``ssh-keygen -l`` prints it: ``SHA256:`` and unpadded base64."""
        digest = hashlib.sha256(self.blob).digest()
        return "SHA256:" + base64.b64encode(digest).decode("ascii").rstrip("=")

    @property
    def text(self) -> str:
        """Type and base64, as in a ``.pub`` file before the comment."""
        return f"{KEY_TYPE.decode('ascii')} {base64.b64encode(self.blob).decode('ascii')}"

    def verifies(self, signature: bytes, message: bytes) -> bool:
        """Returns whether ``signature`` is by this key over ``message``. Source: RFC 8032, pure Ed25519."""
        try:
            Ed25519PublicKey.from_public_bytes(self.raw).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True


def parse_public_key(line: str) -> PublicKey:
    """Reads the line of a ``.pub`` file.

    Raises:
        SigningKeyError: the line does not contain an Ed25519 key.
    """
    fields = re.split("[ \t]+", line.strip(" \t\r\n"), maxsplit=2)
    if len(fields) < 2:
        raise SigningKeyError("not a public key in OpenSSH form (ssh-ed25519 AAAA... comment)")
    blob = decode_base64(fields[1])
    if blob is None:
        raise SigningKeyError("not a public key in OpenSSH form; its second field is not base64")
    if not blob.startswith(pack_string(fields[0].encode(errors="replace"))):
        raise SigningKeyError("the public key's type differs from that of its line")
    return PublicKey.from_blob(blob)


def load_public_key(path: str | bytes) -> PublicKey:
    """Reads a ``.pub`` file.

    Raises:
        SigningKeyError: the file cannot be read, or does not contain an Ed25519 key.
    """
    shown = for_terminal(os.fsencode(path))
    try:
        with open_regular(path) as stream:
            content = stream.read(_MAX_FILE_BYTES + 1)
    except OSError as error:
        raise SigningKeyError(f"cannot read the public key: '{shown}'; {error.strerror}") from error
    lines = content.decode(errors="replace").strip().splitlines()
    if len(content) > _MAX_FILE_BYTES or len(lines) != 1:
        raise SigningKeyError(f"not a public key in OpenSSH form: '{shown}'; it must be one line")
    try:
        return parse_public_key(lines[0])
    except SigningKeyError as error:
        raise SigningKeyError(f"cannot use the public key: '{shown}'; {error}", hint=error.hint) from error
