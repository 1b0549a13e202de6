"""Rar archives of every version, whole, cut and damaged. The library that unpacks them also makes them."""

import random
import zlib
from pathlib import Path

import pytest
import rars

from hashaudit.content.containers.interface import MemberContent
from hashaudit.content.containers.member_source import MemorySource
from hashaudit.content.containers.rar_blocks import blocks
from hashaudit.content.containers.rar_reader import read_rar
from hashaudit.content.containers.reader_registry import load_readers
from hashaudit.model.containers import ContainerKind
from inside_lab import examine, sha256
from kind_lab import read

VERSIONS = ("rar50", "rar29", "rar20", "rar15")
CONTENT = {f"d/{number}.txt": b"line %d\n" % number * 100 * number + b"end" for number in range(6)}
EXPECTED = {name.encode(): sha256(data) for name, data in CONTENT.items()}


@pytest.fixture(autouse=True)
def readers() -> None:
    load_readers(frozenset(ContainerKind))


def made(
    version: str, content: dict[str, bytes] = CONTENT, *, solid: bool = False, password: str | None = None
) -> bytes:
    builder = rars.RarBuilder(version, solid=solid, password=password)
    for name, data in content.items():
        builder.add_bytes(data, name)
    return bytes(builder.to_bytes())


@pytest.mark.parametrize("solid", [False, True])
@pytest.mark.parametrize("version", VERSIONS)
def test_members_of_whole_cut_and_damaged_archives(version: str, solid: bool) -> None:
    whole = made(version, solid=solid)
    assert read(ContainerKind.RAR, whole) == (EXPECTED, [])
    silent = 0
    for cut in range(21, len(whole), 41):
        good, codes = read(ContainerKind.RAR, whole[:cut])
        assert good.items() <= EXPECTED.items()
        silent += not codes
    assert silent <= (0 if version == "rar50" else 2), "older archives need no end"
    chance = random.Random(version)
    for _ in range(8):
        changed = bytearray(whole)
        changed[chance.randrange(8, len(whole))] ^= 1 << chance.randrange(8)
        good, codes = read(ContainerKind.RAR, bytes(changed))
        assert set(good.values()) <= set(EXPECTED.values())
        assert codes or set(good.values()) == set(EXPECTED.values())
    assert read(ContainerKind.RAR, whole + b"other data behind").codes
    assert set(read(ContainerKind.RAR, whole[:20]).codes) == {"damaged"}, "no member is left"


@pytest.mark.parametrize("version", VERSIONS)
def test_a_damaged_header_does_not_hide_the_other_members(version: str) -> None:
    whole = bytearray(made(version))
    at = whole.index(b"2.txt")
    whole[at] ^= 1
    good, codes = read(ContainerKind.RAR, bytes(whole))
    assert set(codes) == {"damaged"}
    assert good == {name: value for name, value in EXPECTED.items() if not name.endswith(b"2.txt")}


def test_encrypted_archives_are_faults() -> None:
    assert read(ContainerKind.RAR, made("rar50", password="secret")) == ({}, ["encrypted"] * 6)  # noqa: S106 # made up
    for options in ({}, {"encrypt_headers": True}, {"solid": True}):
        builder = rars.RarBuilder("rar50", password="secret", **options)  # noqa: S106 # as above
        for name, data in CONTENT.items():
            builder.add_bytes(data, name)
        source = MemorySource(bytes(builder.to_bytes()))
        members = [found for found in read_rar(source, (b"wrong", b"secret")) if isinstance(found, MemberContent)]
        assert {one.name: sha256(b"".join(one.chunks)) for one in members} == EXPECTED, options
        [*others] = read_rar(source, (b"wrong",))
        codes = [one.code for one in others if not isinstance(one, MemberContent)]
        assert codes == (["encrypted"] if "encrypt_headers" in options else [])


CONTENTS = [random.Random(number).randbytes(9000) for number in range(9)]


def volumes(directory: Path, version: str, *, solid: bool = False) -> list[Path]:
    builder = rars.RarBuilder(version, volume_size=20_000, solid=solid)
    of_version = CONTENTS if version == "rar50" else [b"".join(CONTENTS)]  # the library's own limit
    for number, data in enumerate(of_version):
        builder.add_bytes(data, f"v{number}")
    builder.write_volumes(str(directory / ("a.part1.rar" if version == "rar50" else "a.rar")))
    return sorted(directory.iterdir(), key=lambda path: (path.suffix != ".rar", path.name))


