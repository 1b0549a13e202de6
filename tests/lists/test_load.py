import hashlib
import os
import stat
from collections.abc import Iterable
from pathlib import Path

import msgspec
import pytest

from hashaudit.errors import ListError
from hashaudit.lists import list_file, load
from hashaudit.lists.index import compile_lists
from hashaudit.lists.index.build import build_index
from hashaudit.lists.index.handle import IndexHandle
from hashaudit.lists.index.index_reader import ListIndex
from hashaudit.lists.ingest import ingest_list
from hashaudit.lists.interface import ListInfo, ListSpec
from hashaudit.lists.load import load_lists
from hashaudit.lists.match.exact_match import ExactMatcher
from hashaudit.model.results import AlgorithmName, Role

MD5, SHA256 = AlgorithmName("md5"), AlgorithmName("sha256")


def sha256(number: int) -> bytes:
    return hashlib.sha256(b"%d" % number).digest()


def hex_lines(numbers: Iterable[int]) -> str:
    return "".join(sha256(number).hex() + "\n" for number in numbers)


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """For lists, beside an empty cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "lists").mkdir()
    return tmp_path / "lists"


def kept(directory: Path) -> list[Path]:
    return sorted((directory.parent / "cache" / "hashaudit" / "lists").glob("*"))


def write(directory: Path, name: str, content: str | bytes, mode: int = 0o600) -> ListSpec:
    path = directory / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    path.chmod(mode)
    return ListSpec(str(path), Role.DENY)


HASHDEEP = "%%%% HASHDEEP-1.0\n%%%% size,md5,sha256,filename\n## comment\n"


BAD_LINES = (
    "skipped line 6: malformed (not a hash)",
    "skipped line 8: wrong length (a run of hex digits of no known length)",
)


def test_info_describes_the_file_and_counts_its_entries(directory: Path) -> None:
    empty = hashlib.sha256(b"").hexdigest()
    content = f"# comment\n{hex_lines([1, 2, 1])}\nnot a hash\n{empty}\n{'a' * 30}\n{hex_lines(range(10, 210))}"
    spec = write(directory, "list.txt", content)
    os.utime(spec.path, ns=(5, 123_456_789))
    with load_lists([spec]) as lists:
        assert lists.infos == (
            ListInfo(
                name="list.txt",
                path=spec.path,
                role=Role.DENY,
                size=len(content),
                sha256=hashlib.sha256(content.encode()).hexdigest(),
                mtime_ns=123_456_789,
                format="plain",
                algorithms=(SHA256,),
                read=206,
                kept=202,
                rejected={"duplicate": 1, "empty_input": 1, "malformed": 1, "wrong_length": 1},
                all_sized=False,
                warnings=BAD_LINES,
                omissions=BAD_LINES,
            ),
        )
        assert lists.indexes[0].infos == lists.infos


def test_counts_close(directory: Path) -> None:
    with load_lists([write(directory, "a", hex_lines([1, 1, 2]) + "x\n")]) as lists:
        (info,) = lists.infos
        assert info.read == info.kept + sum(info.rejected.values()) == 4


@pytest.mark.parametrize(("mode", "warned"), [(0o600, False), (0o640, False), (0o604, True), (0o644, True)])
def test_world_readable_list_is_reported(directory: Path, mode: int, warned: bool) -> None:
    with load_lists([write(directory, "a", hex_lines([1]), mode)]) as lists:
        assert lists.infos[0].warnings == ((list_file.WORLD_READABLE,) if warned else ())


def test_undecodable_name_is_reported_as_text(directory: Path) -> None:
    path = os.fsdecode(os.fsencode(directory) + b"/\xff.txt")
    Path(path).write_text(hex_lines([1]))
    with load_lists([ListSpec(path, Role.DENY)]) as lists:
        assert lists.infos[0].name == "\N{REPLACEMENT CHARACTER}.txt"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "empty"),
        ("# only a comment\n", "a'; "),
        (
            hashlib.sha256(b"").hexdigest() + "\n",
            r"a'; it holds no entry that can be matched \(1 empty input, first in line 1\)",
        ),
        (HASHDEEP, r"a'; it holds no entry that can be matched \(empty\)"),
        (HASHDEEP + f"1,{'a' * 32},{'b' * 64},name\n1,{'a' * 32},{'b' * 64}\n", "a'; .*line 5: malformed"),
        (HASHDEEP + f"1,{'a' * 32},{'b' * 62},name\n", "a'; .*line 4: wrong length"),
        (hex_lines([1]) + "ab", "a'; .*truncated"),
        (b"\xff\xfe" + hex_lines([1]).encode("utf-16-le")[:-1], "a'; .*truncated"),
    ],
)
def test_list_that_cannot_be_used_is_refused(directory: Path, content: str | bytes, message: str) -> None:
    with pytest.raises(ListError, match=message):
        load_lists([write(directory, "good", hex_lines([1])), write(directory, "a", content)])


def test_error_never_repeats_the_line(directory: Path) -> None:
    line = f"1,{'a' * 32},{'beefface' * 7},confidential"
    with pytest.raises(ListError) as caught:
        load_lists([write(directory, "a", HASHDEEP + line + "\n")])
    message = f"{caught.value} {caught.value.hint}"
    assert "beefface" not in message
    assert "confidential" not in message
    with load_lists([write(directory, "b", hex_lines([1]) + "secret-word beefface\n")]) as lists:
        encoded = msgspec.json.encode(lists.infos)
    assert b"secret" not in encoded
    assert b"beefface" not in encoded


def test_a_hash_in_the_place_of_a_name_is_not_repeated(directory: Path) -> None:
    swapped = {"MD5": "a" * 32, "beefface" * 8: "SHA-256", "ssdeep": "3:a:b"}
    bundle = {"type": "bundle", "objects": [{"type": "file", "id": "file--1", "hashes": swapped}]}
    with load_lists([write(directory, "a", msgspec.json.encode(bundle).decode())]) as lists:
        assert [text for text in lists.infos[0].warnings if "stored" in text] == [
            "1 entry also has other hashes; they are stored but not matched",
            "1 entry also has ssdeep hashes; they are stored but not matched",
        ]


@pytest.mark.parametrize("what", ["missing", "directory", "fifo", "socket-like link"])
def test_a_path_that_is_not_a_file_is_refused_without_waiting(directory: Path, what: str) -> None:
    path = directory / what
    if what == "directory":
        path.mkdir()
    elif what == "fifo":
        os.mkfifo(path)
    elif what != "missing":
        path.symlink_to("/dev/zero")
    with pytest.raises(ListError, match="cannot read"):
        load_lists([ListSpec(str(path), Role.DENY)])


def test_list_that_changes_while_it_is_read_is_refused(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = write(directory, "a", hex_lines(range(10)))
    real = os.fstat
    calls = []

    def appending(descriptor: int) -> os.stat_result:
        calls.append(descriptor)
        if len(calls) == 3:
            with Path(spec.path).open("a") as file:
                file.write(hex_lines([11]))
        return real(descriptor)

    monkeypatch.setattr(os, "fstat", appending)
    with pytest.raises(ListError, match="changed while it was read"):
        load_lists([spec])


def test_stated_algorithm_and_columns_reach_the_parser(directory: Path) -> None:
    stated = write(directory, "a", hex_lines([1]))
    stated = msgspec.structs.replace(stated, algorithm=AlgorithmName("blake3"))
    table = write(directory, "t", f"number;what\n1;{sha256(2).hex()}\n")
    with load_lists([stated]) as lists:
        assert lists.infos[0].algorithms == ("blake3",)
    with load_lists([table], columns={"what": "sha256", "number": "id"}) as lists:
        assert [hit.id for hit in lists.indexes[0].lookup(SHA256, sha256(2))] == ["1"]


def matched_lists(images: Iterable[IndexHandle], number: int) -> list[int]:
    """As a worker does: open the images, match."""
    received = msgspec.msgpack.decode(msgspec.msgpack.encode(tuple(images)), type=tuple[IndexHandle, ...])
    matches, _ = ExactMatcher([image.open() for image in received]).match({SHA256: sha256(number)}, 1)
    return [match.list_number for match in matches]


def test_small_large_and_compiled_lists_are_numbered_as_they_are_given(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load, "SMALL_LIST_BYTES", 1000)
    small, large = write(directory, "s", hex_lines([1, 2])), write(directory, "l", hex_lines(range(1, 30)))
    other = write(directory, "o", hex_lines([1, 3]))
    compiled = ListSpec(str(directory / "c.hai"), Role.DENY)
    build_index([other, msgspec.structs.replace(small, role=Role.KNOWN)], compiled.path)
    reported: list[int] = []
    with load_lists([small, large, compiled, other], progress=reported.append) as lists:
        assert [(info.name, info.role) for info in lists.infos] == [
            ("s", Role.DENY), ("l", Role.DENY), ("o", Role.DENY), ("s", Role.KNOWN), ("o", Role.DENY)
        ]  # fmt: skip
        assert sum(reported) == 2 + 29 + 2
        assert matched_lists(lists.images, 1) == [1, 2, 3, 4, 5]
        assert matched_lists(lists.images, 3) == [2, 3, 5]
        assert matched_lists(lists.images, 50) == []
        assert "c.hai" in lists.infos[2].warnings[-1]
        assert [image.content is None for image in lists.images] == [True, True, False]
    assert len(kept(directory)) == 1


def test_many_small_lists_go_to_a_file_that_goes_with_them(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "SMALL_IMAGE_ROWS", 9)
    specs = [write(directory, str(number), hex_lines([number, number + 1])) for number in range(5)]
    with load_lists(specs) as lists:
        (image,) = lists.images
        assert image.path is not None
        assert stat.S_IMODE(os.stat(image.path).st_mode) == 0o600
        assert stat.S_IMODE(os.stat(os.path.dirname(image.path)).st_mode) == 0o700
        assert matched_lists(lists.images, 3) == [3, 4]
    assert not os.path.exists(os.path.dirname(image.path))
    assert kept(directory) == []


@pytest.mark.parametrize(
    ("spec_role", "roles", "accepted"),
    [
        (Role.DENY, [Role.DENY], True),
        (Role.KNOWN, [Role.KNOWN], True),
        (Role.DENY, [Role.KNOWN, Role.DENY], True),
        (Role.DENY, [Role.KNOWN], False),
        (Role.KNOWN, [Role.DENY], False),
        (Role.KNOWN, [Role.KNOWN, Role.DENY], False),
    ],
)
def test_compiled_index_has_its_roles_and_must_not_conflict(
    directory: Path, spec_role: Role, roles: list[Role], accepted: bool
) -> None:
    specs = [write(directory, f"{n}", hex_lines([n])) for n, _ in enumerate(roles)]
    path = str(directory / "a.hai")
    build_index([msgspec.structs.replace(spec, role=role) for spec, role in zip(specs, roles, strict=True)], path)
    if accepted:
        with load_lists([ListSpec(path, spec_role)]) as lists:
            assert [info.role for info in lists.infos] == roles
    else:
        with pytest.raises(ListError, match=r"not an index (of known files|to search for)"):
            load_lists([ListSpec(path, spec_role)])


def test_image_of_a_file_that_was_replaced_is_refused(directory: Path) -> None:
    path = str(directory / "a.hai")
    build_index([write(directory, "a", hex_lines([1]))], path)
    with load_lists([ListSpec(path, Role.DENY)]) as lists:
        build_index([write(directory, "b", hex_lines([2]))], path)
        assert lists.indexes[0].lookup(SHA256, sha256(1))
        with pytest.raises(ListError, match="replaced"):
            lists.images[0].open()


@pytest.fixture
def all_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "SMALL_LIST_BYTES", 0)


@pytest.fixture
def compilations(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Paths of the lists that were compiled into the cache."""
    seen: list[str] = []
    real = ingest_list

    def counting(builder: object, file: list_file.ListFile, *rest: object) -> None:
        seen.append(file.path)
        real(builder, file, *rest)  # type: ignore[arg-type]  # passed on as they came

    monkeypatch.setattr(compile_lists, "ingest_list", counting)
    return seen


