"""Containers are detected from content, and nothing else is taken for one."""

import bz2
import gzip
import io
import lzma
import os
import random
import sqlite3
import struct
import tarfile
import zipfile
import zlib
from pathlib import Path

import pytest
import zstandard

from hashaudit.content.containers import (
    appended_archives,
    first_bytes,
    format_checks,
    mail_detection,
    signatures,
    volume_signatures,
)
from hashaudit.content.containers import sniff as module
from hashaudit.content.containers.appended_archives import TAIL_BYTES
from hashaudit.content.containers.first_bytes import sniff
from hashaudit.content.containers.sniff import ContainerProbe, is_plain
from hashaudit.model.containers import ContainerKind


def kind_of(data: bytes, chunk: int = 1 << 18) -> ContainerKind | None:
    probe = ContainerProbe()
    for at in range(0, len(data), chunk):
        probe.take(memoryview(data)[at : at + chunk])
    return probe.kind


def zipped(comment: bytes = b"", *names: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names or ("a",):
            archive.writestr(name, b"member")
        archive.comment = comment
    return buffer.getvalue()


def tarred(format_: int) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=format_) as archive:
        info = tarfile.TarInfo("a")
        info.size = 6
        archive.addfile(info, io.BytesIO(b"member"))
    return buffer.getvalue()


def old_tar() -> bytes:
    """A header of Unix version 7: no magic, the sum alone proves it."""
    header = bytearray(tarred(tarfile.USTAR_FORMAT))
    header[257:512] = bytes(255)
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header[:512])
    return bytes(header)


MAIL = b"Received: from a by b\r\nFrom: a@example.org\r\nTo: b@example.org\r\nDate: today\r\n\r\nText\r\n"


def database(directory: Path) -> bytes:
    with sqlite3.connect(directory / "d") as connection:
        connection.execute("create table t (a)")
    connection.close()
    return (directory / "d").read_bytes()


def test_made_containers_are_detected(tmp_path: Path) -> None:
    made = {
        ContainerKind.ZIP: (zipped(), zipped(b"a comment"), b"PK\x05\x06" + bytes(18)),
        ContainerKind.GZ: (gzip.compress(b"a"), gzip.compress(b"")),
        ContainerKind.BZ2: (bz2.compress(b"a"), bz2.compress(b"")),
        ContainerKind.XZ: (lzma.compress(b"a"),),
        ContainerKind.LZMA: (lzma.compress(b"a" * 100, lzma.FORMAT_ALONE),),
        ContainerKind.ZST: (zstandard.compress(b"a"),),
        ContainerKind.TAR: (
            tarred(tarfile.USTAR_FORMAT),
            tarred(tarfile.PAX_FORMAT),
            tarred(tarfile.GNU_FORMAT),
            old_tar(),
        ),
        ContainerKind.EML: (MAIL, b"%d\n" % len(MAIL) + MAIL, MAIL.replace(b"\r\n", b"\n")),
        ContainerKind.MBOX: (b"From a@example.org Thu Jan  1 00:00:01 1970\n" + MAIL,),
        ContainerKind.SQLITE: (database(tmp_path),),
        ContainerKind.PDF: (b"%PDF-1.7\n",),
        ContainerKind.ISO: (bytes(0x8001) + b"CD001\x01" + bytes(2048),),
        ContainerKind.PARTITIONS: (bytes(446) + b"\x80\0\0\0\x83\0\0\0\0\x08\0\0\0\x10\0\0" + bytes(48) + b"\x55\xaa",),
        ContainerKind.NTFS: (b"\xeb\x52\x90NTFS    " + bytes(600),),
        ContainerKind.EXT: (superblock(),),
    }
    for kind, samples in made.items():
        for data in samples:
            assert kind_of(data) is kind, (kind, data[:40])


@pytest.mark.parametrize(
    "host",
    [b"\xff\xd8\xff" + bytes(300_000), b"\x89PNG\r\n" + b"x" * 50, b"MZ" + os.urandom(400_000), b"#!/bin/sh\nexit\n"],
)
@pytest.mark.parametrize("comment", [b"", b"c" * 0xFFFF])
@pytest.mark.parametrize("chunk", [1 << 18, 997])
def test_a_zip_behind_another_file_is_found(host: bytes, comment: bytes, chunk: int) -> None:
    assert kind_of(host + zipped(comment), chunk) is ContainerKind.ZIP
    assert kind_of(host, chunk) is None


