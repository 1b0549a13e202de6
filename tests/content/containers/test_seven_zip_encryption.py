"""Encrypted 7z archives, made by 7-Zip."""

import functools
import random
import shutil
import subprocess
import zlib
from pathlib import Path

import pytest

from hashaudit.content.containers.interface import RandomReader
from hashaudit.content.containers.optional_readers import installed_kinds
from hashaudit.content.containers.reader_registry import load_readers, random_readers
from hashaudit.model.containers import ContainerKind
from reader_lab import Read, damaged, read

SEVEN_ZIP = ContainerKind.SEVEN_ZIP
pytestmark = pytest.mark.skipif(
    SEVEN_ZIP not in installed_kinds() or shutil.which("7zz") is None, reason="needs hashaudit[archives] and 7zip"
)

CHANCE = random.Random(7)
PROGRAM = Path("/bin/sh").read_bytes()[:70_000]
FILES = {"a.txt": b"text " * 4000, "b.bin": CHANCE.randbytes(70_001), "c": b"x", "program": PROGRAM, "empty": b""}
WORD = "p\u00e4ssword"
FORMS = {
    "usual": [],
    "header": ["-mhe=on"],
    "header not packed": ["-mhe=on", "-mhc=off"],
    "stored": ["-mx0"],
    "not solid": ["-ms=off"],
    "ppmd": ["-m0=ppmd"],
    "deflate": ["-m0=deflate", "-ms=off"],
    "bcj2": ["-m0=bcj2", "-m1=lzma", "-m2=lzma", "-m3=lzma", "-mb0:1", "-mb0s1:2", "-mb0s2:3"],
    "not encrypted": ["-p"],
}


def made(folder: Path, form: str) -> bytes:
    for name, data in FILES.items():
        (folder / name).write_bytes(data)
    command = ["7zz", "a", "-bd", f"-p{WORD}", *FORMS[form], "out.7z", *FILES]
    if form == "not encrypted":
        command.remove(f"-p{WORD}")
        command.remove("-p")
    subprocess.run(command, check=True, capture_output=True, cwd=folder)
    return (folder / "out.7z").read_bytes()


@functools.cache
def reader(*words: str) -> RandomReader:
    load_readers(frozenset((SEVEN_ZIP,)))
    return random_readers([word.encode() for word in words])[SEVEN_ZIP]


def opened(data: bytes, *words: str) -> Read:
    return read(reader(*words), data)


@pytest.mark.parametrize("form", FORMS)
def test_members_are_decrypted_by_the_password_that_fits(tmp_path: Path, form: str) -> None:
    data = made(tmp_path, form)
    for words in ((WORD,), ("other", WORD)):
        found = opened(data, *words)
        assert ({name.decode(): content for name, content in found.members}, found.faults) == (FILES, [])
    if form != "not encrypted":
        for words in (("other",), ("other", "more")):
            found = opened(data, *words)
            assert set(found.faults) == {"encrypted"}
            assert not any(found.contents)
    # Behind a program.
    found = opened(b"MZ" + bytes(998) + data, WORD)
    assert found.contents == set(FILES.values())


@pytest.mark.parametrize("form", ["header", "not solid"])
def test_damage_is_a_fault_and_never_other_content(tmp_path: Path, form: str) -> None:
    data = made(tmp_path, form)
    for mutant in damaged(data, 30):
        found = opened(mutant, WORD)
        assert found.contents <= set(FILES.values())
        assert found.faults or {name.decode(): content for name, content in found.members} == FILES


def test_a_key_that_takes_too_long_is_not_derived(tmp_path: Path) -> None:
    data = bytearray(made(tmp_path, "header not packed"))
    at = data.rindex(b"\x06\xf1\x07\x01")
    assert data[at + 5] & 0x3F == 19
    data[at + 5] |= 0x3E
    header_at = 32 + int.from_bytes(data[12:20], "little")
    data[28:32] = zlib.crc32(data[header_at:]).to_bytes(4, "little")
    data[8:12] = zlib.crc32(data[12:32]).to_bytes(4, "little")
    assert opened(bytes(data), WORD) == ([], ["encrypted"])
