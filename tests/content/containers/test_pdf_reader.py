"""PDF documents as pikepdf writes them, damaged ones, and ones that lie about their lengths."""

import base64
import io
import random
import zipfile
import zlib
from functools import partial
from pathlib import Path
from typing import Literal

import pikepdf
import pytest

from hashaudit.content.containers.pdf_encryption import PdfPasswords
from hashaudit.content.containers.pdf_reader import read_pdf
from inside_lab import examine, names, sha256
from reader_lab import damaged, read

NUMBERS = random.Random(3)
JPEG = b"\xff\xd8\xff\xe0" + NUMBERS.randbytes(3000) + b"endstream endobj 9 0 obj\n" + NUMBERS.randbytes(500) + b"\r\n"
FILES = {"a.bin": NUMBERS.randbytes(5000), "\u00e4 (1)\\.txt": b"text" * 300, "empty": b""}


def document(**how: object) -> bytes:
    """Returns a document with an image and embedded files."""
    made = pikepdf.new()
    made.add_blank_page()
    made.Root.Picture = made.make_indirect(pikepdf.Stream(made, JPEG, Filter=pikepdf.Name.DCTDecode))
    made.Root.Wavelets = made.make_indirect(pikepdf.Stream(made, JPEG[::-1], Filter=pikepdf.Name.JPXDecode))
    for name, content in FILES.items():
        made.attachments[name] = content
    target = io.BytesIO()
    made.save(target, **how)  # type: ignore[arg-type]
    return target.getvalue()


SAVED: dict[str, dict[str, object]] = {
    "plain": {"object_stream_mode": pikepdf.ObjectStreamMode.disable},
    "object streams": {"object_stream_mode": pikepdf.ObjectStreamMode.generate},
    "qdf": {"qdf": True},
    "linear": {"linearize": True},
    "unpacked": {"compress_streams": False, "stream_decode_level": pikepdf.StreamDecodeLevel.generalized},
}


@pytest.mark.parametrize("how", SAVED)
def test_files_and_images_are_those_that_were_put_in(how: str) -> None:
    found = read(read_pdf, document(**SAVED[how]))
    assert found.faults == []
    assert {name.decode(): content for name, content in found.members if name.decode() in FILES} == FILES
    images = {name[-4:]: content for name, content in found.members if name.decode() not in FILES}
    assert images == {b".jpg": JPEG, b".jp2": JPEG[::-1]}


def stream(number: int, dictionary: bytes, data: bytes, length: bytes | None = None) -> bytes:
    stated = b"%d" % len(data) if length is None else length
    return b"%d 0 obj\n<<%s/Length %s>>\nstream\r\n%s\nendstream\nendobj\n" % (number, dictionary, stated, data)


def whole(*objects: bytes) -> bytes:
    return b"%PDF-1.4\n" + b"".join(objects) + b"trailer\n<</Root 1 0 R>>\n%%EOF\n"


PLAIN = JPEG.replace(b"endstream endobj 9 0 obj", b"")
PACKED = zlib.compress(JPEG)


@pytest.mark.parametrize(
    ("objects", "content"),
    [
        (stream(1, b"/Filter/DCTDecode", JPEG), JPEG),
        (stream(1, b"/Filter /#44CTDecode", JPEG), JPEG),
        (stream(1, b"/Filter[/FlateDecode/DCTDecode]", PACKED), JPEG),
        (stream(1, b"/Filter[/A85 /Fl /DCT]", base64.a85encode(PACKED, wrapcol=70) + b"~>"), JPEG),
        (stream(1, b"/Filter[/ASCIIHexDecode/DCTDecode]", JPEG.hex(" ").encode() + b">"), JPEG),
        (stream(1, b"/Filter/DCTDecode", JPEG, b"2 0 R") + b"2 0 obj\n%d\nendobj\n" % len(JPEG), JPEG),
        (stream(1, b"/Filter/DCTDecode", PLAIN, b"3"), PLAIN),
        (stream(1, b"/Filter/DCTDecode", PLAIN, b"2 0 R"), PLAIN),
        (stream(1, b"/Filter/DCTDecode", PLAIN, b"999999999"), PLAIN),
        (stream(1, b"", b"x") + b"7 0 obj <</A (no end of it) \n" + stream(3, b"/Filter/DCTDecode", JPEG), JPEG),
        (stream(1, b"/Filter[/RL/DCTDecode]", b"\x03abcd\xfex\x80"), b"abcdxxx"),
        (stream(1, b"/Filter[/LZWDecode/DCTDecode]", bytes.fromhex("800b6050220c0c8501")), b"-----A---B"),
        (stream(1, b"/Filter/DCTDecode", b"old!") + stream(1, b"/Filter/DCTDecode", JPEG), JPEG),
    ],
)
def test_every_way_to_write_an_image_gives_its_bytes(objects: bytes, content: bytes) -> None:
    found = read(read_pdf, whole(objects))
    assert found.faults == []
    assert found.members[-1] == (found.members[-1][0], content)


