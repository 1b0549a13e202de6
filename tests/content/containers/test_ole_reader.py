"""Compound files of both sector sizes against olefile, and what their streams hold."""

import io
import random
import struct
import zlib
from pathlib import Path

import olefile
import pytest

from compound_file import blip, compound_file, native
from hashaudit.content.containers.ole_reader import read_ole
from inside_lab import examine, sha256
from reader_lab import damaged, read

NUMBERS = random.Random(7)
STREAMS = {
    "a": b"small",
    "empty": b"",
    "b": NUMBERS.randbytes(4095),
    "c": NUMBERS.randbytes(4096),
    "Storage/Deep/d\u00e4 \x01": NUMBERS.randbytes(70_000),
    "Storage/e": NUMBERS.randbytes(64),
}
JPEG = b"\xff\xd8\xff\xe0" + NUMBERS.randbytes(9000) + b"\xff\xd9"


@pytest.mark.parametrize("shift", [9, 12])
def test_streams_are_those_of_olefile(shift: int) -> None:
    data = compound_file(STREAMS, shift=shift)
    oracle = olefile.OleFileIO(io.BytesIO(data))
    expected = {"/".join(path): oracle.openstream(path).read() for path in oracle.listdir()}
    assert expected == STREAMS, "the writer is right"
    found = read(read_ole, data)
    assert found.faults == []
    assert {name.decode(): content for name, content in found.members} == expected


def test_files_whose_tables_do_not_fit_in_the_header() -> None:
    streams = {"a": b"before" * 1000, "large": NUMBERS.randbytes(1 << 16) * 250, "z": b"behind" * 1000}
    data = compound_file(streams)
    oracle = olefile.OleFileIO(io.BytesIO(data))
    assert {name: oracle.openstream(name).read() for name in streams} == streams, "the writer is right"
    found = read(read_ole, data)
    assert (found.faults, {name.decode(): content for name, content in found.members}) == ([], streams)
    cut = read(read_ole, data[: len(data) - 512])
    assert cut.faults, "without the last table"


def attachment(number: int, content: bytes, name: str, *, ansi: bool = False) -> dict[str, bytes]:
    storage = f"__attach_version1.0_#{number:08X}/__substg1.0_"
    long = {"3707001E": name.encode("cp1252")} if ansi else {"3707001F": name.encode("utf-16-le")}
    return {storage + key: value for key, value in ({"3704001F": b"S\0"} | long | {"37010102": content}).items()}


def test_attachments_of_messages_have_their_names() -> None:
    nested = {f"__attach_version1.0_#00000009/__substg1.0_3701000D/{path}": content
              for path, content in attachment(0, b"deep", "deep.txt").items()}  # fmt: skip
    streams = attachment(0, JPEG, "ä \U0001f600.jpg") | attachment(1, b"x" * 50, "b\xe4.txt", ansi=True) | nested
    found = read(read_ole, compound_file(streams | {"__substg1.0_1000001F": b"t\0"}))
    assert found.faults == []
    named = {name: content for name, content in found.members if b"__" not in name}
    assert named == {"ä \U0001f600.jpg".encode(): JPEG, "bä.txt".encode(): b"x" * 50, b"deep.txt": b"deep"}


def test_packaged_files_and_thumbnails() -> None:
    name = "photo.jpg".encode("utf-16-le") + b"\0\0"
    row = struct.pack("<IIQ", 16 + len(name) + 2, 12, 0) + name + b"\0\0"
    streams = {
        "ObjectPool/_1/\x01Ole10Native": native(b"run.bat", b"echo"),
        "Other/\x01Ole10Native": struct.pack("<I", 4) + b"BM..",
        "Catalog": struct.pack("<HHIII", 16, 7, 1, 96, 96) + row,
        "21": struct.pack("<III", 12, 1, len(JPEG)) + JPEG,
        "256_ab": struct.pack("<III", 12, 1, len(JPEG)) + JPEG + b"more",
    }
    found = dict(read(read_ole, compound_file(streams)).members)
    assert found[b"run.bat"] == b"echo"
    assert found[b""] == b"BM.."
    assert found[b"photo.jpg"] == JPEG
    assert found[b"256_ab.jpg"] == JPEG + b"more"


def records(drawing: bytes, size: int = 8224) -> bytes:
    """Returns a workbook whose drawing is cut into records."""
    cuts = [drawing[at : at + size] for at in range(0, len(drawing), size)]
    parts = [struct.pack("<HH", 0x3C if number else 0xEB, len(cut)) + cut for number, cut in enumerate(cuts)]
    return struct.pack("<HHI", 0x809, 4, 0) + b"".join(parts) + struct.pack("<HH", 0x0A, 0)


