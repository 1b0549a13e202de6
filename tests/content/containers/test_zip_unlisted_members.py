"""What the central directory of a zip file does not name ends as a member or as a fault."""

import struct
import zlib
from pathlib import Path

import pytest

from inside_lab import examine, names, sha256

HIDDEN = b"hidden content of at least thirty-one bytes, which nobody may miss"
CONTENT = b"content"


def local(name: bytes, data: bytes, **changes: int) -> bytes:
    """A member with its local header; stored unless the changes say otherwise."""
    fields = {"flags": 0, "method": 0, "crc": zlib.crc32(data), "packed": len(data), "size": len(data)} | changes
    values = (fields[key] for key in ("flags", "method", "crc", "packed", "size"))
    flags, method, *numbers = values
    return struct.pack("<4sHHHIIIIHH", b"PK\3\4", 20, flags, method, 0, *numbers, len(name), 0) + name + data


def central(name: bytes, data: bytes, offset: int, **changes: int) -> bytes:
    fields = {"flags": 0, "method": 0, "crc": zlib.crc32(data), "packed": len(data), "size": len(data)} | changes
    flags, method, *numbers = (fields[key] for key in ("flags", "method", "crc", "packed", "size"))
    lengths = (len(name), 0, 0, 0, 0, 0, offset)
    return struct.pack("<4sHHHHIIIIHHHHHII", b"PK\1\2", 20, 20, flags, method, 0, *numbers, *lengths) + name


def end_record(count: int, directory_bytes: int, offset: int, comment: bytes = b"") -> bytes:
    numbers = (0, 0, count, count, directory_bytes, offset, len(comment))
    return struct.pack("<4sHHHHIIH", b"PK\5\6", *numbers) + comment


def archive(members: bytes, *rows: bytes, comment: bytes = b"") -> bytes:
    directory = b"".join(rows)
    return members + directory + end_record(len(rows), len(directory), len(members), comment)


FIRST, ROW = local(b"a", CONTENT), central(b"a", CONTENT, 0)
PACKED = zlib.compress(HIDDEN, wbits=-15)
SHORT = zlib.compress(b"x" * 10, wbits=-15)
OF_SHORT = {"method": 8, "size": 10, "crc": zlib.crc32(b"x" * 10)}
OPEN = {"method": 8, "flags": 8, "crc": 0, "packed": 0, "size": 0}
DESCRIPTOR = struct.pack("<III", zlib.crc32(HIDDEN), len(PACKED), len(HIDDEN))
WIDE = struct.pack("<4sIQQ", b"PK\7\x08", zlib.crc32(CONTENT), 7, 7)
SIGNING = struct.pack("<Q", 80) + bytes(range(56)) + struct.pack("<Q", 80) + b"APK Sig Block 42"

FAULTS = {
    "between members and directory": archive(FIRST + HIDDEN, ROW),
    "between two members": archive(FIRST + HIDDEN + local(b"b", b"B"), ROW, central(b"b", b"B", len(FIRST + HIDDEN))),
    "behind zeros": archive(FIRST + bytes(300_000) + HIDDEN, ROW),
    "behind the end": archive(FIRST, ROW) + HIDDEN,
    "behind the comment": archive(FIRST, ROW, comment=b"remark") + HIDDEN,
    "behind a size of zero": archive(local(b"a", HIDDEN), central(b"a", b"", 0)),
    "behind a directory": archive(local(b"a/", HIDDEN), central(b"a/", b"", 0)),
    "behind deflated data": archive(
        local(b"a", SHORT + HIDDEN, **OF_SHORT), central(b"a", SHORT + HIDDEN, 0, **OF_SHORT)
    ),
    "behind deflated data that only a local header names": archive(
        FIRST + local(b"u", SHORT + HIDDEN, **OF_SHORT), ROW
    ),
    "an unknown method in a local header": archive(FIRST + local(b"u", HIDDEN, method=77), ROW),
    "a descriptor behind stored data": archive(
        FIRST + local(b"u", HIDDEN, flags=8, crc=0, packed=0, size=0) + b"PK\7\x08" + DESCRIPTOR, ROW
    ),
    "a signing block that ends elsewhere": archive(FIRST + SIGNING[:-1] + b"?", ROW),
    "a record that is longer than any": archive(FIRST + b"PK\6\6" + struct.pack("<Q", 5000) + HIDDEN * 90, ROW),
}
"""Data that is no member, and no part of the format."""

