"""Encrypted members of zip files, as other programs write them: decrypted with the right password, else a fault."""

import os
import random
import struct
import subprocess
import zipfile
from pathlib import Path

import pytest

from inside_lab import Examined, examine, sha256

CONTENT = {
    "random": random.Random(1).randbytes(5001),
    "text": b"some text " * 3_000,
    "one": b"x",
}
DIGESTS = {(name.encode(),): sha256(data) for name, data in CONTENT.items()}
WORD = "a word"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Archives of one content, one for each program, cipher and compression."""
    root = tmp_path_factory.mktemp("made")
    for name, data in CONTENT.items():
        (root / name).write_bytes(data)
    subprocess.run(["zip", "-q", "-P", WORD, "infozip.zip", *CONTENT], check=True, cwd=root)
    for cipher in ("ZipCrypto", "AES128", "AES192", "AES256"):
        for method in ("Deflate", "Copy") if cipher in {"ZipCrypto", "AES256"} else ("LZMA",):
            words = ["7zz", "a", "-tzip", f"-mem={cipher}", f"-mm={method}", f"-p{WORD}", f"{cipher}-{method}.zip"]
            subprocess.run([*words, *CONTENT], check=True, cwd=root, stdout=subprocess.DEVNULL)
    return root


NAMES = [
    "infozip",
    "ZipCrypto-Deflate",
    "ZipCrypto-Copy",
    "AES128-LZMA",
    "AES192-LZMA",
    "AES256-Deflate",
    "AES256-Copy",
]


def opened(path: Path, *passwords: str) -> Examined:
    return examine(path, passwords=tuple(word.encode() for word in passwords))


@pytest.mark.parametrize("name", NAMES)
def test_the_right_password_decrypts_every_member(made: Path, name: str) -> None:
    found = opened(made / f"{name}.zip", "other", WORD, "third")
    assert (found.codes, found.digests) == ([], DIGESTS)


@pytest.mark.parametrize("name", NAMES)
def test_a_wrong_password_is_the_fault_encrypted(made: Path, name: str) -> None:
    found = opened(made / f"{name}.zip", "other")
    assert found.codes == ["encrypted"] * 3
    assert not found.whole()


@pytest.mark.parametrize("name", ["infozip", "ZipCrypto-Copy"])
def test_passwords_that_agree_with_the_check_byte_alone_hide_nothing(made: Path, name: str) -> None:
    wrong = [f"word{number}" for number in range(400)]
    assert set(opened(made / f"{name}.zip", *wrong).codes) == {"encrypted"}
    found = opened(made / f"{name}.zip", *wrong, WORD)
    assert (found.codes, found.digests) == ([], DIGESTS)


def test_a_password_in_an_older_encoding(made: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    word = os.fsdecode("wörd".encode("cp850"))
    subprocess.run(["zip", "-q", "-j", "-P", word, path, made / "one"], check=True)
    assert opened(path, "wörd").codes == []


@pytest.mark.parametrize(
    ("name", "code"), [("AES256-Copy", "damaged"), ("AES256-Deflate", "damaged"), ("ZipCrypto-Copy", "encrypted")]
)
def test_a_flipped_byte_is_never_good(made: Path, tmp_path: Path, name: str, code: str) -> None:
    data = bytearray((made / f"{name}.zip").read_bytes())
    with zipfile.ZipFile(made / f"{name}.zip") as archive:
        at = archive.getinfo("random").header_offset
    name_bytes, extra_bytes = struct.unpack_from("<HH", data, at + 26)
    data[at + 30 + name_bytes + extra_bytes + 2000] ^= 1
    (tmp_path / "a.zip").write_bytes(data)
    found = opened(tmp_path / "a.zip", WORD)
    assert found.codes == [code]
    assert found.whole() == {sha256(CONTENT["text"]), sha256(CONTENT["one"])}


def test_the_code_of_authenticity_is_checked(made: Path, tmp_path: Path) -> None:
    """AE-2 has no checksum of the content, so nothing else shows a change of the last bytes."""
    data = bytearray((made / "AES256-Copy.zip").read_bytes())
    with zipfile.ZipFile(made / "AES256-Copy.zip") as archive:
        info = archive.getinfo("one")
    name_bytes, extra_bytes = struct.unpack_from("<HH", data, info.header_offset + 26)
    end = info.header_offset + 30 + name_bytes + extra_bytes + info.compress_size
    data[end - 1] ^= 1
    (tmp_path / "a.zip").write_bytes(data)
    found = opened(tmp_path / "a.zip", WORD)
    assert found.codes == ["damaged"]
    assert sha256(b"x") not in found.whole()


@pytest.mark.parametrize("name", ["infozip", "AES256-Deflate", "ZipCrypto-Copy"])
def test_members_without_a_directory_are_decrypted(made: Path, tmp_path: Path, name: str) -> None:
    data = (made / f"{name}.zip").read_bytes()
    (tmp_path / "a.zip").write_bytes(data[: data.index(b"PK\1\2")])
    found = opened(tmp_path / "a.zip", WORD)
    assert (found.codes, found.digests) == (["damaged"], DIGESTS)


def test_a_streamed_member_without_a_directory_is_decrypted(tmp_path: Path) -> None:
    words = ["zip", "-q", "-P", WORD, "-", "-"]
    data = subprocess.run(words, input=CONTENT["text"], capture_output=True, check=True).stdout
    (tmp_path / "a.zip").write_bytes(data[: data.index(b"PK\1\2")])
    assert opened(tmp_path / "a.zip", WORD).digests == {(b"-",): sha256(CONTENT["text"])}
    assert "encrypted" in opened(tmp_path / "a.zip", "other").codes


def test_encryption_that_nothing_here_reads_is_the_fault_encrypted(made: Path, tmp_path: Path) -> None:
    data = bytearray((made / "infozip.zip").read_bytes())
    at = data.index(b"PK\1\2")
    while at >= 0:
        data[at + 8] |= 0x40
        at = data.find(b"PK\1\2", at + 4)
    (tmp_path / "a.zip").write_bytes(data)
    assert opened(tmp_path / "a.zip", WORD).codes == ["encrypted"] * 3
    other = bytearray((made / "AES256-Copy.zip").read_bytes())
    (tmp_path / "b.zip").write_bytes(other.replace(b"AE\3", b"AE\7"))
    assert opened(tmp_path / "b.zip", WORD).codes == ["encrypted"] * 3