def test_what_stands_behind_the_document_is_a_member(tmp_path: Path) -> None:
    hidden = io.BytesIO()
    with zipfile.ZipFile(hidden, "w") as archive:
        archive.writestr("in.txt", "hidden")
    path = tmp_path / "f"
    path.write_bytes(document() + hidden.getvalue())
    found = examine(path)
    assert found.codes == []
    assert found.digests[b"trailing", b"in.txt"] == sha256(b"hidden")
    assert not [name for name in read(read_pdf, document() + b"\r\n\0\0 ").names if name == b"trailing"]


def test_names_are_found_wherever_they_are() -> None:
    spec = b"<</Type/Filespec/F(old.txt)/UF<FEFF00E4002E007400780074>/EF<</F 5 0 R/UF 5 0 R>>>>"
    tree = b"9 0 obj\n<</Names[(k)%s (other) <</F(b\\(\\051.txt)/EF<</F 6 0 R>>>>]>>\nendobj\n" % spec
    data = whole(stream(5, b"", b"five"), stream(6, b"/Type/EmbeddedFile", b"six"), tree)
    assert dict(read(read_pdf, data).members) == {"ä.txt".encode(): b"five", b"b().txt": b"six"}
    assert read(read_pdf, whole(stream(6, b"/Type /EmbeddedFile", b"six"))).members == [(b"6", b"six")]


def test_faults_are_told(tmp_path: Path) -> None:
    path = tmp_path / "f"
    for data, codes in (
        (whole(stream(1, b"/Filter[/JBIG2Decode /DCTDecode]", JPEG)), ["unsupported"]),
        (whole(stream(1, b"/Type/EmbeddedFile/Filter 3 0 R", JPEG)), ["unsupported"]),
        (whole(stream(1, b"/Type/EmbeddedFile/Filter/Fl/DecodeParms<</Predictor 12>>", PACKED)), ["unsupported"]),
        (whole(stream(1, b"/Type/EmbeddedFile/Params<</CheckSum<%s>>>" % (b"0" * 32), JPEG)), ["damaged"]),
        (whole(stream(1, b"/Filter[/Fl/DCT]", PACKED[:-50])), ["damaged"]),
        (whole(stream(1, b"/Type/ObjStm/N 1/First 5/Filter/FlateDecode", PACKED[:-50])), ["damaged"]),
        (whole(stream(1, b"/Filter/DCTDecode", PLAIN))[:2000], ["damaged"]),
        (whole(stream(1, b"", b"x"))[:-5], ["damaged"]),
        (whole(stream(1, b"", b"x")) + stream(1, b"", b"y"), ["damaged"]),
        (b"%PDF-1.4", ["damaged"]),
    ):
        path.write_bytes(data)
        assert examine(path).codes == codes, data[:100]


REVISIONS: list[tuple[Literal[2, 3, 4, 5, 6], bool]] = [
    (2, False),
    (3, False),
    (4, False),
    (4, True),
    (5, True),
    (6, True),
]


