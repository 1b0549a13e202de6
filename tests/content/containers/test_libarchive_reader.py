"""7z, cab, xar, lz4 and compress files of other programs, whole, cut and damaged."""

import os
import random
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from hashaudit.content.containers.reader_registry import load_readers
from hashaudit.model.containers import ContainerKind
from inside_lab import examine, sha256
from kind_lab import read

PROGRAMS = ("7zz", "bsdtar", "gcab", "lz4")
pytestmark = pytest.mark.skipif(
    not all(map(shutil.which, PROGRAMS)), reason="needs 7zip, libarchive-tools, gcab and lz4 (Debian)"
)

K = ContainerKind
CONTENT = {"a.txt": b"text " * 900, "b.exe": b"MZ" + random.Random(1).randbytes(40_000), "c": b"last"}
FORMS: dict[str, tuple[ContainerKind, list[str]]] = {
    "lzma": (K.SEVEN_ZIP, ["7zz", "a", "-bd", "OUT", *CONTENT]),
    "bzip2": (K.SEVEN_ZIP, ["7zz", "a", "-bd", "-mm=bzip2", "OUT", *CONTENT]),
    "ppmd": (K.SEVEN_ZIP, ["7zz", "a", "-bd", "-mm=ppmd", "-ms=off", "OUT", *CONTENT]),
    "bcj2": (K.SEVEN_ZIP, ["7zz", "a", "-bd", "-mf=BCJ2", "OUT", *CONTENT]),
    "stored cab": (K.CAB, ["gcab", "-c", "OUT", *CONTENT]),
    "mszip cab": (K.CAB, ["gcab", "-c", "-z", "OUT", *CONTENT]),
    "xar": (K.XAR, ["bsdtar", "--format", "xar", "-cf", "OUT", *CONTENT]),
}
EXPECTED = {name.encode(): sha256(data) for name, data in CONTENT.items()}

Make = Callable[[list[str]], bytes]


