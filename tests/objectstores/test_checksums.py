import base64
import hashlib

import pytest

from hashaudit.objectstores.checksums import Comparison
from hashaudit.objectstores.interface import Checksum

CONTENT = b"123456789"

# Source: the check values of these nine digits in the catalogue of parametrised CRC algorithms.
CHECKS = {
    "crc32": bytes.fromhex("cbf43926"),
    "crc32c": bytes.fromhex("e3069283"),
    "crc64nvme": bytes.fromhex("ae8b14860a799888"),
    "md5": hashlib.md5(CONTENT).digest(),
    "sha1": hashlib.sha1(CONTENT).digest(),
    "sha256": hashlib.sha256(CONTENT).digest(),
}


def compared(checksum: Checksum | None, *chunks: bytes) -> str | None:
    comparison = Comparison(checksum)
    for chunk in chunks:
        comparison.update(chunk)
    return comparison.mismatch()


@pytest.mark.parametrize("algorithm", CHECKS)
def test_a_stores_checksum_is_compared(algorithm: str) -> None:
    checksum = Checksum(algorithm, base64.b64encode(CHECKS[algorithm]).decode())
    assert compared(checksum, CONTENT[:4], CONTENT[4:]) is None
    assert compared(checksum, CONTENT[:4]) == algorithm


@pytest.mark.parametrize("value", ["AAAAAA==-3", "not base64", "é"])
def test_a_composite_or_malformed_checksum_is_ignored(value: str) -> None:
    assert compared(Checksum("crc32", value), CONTENT) is None


def test_an_unknown_algorithm_is_ignored() -> None:
    assert compared(Checksum("crc128", "AAAA"), CONTENT) is None
    assert compared(None, CONTENT) is None
