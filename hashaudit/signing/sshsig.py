"""SSHSIG signatures with Ed25519 and SHA-512, as ``ssh-keygen -Y`` creates and checks them.

Source: OpenSSH's PROTOCOL.sshsig (version 1). Only the subset that a findings file uses is accepted: Ed25519, SHA-512,
and the armour exactly as ssh-keygen prints it. No byte of a signature can change unnoticed
(docs/adr/0014-one-signature-form.md).
"""

import base64
import binascii
import hashlib

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hashaudit.errors import FindingsError, SigningKeyError
from hashaudit.signing.public_key import KEY_TYPE, PublicKey, pack_string, unpack_string

_MAGIC = b"SSHSIG"
_VERSION = (1).to_bytes(4, "big")
_RESERVED = b""
_HASH = b"sha512"
_BEGIN = "-----BEGIN SSH SIGNATURE-----\n"
_END = "-----END SSH SIGNATURE-----\n"
_ARMOUR_COLUMNS = 70
_MAX_ARMOURED_CHARACTERS = 4096
"""An Ed25519 signature has about 300."""


class SshSignature(msgspec.Struct, frozen=True):
    """A parsed signature, which is not verified yet."""

    public_key: PublicKey
    """The key that it claims to be made with."""
    namespace: str
    signature: bytes

    def verifies(self, sha512: bytes, namespace: str) -> bool:
        """Returns whether it signs a message with this digest for this namespace."""
        return self.namespace == namespace and self.public_key.verifies(self.signature, _signed(sha512, namespace))


def sign(private_key: Ed25519PrivateKey, message: bytes, namespace: str) -> str:
    """Returns an armoured signature over a message."""
    return sign_sha512(private_key, hashlib.sha512(message).digest(), namespace)


def sign_sha512(private_key: Ed25519PrivateKey, digest: bytes, namespace: str) -> str:
    """Returns an armoured signature over a message, from its SHA-512."""
    public_key = PublicKey(private_key.public_key().public_bytes_raw())
    return armour(SshSignature(public_key, namespace, private_key.sign(_signed(digest, namespace))))


def armour(signature: SshSignature) -> str:
    """Returns the text form that ssh-keygen prints: base64 in lines of 70 columns between two marks."""
    blob = b"".join(
        (
            _MAGIC,
            _VERSION,
            pack_string(signature.public_key.blob),
            pack_string(signature.namespace.encode()),
            pack_string(_RESERVED),
            pack_string(_HASH),
            pack_string(pack_string(KEY_TYPE) + pack_string(signature.signature)),
        )
    )
    text = base64.b64encode(blob).decode("ascii")
    lines = [text[start : start + _ARMOUR_COLUMNS] + "\n" for start in range(0, len(text), _ARMOUR_COLUMNS)]
    return "".join((_BEGIN, *lines, _END))


def parse(armoured: str) -> SshSignature:
    """Reads the text form.

    Raises:
        FindingsError: the text is not a signature, or its key type, hash or form is not supported.
    """
    if len(armoured) > _MAX_ARMOURED_CHARACTERS:
        raise FindingsError("the signature is too long")
    if not (armoured.startswith(_BEGIN) and armoured.endswith(_END)):
        raise FindingsError("not an armoured SSH signature")
    text = armoured[len(_BEGIN) : -len(_END)].replace("\n", "")
    try:
        signature = _parse_blob(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError) as error:
        raise FindingsError("the signature is damaged") from error
    except SigningKeyError as error:
        raise FindingsError(str(error)) from error
    if armour(signature) != armoured:
        raise FindingsError("the signature is not in the only accepted form")
    return signature


def _parse_blob(blob: bytes) -> SshSignature:
    if not blob.startswith(_MAGIC + _VERSION):
        raise FindingsError("not an SSH signature of version 1")
    key, rest = unpack_string(blob[len(_MAGIC + _VERSION) :])
    namespace, rest = unpack_string(rest)
    _, rest = unpack_string(rest)
    hash_name, rest = unpack_string(rest)
    if hash_name != _HASH:
        raise FindingsError("the signature's hash is not SHA-512, the only supported one")
    signature, _ = unpack_string(rest)
    _, signature = unpack_string(signature)
    raw, _ = unpack_string(signature)
    return SshSignature(PublicKey.from_blob(key), namespace.decode(), raw)


def _signed(sha512: bytes, namespace: str) -> bytes:
    return b"".join(
        (_MAGIC, pack_string(namespace.encode()), pack_string(_RESERVED), pack_string(_HASH), pack_string(sha512))
    )
