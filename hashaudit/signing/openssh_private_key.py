"""Ed25519 private keys in OpenSSH's form without a passphrase, as ``hashaudit keys new`` writes them.

The cryptography package reads every form, but loading its reader takes as long as the rest of a scan's preparation.

Source: OpenSSH's PROTOCOL.key; draft-miller-ssh-agent section 3.2.3 (Ed25519: the public key, then the seed and the
public key).
"""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hashaudit.signing.public_key import KEY_TYPE, pack_string, unpack_string

MAGIC = b"openssh-key-v1\0"

_NO_CIPHER = pack_string(b"none") + pack_string(b"none") + pack_string(b"")
"""Cipher, key derivation, and its options."""
_ONE_KEY = (1).to_bytes(4, "big")
_CHECK_BYTES = 4
_SEED_BYTES = 32
_BLOCK_BYTES = 8
"""The private part is padded with 1, 2, 3 ... to a multiple of it."""


def parse_private_key(blob: bytes) -> Ed25519PrivateKey | None:
    """Returns the key of a decoded file; ``None`` for any other content, which says nothing about its validity."""
    rest = blob.removeprefix(MAGIC + _NO_CIPHER + _ONE_KEY)
    if rest == blob:
        return None
    try:
        public, rest = unpack_string(rest)
        private, rest = unpack_string(rest)
        checks, fields = private[: 2 * _CHECK_BYTES], private[2 * _CHECK_BYTES :]
        kind, fields = unpack_string(fields)
        key_bytes, fields = unpack_string(fields)
        secret, fields = unpack_string(fields)
        _, padding = unpack_string(fields)
    except ValueError:
        return None
    is_whole = (
        not rest
        and kind == KEY_TYPE
        and public == pack_string(KEY_TYPE) + pack_string(key_bytes)
        and len(checks) == 2 * _CHECK_BYTES
        and checks[:_CHECK_BYTES] == checks[_CHECK_BYTES:]
        and secret[_SEED_BYTES:] == key_bytes
        and len(private) % _BLOCK_BYTES == 0
        and padding == bytes(range(1, len(padding) + 1))
        and len(padding) < _BLOCK_BYTES
    )
    if not is_whole:
        return None
    key = Ed25519PrivateKey.from_private_bytes(secret[:_SEED_BYTES])
    return key if key.public_key().public_bytes_raw() == key_bytes else None
