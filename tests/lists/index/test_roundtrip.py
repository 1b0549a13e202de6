"""Out of an index again: entries, merging, comparing, asking and exporting."""

import hashlib
import io
import os
import shutil
import stat
import subprocess
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import pytest

from hashaudit.errors import ListError, UsageError
from hashaudit.lists.index import entry_reader as entries_module
from hashaudit.lists.index.build import build_index
from hashaudit.lists.index.check_digests import Checked, check
from hashaudit.lists.index.describe import describe
from hashaudit.lists.index.diff import diff
from hashaudit.lists.index.entry_reader import EntryReader
from hashaudit.lists.index.export import Exported, export_hashdeep, export_plain
from hashaudit.lists.index.index_reader import ListIndex
from hashaudit.lists.index.verify_index import verify_index
from hashaudit.lists.interface import DigestBlock, ListEntry, ListSpec, ParseOptions, RejectReason
from hashaudit.model.results import AlgorithmName, Role

MD5, SHA1, SHA256 = map(AlgorithmName, ("md5", "sha1", "sha256"))
ListContent = tuple[Role, Sequence[ListEntry | DigestBlock]]
Build = Callable[[Iterable[ListContent]], bytes]
IndexOf = Callable[[Iterable[ListContent]], ListIndex]


def md5(number: int) -> bytes:
    return bytes([number]) * 16


def sha256(number: int) -> bytes:
    return bytes([number]) * 31 + b"\0"


RICH: list[ListEntry | DigestBlock] = [
    ListEntry("12", {MD5: md5(1), SHA256: sha256(1)}, 10, {"category": "1"}, None, {"photodna": "AAAA"}),
    ListEntry("a-b", {MD5: md5(2)}, 0, {}, Role.KNOWN),
    ListEntry("line 9", {SHA256: sha256(3)}, None, {"category": "1"}),
]
BARE: list[ListEntry | DigestBlock] = [
    DigestBlock(SHA256, sha256(5) + sha256(4) + sha256(5) + sha256(6), 3),
    DigestBlock(MD5, md5(7) + md5(8), 7),
    DigestBlock(MD5, md5(9), 20),
]
BARE_KEPT = [
    DigestBlock(SHA256, sha256(5) + sha256(4), 3),
    DigestBlock(SHA256, sha256(6), 6),
    DigestBlock(MD5, md5(7) + md5(8), 7),
    DigestBlock(MD5, md5(9), 20),
]