MEMBERS = {
    "a name of no bytes": archive(FIRST + local(b"", HIDDEN), ROW),
    "a comment": archive(FIRST, ROW, comment=local(b"u", HIDDEN)),
    "a descriptor without signature": archive(FIRST + local(b"u", PACKED, **OPEN) + DESCRIPTOR, ROW),
    "two directories": archive(FIRST + local(b"u", HIDDEN), ROW) + end_record(0, 0, 0),
    "an empty directory in the comment": archive(FIRST + local(b"u", HIDDEN), ROW, comment=end_record(0, 0, 0)),
    "a locator that points elsewhere": local(b"u", HIDDEN)
    + FIRST
    + ROW
    + struct.pack("<4sIQI", b"PK\6\7", 0, 5, 1)
    + end_record(0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF),
    "a directory that is cut short": FIRST
    + local(b"u", HIDDEN)
    + ROW
    + central(b"u", HIDDEN, len(FIRST))
    + end_record(1, len(ROW), len(FIRST) + len(local(b"u", HIDDEN))),
}
"""Places where a member hides."""

NO_FAULTS = {
    "nothing": archive(FIRST, ROW),
    "zeros": archive(FIRST + bytes(5000), ROW) + bytes(512),
    "a comment": archive(FIRST, ROW, comment=HIDDEN),
    "a program before it": b"MZ" + HIDDEN + archive(FIRST, ROW),
    "another archive before it": archive(local(b"b", b"B"), central(b"b", b"B", 0), comment=HIDDEN)
    + archive(FIRST, ROW),
    "a descriptor": archive(FIRST + WIDE + bytes(64), ROW),
    "a signing block": archive(FIRST + SIGNING, ROW),
    "a header with which a program pads": archive(FIRST + local(b"", b"") + bytes(40), ROW),
}
"""What programs write."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.zip"


def test_other_data_is_a_fault(path: Path) -> None:
    for place, data in FAULTS.items():
        path.write_bytes(data)
        assert {"trailing_data", "damaged"} & set(examine(path).codes), place
        assert examine(path, report_all=False).codes, place


def test_a_hidden_member_is_found(path: Path) -> None:
    for place, data in MEMBERS.items():
        path.write_bytes(data)
        assert {sha256(HIDDEN), sha256(CONTENT)} <= examine(path).whole(), place


def test_what_programs_write_is_no_fault(path: Path) -> None:
    for what, data in NO_FAULTS.items():
        path.write_bytes(data)
        found = examine(path)
        assert (found.codes, sha256(CONTENT) in found.whole()) == ([], True), what


@pytest.mark.parametrize(
    ("of_header", "of_directory"),
    [
        ((b"other", {}), (b"a", {})),
        ((b"a", {"size": 100}), (b"a", {})),
        ((b"a", {"method": 8}), (b"a", {})),
        ((b"a", {"crc": 7}), (b"a", {})),
        ((b"a", {"flags": 1}), (b"a", {})),
    ],
)
def test_headers_that_contradict_one_another_are_a_fault_beside_the_digest(
    path: Path, of_header: tuple[bytes, dict[str, int]], of_directory: tuple[bytes, dict[str, int]]
) -> None:
    path.write_bytes(
        archive(local(of_header[0], CONTENT, **of_header[1]), central(of_directory[0], CONTENT, 0, **of_directory[1]))
    )
    found = examine(path)
    assert found.codes == ["damaged"]
    assert found.digests == {(b"a",): sha256(CONTENT)}


def test_numbers_that_a_local_header_leaves_out_agree(path: Path) -> None:
    for changes in ({"crc": 0, "packed": 0, "size": 0}, {"packed": 0xFFFFFFFF, "size": 0xFFFFFFFF}, {"flags": 8}):
        path.write_bytes(archive(local(b"a", CONTENT, **changes), ROW))
        found = examine(path)
        assert (found.codes, [names(member) for member in found.members]) == ([], [(b"a",)]), changes