@pytest.mark.parametrize("stream", ["Pictures", "Data", "WordDocument", "Workbook"])
def test_images_of_office_documents(stream: str) -> None:
    emf = b"\x01\0\0\0" + NUMBERS.randbytes(500)
    packed = zlib.compress(emf)
    header = bytes(16) + struct.pack("<I24xIBB", len(emf), len(packed), 0, 0xFE)
    metafile = struct.pack("<HHI", 0x3D40, 0xF01A, len(header) + len(packed)) + header + packed
    png = b"\x89PNG" + bytes(5000)
    drawing = b"before" + blip(JPEG) + blip(png, instance=0x6E1, kind=0xF01E, skip=33) + metafile + b"after"
    content = records(drawing) if stream == "Workbook" else drawing.ljust(5000, b"\0")
    found = read(read_ole, compound_file({stream: content}))
    assert found.faults == []
    prefix = stream.encode()
    assert found.members[1:] == [(prefix + b"/0.jpg", JPEG), (prefix + b"/1.png", png), (prefix + b"/2.emf", emf)]
    cut = read(
        read_ole, compound_file({stream: records(blip(JPEG)[:-50]) if stream == "Workbook" else blip(JPEG)[:-50]})
    )
    assert cut.faults == ["damaged"]


def test_embedded_objects_of_presentations_are_opened(tmp_path: Path) -> None:
    inner = compound_file({"\x01Ole10Native": native(b"deep.bin", JPEG)})
    packed = struct.pack("<I", len(inner)) + zlib.compress(inner)
    stream = b"x" + struct.pack("<HHI", 0x10, 0x1011, len(packed)) + packed
    stream += struct.pack("<HHI", 0, 0x1011, len(inner)) + inner
    path = tmp_path / "f"
    path.write_bytes(compound_file({"PowerPoint Document": stream}))
    found = examine(path)
    assert found.codes == []
    for number in (b"0", b"1"):
        chain = (b"PowerPoint Document/%s.ole" % number, b"deep.bin")
        assert found.digests[chain] == sha256(JPEG)


@pytest.mark.parametrize(
    ("streams", "codes"),
    [
        ({"EncryptedPackage": b"x", "EncryptionInfo": b"y"}, ["encrypted"]),
        ({"WordDocument": b"\xec\xa5\xc1\0" + bytes(7) + b"\x01" + bytes(900)}, ["encrypted"]),
        ({"WordDocument": b"\xec\xa5\xc1\0" + bytes(900)}, []),
        ({"Workbook": struct.pack("<HH4xHH", 0x809, 4, 0x2F, 0)}, ["encrypted"]),
        ({"Book": records(b"")}, []),
        ({"Current User": struct.pack("<HHIII", 0, 0xFF6, 20, 20, 0xF3D1C4DF)}, ["encrypted"]),
        ({"Current User": struct.pack("<HHIII", 0, 0xFF6, 20, 20, 0xE391C05F)}, []),
    ],
)
def test_encrypted_documents_are_faults(tmp_path: Path, streams: dict[str, bytes], codes: list[str]) -> None:
    path = tmp_path / "f"
    path.write_bytes(compound_file(streams))
    found = examine(path)
    assert found.codes == codes
    assert len([member for member in found.members if member.result.digests]) == len(streams), "digests stand beside"


def entry_at(data: bytes | bytearray, name: str) -> int:
    return data.index(name.encode("utf-16-le") + b"\0\0")


def test_cycles_and_overlaps_end_and_are_told() -> None:
    whole = bytearray(compound_file({"one": bytes(6000), "two": b"2" * 6000, "three": b"3" * 6000}))
    overlapping = bytearray(whole)
    at, other = entry_at(whole, "one"), entry_at(whole, "two")
    overlapping[other + 116 : other + 120] = overlapping[at + 116 : at + 120]
    found = read(read_ole, bytes(overlapping))
    assert (found.names, found.faults) == ([b"one", b"three"], ["damaged"])
    looping = bytearray(whole)
    fat_at = 512 * (1 + struct.unpack_from("<I", whole, 76)[0])
    looping[fat_at + 4 : fat_at + 8] = struct.pack("<I", 0)
    assert read(read_ole, bytes(looping)).faults == ["damaged"]
    tree = bytearray(whole)
    for name in ("one", "two", "three"):
        tree[entry_at(whole, name) + 68 : entry_at(whole, name) + 76] = struct.pack("<II", 1, 2)
    found = read(read_ole, bytes(tree))
    assert len(found.members) == 3, "a stream that the tree does not reach is read"
    assert found.faults == ["damaged"]
    long = bytearray(compound_file({"one": bytes(6000)}, shift=12))
    at = entry_at(long, "one")
    long[at + 120 : at + 128] = struct.pack("<Q", 1 << 62)
    assert read(read_ole, bytes(long)).faults == ["damaged"]


def test_cut_and_changed_files_end() -> None:
    streams = STREAMS | {"Pictures": blip(JPEG), "\x01Ole10Native": native(b"n", b"c"), "Workbook": records(blip(JPEG))}
    data = compound_file(streams)
    for mutant in damaged(data, 200):
        if mutant[:8] == data[:8]:
            read(read_ole, mutant)
    for end in range(600, len(data) - 700, 1777):
        assert read(read_ole, data[:end]).faults, end