@pytest.mark.usefixtures("all_large")
def test_large_list_is_compiled_once_under_any_name(directory: Path, compilations: list[str]) -> None:
    first, second = write(directory, "a", hex_lines([1, 1]), 0o644), write(directory, "b", hex_lines([1, 1]))
    for spec, warnings in ((first, (list_file.WORLD_READABLE,)), (second, ()), (first, (list_file.WORLD_READABLE,))):
        with load_lists([spec]) as lists:
            (info,) = lists.infos
            assert (info.name, info.path, info.warnings) == (os.path.basename(spec.path), spec.path, warnings)
            assert (info.kept, info.rejected, info.mtime_ns) == (1, {"duplicate": 1}, os.stat(spec.path).st_mtime_ns)
            assert matched_lists(lists.images, 1) == [1]
    assert compilations == [first.path]
    (index,) = kept(directory)
    assert stat.S_IMODE(index.stat().st_mode) == 0o600
    assert stat.S_IMODE(index.parent.stat().st_mode) == 0o700


@pytest.mark.usefixtures("all_large")
def test_what_decides_the_entries_decides_the_cached_index(directory: Path, compilations: list[str]) -> None:
    spec = write(directory, "a", hex_lines([1]))
    for other in (
        spec,
        msgspec.structs.replace(spec, role=Role.KNOWN),
        msgspec.structs.replace(spec, algorithm=AlgorithmName("blake3")),
        write(directory, "b", hex_lines([2])),
        spec,
    ):
        with load_lists([other]) as lists:
            assert lists.infos[0].role is other.role
            assert lists.infos[0].algorithms == (other.algorithm or SHA256,)
    assert len(compilations) == len(kept(directory)) == 4


