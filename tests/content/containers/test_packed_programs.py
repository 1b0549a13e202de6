"""Scripts that unpack themselves, archives of Electron, lzo files, and formats that are only counted."""

import gzip
import hashlib
import io
import json
import random
import subprocess
import tarfile
import zipfile
import zlib
from pathlib import Path

import inflate64
import pytest

from hashaudit.content.containers import compressed_stream
from hashaudit.content.containers.first_bytes import sniff
from hashaudit.content.containers.reader_registry import load_readers, readable_kinds
from hashaudit.content.containers.sniff import ContainerProbe
from hashaudit.model.containers import ContainerKind
from inside_lab import examine, sha256
from kind_lab import read

TEXT = b"".join(b"line %d\n" % number for number in range(60_000))


@pytest.fixture(autouse=True)
def readers() -> None:
    load_readers(frozenset(ContainerKind))


def kind_of(data: bytes) -> ContainerKind | None:
    probe = ContainerProbe()
    for at in range(0, len(data), 50_000):
        probe.take(data[at : at + 50_000])
    return probe.kind


def test_what_follows_a_script_is_opened(tmp_path: Path) -> None:
    script = b'#!/bin/sh\n# unpacks itself\ntail -n +9 "$0" | gunzip\nexit 0\n' + b"# line\n" * 9000
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        info = tarfile.TarInfo("a.txt")
        info.size = len(TEXT)
        archive.addfile(info, io.BytesIO(TEXT))
    path = tmp_path / "install.run"
    for packed, steps in ((gzip.compress(buffer.getvalue()), 3), (buffer.getvalue(), 2)):
        path.write_bytes(script + packed)
        assert kind_of(path.read_bytes()) is ContainerKind.SCRIPT
        found = examine(path)
        assert found.codes == []
        assert found.digests[(*(b"",) * (steps - 1), b"a.txt")] == sha256(TEXT)
    assert kind_of(script) is None
    assert kind_of(script + b"\x1f\x8b\x08 is how gzip begins, and BZh\n") is None, "only behind a line end"


def asar(content: dict[str, bytes], digests: dict[str, str] | None = None) -> bytes:
    tree: dict[str, object] = {"link": {"link": "a"}, "beside": {"size": 9, "unpacked": True}}
    at, data = 0, b""
    for name, one in content.items():
        node: dict[str, object] = {"size": len(one), "offset": str(at)}
        if digests is not None and name in digests:
            node["integrity"] = {"algorithm": "SHA256", "hash": digests[name]}
        tree[name] = node
        at += len(one)
        data += one
    text = json.dumps({"files": {"d": {"files": tree}}}, separators=(",", ":")).encode()
    padded = text + bytes(-len(text) % 4)
    numbers = (4, len(padded) + 8, len(padded) + 4, len(text))
    return b"".join(number.to_bytes(4, "little") for number in numbers) + padded + data


def test_archives_of_electron() -> None:
    content = {"a": TEXT, "b": b"", "ä": b"third"}
    expected = {b"d/" + name.encode(): sha256(data) for name, data in content.items()}
    whole = asar(content, {"a": hashlib.sha256(TEXT).hexdigest()})
    assert sniff(whole[:4096]) is ContainerKind.ASAR
    assert read(ContainerKind.ASAR, whole) == (expected, [])
    good, codes = read(ContainerKind.ASAR, whole[:-3])
    assert set(good) == {b"d/a", b"d/b"}
    assert set(codes) == {"damaged"}
    assert read(ContainerKind.ASAR, asar(content, {"a": "0" * 64})).codes == ["damaged"]
    for broken in (
        whole[:12],
        whole[:90],
        whole.replace(b"offset", b"onset_", 2),
        whole.replace(b'"0"', b'"x"', 1),
    ):
        assert "damaged" in read(ContainerKind.ASAR, broken).codes


