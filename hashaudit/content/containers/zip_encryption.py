"""Decrypts members of zip files with the passwords that the user gives: ZipCrypto, and AES as WinZip writes it.

Neither proves a password before all data was read: ZipCrypto compares one byte, AES two. Where several passwords agree
with these, the reader tries them on the whole member. AES has a code of authenticity over the encrypted data.

Source: PKWARE APPNOTE 6.3.10, 6.1 (ZipCrypto); WinZip, "AES Encryption Information", version 1.04 (AE-1 and AE-2).
"""

import hashlib
import hmac
import zlib
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

import msgspec

from hashaudit.content.containers.interface import ContainerError
from hashaudit.model.faults import FaultCode

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers import CipherContext

AES_METHOD = 99
"""Compression method of a member that is encrypted with AES; an extra field has the real one."""
STRONG_ENCRYPTION = 0x40
"""Flag of PKWARE's own encryption, which nothing else reads."""

ENCRYPTED = "the member is encrypted"
NO_PASSWORD = "the member is encrypted; no password fits"  # noqa: S105 # a message
NO_PASSWORD_OR_DAMAGED = "the member is encrypted; no password fits, or its data is damaged"  # noqa: S105 # as above
UNKNOWN_ENCRYPTION = "the member is encrypted in a way that is not supported"
WRONG_AUTHENTICATION = "the authentication code of the member does not agree with its data"

_AES_FIELD = 0x9901
_AES_ROUNDS = 1000
_AES_CHECK_BYTES = 2
_AES_CODE_BYTES = 10
_BLOCK_BYTES = 16
_CRYPTO_HEAD_BYTES = 12
_OLD_ENCODINGS = ("cp437", "cp850", "cp1252")
"""The encodings in which programs without UTF-8 take the password."""

_Keys = tuple[int, int, int]
_MASK = 0xFFFFFFFF
_CRC_TABLE = tuple(zlib.crc32(bytes((value,)), _MASK) ^ _MASK for value in range(256))


class EncryptedMember(msgspec.Struct, frozen=True):
    """The headers of a member, as far as its encryption needs them."""

    method: int
    flags: int
    extra: bytes
    """Extra fields, of a member that is encrypted with AES."""
    checks: tuple[int, ...]
    """Values of the byte that ZipCrypto checks: of the checksum, or of the time."""
    packed_bytes: int


class Opening(Protocol):
    """A way to decrypt a member with one password that may be right."""

    method: int
    """The compression of the decrypted data."""
    has_crc: bool
    """The checksum in the header is that of the content."""
    is_sure: bool
    """The code of authenticity proves the password, so that damage is no wrong password."""
    head_bytes: int
    """Bytes of the member's data before the encrypted content."""
    tail_bytes: int
    """Bytes behind it."""

    def decrypted(self, packed: Iterable[bytes], tail: Callable[[], bytes]) -> Iterator[bytes]:
        """Yields the decrypted data.

        Args:
            packed: the encrypted content.
            tail: returns the bytes behind it.

        Raises:
            ContainerError: the code of authenticity does not agree; all data was given.
        """
        ...


class ZipPasswords:
    """The passwords for one zip file. Creating it loads what the sandbox would refuse to load later."""

    def __init__(self, passwords: Sequence[bytes]) -> None:
        self._passwords = list(dict.fromkeys(form for password in passwords for form in _forms(password)))
        if self._passwords:
            _Aes(b"", b"\0" * _BLOCK_BYTES, _BLOCK_BYTES, 0, has_crc=True)

    def __bool__(self) -> bool:
        return bool(self._passwords)

    def for_archive(self) -> "ZipPasswords":
        """Returns the same passwords in the order of the file, for another archive."""
        copied = ZipPasswords(())
        copied._passwords = list(self._passwords)
        return copied

    def openings(self, member: EncryptedMember, head: bytes) -> list[Opening]:
        """Returns the ways to decrypt a member that its check bytes allow, the password that fitted last first.

        Args:
            member: its headers.
            head: the first bytes of its data, at least 32 if it has so many.

        Raises:
            ContainerError: nothing can decrypt it.
        """
        if member.flags & STRONG_ENCRYPTION:
            raise ContainerError(FaultCode.ENCRYPTED, UNKNOWN_ENCRYPTION)
        if not self._passwords:
            raise ContainerError(FaultCode.ENCRYPTED, ENCRYPTED)
        make = _aes_openings if member.method == AES_METHOD else _crypto_openings
        found = [
            (password, opening) for password in self._passwords if (opening := make(member, head, password)) is not None
        ]
        if not found:
            raise ContainerError(FaultCode.ENCRYPTED, NO_PASSWORD)
        if len(found) == 1:
            self._prefer(found[0][0])
        return [opening for _, opening in found]

    def _prefer(self, password: bytes) -> None:
        """Tries a password first from now on: the members of an archive mostly have one."""
        if self._passwords[0] != password:
            self._passwords.remove(password)
            self._passwords.insert(0, password)


def _forms(password: bytes) -> Iterator[bytes]:
    """Yields a password as it is, and in older encodings."""
    yield password
    if not password.isascii():
        for encoding in _OLD_ENCODINGS:
            try:
                yield password.decode().encode(encoding)
            except UnicodeError:
                continue


class _ZipCrypto:
    """The cipher of PKZIP 2 (APPNOTE 6.1)."""

    has_crc = True
    is_sure = False
    head_bytes = _CRYPTO_HEAD_BYTES
    tail_bytes = 0

    def __init__(self, method: int, password: bytes, head: bytes) -> None:
        self.method = method
        keys = (0x12345678, 0x23456789, 0x34567890)
        for byte in password:
            keys = _updated(keys, byte)
        plain, self._keys = _decrypted(head, keys)
        self.check = plain[-1]

    def decrypted(self, packed: Iterable[bytes], tail: Callable[[], bytes]) -> Iterator[bytes]:  # noqa: ARG002 # has none
        """Yields the decrypted data."""
        keys = self._keys
        for data in packed:
            plain, keys = _decrypted(data, keys)
            yield plain


