"""Private keys in OpenSSH's form: read as the cryptography package reads them, or left to it."""

import base64
import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_ssh_private_key,
)

from hashaudit.signing.key_files import load_key, new_key
from hashaudit.signing.openssh_private_key import parse_private_key

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
SEED = KEY.private_bytes_raw()
FILE = KEY.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())


def decoded(file: bytes) -> bytes:
    return base64.b64decode(b"".join(file.splitlines()[1:-1]))


BLOB = decoded(FILE)


def test_a_key_is_read_as_by_the_package(tmp_path: Path) -> None:
    for number in range(3):
        new_key(str(tmp_path / f"{number}"), "c" * number)
        file = (tmp_path / f"{number}").read_bytes()
        there = load_ssh_private_key(file, None)
        found = parse_private_key(decoded(file))
        assert isinstance(there, Ed25519PrivateKey)
        assert found is not None
        assert found.private_bytes_raw() == there.private_bytes_raw()


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="needs ssh-keygen (Debian: openssh-client)")
@pytest.mark.parametrize("length", range(9))
def test_keys_of_openssh_are_read_with_any_comment(length: int, tmp_path: Path) -> None:
    words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "c" * length, "-f", str(tmp_path / "key")]
    subprocess.run(words, check=True)
    found = parse_private_key(decoded((tmp_path / "key").read_bytes()))
    assert found is not None
    assert load_key(str(tmp_path / "key")).public_key.text in (tmp_path / "key.pub").read_text()


@pytest.mark.parametrize(
    "other",
    [
        b"",
        BLOB[:-1],
        BLOB + b"\0",
        BLOB.replace(SEED, bytes(32)),
        BLOB.replace(b"none", b"nine", 1),
        BLOB.replace(b"ssh-ed25519", b"ssh-ed25518"),
        BLOB[:-1] + b"\0",
        decoded(KEY.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, BestAvailableEncryption(b"secret"))),
        decoded(generate_private_key(SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())),
    ],
)
def test_everything_else_is_left_to_the_package(other: bytes) -> None:
    assert parse_private_key(BLOB) is not None
    assert parse_private_key(other) is None


def test_no_changed_byte_gives_another_key() -> None:
    # The public key is there three times and must belong to the seed.
    for position in range(len(BLOB)):
        blob = bytearray(BLOB)
        blob[position] ^= 1
        found = parse_private_key(bytes(blob))
        assert found is None or found.private_bytes_raw() == SEED
