"""Archives that are made to harm: bombs, deep nesting, names that mislead, two directories, cut at any place."""

import gzip
import io
import struct
import tarfile
import zipfile
from pathlib import Path

import pytest

from inside_lab import examine, names, sha256

ODD_NAMES = [b"../../etc/passwd", b"/abs", b"a\nb", b"\xff\xfe", b"a\0b", b"a//b", b"C:\\x", b"a", b"a", b"\x1b[31m"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "file"


def zipped(content: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def tarred(name: bytes, data: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        info = tarfile.TarInfo(name.decode("latin-1"))
        info.size = len(data)
        archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def test_a_bomb_of_equal_archives_is_counted_exactly_or_limited(path: Path) -> None:
    """As 42.zip: ten archives in each, five levels deep, each of ten million zeros at the bottom."""
    data = zipped({"zeros": bytes(10**7)})
    for _ in range(5):
        data = zipped({f"{number}.zip": data for number in range(10)})
    path.write_bytes(data)
    found = examine(path, report_all=False)
    container = found.file.container
    assert container is not None
    assert (found.codes, container.clean) == ([], sum(10**level for level in range(1, 6)) + 10**5)
    assert container.containers == {"zip": sum(10**level for level in range(1, 6))}
    path.write_bytes(zipped({f"{number}.zip": data for number in range(10)}))
    assert examine(path, report_all=False).codes == ["limit_reached"]


@pytest.mark.parametrize("depth", [8, 64])
def test_a_hundred_levels_end_at_the_limit(path: Path, depth: int) -> None:
    for wrap in (lambda data: zipped({"n": data}), lambda data: tarred(b"n", data), gzip.compress):
        data = b"innermost"
        for _ in range(100):
            data = wrap(data)
        path.write_bytes(data)
        found = examine(path, depth=depth)
        assert found.codes == ["limit_reached"]
        assert max(len(member.within) for member in found.members) == depth


def test_names_are_exact_and_never_followed(path: Path) -> None:
    with tarfile.open(path, "w", format=tarfile.GNU_FORMAT, encoding="latin-1") as archive:
        for number, name in enumerate(ODD_NAMES):
            info = tarfile.TarInfo("x" * 200 + name.decode("latin-1").replace("\0", "_"))
            info.size = 1
            archive.addfile(info, io.BytesIO(bytes((number,))))
    found = examine(path)
    assert [names(member)[-1] for member in found.members] == [
        b"x" * 200 + name.replace(b"\0", b"_") for name in ODD_NAMES
    ]
    local = [struct.pack("<4sHHHIIIIHH", b"PK\3\4", 20, 0, 0, 0, 0xE8B7BE43, 1, 1, len(name), 0) for name in ODD_NAMES]
    path.write_bytes(b"".join(head + name + b"a" for head, name in zip(local, ODD_NAMES, strict=True)))
    assert [names(member)[0] for member in examine(path).members] == ODD_NAMES


def test_members_of_both_directories_are_read(path: Path) -> None:
    """Programs disagree about which of two end records counts: one is in the comment of the other."""
    hidden = zipped({"hidden": b"hidden content"})
    shown = bytearray(zipped({"shown": b"shown content"}))
    shown[-2:] = len(hidden).to_bytes(2, "little")
    path.write_bytes(bytes(shown) + hidden)
    assert examine(path).whole() == {sha256(b"hidden content"), sha256(b"shown content")}


def test_a_cut_at_any_place_is_no_silence(path: Path) -> None:
    inner = zipped({f"m{number}": b"%d" % number * 90 for number in range(4)})
    forms = (zipped({"a.zip": inner, "b": b"b" * 50}), gzip.compress(tarred(b"a.zip", inner)))
    for whole in forms:
        path.write_bytes(whole)
        expected = examine(path).whole()
        for end in range(30, len(whole), 41):
            path.write_bytes(whole[:end])
            found = examine(path)
            assert found.codes, end
            assert found.whole() <= expected, end
