"""The keys of encrypted 7z archives, and how data is decrypted with them.

Source: 7zFormat.txt of the LZMA SDK; 7zAes.cpp of 7-Zip (the derivation of the key).
"""

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from hashaudit.content.containers.interface import ContainerError
from hashaudit.content.containers.seven_zip_header import DAMAGED, UNKNOWN_ENCRYPTION
from hashaudit.model.faults import FaultCode

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers import CipherContext

BLOCK_BYTES = 16
MOST_ROUNDS = 1 << 26
"""Most rounds of the derivation of keys for one archive: a minute or so. One password of 7-Zip takes 2^19."""
MOST_KEYS = 1000
"""Most keys that are kept."""
_MOST_POWER = 24


class SevenZipPasswords:
    """The passwords to try, and the keys that they give. Creating it loads what the sandbox would refuse later."""

    def __init__(self, passwords: Sequence[bytes]) -> None:
        self.words = list(dict.fromkeys(word.decode("utf-8", "surrogateescape") for word in passwords))
        self._keys: dict[tuple[str, bytes, int], bytes] = {}
        self._rounds = 0
        if self.words:
            cbc(bytes(32), bytes(BLOCK_BYTES))

    def __bool__(self) -> bool:
        return bool(self.words)

    def for_archive(self) -> "SevenZipPasswords":
        """Returns the same passwords for another archive. Keys are shared, because most archives have no salt."""
        copied = SevenZipPasswords(())
        copied.words, copied._keys = list(self.words), self._keys
        return copied

    def key(self, word: str, salt: bytes, power: int) -> bytes:
        """Returns the key that a password gives.

        Raises:
            ContainerError: it would take too long.
        """
        found = self._keys.get((word, salt, power))
        if found is None:
            if power > _MOST_POWER and power != 0x3F:
                raise ContainerError(FaultCode.ENCRYPTED, UNKNOWN_ENCRYPTION)
            self._rounds += 0 if power == 0x3F else 1 << power
            if self._rounds > MOST_ROUNDS:
                raise ContainerError(FaultCode.ENCRYPTED, UNKNOWN_ENCRYPTION)
            if len(self._keys) >= MOST_KEYS:
                self._keys.clear()
            found = self._keys[word, salt, power] = _derived(word.encode("utf-16-le", "surrogatepass"), salt, power)
        return found

    def first(self, word: str) -> None:
        """Notes that a password fitted: it is tried first from now on."""
        self.words.remove(word)
        self.words.insert(0, word)


def aes_properties(data: bytes) -> tuple[int, bytes, bytes]:
    """Returns the power of two of the rounds, the salt, and the initialization vector.

    Raises:
        ContainerError: there are no properties.
    """
    if not data:
        raise ContainerError(FaultCode.DAMAGED, DAMAGED)
    first, second = data[0], data[1] if len(data) > 1 and data[0] & 0xC0 else 0
    salt_bytes, vector_bytes = (first >> 7 & 1) + (second >> 4), (first >> 6 & 1) + (second & 15)
    salt = data[2 : 2 + salt_bytes]
    vector = data[2 + salt_bytes : 2 + salt_bytes + vector_bytes]
    return first & 0x3F, salt, vector.ljust(BLOCK_BYTES, b"\0")


def _derived(word: bytes, salt: bytes, power: int) -> bytes:
    if power == 0x3F:
        return (salt + word).ljust(32, b"\0")[:32]
    digest, seed = hashlib.sha256(), salt + word
    step = 1 << min(power, 12)
    for first in range(0, 1 << power, step):
        digest.update(b"".join(seed + number.to_bytes(8, "little") for number in range(first, first + step)))
    return digest.digest()


def cbc(key: bytes, vector: bytes) -> "CipherContext":
    """Returns what decrypts data with AES."""
    from cryptography.hazmat.primitives.ciphers import Cipher  # noqa: PLC0415 # few archives need it
    from cryptography.hazmat.primitives.ciphers.algorithms import AES  # noqa: PLC0415 # as above
    from cryptography.hazmat.primitives.ciphers.modes import CBC  # noqa: PLC0415 # as above

    return Cipher(AES(key), CBC(vector)).decryptor()
