"""TNEF, WARC, BinHex, compressed rich text and images of macOS, made here from their specifications."""

import base64
import binascii
import bz2
import gzip
import hashlib
import lzma
import random
import struct
import zlib
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
from reader_lab import Read, damaged, read

K = ContainerKind
CHANCE = random.Random(9)
DATA = CHANCE.randbytes(5000)
RTF = bytes.fromhex(
    "2d0000002b0000004c5a4675f1c5c7a703000a007263706731323542320af32068656c090020627705b06c647d0a800fa0"
)
"""The example of [MS-OXRTFCP] 4.1.1."""
TEXT = b"{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n"


def opened(kind: ContainerKind, data: bytes) -> Read:
    reader: Callable[[MemorySource], Iterator[Found]] = STREAM_READERS.get(kind) or RANDOM_READERS[kind]
    return read(reader, data)


def attribute(level: int, number: int, data: bytes) -> bytes:
    return struct.pack("<BII", level, number, len(data)) + data + struct.pack("<H", sum(data) & 0xFFFF)


def properties(*rows: tuple[int, int, bytes]) -> bytes:
    made = struct.pack("<I", len(rows))
    for name, kind, data in rows:
        made += struct.pack("<HH", kind, name)
        made += data if kind == 3 else struct.pack("<II", 1, len(data)) + data + bytes(-len(data) % 4)
    return made


def tnef(inner: bytes = b"") -> bytes:
    made = b"\x78\x9f\x3e\x22" + b"\x01\x00" + attribute(1, 0x00089006, b"\0\0\1\0")
    made += attribute(1, 0x0002800C, b"a text")
    made += attribute(1, 0x00069003, properties((0x0E23, 3, bytes(4)), (0x1009, 0x102, RTF)))
    made += attribute(2, 0x00069002, bytes(14)) + attribute(2, 0x00018010, b"SHORT~1.BIN\0")
    made += attribute(2, 0x0006800F, DATA)
    made += attribute(2, 0x00069005, properties((0x3707, 0x1F, "l\u00f6ng.bin\0".encode("utf-16-le"))))
    if inner:
        message = bytes.fromhex("0703020000000000c000000000000046")
        made += attribute(2, 0x00069002, bytes(14)) + attribute(2, 0x00018010, b"inner\0")
        made += attribute(2, 0x00069005, properties((0x3701, 0x0D, message + inner)))
    return made


def test_tnef_gives_bodies_and_attachments(tmp_path: Path) -> None:
    expected = [(b"body.txt", b"a text"), (b"body.rtf", TEXT), ("l\u00f6ng.bin".encode(), DATA)]
    assert opened(K.TNEF, tnef()) == (expected, [])
    path = tmp_path / "winmail.dat"
    path.write_bytes(tnef(tnef()))
    found = inside_lab.examine(path)
    assert found.codes == []
    assert found.digests[b"inner", "l\u00f6ng.bin".encode()] == sha256(DATA)
    changed = bytearray(tnef())
    changed[changed.index(DATA) + 7] ^= 1
    assert opened(K.TNEF, bytes(changed)).faults == ["damaged"]
    for cut in (8, 40, 300, len(tnef()) - 1):
        assert opened(K.TNEF, tnef()[:cut]).faults


def record(kind: str, content: bytes, media: str, *fields: str) -> bytes:
    digest = base64.b32encode(hashlib.sha1(content, usedforsecurity=False).digest()).decode()
    lines = [
        "WARC/1.0",
        f"WARC-Type: {kind}",
        "WARC-Target-URI: http://example.org/a",
        f"WARC-Block-Digest: sha1:{digest}",
        f"Content-Type: {media}",
        *fields,
        f"Content-Length: {len(content)}",
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content + b"\r\n\r\n"


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


def binhex(name: bytes, data: bytes, resource: bytes) -> bytes:
    head = bytes((len(name),)) + name + b"\0TEXTttxt\0\0" + struct.pack(">II", len(data), len(resource))
    whole = b"".join(part + binascii.crc_hqx(part, 0).to_bytes(2, "big") for part in (head, data, resource))
    packed = whole.replace(b"\x90", b"\x90\0").replace(b"\0" * 144, b"\0\x90\x90").replace(b"a" * 5, b"a\x90\x05")
    alphabet = b"!\"#$%&'()*+,-012345689@ABCDEFGHIJKLMNPQRSTUVXYZ[`abcdefhijklmpqr"
    base = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    text = base64.b64encode(packed).rstrip(b"=").translate(bytes.maketrans(base, alphabet))
    lines = [(b":" + text + b":")[at : at + 64] for at in range(0, len(text) + 2, 64)]
    return b"(This file must be converted with BinHex 4.0)\n\n" + b"\n".join(lines) + b"\n"


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


def dmg(disk: bytes, packers: list[tuple[int, Callable[[bytes], bytes]]]) -> bytes:
    body, rows, step = b"", b"", 64 * 512
    for number, at in enumerate(range(0, len(disk), step)):
        piece = disk[at : at + step]
        kind, pack = packers[number % len(packers)]
        if not piece.strip(b"\0"):
            kind, packed = 2, b""
        else:
            packed = pack(piece)
        rows += struct.pack(">IIQQQQ", kind, 0, at // 512, len(piece) // 512, len(body), len(packed))
        body += packed
    rows += struct.pack(">IIQQQQ", 0xFFFFFFFF, 0, len(disk) // 512, 0, len(body), 0)
    table = b"mish" + struct.pack(">IQQQII", 1, 0, len(disk) // 512, 0, 0, 0) + bytes(24 + 136)
    table = table[:200] + struct.pack(">I", len(rows) // 40) + rows
    text = b"<plist><dict><key>resource-fork</key><dict><key>blkx</key>\n<array><dict><key>Data</key><data>\n"
    text += base64.encodebytes(table) + b"</data></dict></array></dict></dict></plist>"
    trailer = b"koly" + struct.pack(">IIIQQQQQII", 4, 512, 1, 0, 0, len(body), 0, 0, 1, 1)
    trailer = trailer.ljust(216, b"\0") + struct.pack(">QQ", len(body), len(text))
    return body + text + trailer.ljust(488, b"\0") + struct.pack(">IQ", 1, len(disk) // 512) + bytes(12)


PACKERS: list[tuple[int, Callable[[bytes], bytes]]] = [
    (0x80000005, zlib.compress),
    (0x80000006, bz2.compress),
    (0x80000008, lzma.compress),
    (1, bytes),
]


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
        (K.TNEF, tnef(tnef())),
        (K.WARC, record("response", CHUNKED, "application/http")),
        (K.BINHEX, binhex(b"n", b"aaaaaa" * 50, b"b")),
        (K.DMG, dmg(bytes(range(256)) * 600, PACKERS)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_damaged_files_end(kind: ContainerKind, whole: bytes) -> None:
    for mutant in damaged(whole, 150):
        opened(kind, mutant)