@pytest.fixture(autouse=True)
def readers() -> None:
    load_readers(frozenset(K))


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Runs a program in a directory with the content, and returns what it writes to OUT."""
    for name, data in CONTENT.items():
        (tmp_path / name).write_bytes(data)

    def made(words: list[str]) -> bytes:
        out = tmp_path / "made.7z"  # 7zz adds the suffix to a name without one
        out.unlink(missing_ok=True)
        subprocess.run(
            [str(out) if word == "OUT" else word for word in words], check=True, cwd=tmp_path, capture_output=True
        )
        return out.read_bytes()

    return made


@pytest.mark.parametrize("form", FORMS)
def test_members_of_whole_cut_and_damaged_archives(make: Make, form: str) -> None:
    kind, words = FORMS[form]
    whole = make(words)
    assert read(kind, whole) == (EXPECTED, [])
    for cut in (*range(40, len(whole), len(whole) // 8), len(whole) - 30):
        good, codes = read(kind, whole[:cut])
        assert codes, cut
        assert good.items() <= EXPECTED.items()
    chance = random.Random(form)
    for _ in range(8):
        changed = bytearray(whole)
        changed[chance.randrange(len(whole))] ^= 1 << chance.randrange(8)
        good, codes = read(kind, bytes(changed))
        assert set(good.values()) <= set(EXPECTED.values()), "what is given as good passed a checksum"
        assert codes or set(good.values()) == set(EXPECTED.values())
    assert "trailing_data" in read(kind, whole + b"other").codes


def test_one_damaged_member_does_not_hide_the_next(make: Make) -> None:
    whole = bytearray(make(["7zz", "a", "-bd", "-mx0", "OUT", *CONTENT]))
    whole[whole.index(CONTENT["b.exe"]) + 5] ^= 1
    good, codes = read(K.SEVEN_ZIP, bytes(whole))
    assert codes == ["damaged"]
    assert good == {name: value for name, value in EXPECTED.items() if name != b"b.exe"}


@pytest.mark.parametrize(
    ("options", "codes"),
    [
        (["-psecret"], ["encrypted"] * 3),
        (["-psecret", "-mhe"], ["encrypted"]),
        (["-psecret", "-mf=BCJ2"], ["encrypted"]),
    ],
)
def test_an_encrypted_archive_is_a_fault(make: Make, options: list[str], codes: list[str]) -> None:
    assert read(K.SEVEN_ZIP, make(["7zz", "a", "-bd", *options, "OUT", *CONTENT])) == ({}, codes)


@pytest.mark.parametrize("options", [["-mm=Deflate64"], ["-mf=SWAP2"], ["-mf=SWAP4", "-ms=off"]])
def test_a_method_that_the_library_does_not_know_is_no_damage(make: Make, options: list[str]) -> None:
    good, codes = read(K.SEVEN_ZIP, make(["7zz", "a", "-bd", *options, "OUT", *CONTENT]))
    assert (good, set(codes)) == ({}, {"unsupported"})


def test_damage_of_an_encrypted_archive_is_damage(make: Make) -> None:
    whole = bytearray(make(["7zz", "a", "-bd", "-psecret", "-mf=BCJ2", "OUT", *CONTENT]))
    whole[-5] ^= 1
    assert read(K.SEVEN_ZIP, bytes(whole)).codes == ["damaged"]


def test_an_archive_behind_a_program_and_inside_another(make: Make, tmp_path: Path) -> None:
    whole = make(FORMS["lzma"][1])
    path = tmp_path / "setup.exe"
    path.write_bytes(b"MZ" + bytes(70_000) + whole)
    assert examine(path).digests == {(name,): digest for name, digest in EXPECTED.items()}
    (tmp_path / "made.7z").rename(tmp_path / "inner.7z")
    path.write_bytes(make(["7zz", "a", "-bd", "OUT", "inner.7z"]))
    found = examine(path)
    assert found.codes == []
    assert {(b"inner.7z", name): digest for name, digest in EXPECTED.items()}.items() <= found.digests.items()


def test_names_are_utf8_whatever_the_locale(make: Make, tmp_path: Path) -> None:
    (tmp_path / "ä\u4e16").write_bytes(b"named")
    assert list(read(K.SEVEN_ZIP, make(["7zz", "a", "-bd", "OUT", "ä\u4e16"])).good) == ["ä\u4e16".encode()]


def test_a_cabinet_of_a_set_and_a_signed_one(make: Make) -> None:
    whole = bytearray(make(FORMS["mszip cab"][1]))
    whole[30] |= 2
    assert "incomplete" in read(K.CAB, bytes(whole)).codes


def test_lz4_and_compress_files(make: Make, tmp_path: Path) -> None:
    data = CONTENT["a.txt"] + CONTENT["b.exe"]
    (tmp_path / "both").write_bytes(data)
    whole = make(["lz4", "-q", "both", "OUT"])
    assert read(K.LZ4, whole) == ({b"": sha256(data)}, [])
    assert read(K.LZ4, whole + whole) == ({b"": sha256(data + data)}, [])
    assert read(K.LZ4, whole + b"other").codes == ["trailing_data"]
    assert all(read(K.LZ4, whole[:cut]).codes for cut in range(20, len(whole), 3001))
    packed = make(["bsdtar", "--format", "raw", "--compress", "-cf", "OUT", "both"])
    assert read(K.COMPRESS, packed) == ({b"": sha256(data)}, [])


def test_what_the_worker_reads_is_what_7zz_unpacks(make: Make, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    for name in ("one/two", "three"):
        (tree / name).mkdir(parents=True)
        for number in range(30):
            (tree / name / str(number)).write_bytes(os.urandom(number * 50))
    path = tmp_path / "tree.7z"
    path.write_bytes(make(["7zz", "a", "-bd", "-ms=8f", "OUT", "tree"]))
    shutil.rmtree(tree)
    subprocess.run(["7zz", "x", "-bd", path], check=True, cwd=tmp_path, capture_output=True)
    unpacked = {
        (str(file.relative_to(tmp_path)).encode(),): sha256(file.read_bytes())
        for file in tree.rglob("*")
        if file.is_file()
    }
    found = examine(path)
    assert found.codes == []
    assert found.digests == unpacked