def test_behind_an_unknown_file_a_zip_without_comment_is_found() -> None:
    assert kind_of(b"some text" + zipped()) is ContainerKind.ZIP
    assert kind_of(b"some text" + zipped(), 5) is ContainerKind.ZIP
    assert kind_of(b"\x89PNG" + zipped()[:-1]) is None
    assert kind_of(b"\x89PNG" + zipped() + bytes(TAIL_BYTES)) is None


def superblock(**changes: int) -> bytes:
    """The beginning of an ext filesystem of one block size, with its superblock."""
    fields = {"inodes": 128, "blocks": 1024, "block_size_log": 2, "state": 1, "errors": 1, "revision": 1} | changes
    block = bytearray(1024)
    struct.pack_into("<II", block, 0, fields["inodes"], fields["blocks"])
    struct.pack_into("<I", block, 24, fields["block_size_log"])
    struct.pack_into("<HHH", block, 56, 0xEF53, fields["state"], fields["errors"])
    struct.pack_into("<I", block, 76, fields["revision"])
    return bytes(1024) + bytes(block) + bytes(2048)


def test_a_filesystem_has_more_than_a_magic_of_two_bytes() -> None:
    assert sniff(superblock()) is ContainerKind.EXT
    assert sniff(superblock(revision=0, block_size_log=0, errors=0)) is ContainerKind.EXT
    for name, value in {"inodes": 0, "blocks": 0, "block_size_log": 7, "errors": 4, "revision": 2}.items():
        assert sniff(superblock(**{name: value})) is None, name
    chance = random.Random(1)
    content = [chance.randbytes(1080) + b"\x53\xef" + chance.randbytes(3000) for _ in range(200)]
    assert [sniff(one) for one in content] == [None] * len(content)


def test_a_self_extracting_program_is_found() -> None:
    program = b"MZ" + bytes(200_000)
    start = bytes(range(20))
    seven_zip = b"7z\xbc\xaf\x27\x1c\0\4" + zlib.crc32(start).to_bytes(4, "little") + start
    main = b"\x73\0\0\x0d\0" + bytes(6)
    rar4 = b"Rar!\x1a\x07\0" + (zlib.crc32(main) & 0xFFFF).to_bytes(2, "little") + main
    header = b"\x05\x01\0\0\0\0"
    rar5 = b"Rar!\x1a\x07\x01\0" + zlib.crc32(header).to_bytes(4, "little") + header
    for archive, kind in ((seven_zip, ContainerKind.SEVEN_ZIP), (rar4, ContainerKind.RAR), (rar5, ContainerKind.RAR)):
        assert kind_of(program + archive + bytes(100)) is kind
        assert kind_of(b"text" + bytes(200_000) + archive) is None
        probe = ContainerProbe()  # the archive begins in one piece and ends in the next
        for piece in (program + archive[:9], archive[9:] + bytes(100)):
            probe.take(piece)
        assert probe.kind is kind
        for signature in (archive[:8] + bytes(100), archive[:-1] + b"\xff" + bytes(100)):
            assert kind_of(program + signature) is None, "programs that unpack archives hold their signatures"


@pytest.mark.parametrize(
    "data",
    [
        b"0707" * 512,
        b"070701" * 100,
        b"070702 is a number, and this is a text",
        b"",
        b"P",
        b"PK",
        b"BZh is how it begins",
        b"BZh9",
        b"]\0\0",
        b"]\0\0\0\0" + b"\xff" * 40,
        b"`\xea" + bytes(40),
        b"\x1f\x9d\xff" + bytes(40),
        b"From: here\nTo: there\n\nA play in one act\n",
        b"From here to eternity\n",
        b"Subject: all of it\nStatus: open\nPath: none\n",
        b"12\nFrom: here\n",
        b"ustar" + bytes(600),
        bytes(510) + b"\x55\xaa",
        bytes(446) + b"code" * 16 + b"\x55\xaa",
        bytes(4096),
    ],
)
def test_what_only_looks_like_one_is_none(data: bytes) -> None:
    assert kind_of(data) is None


def test_random_bytes_are_no_container() -> None:
    source = random.Random(1)
    assert not [None for _ in range(20_000) if sniff(source.randbytes(600)) not in {None, ContainerKind.COMPRESS}]


