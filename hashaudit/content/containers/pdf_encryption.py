"""Decrypts PDF documents: the standard security handler with RC4 and AES, by the empty password or those of the user.

Source: ISO 32000-2 7.6, and ISO 32000-1 7.6 for revisions 2 to 4.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec

from hashaudit.content.containers.interface import ContainerError
from hashaudit.content.containers.pdf_dictionary import Name, Value, typed
from hashaudit.model.faults import FaultCode

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers import CipherContext

DAMAGED_MEMBER = "the content of the member is damaged"
UNSUPPORTED = "the member is encrypted in a way that is not supported"
PADDING = bytes.fromhex("28bf4e5e4e758a4164004e56fffa01082e2e00b6d0683e802f0ca9fe6453697a")
_BLOCK_BYTES = 16
_RC4_KEY_BYTES = frozenset((5, 7, 8, 10, 16, 20, 24, 32))
_MOST_PASSWORD_BYTES = 127
_EMBEDDED, _STREAMS, _STRINGS = b"EFF", b"StmF", b"StrF"


class PdfPasswords:
    """The passwords to try on documents, the empty one first. Creating it loads what the sandbox would refuse later."""

    def __init__(self, passwords: Sequence[bytes] = ()) -> None:
        self.words = list(dict.fromkeys((b"", *passwords, *map(_latin, passwords))))
        _cbc(bytes(16), bytes(16), decrypts=True)
        _cbc(bytes(16), bytes(16), decrypts=False)
        with suppress(ContainerError):
            _rc4(b"a key", b"")


class PdfKey(msgspec.Struct, frozen=True):
    """The key of a document, with its methods: ``V2`` (RC4), ``AESV2``, ``AESV3`` or ``None`` (not encrypted)."""

    key: bytes
    of_streams: bytes
    of_strings: bytes
    of_embedded: bytes

    def content(self, chunks: Iterator[bytes], number: int, generation: int, *, is_embedded: bool) -> Iterator[bytes]:
        """Yields the decrypted content of a stream.

        Raises:
            ContainerError: its length or its end is impossible; all of it was given.
        """
        method = self.of_embedded if is_embedded else self.of_streams
        if method == b"None":
            return chunks
        key = self._object_key(method, number, generation)
        return _rc4_chunks(key, chunks) if method == b"V2" else _aes_chunks(key, chunks)

    def string(self, data: bytes, number: int, generation: int) -> bytes:
        """Returns a decrypted string; as it is, if it cannot be one."""
        if self.of_strings == b"None":
            return data
        key = self._object_key(self.of_strings, number, generation)
        if self.of_strings == b"V2":
            return _rc4(key, data)
        try:
            return b"".join(_aes_chunks(key, iter((data,))))
        except ContainerError:
            return data

    def _object_key(self, method: bytes, number: int, generation: int) -> bytes:
        if method == b"AESV3":
            return self.key
        salted = self.key + number.to_bytes(8, "little")[:3] + generation.to_bytes(8, "little")[:2]
        salted += b"sAlT" if method == b"AESV2" else b""
        return _md5(salted)[: min(len(self.key) + 5, 16)]


def find_key(dictionary: dict[bytes, Value], identifier: bytes, passwords: PdfPasswords) -> PdfKey | None:
    """Returns the key of a document; ``None``: no password fits, or the method is not the standard one.

    Args:
        dictionary: the encryption dictionary.
        identifier: first string of the document's identifier.
        passwords: tried as those of the user and of the owner.
    """
    if dictionary.get(b"Filter") != Name(b"Standard"):
        return None
    version, revision = typed(dictionary.get(b"V"), int, 0), typed(dictionary.get(b"R"), int, 0)
    methods = _methods(dictionary, version)
    if methods is None:
        return None
    for word in passwords.words:
        key = (
            _key_of_6(dictionary, word, revision)
            if revision in {5, 6}
            else _key_of_4(dictionary, word, revision, version, identifier)
        )
        if key is not None:
            return PdfKey(key, *methods)
    return None


def _methods(dictionary: dict[bytes, Value], version: int) -> tuple[bytes, bytes, bytes] | None:
    if version in {1, 2}:
        return (b"V2", b"V2", b"V2")
    if version not in {4, 5}:
        return None
    filters = typed(dictionary.get(b"CF"), dict, {})

    def method(key: bytes, default: bytes) -> bytes:
        name = typed(dictionary.get(key), Name, Name(default)).text
        if name == b"Identity":
            return b"None"
        return typed(typed(filters.get(name), dict, {}).get(b"CFM"), Name, Name(b"")).text

    streams = typed(dictionary.get(_STREAMS), Name, Name(b"Identity")).text
    found = method(_STREAMS, b"Identity"), method(_STRINGS, b"Identity"), method(_EMBEDDED, streams)
    return found if set(found) <= {b"None", b"V2", b"AESV2", b"AESV3"} else None


def _key_of_4(
    dictionary: dict[bytes, Value], word: bytes, revision: int, version: int, identifier: bytes
) -> bytes | None:
    """Tries a password of revisions 2 to 4 as that of the user, then of the owner (7.6.4.3, 7.6.4.4)."""
    bits = typed(dictionary.get(b"Length"), int, 40 if version != 4 else 128)
    length = 5 if revision == 2 else bits // 8 if bits >= 40 else bits
    owner = typed(dictionary.get(b"O"), bytes, b"")[:32]
    user = typed(dictionary.get(b"U"), bytes, b"")
    if revision not in {2, 3, 4} or not 5 <= length <= 16 or len(owner) < 32 or len(user) < 16:
        return None
    permissions = typed(dictionary.get(b"P"), int, 0) & 0xFFFFFFFF
    is_plain = dictionary.get(b"EncryptMetadata") is False

    def of_user(password: bytes) -> bytes | None:
        seed = (password + PADDING)[:32] + owner + permissions.to_bytes(4, "little") + identifier
        key = _md5(seed + (b"\xff\xff\xff\xff" if is_plain and revision >= 4 else b""))
        for _ in range(50 if revision >= 3 else 0):
            key = _md5(key[:length])
        key = key[:length]
        if revision == 2:
            return key if _rc4(key, PADDING) == user[:32] else None
        check = _rc4(key, _md5(PADDING + identifier))
        for number in range(1, 20):
            check = _rc4(bytes(byte ^ number for byte in key), check)
        return key if check == user[:16] else None

    def user_password() -> bytes:
        key = _md5((word + PADDING)[:32])
        for _ in range(50 if revision >= 3 else 0):
            key = _md5(key)
        key, found = key[:length], owner
        for number in range(19 if revision >= 3 else 0, -1, -1):
            found = _rc4(bytes(byte ^ number for byte in key), found)
        return found

    return of_user(word) or of_user(user_password())


def _key_of_6(dictionary: dict[bytes, Value], word: bytes, revision: int) -> bytes | None:
    """Tries a password of revisions 5 and 6 as that of the user, then of the owner (7.6.4.3.3)."""
    word = word[:_MOST_PASSWORD_BYTES]
    user = typed(dictionary.get(b"U"), bytes, b"")[:48]
    hashed: Callable[[bytes, bytes, bytes], bytes] = _hash_5 if revision == 5 else _hash_6
    for name, salt in ((b"U", b""), (b"O", user)):
        stated = typed(dictionary.get(name), bytes, b"")[:48]
        sealed = typed(dictionary.get(name + b"E"), bytes, b"")[:32]
        if len(stated) == 48 and len(sealed) == 32 and hashed(word, stated[32:40], salt) == stated[:32]:
            return _cbc(hashed(word, stated[40:48], salt), bytes(16), decrypts=True).update(sealed)
    return None


def _hash_5(word: bytes, salt: bytes, user: bytes) -> bytes:
    return hashlib.sha256(word + salt + user).digest()


def _hash_6(word: bytes, salt: bytes, user: bytes) -> bytes:
    """Computes the hash of algorithm 2.B."""
    key, number, last = hashlib.sha256(word + salt + user).digest(), 0, 0
    while number < 64 or last > number - 32:
        data = _cbc(key[:16], key[16:32], decrypts=False).update((word + key + user) * 64)
        key = (hashlib.sha256, hashlib.sha384, hashlib.sha512)[sum(data[:16]) % 3](data).digest()
        number, last = number + 1, data[-1]
    return key[:32]


def _aes_chunks(key: bytes, chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Decrypts what begins with its initialization vector and ends with padding (7.6.3)."""
    cipher: CipherContext | None = None
    rest, held = b"", b""
    for chunk in chunks:
        data = rest + chunk
        if cipher is None:
            if len(data) < _BLOCK_BYTES:
                rest = data
                continue
            cipher, data = _cbc(key, data[:_BLOCK_BYTES], decrypts=True), data[_BLOCK_BYTES:]
        whole = len(data) // _BLOCK_BYTES * _BLOCK_BYTES
        rest = data[whole:]
        plain = held + cipher.update(data[:whole])
        held = plain[-_BLOCK_BYTES:]
        if len(plain) > _BLOCK_BYTES:
            yield plain[:-_BLOCK_BYTES]
    padding = held[-1] if held else 0
    is_right = 1 <= padding <= _BLOCK_BYTES and held.endswith(bytes((padding,)) * padding) and not rest
    last = held[:-padding] if is_right else held
    if last:
        yield last
    if not is_right and (held or rest):
        raise ContainerError(FaultCode.DAMAGED, DAMAGED_MEMBER, is_complete=not rest)


