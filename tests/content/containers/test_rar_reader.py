"""Rar archives of every version, whole, cut and damaged. The library that unpacks them also makes them."""

import random
from pathlib import Path

import pytest
import rars

from hashaudit.content.containers.interface import MemberContent
from hashaudit.content.containers.member_source import MemorySource
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


def test_encrypted_archives_and_volumes_are_faults(tmp_path: Path) -> None:
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
    builder = rars.RarBuilder("rar50", volume_size=20_000, store=True)
    for number in range(5):
        builder.add_bytes(random.Random(number).randbytes(9000), f"v{number}")
    builder.write_volumes(str(tmp_path / "a.part1.rar"))
    volumes = sorted(tmp_path.iterdir())
    for number, volume in enumerate(volumes):
        found = examine(volume)
        assert set(found.codes) == {"incomplete"}
        assert found.whole() <= {sha256(random.Random(one).randbytes(9000)) for one in range(5)}
        is_last = number == len(volumes) - 1
        assert ("incomplete" in [fault.code for fault in found.file.faults]) is not is_last


def test_an_archive_behind_a_program_and_a_long_member(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "setup.exe"
    path.write_bytes(b"MZ" + bytes(70_000) + made("rar50"))
    assert examine(path).digests == {(name,): digest for name, digest in EXPECTED.items()}
    options = rars.ReadOptions(max_member_output_bytes=1000)
    monkeypatch.setitem(read_rar.__globals__, "_OPTIONS", options)
    good, codes = read(ContainerKind.RAR, made("rar50"))
    assert set(codes) == {"limit_reached"}
    assert set(good) == {name.encode() for name, data in CONTENT.items() if len(data) <= 1000}