@pytest.mark.usefixtures("all_large")
@pytest.mark.parametrize("damage", ["flip", "cut", "other list", "writable by others", "link"])
def test_damaged_cached_index_is_compiled_again(directory: Path, compilations: list[str], damage: str) -> None:
    spec = write(directory, "a", hex_lines([1]))
    load_lists([spec]).close()
    (index,) = kept(directory)
    if damage == "flip":
        content = bytearray(index.read_bytes())
        content[8192 + 31] ^= 1  # in the middle of what opening looks at
        index.write_bytes(content)
    elif damage == "cut":
        index.write_bytes(index.read_bytes()[:9000])
    elif damage == "other list":
        build_index([write(directory, "b", hex_lines([2]))], str(index))
    elif damage == "link":
        index.rename(directory / "moved.hai")
        index.symlink_to(directory / "moved.hai")
    else:
        index.chmod(0o622)
    with load_lists([spec]) as lists:
        assert matched_lists(lists.images, 1) == [1]
        assert matched_lists(lists.images, 2) == []
    assert compilations.count(spec.path) == 2
    assert [path.is_symlink() for path in kept(directory)] == [False]


@pytest.mark.usefixtures("all_large")
@pytest.mark.parametrize("home", ["relative", "/dev/null/x"])
def test_without_a_cache_the_index_lives_as_long_as_the_lists(
    directory: Path, monkeypatch: pytest.MonkeyPatch, home: str
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", home)
    monkeypatch.setenv("HOME", "/dev/null/home")
    with load_lists([write(directory, "a", hex_lines([1]))]) as lists:
        path = lists.images[0].path
        assert path is not None
        assert matched_lists(lists.images, 1) == [1]
    assert not os.path.exists(path)


@pytest.mark.usefixtures("all_large")
def test_failed_compilation_leaves_nothing_in_the_cache(directory: Path) -> None:
    with pytest.raises(ListError, match="line 4"):
        load_lists([write(directory, "a", HASHDEEP + "x\n")])
    assert kept(directory) == []


@pytest.mark.usefixtures("all_large")
def test_indexes_unused_for_long_are_forgotten(directory: Path) -> None:
    old, used = write(directory, "a", hex_lines([1])), write(directory, "b", hex_lines([2]))
    load_lists([old, used]).close()
    for path in kept(directory):
        os.utime(path, (1, 1))
    load_lists([used]).close()
    load_lists([write(directory, "c", hex_lines([3]))]).close()
    held = {ListIndex.open(str(path)).infos[0].name for path in kept(directory)}
    assert held == {"b", "c"}
