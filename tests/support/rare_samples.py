"""TNEF, WARC, BinHex and images of macOS, made from their specifications for trials of their readers."""

import base64
import binascii
import bz2
import hashlib
import lzma
import struct
import zlib
from collections.abc import Callable

from hashaudit.model.containers import ContainerKind

RTF = bytes.fromhex(
    "2d0000002b0000004c5a4675f1c5c7a703000a007263706731323542320af32068656c090020627705b06c647d0a800fa0"
)
"""The example of [MS-OXRTFCP] 4.1.1."""


def attribute(level: int, number: int, data: bytes) -> bytes:
    return struct.pack("<BII", level, number, len(data)) + data + struct.pack("<H", sum(data) & 0xFFFF)


def properties(*rows: tuple[int, int, bytes]) -> bytes:
    made = struct.pack("<I", len(rows))
    for name, kind, data in rows:
        made += struct.pack("<HH", kind, name)
        made += data if kind == 3 else struct.pack("<II", 1, len(data)) + data + bytes(-len(data) % 4)
    return made


def tnef(data: bytes, inner: bytes = b"") -> bytes:
    made = b"\x78\x9f\x3e\x22" + b"\x01\x00" + attribute(1, 0x00089006, b"\0\0\1\0")
    made += attribute(1, 0x0002800C, b"a text")
    made += attribute(1, 0x00069003, properties((0x0E23, 3, bytes(4)), (0x1009, 0x102, RTF)))
    made += attribute(2, 0x00069002, bytes(14)) + attribute(2, 0x00018010, b"SHORT~1.BIN\0")
    made += attribute(2, 0x0006800F, data)
    made += attribute(2, 0x00069005, properties((0x3707, 0x1F, "l\u00f6ng.bin\0".encode("utf-16-le"))))
    if inner:
        message = bytes.fromhex("0703020000000000c000000000000046")
        made += attribute(2, 0x00069002, bytes(14)) + attribute(2, 0x00018010, b"inner\0")
        made += attribute(2, 0x00069005, properties((0x3701, 0x0D, message + inner)))
    return made


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


def binhex(name: bytes, data: bytes, resource: bytes) -> bytes:
    head = bytes((len(name),)) + name + b"\0TEXTttxt\0\0" + struct.pack(">II", len(data), len(resource))
    whole = b"".join(part + binascii.crc_hqx(part, 0).to_bytes(2, "big") for part in (head, data, resource))
    packed = whole.replace(b"\x90", b"\x90\0").replace(b"\0" * 144, b"\0\x90\x90").replace(b"a" * 5, b"a\x90\x05")
    alphabet = b"!\"#$%&'()*+,-012345689@ABCDEFGHIJKLMNPQRSTUVXYZ[`abcdefhijklmpqr"
    base = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    text = base64.b64encode(packed).rstrip(b"=").translate(bytes.maketrans(base, alphabet))
    lines = [(b":" + text + b":")[at : at + 64] for at in range(0, len(text) + 2, 64)]
    return b"(This file must be converted with BinHex 4.0)\n\n" + b"\n".join(lines) + b"\n"


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


def rare_files(contents: dict[str, bytes]) -> list[tuple[ContainerKind, bytes]]:
    """Returns a file of each kind."""
    first, *_, last = contents.values()
    media = "application/http; msgtype=response"
    answers = [b"HTTP/1.1 200 OK\r\n\r\n" + data for data in contents.values()]
    answers.append(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(last), last))
    return [
        (ContainerKind.TNEF, tnef(last, tnef(first))),
        (ContainerKind.WARC, b"".join(record("response", answer, media) for answer in answers)),
        (ContainerKind.BINHEX, binhex(b"name", last, first)),
        (ContainerKind.DMG, dmg(last + bytes(-len(last) % 512) + bytes(range(256)) * 600, PACKERS)),
    ]