def _decrypted(data: bytes, keys: _Keys) -> tuple[bytes, _Keys]:
    """Returns the plain text, and the keys behind it."""
    key0, key1, key2 = keys
    table, plain = _CRC_TABLE, bytearray(data)
    # As in _updated, which is not called because this loop is what decryption costs.
    for at, byte in enumerate(data):
        product = key2 | 2
        byte ^= (product * (product ^ 1) >> 8) & 0xFF  # noqa: PLW2901 # a name more costs time
        plain[at] = byte
        key0 = key0 >> 8 ^ table[(key0 ^ byte) & 0xFF]
        key1 = ((key1 + (key0 & 0xFF)) * 134775813 + 1) & _MASK
        key2 = key2 >> 8 ^ table[(key2 ^ key1 >> 24) & 0xFF]
    return bytes(plain), (key0, key1, key2)


def _updated(keys: _Keys, byte: int) -> _Keys:
    """Returns the keys after a byte of plain text (APPNOTE 6.1.5)."""
    key0, key1, key2 = keys
    key0 = key0 >> 8 ^ _CRC_TABLE[(key0 ^ byte) & 0xFF]
    key1 = ((key1 + (key0 & 0xFF)) * 134775813 + 1) & _MASK
    return key0, key1, key2 >> 8 ^ _CRC_TABLE[(key2 ^ key1 >> 24) & 0xFF]


def _crypto_openings(member: EncryptedMember, head: bytes, password: bytes) -> Opening | None:
    if len(head) < _CRYPTO_HEAD_BYTES:
        return None
    opening = _ZipCrypto(member.method, password, head[:_CRYPTO_HEAD_BYTES])
    return opening if opening.check in member.checks else None


class _Aes:
    """AES in counter mode with a code of authenticity."""

    is_sure = True
    tail_bytes = _AES_CODE_BYTES

    def __init__(self, password: bytes, salt: bytes, key_bytes: int, method: int, *, has_crc: bool) -> None:
        # Most scans have no passwords, and it takes longer to load than a small scan.
        from cryptography.hazmat.primitives.ciphers import Cipher  # noqa: PLC0415 # as above
        from cryptography.hazmat.primitives.ciphers.algorithms import AES  # noqa: PLC0415 # as above
        from cryptography.hazmat.primitives.ciphers.modes import ECB  # noqa: PLC0415 # as above

        self.method = method
        self.has_crc = has_crc
        self.head_bytes = len(salt) + _AES_CHECK_BYTES
        keys = hashlib.pbkdf2_hmac("sha1", password, salt, _AES_ROUNDS, 2 * key_bytes + _AES_CHECK_BYTES)
        # WinZip counts from the low byte, which no mode of the library does: it encrypts the counters alone.
        self._cipher: CipherContext = Cipher(AES(keys[:key_bytes]), ECB()).encryptor()  # noqa: S305 # as above
        self._code_key = keys[key_bytes : 2 * key_bytes]
        self.check = keys[2 * key_bytes :]

    def decrypted(self, packed: Iterable[bytes], tail: Callable[[], bytes]) -> Iterator[bytes]:
        """Yields the decrypted data."""
        code = hmac.new(self._code_key, digestmod=hashlib.sha1)
        block, rest = 1, b""
        for data in packed:
            code.update(data)
            blocks = -(-(len(data) - len(rest)) // _BLOCK_BYTES)
            counters = array("Q", bytes(_BLOCK_BYTES * blocks))
            counters[::2] = array("Q", range(block, block + blocks))
            block += blocks
            stream = rest + self._cipher.update(counters.tobytes())
            plain = int.from_bytes(data, "little") ^ int.from_bytes(stream[: len(data)], "little")
            rest = stream[len(data) :]
            yield plain.to_bytes(len(data), "little")
        if not hmac.compare_digest(code.digest()[:_AES_CODE_BYTES], tail()):
            raise ContainerError(FaultCode.DAMAGED, WRONG_AUTHENTICATION, is_complete=True)


def _aes_openings(member: EncryptedMember, head: bytes, password: bytes) -> Opening | None:
    """Returns the opening with a password, if the two bytes behind the salt agree."""
    field = _field(member.extra)
    if len(field) < 7 or field[2:4] != b"AE" or not 1 <= field[4] <= 3 or field[0] not in {1, 2}:
        raise ContainerError(FaultCode.ENCRYPTED, UNKNOWN_ENCRYPTION)
    key_bytes = 8 + 8 * field[4]
    salt_bytes = key_bytes // 2
    if member.packed_bytes < salt_bytes + _AES_CHECK_BYTES + _AES_CODE_BYTES:
        raise ContainerError(FaultCode.ENCRYPTED, NO_PASSWORD_OR_DAMAGED)
    # AE-2 leaves the checksum out, because it shows something about a short content.
    opening = _Aes(password, head[:salt_bytes], key_bytes, int.from_bytes(field[5:7], "little"), has_crc=field[0] == 1)
    return opening if opening.check == head[salt_bytes : salt_bytes + _AES_CHECK_BYTES] else None


def _field(extra: bytes) -> bytes:
    """Returns the extra field with the parameters of AES; empty if there is none."""
    at = 0
    while at + 4 <= len(extra):
        kind, length = int.from_bytes(extra[at : at + 2], "little"), int.from_bytes(extra[at + 2 : at + 4], "little")
        if kind == _AES_FIELD:
            return extra[at + 4 : at + 4 + length]
        at += 4 + length
    return b""
