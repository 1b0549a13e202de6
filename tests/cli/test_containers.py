"""Containers in a scan, seen from outside: the installed command on archives made by other programs."""

import gzip
import hashlib
import io
import json
import os
import struct
import subprocess
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import hostile_hasher
from installed import Tool, of_kind, parsed, totals

JOBS = "1"

MakeList = Callable[..., Path]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Two zips of one content by three names, a zip behind an image, a gz, and a file that is none."""
    root = tmp_path / "tree"
    root.mkdir()
    for name in ("a.zip", "b"):
        with zipfile.ZipFile(root / name, "w") as archive:
            archive.writestr("inner", b"listed content")
    os.link(root / "b", root / "c")
    (root / "d.jpg").write_bytes(b"\xff\xd8\xff" + bytes(100) + (root / "a.zip").read_bytes())
    (root / "e.gz").write_bytes(gzip.compress(b"listed content"))
    (root / "plain.zip").write_bytes(b"no archive")
    return root


def test_containers_that_are_not_opened_are_counted_and_named(
    hashaudit: Tool, make_list: MakeList, tree: Path, tmp_path: Path
) -> None:
    cache = tmp_path / "cache.db"
    done = hashaudit("scan", tree, "--record", "all", "--cache", cache, "--inside", "none")
    again = hashaudit("scan", tree, "--cache", cache, "--list", make_list(b"other"), "--inside", "none")
    for result in (done, again):
        assert result.code == 0, result.err
        assert totals(result.lines)["containers_unopened"] == {"gz": 1, "zip": 4}
        assert "5 containers not opened (zip 4, gz 1)" in result.err
    kinds = {Path(line["entry"]["path"]).name: line.get("container") for line in of_kind(done.lines, "file")}
    zipped = {"kind": "zip", "opened": False}
    assert kinds == {
        "a.zip": zipped,
        "b": zipped,
        "c": zipped,
        "d.jpg": zipped,
        "e.gz": {"kind": "gz", "opened": False},
        "plain.zip": None,
    }


def chain(record: dict[str, Any]) -> list[tuple[str, str, int]]:
    return [(step["format"], step["name"], step["ordinal"]) for step in record["entry"].get("within", ())]


def test_a_listed_member_is_a_finding_that_names_the_way_to_it(
    hashaudit: Tool, make_list: MakeList, tree: Path, tmp_path: Path
) -> None:
    output = tmp_path / "o.jsonl"
    result = hashaudit("scan", tree, "--list", make_list(b"listed content"), "-o", output)
    assert result.code == 8, result.err
    lines = parsed(output.read_bytes())
    found = [(Path(line["entry"]["path"]).name, chain(line)) for line in of_kind(lines, "finding")]
    inner = [("zip", "inner", 0)]
    assert found == [("a.zip", inner), ("b", inner), ("c", inner), ("d.jpg", inner), ("e.gz", [("gz", "", 0)])]
    record = of_kind(lines, "finding")[0]
    assert record["digests"]["sha256"] == hashlib.sha256(b"listed content").hexdigest()
    assert record["state"]["inode"] == str((tree / "a.zip").stat().st_ino)
    counted = totals(lines)
    assert (counted["seen"], counted["clean"], counted["matched"], counted["members_matched"]) == (6, 6, 0, 5)
    assert counted["containers"] == {"gz": 1, "zip": 4}
    assert "5 members of containers" in result.err
    assert "a.zip//inner" in result.err
    assert hashaudit("verify", output).code == 0
    history = json.loads(hashaudit("history", output, "--json").out)
    assert history["series"][0]["runs"][-1]["findings"] == 5


def test_a_known_container_is_opened_only_by_wish(
    hashaudit: Tool, make_list: MakeList, tree: Path, tmp_path: Path
) -> None:
    known = tmp_path / "known.txt"
    known.write_text(hashlib.sha256((tree / "b").read_bytes()).hexdigest() + "\n")
    known.chmod(0o600)
    words = ("scan", tree, "--list", make_list(b"listed content"), "--known", known)
    left = of_kind(hashaudit(*words).lines, "finding")
    assert [Path(line["entry"]["path"]).name for line in left] == ["d.jpg", "e.gz"]
    assert len(of_kind(hashaudit(*words, "--inside-known").lines, "finding")) == 5


def test_a_container_without_a_reader_is_a_fault_when_something_is_looked_for(
    hashaudit: Tool, make_list: MakeList, tmp_path: Path
) -> None:
    help_file = b"ITSF\x03\x00\x00\x00" + bytes(200)  # no version has a reader for it
    root = tmp_path / "tree"
    root.mkdir()
    (root / "a.chm").write_bytes(help_file)
    with zipfile.ZipFile(root / "b.zip", "w") as archive:
        archive.writestr("inner.chm", help_file)
        archive.writestr("other", b"other")
    (root / "c.sqlite").write_bytes(b"SQLite format 3\x00" + bytes(200))  # its category is not opened by default
    looked_for, cache = make_list(b"listed content"), tmp_path / "cache.db"
    words = ("scan", root, "--list", looked_for, "--cache", cache)
    for _ in range(2):  # the second one has the hashes of a.chm from the cache
        result = hashaudit(*words)
        assert result.code == 16, result.err
        faults = [
            (Path(one["entry"]["path"]).name, chain(one), fault["stage"], fault["code"], fault["message"])
            for one in of_kind(result.lines, "fault")
            for fault in one["faults"]
        ]
        said = ("unpack", "reader_missing", "no reader for containers of the kind chm; this version has none")
        assert faults == [("a.chm", [], *said), ("b.zip", [("zip", "inner.chm", 0)], *said)]
        assert totals(result.lines)["containers_unopened"] == {"chm": 2, "sqlite": 1}
    known = tmp_path / "known.txt"
    known.write_text(hashlib.sha256(help_file).hexdigest() + "\n")
    known.chmod(0o600)
    for more in (
        ("--record", "all"),
        ("--list", looked_for, "--inside", "none"),
        ("--list", looked_for, "--known", known),
    ):
        result = hashaudit("scan", root, "--cache", cache, *more)
        assert result.code == 0, result.err
        assert totals(result.lines)["containers_unopened"]["chm"] in {1, 2}


def test_a_member_that_ends_workers_costs_that_member(hashaudit: Tool, tmp_path: Path) -> None:
    pixels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    pixels[0, 0] = hostile_hasher.NAMES.index("segfault")
    Image.fromarray(pixels).save(tmp_path / "crash.png")
    root = tmp_path / "tree"
    root.mkdir()
    with zipfile.ZipFile(root / "a.zip", "w") as archive:
        archive.writestr("before", b"before")
        archive.write(tmp_path / "crash.png", "crash.png")
        archive.writestr("after", b"after")
    (root / "other").write_bytes(b"other")
    result = hashaudit(
        "scan",
        root,
        "--record",
        "all",
        "--hasher",
        "hostile_hasher:Hostile",
        "--variants",
        "none",
        env={"PYTHONPATH": str(Path(hostile_hasher.__file__).parent)},
    )
    assert result.code == 16, result.err
    [fault] = of_kind(result.lines, "fault")
    assert chain(fault) == [("zip", "crash.png", 1)]
    assert fault["faults"][0]["code"] == "worker_crashed"
    assert fault["digests"]["sha256"] == hashlib.sha256((tmp_path / "crash.png").read_bytes()).hexdigest()
    files = [(Path(line["entry"]["path"]).name, chain(line)) for line in of_kind(result.lines, "file")]
    assert files == [("a.zip", [("zip", "before", 0)]), ("a.zip", [("zip", "after", 2)]), ("a.zip", []), ("other", [])]


def test_invalid_values_of_the_options_are_refused(hashaudit: Tool, tree: Path) -> None:
    for words in (("--inside", "archive"), ("--inside", "none,mail"), ("--inside-depth", "0"), ("--inside-bytes", "0")):
        assert hashaudit("scan", tree, "--record", "all", *words).code == 2, words


def test_passwords_open_what_is_encrypted_and_stay_secret(hashaudit: Tool, make_list: MakeList, tmp_path: Path) -> None:
    root = tmp_path / "tree"
    root.mkdir()
    (tmp_path / "inner").write_bytes(b"listed content")
    subprocess.run(["zip", "-q", "-j", "-P", "secret word", root / "a.zip", tmp_path / "inner"], check=True)
    words = root / "words"
    words.write_text("other\nsecret word\n")
    output = tmp_path / "o.jsonl"
    listed = make_list(b"listed content")
    result = hashaudit("scan", root, "--list", listed, "-o", output, "--passwords", words)
    assert result.code == 8, result.err
    assert totals(parsed(output.read_bytes()))["skipped"] == {"own_output": 1}
    assert "secret" not in result.err + output.read_text()
    without = hashaudit("scan", root, "--list", listed)
    assert [line["faults"][0]["code"] for line in of_kind(without.lines, "fault")] == ["encrypted"]
    assert hashaudit("scan", root, "--list", listed, "--passwords", tmp_path / "none").code == 2


def test_members_are_selected_by_patterns(hashaudit: Tool, make_list: MakeList, tmp_path: Path) -> None:
    root = tmp_path / "tree"
    root.mkdir()
    inner = io.BytesIO()
    with tarfile.open(fileobj=inner, mode="w") as archive:
        for name in ("x.txt", "y.log"):
            member = tarfile.TarInfo(name)
            member.size = len(b"listed content")
            archive.addfile(member, io.BytesIO(b"listed content"))
    with zipfile.ZipFile(root / "a.zip", "w") as outer:
        outer.writestr("in.tar.gz", gzip.compress(inner.getvalue()))
        outer.writestr("z.log", b"listed content")
    (root / "b.log").write_bytes(b"listed content")
    output = tmp_path / "o.jsonl"
    listed = make_list(b"listed content")
    done = hashaudit("scan", root, "--list", listed, "--exclude", "*.zip!/*.log", "-o", output)
    lines = parsed(output.read_bytes())
    found = [
        (Path(line["entry"]["path"]).name, [step[1] for step in chain(line)]) for line in of_kind(lines, "finding")
    ]
    assert found == [("a.zip", ["in.tar.gz", "", "x.txt"]), ("b.log", [])]
    assert totals(lines)["members_skipped"] == 2
    assert "2 members skipped" in done.err
    assert hashaudit("verify", output).code == 0
    only = hashaudit("scan", root, "--list", listed, "--include", "a.zip!/*.txt", "--record", "all")
    assert [chain(line)[-1][1] for line in of_kind(only.lines, "finding")] == ["x.txt"]
    assert [chain(line) for line in of_kind(only.lines, "file")] == [[]]
    counted = totals(only.lines)
    assert (counted["members"], counted["members_skipped"], counted["skipped"]) == (1, 4, {"not_included": 1})


def test_an_image_is_opened_by_wish_or_as_a_root(hashaudit: Tool, make_list: MakeList, tmp_path: Path) -> None:
    disk = bytearray(2048 * 512) + b"listed content".ljust(512, b"\0") + bytes(34 * 512)
    disk[446:462] = struct.pack("<B3xB3xII", 0, 0x83, 2048, 1)
    disk[510:512] = b"\x55\xaa"
    root = tmp_path / "tree"
    root.mkdir()
    image = root / "disk.img"
    image.write_bytes(disk)
    words = ("--list", make_list(b"listed content".ljust(512, b"\0")))
    assert hashaudit("scan", root, *words).code == 0
    for more in ((root, "--inside", "images"), (image,)):
        result = hashaudit("scan", *more, *words)
        assert result.code == 24, result.err  # the partition has no file system
        assert [chain(line) for line in of_kind(result.lines, "finding")] == [[("partitions", "p1", 0)]]
    assert hashaudit("scan", image, *words, "--inside", "none").code == 0


def test_a_large_archive_is_the_same_for_any_number_of_workers(
    hashaudit: Tool, make_list: MakeList, tmp_path: Path
) -> None:
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("deep", b"listed content")
    with zipfile.ZipFile(tmp_path / "large.zip", "w") as archive:
        for number in range(70):
            archive.writestr(f"zeros{number}", bytes(500_000) + b"%d" % number)
            if number in {5, 60}:
                archive.writestr(f"inner{number}.zip", inner.getvalue())
        archive.writestr("last", b"listed content")
    listed = make_list(b"listed content")
    results = []
    for jobs in ("1", "3"):
        result = hashaudit("scan", tmp_path / "large.zip", "--list", listed, "-j", jobs)
        assert result.code == 8, result.err
        findings = of_kind(result.lines, "finding")
        places = [[(step["name"], step["ordinal"]) for step in line["entry"]["within"]] for line in findings]
        assert places == [[("inner5.zip", 6), ("deep", 0)], [("inner60.zip", 62), ("deep", 0)], [("last", 72)]]
        results.append(([{**line, "time": ""} for line in findings], totals(result.lines)))
    assert results[0] == results[1]
    assert results[0][1]["members"] == 75
