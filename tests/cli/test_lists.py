"""The ``lists`` commands as the installed program."""

import hashlib
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from installed import Tool, of_kind

JOBS = "1"  # of every scan that does not say: what is tested here does not depend on it

MakeList = Callable[..., Path]

GRADED = [(b"one", "1", "50"), (b"two", "2", "60"), (b"three", "3", "90")]


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def index(hashaudit: Tool, make_list: MakeList, tmp_path: Path) -> Path:
    path = tmp_path / "list.hai"
    assert hashaudit("lists", "build", make_list(b"one", b"two", b"three"), "-o", path).code == 0
    return path


def test_a_compiled_index_finds_what_the_list_finds(
    hashaudit: Tool, make_list: MakeList, index: Path, tmp_path: Path
) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "file").write_bytes(b"two")
    direct = hashaudit("scan", tree, "--list", make_list(b"one", b"two", b"three"))
    compiled = hashaudit("scan", tree, "--list", index)
    assert compiled.code == direct.code == 8
    assert of_kind(compiled.lines, "finding")[0]["matches"] == of_kind(direct.lines, "finding")[0]["matches"]
    assert index.stat().st_mode & 0o777 == 0o600


def test_a_damaged_index_is_refused(hashaudit: Tool, index: Path, tmp_path: Path) -> None:
    whole = index.read_bytes()
    assert hashaudit("lists", "verify", index).code == 0
    for place in (0, 20, len(whole) // 2, len(whole) - 1):
        damaged = bytearray(whole)
        damaged[place] ^= 1
        index.write_bytes(damaged)
        result = hashaudit("lists", "verify", index)
        assert result.code == 4, place
        assert "Traceback" not in result.err
    index.write_bytes(whole[: len(whole) // 2])
    assert hashaudit("scan", tmp_path, "--list", index).code == 4


def test_info_tells_counts_and_no_entry(hashaudit: Tool, make_list: MakeList, index: Path) -> None:
    result = hashaudit("lists", "info", index, "--json")
    [info] = json.loads(result.out)
    assert (info["kept"], info["format"], info["algorithms"]) == (3, "plain", ["sha256"])
    plain = hashaudit("lists", "info", make_list(b"one", b""))
    assert b"1 empty input" in plain.out
    for said in (result.out, plain.out):
        assert sha256(b"one")[:10].encode() not in said


def test_check_answers_by_line_and_echoes_nothing(hashaudit: Tool, index: Path) -> None:
    asked = f"{sha256(b'two')}\n{sha256(b'four')}\n{sha256(b'one').upper()}  name\nnot a hash\n"
    result = hashaudit("lists", "check", index, input=asked.encode())
    assert result.code == 8
    answers = [line.split(b"\t")[:2] for line in result.out.splitlines()]
    assert answers == [
        [b"line 1", b"hit"],
        [b"line 2", b"miss"],
        [b"line 3", b"hit"],
        [b"line 4", b"not looked up: malformed"],
    ]
    assert sha256(b"two")[:10].encode() not in result.out
    assert hashaudit("lists", "check", index, input=sha256(b"four").encode() + b"\n").code == 0


def test_check_takes_what_sha256sum_prints(hashaudit: Tool, index: Path, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"three")
    printed = subprocess.run(["sha256sum", tmp_path / "a"], capture_output=True, check=True).stdout
    result = hashaudit("lists", "check", index, "-a", "sha256", "--json", input=printed)
    assert [json.loads(line)["lists"] for line in result.out.splitlines()] == [[1]]


def test_diff_counts_and_names_ids_only_when_asked(hashaudit: Tool, make_list: MakeList, index: Path) -> None:
    other = make_list(b"two", b"four")
    result = hashaudit("lists", "diff", index, other)
    assert result.out.splitlines() == [b"in both:   1 entry of A, 1 of B", b"only in A: 2", b"only in B: 1"]
    named = hashaudit("lists", "diff", index, other, "--entry-ids", "--json")
    assert json.loads(named.out) == {
        "common_of_a": 1,
        "common_of_b": 1,
        "only_in_a": ["line 1", "line 3"],
        "only_in_b": ["line 2"],
    }


def test_merge_keeps_roles_and_provenance(hashaudit: Tool, make_list: MakeList, index: Path, tmp_path: Path) -> None:
    known = tmp_path / "known.hai"
    assert hashaudit("lists", "build", "--known", make_list(b"known"), "-o", known).code == 0
    merged = tmp_path / "merged.hai"
    assert hashaudit("lists", "merge", index, known, "-o", merged).code == 0
    infos = json.loads(hashaudit("lists", "info", merged, "--json").out)
    assert [info["role"] for info in infos] == ["deny", "known"]
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "file").write_bytes(b"known")
    assert hashaudit("scan", tree, "--list", merged).code == 0


def test_export_discloses_only_by_request(hashaudit: Tool, index: Path, tmp_path: Path) -> None:
    output = tmp_path / "open.txt"
    assert hashaudit("lists", "export", index, "-o", output).code == 2
    assert not output.exists()
    assert hashaudit("lists", "export", index, "-o", output, "--show-entries").code == 0
    assert output.read_text().split() == [sha256(name) for name in (b"one", b"two", b"three")]
    assert output.stat().st_mode & 0o777 == 0o600
    assert hashaudit("lists", "export", index, "-o", output, "--show-entries").code == 4, "nothing is overwritten"


def test_a_large_text_list_is_compiled_into_the_cache_once(hashaudit: Tool, tmp_path: Path) -> None:
    listed = tmp_path / "large.txt"
    listed.touch(mode=0o600)
    listed.write_text("".join(sha256(b"%d" % number) + "\n" for number in range(150_000)))
    (tmp_path / "file").write_bytes(b"77")
    for _ in range(2):
        assert hashaudit("scan", tmp_path / "file", "--list", listed).code == 8
    kept = list((hashaudit.home / ".cache" / "hashaudit").rglob("*.hai"))
    assert len(kept) == 1
    assert kept[0].stat().st_mode & 0o777 == 0o600
    first = kept[0].stat().st_mtime_ns
    listed.write_text(listed.read_text() + sha256(b"new") + "\n")
    (tmp_path / "file").write_bytes(b"new")
    assert hashaudit("scan", tmp_path / "file", "--list", listed).code == 8, "a changed list is compiled anew"
    assert first in {path.stat().st_mtime_ns for path in (hashaudit.home / ".cache" / "hashaudit").rglob("*.hai")}


def test_columns_of_a_private_layout_are_mapped(hashaudit: Tool, tmp_path: Path) -> None:
    listed = tmp_path / "members.csv"
    listed.touch(mode=0o600)
    listed.write_text(f"Fingerprint;Grade\n{hashlib.md5(b'x').hexdigest()};B\n")
    (tmp_path / "file").write_bytes(b"x")
    words = (
        "scan",
        tmp_path / "file",
        "--list",
        listed,
        "--column-map",
        "Fingerprint=md5",
        "--column-map",
        "Grade=category",
    )
    result = hashaudit(*words)
    assert result.code == 8, result.err
    assert of_kind(result.lines, "finding")[0]["matches"][0]["labels"] == {"category": "B"}


@pytest.mark.parametrize("words", [["--column-map", "no-equals"], ["--column-map", "=md5"]])
def test_maps_that_are_none(words: list[str], hashaudit: Tool, make_list: MakeList, tmp_path: Path) -> None:
    assert hashaudit("lists", "build", make_list(b"x"), "-o", tmp_path / "i", *words).code == 2
    assert os.listdir(tmp_path) == []


def test_only_the_categories_chosen_are_looked_for(hashaudit: Tool, tmp_path: Path) -> None:
    listed = tmp_path / "graded.csv"
    listed.touch(mode=0o600)
    rows = [f"{hashlib.md5(name).hexdigest()},{grade},{score}" for name, grade, score in GRADED]
    listed.write_text("\n".join(["md5,category,score", *rows]) + "\n")
    tree = tmp_path / "tree"
    tree.mkdir()
    for name, _, _ in GRADED:
        (tree / name.decode()).write_bytes(name)

    def found(*words: str) -> set[str]:
        result = hashaudit("scan", tree, "--list", listed, *words)
        return {Path(line["entry"]["path"]).name for line in of_kind(result.lines, "finding")}

    assert found() == {"one", "two", "three"}
    assert found("--only-category", "1") == {"one"}
    assert found("--only-category", "1", "--only-category", "2") == {"one", "two"}
    assert found("--min-score", "60") == {"two", "three"}
    result = hashaudit("scan", tree, "--list", listed, "--only-category", "1", "--category-scheme", "vics-us")
    assert result.lines[0]["lists"][0]["rejected"] == {"not_selected": 2}
    labels = of_kind(result.lines, "finding")[0]["matches"][0]["labels"]
    assert labels["category_name"].startswith("Child Exploitation")
    assert hashaudit("scan", tree, "--list", listed, "--only-category", "9").code == 4


@pytest.mark.parametrize("name", ["a\x1b]0;x\x07", "a\nhashaudit: all is well", "a\u202eb"])
@pytest.mark.parametrize("kind", ["page", "directory"])
def test_names_in_a_directory_do_not_steer_the_terminal(hashaudit: Tool, tmp_path: Path, name: str, kind: str) -> None:
    if kind == "page":
        (tmp_path / name).write_bytes(b"no list")
    else:
        (tmp_path / name).mkdir()
    result = hashaudit("lists", "info", tmp_path)
    assert result.code == 4
    assert ("unrecognised list format" if kind == "page" else "not a regular file") in result.err
    error, hint, end = result.err.split("\n")
    assert error.startswith("hashaudit: error: ")
    assert hint.startswith("hint: ")
    assert end == ""
    assert (error + hint).isprintable()


def test_the_name_that_a_list_gives_itself_does_not_steer_the_terminal(
    hashaudit: Tool, make_list: MakeList, tmp_path: Path
) -> None:
    content = {"name": "\x1b[2Jfine", "description": "d", "list": [sha256(b"known")]}
    (tmp_path / "list").write_text(json.dumps(content))
    result = hashaudit("scan", tmp_path, "--list", make_list(b"x"), "--known", tmp_path / "list")
    assert r"list \x1b[2Jfine: misp-warninglist" in result.err
    assert "\x1b" not in result.err


def test_a_file_that_a_list_holds_a_hundred_thousand_times_is_one_finding(hashaudit: Tool, tmp_path: Path) -> None:
    listed = tmp_path / "popular.csv"
    listed.touch(mode=0o600)
    digest = hashlib.md5(b"popular").hexdigest()
    listed.write_text("md5,id,category\n" + "".join(f"{digest},{number},1\n" for number in range(100_000)))
    (tmp_path / "file").write_bytes(b"popular")
    result = hashaudit("scan", tmp_path / "file", "--list", listed)
    assert result.code == 8, result.err
    [finding] = of_kind(result.lines, "finding")
    assert len(finding["matches"]) == 1000
    assert finding["matches_omitted"] == 99_000


def test_building_an_index_never_overwrites_another_file(hashaudit: Tool, make_list: MakeList, tmp_path: Path) -> None:
    listed, notes, link, index = make_list(b"wanted"), tmp_path / "notes", tmp_path / "link", tmp_path / "index"
    notes.write_text("dear diary")
    link.symlink_to(notes)
    assert hashaudit("lists", "build", listed, "-o", index).code == 0
    before = {path: path.read_bytes() for path in (listed, notes, index)}
    for output, says in ((listed, "one of the inputs"), (notes, "only a compiled index"), (link, "not a regular file")):
        result = hashaudit("lists", "build", listed, "-o", output)
        assert result.code == 4
        assert says in result.err
    assert hashaudit("lists", "merge", index, "-o", index).code == 4
    assert {path: path.read_bytes() for path in before} == before
    assert link.is_symlink()
    assert hashaudit("lists", "build", make_list(b"other"), "-o", index).code == 0
    assert index.read_bytes() != before[index]