def test_each_kind_can_be_detected() -> None:
    modules = (module, volume_signatures, signatures, first_bytes, format_checks, mail_detection, appended_archives)
    text = "".join(Path(str(one.__file__)).read_text() for one in modules)
    of_names = {ContainerKind.VOLUME}
    assert not [kind for kind in {*ContainerKind} - of_names if f"ContainerKind.{kind.name}" not in text]


def test_the_signature_of_a_zip_s_end_in_code_is_not_one() -> None:
    program = b"\x7fELF" + bytes(70_000)
    for numbers in ((0, 0, 288, 0, 32, 2, 1), (45, 20, 16, 0, 44, 0, 69)):  # as in libminizip and a module of Perl
        code = b"PK\x05\x06" + struct.pack("<HHHHIIH", *numbers) + bytes(100)
        assert kind_of(program + code) is None
    archive = zipped()
    end = archive.index(b"PK\x05\x06")
    odd = archive[: end + 8] + b"\x09\x00" + archive[end + 10 :]
    assert kind_of(program + odd) is ContainerKind.ZIP, "others find its directory"


def test_what_is_plain_is_no_container() -> None:
    dice = random.Random(14)
    begins = [magic for magic, _ in signatures.FROM_START]
    begins += [
        b"From: a\r\nTo: b\r\nDate: c\r\nSubject: d\r\n\r\n",
        b"From a@b Mon Jan  1 10:00:00 2020\nFrom: x\nTo: y\n",
    ]
    begins += [
        b"12 \r\nFrom: a\r\nTo: b\r\nDate: c\r\nSubject: d\r\n\r\n",
        b"\xef\xbb\xbf%PDF-1",
        b"MZ",
        b"\x7fELF",
        b"word",
    ]
    begins += [b"\x5d\0\0\x10\0" + b"\xff" * 8]
    later = {2: b"-lh5-", 3: b"NTFS", 54: b"FAT16", 154: b"\0 ", 257: b"ustar", 510: b"\x55\xaa", 1024: b"H+\0\4"}
    later |= {1080: b"\x53\xef", 0x8001: b"CD001"}
    kinds = set()
    for _ in range(3000):
        size = dice.choice([0, 1, 6, 7, 300, 512, 1082, 1090, 4097, 33_000])
        content = bytearray(size)
        begin = dice.choice(begins)
        content[: len(begin)] = begin[:size]
        for at in dice.sample(sorted(later), dice.randrange(3)):
            content[at : at + len(later[at])] = later[at] if size > at + 5 else b""
        if dice.random() < 0.2 and size > 300:
            at = size - dice.choice([22, 23, 100])
            content[at : at + 22] = b"PK\5\6" + bytes(18)
        # What lies behind it in the buffer is of an earlier file.
        buffer = content + bytearray(b"CD001 ustar PK\5\6 From: x\n" * 3)
        kind = kind_of(bytes(content)) if content else None
        kinds.add(kind)
        assert not (is_plain(buffer, len(content)) and kind is not None)
    assert len(kinds) > 30


def test_ordinary_content_is_plain() -> None:
    for text in (b"", b"x", b"word: no field\n" * 9, b"# heading\n", b"{}", b"12 words", bytes(5000), b"\xff" * 40_000):
        assert is_plain(text, len(text))


def test_archives_behind_any_file_are_found_by_their_end() -> None:
    """A rar or 7z behind an image, which is longer than the bytes of its end that are kept."""
    seven_zip = b"\x17\x06\xc1\xc5\x93\x01\x09\x80\xeb\x00\x07\x0b\x01\x00\x01#\x03\x01\x01\x05]\0\x10\0\0\x0c"
    for end, kind in (
        (b"\x1d\x77\x56\x51\x03\x05\x04\0", ContainerKind.RAR),
        (b"\xc4\x3d\x7b\0\x40\x07\0", ContainerKind.RAR),
        (seven_zip, ContainerKind.SEVEN_ZIP),
    ):
        for begin in (b"\xff\xd8\xff", b"\0\0\0\x18ftypmp42", b"text"):
            data = begin + b"x" * 200_000 + end
            assert kind_of(data) is kind
            assert not is_plain(data, len(data))
            assert kind_of(data + b"x" * 300) is None