@pytest.mark.parametrize("solid", [False, True])
@pytest.mark.parametrize("version", ["rar50", "rar29"])
def test_volumes_are_read_as_one_archive(tmp_path: Path, version: str, solid: bool) -> None:
    paths = volumes(tmp_path, version, solid=solid)
    assert len(paths) > 3
    found = examine(paths[0])
    assert found.codes == []
    if version == "rar50":
        assert found.digests == {(b"v%d" % number,): sha256(data) for number, data in enumerate(CONTENTS)}
    else:
        assert found.digests == {(b"v0",): sha256(b"".join(CONTENTS))}
    for path in paths[1:]:
        later = examine(path).file.container
        assert later is not None
        assert later.kind is ContainerKind.VOLUME
    old = [tmp_path / "b.rar", *(tmp_path / f"b.r{number:02}" for number in range(len(paths) - 1))]
    for path, renamed in zip(paths, old, strict=True):
        path.rename(renamed)
    assert examine(old[0]).digests == found.digests


def test_members_of_a_set_without_one_volume(tmp_path: Path) -> None:
    paths = volumes(tmp_path, "rar50")
    paths[1].unlink()
    found = examine(paths[0])
    assert set(found.codes) == {"incomplete"}
    assert any("part02" in fault.message for fault in found.file.faults)
    whole = found.whole()
    assert whole < set(map(sha256, CONTENTS))
    assert {sha256(CONTENTS[0]), sha256(CONTENTS[-1])} <= whole, "members before and behind it"
    paths[0].unlink()
    assert examine(paths[2]).whole() == {sha256(CONTENTS[5])}, "without the first volume, each is read by itself"
    assert "incomplete" in examine(paths[-2]).codes


def linked(kind: int, target: bytes) -> bytes:
    """A block of a file that is a link or a copy (RAR 5.0 technical note, "File system redirection record")."""
    record = bytes((5, kind, 0, len(target))) + target
    extra = bytes((len(record),)) + record
    head = b"\x02\x01" + bytes((len(extra),)) + b"\x04" + b"\x05" + b"\xa4\x83\x02" + bytes(4) + b"\0\x01\x04link"
    body = bytes((len(head + extra),)) + head + extra
    return zlib.crc32(body).to_bytes(4, "little") + body


@pytest.mark.parametrize("kind", [1, 4, 5])
def test_links_and_copies_in_an_archive_are_no_members(kind: int) -> None:
    whole = made("rar50")
    end = len(whole) - 8
    assert read(ContainerKind.RAR, whole[:end] + linked(kind, b"d/0.txt") + whole[end:]) == (EXPECTED, [])


def test_comments_in_headers_of_old_archives() -> None:
    """Their checksum leaves the comment out. The bytes are those of rar15-comment.rar of rarfile's tests."""
    header = (
        b"\x74\x08\x80\x40\0" + (7).to_bytes(4, "little") * 2 + b"\0" + zlib.crc32(b"content").to_bytes(4, "little")
    )
    header += bytes(4) + b"\x14\x30\x01\0" + bytes(4) + b"f"
    covered = bytearray(header)
    size = len(header) + 2 + 9
    covered[3:5] = size.to_bytes(2, "little")
    sum_ = (zlib.crc32(covered) & 0xFFFF).to_bytes(2, "little")
    main = b"\x73\x02\0\x10\0" + bytes(6)
    archive = b"Rar!\x1a\x07\0" + (zlib.crc32(main) & 0xFFFF).to_bytes(2, "little") + main + b"abc"
    found = list(blocks(MemorySource(archive + sum_ + bytes(covered) + b"c" * 9 + b"content"), 0))
    assert [(block.type, block.is_behind_gap) for block in found] == [("main", False), ("file", False)]


def test_an_archive_behind_a_program_and_a_long_member(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "setup.exe"
    path.write_bytes(b"MZ" + bytes(70_000) + made("rar50"))
    assert examine(path).digests == {(name,): digest for name, digest in EXPECTED.items()}
    options = rars.ReadOptions(max_member_output_bytes=1000)
    monkeypatch.setitem(read_rar.__globals__, "_OPTIONS", options)
    good, codes = read(ContainerKind.RAR, made("rar50"))
    assert set(codes) == {"limit_reached"}
    assert set(good) == {name.encode() for name, data in CONTENT.items() if len(data) <= 1000}
