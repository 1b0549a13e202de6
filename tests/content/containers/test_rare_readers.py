"""TNEF, WARC, BinHex, compressed rich text and images of macOS, made here from their specifications."""

import gzip
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import inside_lab
from compound_file import compound_file
from hashaudit.content.containers.interface import Found
from hashaudit.content.containers.member_source import MemorySource
from hashaudit.content.containers.reader_registry import RANDOM_READERS, STREAM_READERS
from hashaudit.content.containers.rtf_compression import unpacked_rtf
from hashaudit.model.containers import ContainerKind
from inside_lab import sha256
from rare_samples import PACKERS, RTF, binhex, dmg, record, tnef
from reader_lab import Read, damaged, read

K = ContainerKind
CHANCE = random.Random(9)
DATA = CHANCE.randbytes(5000)
TEXT = b"{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n"


def opened(kind: ContainerKind, data: bytes) -> Read:
    reader: Callable[[MemorySource], Iterator[Found]] = STREAM_READERS.get(kind) or RANDOM_READERS[kind]
    return read(reader, data)


def test_tnef_gives_bodies_and_attachments(tmp_path: Path) -> None:
    expected = [(b"body.txt", b"a text"), (b"body.rtf", TEXT), ("l\u00f6ng.bin".encode(), DATA)]
    assert opened(K.TNEF, tnef(DATA)) == (expected, [])
    path = tmp_path / "winmail.dat"
    path.write_bytes(tnef(DATA, tnef(DATA)))
    found = inside_lab.examine(path)
    assert found.codes == []
    assert found.digests[b"inner", "l\u00f6ng.bin".encode()] == sha256(DATA)
    changed = bytearray(tnef(DATA))
    changed[changed.index(DATA) + 7] ^= 1
    assert opened(K.TNEF, bytes(changed)).faults == ["damaged"]
    for cut in (8, 40, 300, len(tnef(DATA)) - 1):
        assert opened(K.TNEF, tnef(DATA)[:cut]).faults


def test_warc_gives_what_servers_answered(tmp_path: Path) -> None:
    http = "application/http; msgtype=response"
    plain = b"HTTP/1.1 200 OK\r\nContent-Type: x\r\n\r\n" + DATA
    parts = b"".join(
        b"%x;x=y\r\n%b\r\n" % (len(DATA[at : at + 999]), DATA[at : at + 999]) for at in range(0, 5000, 999)
    )
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + parts + b"0\r\n\r\n"
    made = record("warcinfo", b"software: x\r\n", "application/warc-fields")
    made += record("response", plain, http) + record("response", chunked, http)
    made += record("resource", DATA[:77], "image/x") + record("request", b"GET / HTTP/1.1\r\n\r\n", "application/http")
    found = opened(K.WARC, made)
    assert found.faults == []
    assert [content for _, content in found.members] == [
        b"software: x\r\n", DATA, DATA, DATA[:77], b"GET / HTTP/1.1\r\n\r\n",
    ]  # fmt: skip
    assert found.names[1] == b"http://example.org/a"
    path = tmp_path / "a.warc.gz"
    path.write_bytes(b"".join(map(gzip.compress, (made, made))))
    assert inside_lab.examine(path).codes == []
    changed = bytearray(made)
    changed[changed.index(DATA) + 7] ^= 1
    assert opened(K.WARC, bytes(changed)).faults == ["damaged"]
    assert opened(K.WARC, made[:-100]).faults
    assert opened(K.WARC, made + b"odd").faults == ["damaged"]


def test_binhex_gives_both_forks(tmp_path: Path) -> None:
    data = DATA + b"\x90\x90z" + bytes(700) + b"aaaaaaaaaa\x90"
    made = binhex(b"n.bin", data, b"fork" * 9)
    assert opened(K.BINHEX, made) == ([(b"n.bin", data), (b"n.bin:rsrc", b"fork" * 9)], [])
    path = tmp_path / "a.eml"
    path.write_bytes(
        b"From: a\nDate: b\nMIME-Version: 1.0\nContent-Type: application/mac-binhex40; name=n.hqx\n\n" + made
    )
    found = inside_lab.examine(path)
    assert found.digests[b"n.hqx", b"n.bin"] == sha256(data)
    assert opened(K.BINHEX, made[: len(made) // 2]).faults
    changed = bytearray(made)
    changed[1500] = ord("!") if changed[1500] != ord("!") else ord("#")
    assert opened(K.BINHEX, bytes(changed)).faults


def test_rich_text_of_a_message_is_unpacked(tmp_path: Path) -> None:
    assert unpacked_rtf(RTF) == TEXT
    path = tmp_path / "a.msg"
    path.write_bytes(compound_file({"__substg1.0_10090102": RTF, "__substg1.0_1000001F": b"x"}))
    found = inside_lab.examine(path)
    assert found.digests[b"__substg1.0_10090102.rtf",] == sha256(TEXT)
    assert found.codes == []
    path.write_bytes(compound_file({"__substg1.0_10090102": RTF[:-9]}))
    assert inside_lab.examine(path).codes == ["damaged"]


def test_an_image_of_macos_is_its_disk(tmp_path: Path) -> None:
    disk = CHANCE.randbytes(150_000) + bytes(100_000) + b"text " * 20_000
    disk += bytes(-len(disk) % 512)
    path = tmp_path / "a"
    path.write_bytes(dmg(disk, PACKERS))
    found = inside_lab.examine(path)
    assert found.file.container is not None
    assert (found.file.container.kind, found.codes) == (K.DMG, [])
    assert found.digests == {(b"",): sha256(disk)}
    whole = path.read_bytes()
    assert opened(K.DMG, dmg(disk, [(0x80000007, bytes)])).faults == ["unsupported"]
    changed = bytearray(whole)
    changed[100] ^= 1
    assert opened(K.DMG, bytes(changed)).faults == ["damaged"]
    assert opened(K.DMG, whole[1000:]).faults


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"


@pytest.mark.parametrize(
    ("kind", "whole"),
    [
        (K.TNEF, tnef(DATA, tnef(DATA))),
        (K.WARC, record("response", CHUNKED, "application/http")),
        (K.BINHEX, binhex(b"n", b"aaaaaa" * 50, b"b")),
        (K.DMG, dmg(bytes(range(256)) * 600, PACKERS)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_damaged_files_end(kind: ContainerKind, whole: bytes) -> None:
    for mutant in damaged(whole, 150):
        opened(kind, mutant)