def _rc4_chunks(key: bytes, chunks: Iterator[bytes]) -> Iterator[bytes]:
    cipher = _rc4_cipher(key)
    return map(cipher.update, chunks)


def _rc4(key: bytes, data: bytes) -> bytes:
    return _rc4_cipher(key).update(data)


def _rc4_cipher(key: bytes) -> "CipherContext":
    """Returns the cipher for a key of any length: a key that is written several times is the same key."""
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 # few documents need it
    from cryptography.hazmat.decrepit.ciphers.algorithms import ARC4  # noqa: PLC0415 # few documents need it
    from cryptography.hazmat.primitives.ciphers import Cipher  # noqa: PLC0415 # as above

    times = next((times for times in range(1, 7) if len(key) * times in _RC4_KEY_BYTES), 1)
    try:
        return Cipher(ARC4(key * times), None).encryptor()
    except (UnsupportedAlgorithm, ValueError):  # a length of key, or the cipher as a whole in some builds of OpenSSL
        raise ContainerError(FaultCode.UNSUPPORTED, UNSUPPORTED) from None


def _cbc(key: bytes, start: bytes, *, decrypts: bool) -> "CipherContext":
    from cryptography.hazmat.primitives.ciphers import Cipher  # noqa: PLC0415 # few documents need it
    from cryptography.hazmat.primitives.ciphers.algorithms import AES  # noqa: PLC0415 # as above
    from cryptography.hazmat.primitives.ciphers.modes import CBC  # noqa: PLC0415 # as above

    cipher = Cipher(AES(key), CBC(start))
    return cipher.decryptor() if decrypts else cipher.encryptor()


def _md5(data: bytes) -> bytes:
    return hashlib.md5(data, usedforsecurity=False).digest()


def _latin(word: bytes) -> bytes:
    """Returns a password in the encoding of revisions before 5, which is that of PDF's own texts."""
    try:
        return word.decode().encode("latin-1")
    except UnicodeError:
        return word