@pytest.mark.filterwarnings("ignore:Encryption R=5")
@pytest.mark.parametrize(("revision", "is_aes"), REVISIONS)
@pytest.mark.parametrize("user", ["", "p\u00e4ssword"])
def test_encrypted_documents_are_read_with_a_password(
    revision: Literal[2, 3, 4, 5, 6], is_aes: bool, user: str
) -> None:
    for mode in (pikepdf.ObjectStreamMode.disable, pikepdf.ObjectStreamMode.generate):
        how = pikepdf.Encryption(owner="\u00f6wner", user=user, R=revision, aes=is_aes, metadata=is_aes)
        made = document(encryption=how, object_stream_mode=mode)
        for words in ([], ["\u00f6wner"], ["other", "p\u00e4ssword"], ["other"]):
            found = read(partial(read_pdf, passwords=PdfPasswords([word.encode() for word in words])), made)
            if user and words in ([], ["other"]):
                assert set(found.faults) == {"encrypted"}
                assert found.members == []
                continue
            assert found.faults == []
            assert {name.decode(): content for name, content in found.members if name.decode() in FILES} == FILES
            images = {name[-4:]: content for name, content in found.members if name.decode() not in FILES}
            assert images == {b".jpg": JPEG, b".jp2": JPEG[::-1]}


def test_documents_that_are_encrypted_in_other_ways_are_faults(tmp_path: Path) -> None:
    path = tmp_path / "f"
    made = document(encryption=pikepdf.Encryption(owner="o", R=6), object_stream_mode=pikepdf.ObjectStreamMode.disable)
    for old, new in (
        (b"/Filter /Standard", b"/Filter /Adobe.PS"),
        (b"/V 5", b"/V 9"),
        (b"/R 6", b"/R 9"),
        (b"/AESV3", b"/AESV9"),
        (b"/UE <", b"/UX <"),
    ):
        assert old in made
        path.write_bytes(made.replace(old, new))
        found = examine(path)
        assert set(found.codes) == {"encrypted"}, new
        assert [fault.code for fault in found.file.faults] == ["encrypted"]
        assert not found.whole()


def test_damaged_encrypted_documents_end() -> None:
    for revision in (3, 6):
        made = document(encryption=pikepdf.Encryption(owner="o", R=revision, aes=revision > 3, metadata=revision > 3))
        contents = {*FILES.values(), JPEG, JPEG[::-1]}
        for mutant in damaged(made, 60):
            found = read(read_pdf, mutant)
            assert found.faults or len(found.contents) <= len(contents) + 1


def test_a_document_behind_empty_lines_is_one(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"\r\n" + whole(stream(1, b"/Filter/DCTDecode", JPEG)))
    assert examine(path).digests == {(b"1.jpg",): sha256(JPEG)}
    path.write_bytes(b"\n100 %PDF-1.4")
    assert examine(path).file.container is None


def test_loops_and_bombs_end() -> None:
    loop = b"1 0 obj\n<</Length 1 0 R/EF 1 0 R/Parent 1 0 R/Kids[1 0 R]>>\nendobj\n"
    found = read(read_pdf, whole(loop, stream(2, b"/Filter/DCTDecode/Extends 2 0 R", PLAIN, b"2 0 R")))
    assert found.contents == {PLAIN}
    bomb = zlib.compress(bytes(40 << 20))
    assert read(read_pdf, whole(stream(1, b"/Type/ObjStm/Filter/FlateDecode", bomb))).faults == ["limit_reached"]
    deep = b"1 0 obj\n" + b"<<" * 10_000 + b"/EF" * 1000 + b">>" * 10_000 + b"\nendobj\n"
    assert read(read_pdf, whole(deep)).members == []
    for text in (b"1 0 obj " * 500, b"1 0 obj<</Filter/DCTDecode>>stream\n" * 500, b"1 " * 20_000 + b"0 obj"):
        read(read_pdf, whole(text))


def test_cut_and_changed_documents_end(tmp_path: Path) -> None:
    data = document(object_stream_mode=pikepdf.ObjectStreamMode.disable)
    for mutant in damaged(data, 200):
        read(read_pdf, mutant)
    start = data.index(b"\xff\xd8\xff\xe0")
    for end in range(start + 300, start + 3300, 501):
        assert read(read_pdf, data[:end]).faults == ["damaged"]
    path = tmp_path / "f"
    path.write_bytes(data)
    assert {names(member) for member in examine(path).members} >= {(name.encode(),) for name in FILES}