@pytest.mark.parametrize("options", [(), ("--crc32",), ("-9",), ("--no-checksum",)])
def test_lzo_files_of_lzop(tmp_path: Path, options: tuple[str, ...]) -> None:
    (tmp_path / "a.txt").write_bytes(TEXT + random.Random(3).randbytes(300_000))
    content = (tmp_path / "a.txt").read_bytes()
    subprocess.run(["lzop", *options, "a.txt"], cwd=tmp_path, check=True)
    whole = (tmp_path / "a.txt.lzo").read_bytes()
    assert read(ContainerKind.LZO, whole) == ({b"a.txt": sha256(content)}, [])
    assert read(ContainerKind.LZO, whole + whole) == ({b"a.txt": sha256(content * 2)}, [])
    assert read(ContainerKind.LZO, whole + b"other").codes == ["trailing_data"]
    for cut in range(3, len(whole), 60_000):
        assert read(ContainerKind.LZO, whole[:cut]).codes == ["damaged"]
    if "--no-checksum" not in options:
        for at in range(5, len(whole), 90_001):
            changed = bytearray(whole)
            changed[at] ^= 0x10
            found = read(ContainerKind.LZO, bytes(changed))
            assert found.codes or found.good == {b"a.txt": sha256(content)}


def deflate64_zip() -> bytes:
    """A zip of one member whose method is changed to Deflate64, as Windows writes it."""
    packer = inflate64.Deflater()
    packed = bytes(packer.deflate(TEXT)) + bytes(packer.flush())
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a", packed)
    data = bytearray(buffer.getvalue())
    central = data.index(b"PK\1\2")
    for at in (8, central + 10):
        data[at : at + 2] = b"\x09\0"
    for at in (14, central + 16):
        data[at : at + 4] = zlib.crc32(TEXT).to_bytes(4, "little")
    for at in (22, central + 24):
        data[at : at + 4] = len(TEXT).to_bytes(4, "little")
    return bytes(data)


def test_deflate64_is_unpacked_with_its_library(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = deflate64_zip()
    assert read(ContainerKind.ZIP, whole) == ({b"a": sha256(TEXT)}, [])
    changed = whole[:5000] + bytes((whole[5000] ^ 1,)) + whole[5001:]
    assert read(ContainerKind.ZIP, changed).codes == ["damaged"]
    monkeypatch.setattr(compressed_stream, "load_deflate64", lambda: None)
    assert read(ContainerKind.ZIP, whole) == ({}, ["unsupported"])


def test_formats_without_a_reader_are_counted() -> None:
    samples = {
        ContainerKind.ACE: bytes(7) + b"**ACE**" + bytes(100),
        ContainerKind.MOBI: bytes(60) + b"BOOKMOBI" + bytes(100),
        ContainerKind.ESE: b"abcd\xef\xcd\xab\x89\x20\x06\0\0" + bytes(100),
        ContainerKind.ZOO: b"ZOO 2.10 Archive.\x1a\0\0\xdc\xa7\xc4\xfd",
        ContainerKind.CRAMFS: b"\x45\x3d\xcd\x28" + bytes(12) + b"Compressed ROMFS",
        ContainerKind.SHAR: b"#!/bin/sh\n# This is a shell archive (produced by GNU sharutils 4.15.2).\n",
        ContainerKind.SQLITE_JOURNAL: b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7" + bytes(504),
        ContainerKind.ACCESS: b"\0\1\0\0Standard ACE DB\0" + bytes(100),
        ContainerKind.MMDF: b"\1\1\1\1\nFrom: a\nTo: b\nDate: c\nSubject: d\n\nText\n\1\1\1\1\n",
    }
    for kind, data in samples.items():
        assert kind_of(data) is kind
        assert kind not in readable_kinds()
    for data in (
        b"ZOO is where animals are",
        b"SIT! said she, and wrote",
        b"\1\1\1\1\nnothing",
        b"\4\0\0\0" + bytes(99),
    ):
        assert kind_of(data) is None