def test_mail_with_long_or_few_fields_is_detected() -> None:
    for before in (b"Received: from a\r\n by b\r\n" * 300, b"X-Junk: " + b"a" * 9000 + b"\r\n"):
        assert kind_of(before + MAIL) is ContainerKind.EML
    part = b"Content-Type: image/jpeg\nContent-Transfer-Encoding: base64\n\nYWJj\n"
    assert kind_of(part) is ContainerKind.EML
    assert kind_of(b"To: b@example.org\n" + part) is ContainerKind.EML
    for line in (b"From MAILER-DAEMON\n", b"From a 2024-01-01T00:00:00\n"):
        assert kind_of(line + MAIL) is ContainerKind.MBOX
    assert kind_of(b"Name: " + b"word " * 9000) is None


def test_the_old_tar_of_cpio_is_detected() -> None:
    header = bytearray(old_tar())
    header[148:156] = b"%07o\0" % int(header[148:154], 8)
    assert kind_of(bytes(header)) is ContainerKind.TAR
    header[0] ^= 1
    assert kind_of(bytes(header)) is None


def test_labels_and_continued_members_of_tar_are_detected() -> None:
    header = bytearray(512)
    header[:5], header[136:147], header[156:157] = b"label", b"15302001532", b"V"
    header[148:156] = b"%06o\0 " % (sum(header) + 256)
    assert kind_of(bytes(header)) is ContainerKind.TAR
    header[0] ^= 1
    assert kind_of(bytes(header)) is None


def test_a_document_behind_other_bytes_is_detected() -> None:
    document = b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\n"
    for before in (b"line\n" * 100, bytes(500)):
        assert kind_of(before + document) is ContainerKind.PDF
        assert not is_plain(before + document, len(before + document))
    image = b"\0\0\0\x18ftypavif\0\0\0\0avifmif1" + document
    for data in (b"text" * 300 + document, b'print("%PDF-1.4\\n")\n', b"\x89PNG\r\n\x1a\n" + document, image):
        assert kind_of(data) is None


def test_disks_of_other_systems_are_detected() -> None:
    for data, kind in (
        (bytes(32) + b"NXSB" + bytes(100), ContainerKind.APFS),
        (bytes(0x8001) + b"BEA01" + bytes(100), ContainerKind.UDF),
        (b"(This file must be converted with BinHex 4.0)\n\n:abc:", ContainerKind.BINHEX),
        (b"x\xda" * 900 + b"koly\0\0\0\4\0\0\2\0" + bytes(500), ContainerKind.DMG),
    ):
        for chunk in (1 << 16, 40_000, 4096):
            assert kind_of(data, chunk) is kind
        assert not is_plain(data, len(data))
    for at, magic, kind in (
        (0, b"LUKS\xba\xbe", ContainerKind.LUKS),
        (3, b"-FVE-FS-", ContainerKind.BITLOCKER),
        (3, b"ReFS\0\0\0\0", ContainerKind.REFS),
        (512, b"LABELONE", ContainerKind.LVM),
        (1024, b"\x10\x20\xf5\xf2", ContainerKind.F2FS),
        (0x10040, b"_BHRfS_M", ContainerKind.BTRFS),
    ):
        data = (bytes(at) + magic).ljust(100_000, b"\0")
        for chunk in (1 << 16, 40_000, 100_000):
            assert kind_of(data, chunk) is kind
        assert kind_of(b"\0" + data, 1 << 16) is None
    disk = bytes(446) + b"\0" * 4 + b"\x83" + bytes(3) + b"\1" * 8 + bytes(48) + b"\x55\xaa" + bytes(9999)
    assert kind_of(disk + b"koly\0\0\0\4\0\0\2\0" + bytes(500), 3000) is ContainerKind.DMG
    assert kind_of(b"x" * 900 + b"koly" + bytes(508)) is None


def test_the_first_bytes_may_come_in_pieces() -> None:
    """The holes of a sparse file are given apart from what stands between them."""
    image = bytes(0x8001) + b"CD001\x01" + bytes(2048)
    document = bytes(500) + b"%PDF-1.4\n" + bytes(5000)
    for data, kind in (
        (image, ContainerKind.ISO),
        (document, ContainerKind.PDF),
        (b"MZ" + zipped(), ContainerKind.ZIP),
    ):
        for chunk in (100, 0x8000, 0x8001):
            assert kind_of(data, chunk) is kind