@pytest.mark.parametrize("chunk_rows", [1 << 16, 2])
def test_entries_come_back_in_order_without_duplicates(
    index_of: IndexOf, chunk_rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entries_module, "_CHUNK_ROWS", chunk_rows)
    reader = EntryReader(index_of([(Role.DENY, RICH), (Role.DENY, BARE)]))
    assert list(reader.entries(0)) == RICH
    blocks = list(reader.entries(1))
    if chunk_rows > 100:
        assert blocks == BARE_KEPT
    lines = [
        (block.algorithm, block.first_line + n, block.digests[n * len(sha) :][: len(sha)])
        for block in blocks
        if isinstance(block, DigestBlock)
        for sha in [sha256(0) if block.algorithm == SHA256 else md5(0)]
        for n in range(len(block.digests) // len(sha))
    ]
    assert [(line, digest) for _, line, digest in lines] == [
        (3, sha256(5)), (4, sha256(4)), (6, sha256(6)), (7, md5(7)), (8, md5(8)), (20, md5(9))
    ]  # fmt: skip


def write(directory: Path, name: str, lines: Iterable[str]) -> str:
    path = directory / name
    path.write_text("".join(line + "\n" for line in lines))
    path.chmod(0o600)
    return str(path)


def test_merged_index_answers_as_its_parts_do(tmp_path: Path, build: Build) -> None:
    rich, bare = tmp_path / "rich.hai", tmp_path / "bare.hai"
    rich.write_bytes(build([(Role.DENY, RICH)]))
    bare.write_bytes(build([(Role.KNOWN, BARE)]))
    text = write(tmp_path, "list.txt", [sha256(1).hex(), md5(9).hex()])
    reported: list[int] = []
    target = str(tmp_path / "merged.hai")
    specs = [ListSpec(str(rich), Role.DENY), ListSpec(str(bare), Role.DENY), ListSpec(text, Role.DENY)]
    infos = build_index(specs, target, progress=reported.append)
    merged = ListIndex.open(target)
    verify_index(merged)
    assert infos == merged.infos
    assert [(info.role, info.kept, info.rejected) for info in infos] == [
        (Role.DENY, 3, {}), (Role.KNOWN, 6, {"duplicate": 1}), (Role.DENY, 2, {})
    ]  # fmt: skip
    assert sum(reported) == 11
    assert [(hit.list_number, hit.id, hit.unsupported) for hit in merged.lookup(SHA256, sha256(1))] == [
        (1, "12", {"photodna": "AAAA"}), (3, "line 1", {})
    ]  # fmt: skip
    assert [(hit.list_number, hit.role, hit.id) for hit in merged.lookup(MD5, md5(9))] == [
        (2, Role.KNOWN, "line 20"), (3, Role.DENY, "line 2")
    ]  # fmt: skip


def test_built_index_is_private_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    text = write(tmp_path, "list.txt", [sha256(1).hex()])
    directory = tmp_path / "out"
    directory.mkdir()
    previous = os.umask(0)
    try:
        build_index([ListSpec(text, Role.DENY)], str(directory / "a.hai"))
    finally:
        os.umask(previous)
    assert [entry.name for entry in directory.iterdir()] == ["a.hai"]
    assert stat.S_IMODE((directory / "a.hai").stat().st_mode) == 0o600


def test_failed_build_leaves_what_was_there(tmp_path: Path) -> None:
    good = write(tmp_path, "list.txt", [sha256(1).hex()])
    bad = write(tmp_path, "bad.txt", ["%%%% HASHDEEP-1.0", "%%%% size,md5,filename", "x,y,z"])
    target = tmp_path / "out" / "a.hai"
    target.parent.mkdir()
    build_index([ListSpec(good, Role.DENY)], str(target))
    before = target.read_bytes()
    with pytest.raises(ListError, match=r"bad\.txt'; .*line 3"):
        build_index([ListSpec(good, Role.DENY), ListSpec(bad, Role.DENY)], str(target))
    assert target.read_bytes() == before
    assert [entry.name for entry in target.parent.iterdir()] == ["a.hai"]
    with pytest.raises(ListError, match=r"cannot write index: .*No such file"):
        build_index([ListSpec(good, Role.DENY)], str(tmp_path / "missing" / "a.hai"))


def test_diff_counts_entries_by_any_of_their_digests(index_of: IndexOf) -> None:
    first = index_of([(Role.DENY, RICH), (Role.DENY, BARE)])
    second = index_of([(Role.DENY, [DigestBlock(MD5, md5(1) + md5(9) + md5(30), 1)]), (Role.DENY, [
        ListEntry("x", {SHA1: b"s" * 20, SHA256: sha256(6)}), ListEntry("y", {SHA1: b"t" * 20})])])  # fmt: skip
    ours, theirs = diff(first, second)
    assert (ours.common, ours.alone, theirs.common, theirs.alone) == (3, 6, 3, 2)
    assert list(ours.alone_ids()) == [
        (1, "a-b"), (1, "line 9"), (2, "line 3"), (2, "line 4"), (2, "line 7"), (2, "line 8")
    ]  # fmt: skip
    assert list(theirs.alone_ids()) == [(1, "line 3"), (2, "y")]


def test_check_answers_by_line_and_shows_nothing_of_the_lists(index_of: IndexOf) -> None:
    indexes = [index_of([(Role.DENY, RICH)]), index_of([(Role.DENY, BARE)]).numbered((2,))]
    lines = [f"{md5(n).hex()}  name" for n in (1, 50, 9)] + ["d41d8cd98f00b204e9800998ecf8427e  empty"]
    stream = io.BytesIO("".join(line + "\n" for line in lines).encode())
    assert list(check(stream, indexes, ParseOptions())) == [
        Checked("line 1", (1,)),
        Checked("line 2", ()),
        Checked("line 3", (2,)),
        Checked("line 4", (), RejectReason.EMPTY_INPUT),
    ]
    bare = io.BytesIO("".join(md5(n).hex() + "\n" for n in (50, 9, 1, 2)).encode())
    assert [answer.lists for answer in check(bare, indexes, ParseOptions())] == [(), (2,), (1,), (1,)]


def test_plain_export_reads_back(index_of: IndexOf) -> None:
    target = io.BytesIO()
    assert export_plain(index_of([(Role.DENY, RICH), (Role.DENY, BARE)]), MD5, target) == Exported(5, 4)
    assert target.getvalue() == b"".join(md5(n).hex().encode() + b"\n" for n in (1, 2, 7, 8, 9))


def test_hashdeep_export_holds_entries_that_the_format_can_hold(index_of: IndexOf) -> None:
    odd = ListEntry("two\nlines", {MD5: md5(60), SHA256: sha256(60)}, 5)
    index = index_of([(Role.DENY, [*RICH, odd]), (Role.DENY, BARE)])
    target = io.BytesIO()
    assert export_hashdeep(index, [SHA256, MD5], target) == Exported(1, 9)
    assert target.getvalue().decode() == (
        f"%%%% HASHDEEP-1.0\n%%%% size,md5,sha256,filename\n10,{md5(1).hex()},{sha256(1).hex()},12\n"
    )
    with pytest.raises(UsageError, match="md5, sha1, sha256"):
        export_hashdeep(index, [AlgorithmName("blake3")], target)
    with pytest.raises(UsageError, match="md5, sha1, sha256"):
        export_hashdeep(index, [], target)


@pytest.mark.skipif(shutil.which("hashdeep") is None, reason="hashdeep is not installed")
def test_hashdeep_itself_reads_the_export(index_of: IndexOf, tmp_path: Path) -> None:
    content = b"ordinary content\n"
    (tmp_path / "file").write_bytes(content)
    (tmp_path / "other").write_bytes(b"else")
    entry = ListEntry("7", {MD5: hashlib.md5(content).digest()}, len(content))
    with (tmp_path / "list").open("wb") as target:
        export_hashdeep(index_of([(Role.DENY, [entry])]), [MD5], target)
    matched = subprocess.run(
        ["hashdeep", "-c", "md5", "-m", "-k", "list", "file", "other"], cwd=tmp_path, capture_output=True, check=False
    )
    assert matched.stdout.decode().splitlines() == [str(tmp_path / "file")]


def test_description_counts_without_entries(index_of: IndexOf) -> None:
    index = index_of([(Role.DENY, RICH), (Role.DENY, BARE)])
    described = describe(index)
    assert described.digests == {MD5: 5, SHA256: 5}
    assert described.size_bytes == len(index.image)
    assert described.checksum == index.checksum
    assert described.lists == index.infos
