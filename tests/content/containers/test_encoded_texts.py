"""Documents in RTF, and texts in uuencode and yEnc: the files in them."""

import binascii
import random

import pytest

from hashaudit.content.containers.first_bytes import sniff
from hashaudit.model.containers import ContainerKind
from inside_lab import sha256
from kind_lab import read

IMAGE = random.Random(5).randbytes(100_001)
FILE = random.Random(6).randbytes(3000)


def hexed(data: bytes, width: int = 78) -> bytes:
    text = binascii.hexlify(data)
    return b"\r\n".join(text[at : at + width] for at in range(0, len(text), width))


def object_of(kind: bytes, data: bytes) -> bytes:
    """An object in a document ([MS-OLEDS] 2.2.5)."""
    names = b"".join(len(name).to_bytes(4, "little") + name for name in (kind + b"\0", b"", b""))
    return b"\x01\x05\0\0\2\0\0\0" + names + len(data).to_bytes(4, "little") + data


def packaged(name: bytes, data: bytes) -> bytes:
    path = b"C:\\" + name + b"\0"
    parts = (b"\2\0", name, b"\0", path, b"\0\0\3\0", len(path).to_bytes(4, "little"), path)
    return b"".join(parts) + len(data).to_bytes(4, "little") + data


EMBEDDED = hexed(object_of(b"Package", packaged(b"a.exe", FILE)))


def test_images_and_objects_of_rich_text() -> None:
    in_pieces = hexed(object_of(b"Word.Document", IMAGE), 7).replace(b"\r", rb"\x ")
    document = b"".join(
        (
            rb"{\rtf1\ansi\'e4 {\fonttbl{\f0 Arial;}} text \{ \\ ",
            rb"{\*\shppict{\pict{\*\picprop{\sp ab12}}\pngblip\picw10\pich10 " + hexed(IMAGE) + b"}}",
            rb"{\pict\jpegblip\bin%d " % len(FILE) + FILE + b"}",
            rb"{\object\objemb{\*\objclass Package}{\*\objdata "
            + hexed(object_of(b"Package", packaged(b"a.exe", FILE))),
            rb"}{\result {\pict\wmetafile8 0102}}}",
            rb"{\object{\*\objdata{\*\junk 4141}" + in_pieces,
            b"}}}\0",
        )
    )
    expected = {
        b"0.png": sha256(IMAGE),
        b"1.jpg": sha256(FILE),
        b"a.exe": sha256(FILE),
        b"3.wmf": sha256(b"\1\2"),
        b"4": sha256(IMAGE),
    }
    assert sniff(document[:4096]) is ContainerKind.RTF
    assert read(ContainerKind.RTF, document) == (expected, [])
    for cut in range(1, len(document) - 1, 9001):
        good, codes = read(ContainerKind.RTF, document[:cut])
        assert codes
        assert set(good.values()) - {sha256(b"")} <= set(expected.values()) or b"0.png" in good
    links = rb"{\rtf1{\object\objlink{\*\objdata 010500000100000000}}}"
    assert read(ContainerKind.RTF, links) == ({}, [])
    assert read(ContainerKind.RTF, rb"{\rtf1{\pict}{\pict 1}{\objdata }{\objdata 01}}").codes == []


def uuencoded(name: bytes, data: bytes) -> bytes:
    lines = [binascii.b2a_uu(data[at : at + 45]) for at in range(0, len(data), 45)]
    return b"begin 644 " + name + b"\n" + b"".join(lines) + b"`\nend\n"


def test_files_in_texts_of_uuencode() -> None:
    based = b"begin-base64 644 c\n" + binascii.b2a_base64(FILE) + b"====\n"
    text = uuencoded(b"a b.bin", FILE) + b"more:\n" + uuencoded(b"b", IMAGE) + based
    assert sniff(text[:4096]) is ContainerKind.UUENCODE
    assert read(ContainerKind.UUENCODE, text) == (
        {b"a b.bin": sha256(FILE), b"b": sha256(IMAGE), b"c": sha256(FILE)},
        [],
    )
    assert read(ContainerKind.UUENCODE, text[:2000]).codes == ["damaged"]


@pytest.mark.parametrize("text", [b"begin 12 things\n", b"begin 644\n", b"begin with this 644 x\n", b"=ybegin of it\n"])
def test_texts_that_only_begin_so_are_none(text: bytes) -> None:
    assert sniff(text) is None
