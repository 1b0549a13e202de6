"""``hashaudit hash``: names from lists, relative names, standard input, pieces, and what a format cannot hold."""

import csv
import hashlib
import io
import json
import os
import subprocess
from pathlib import Path

import pytest

from installed import Tool

SCHEMA = Path(__file__).parents[1] / "data" / "exports" / "dfxml_order.xsd"
ODD = {b"plain": b"1", b"sub/new\nline": b"22", b"sub/latin\xe9": b"333", b"com,ma": b"", b"back\\slash": b"55555"}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = os.fsencode(tmp_path / "tree")
    for name, content in ODD.items():
        path = os.path.join(root, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content)
    return Path(os.fsdecode(root))


def sha256(content: bytes) -> bytes:
    return hashlib.sha256(content).hexdigest().encode()


def test_names_from_a_list_are_hashed_and_missing_ones_are_faults(tree: Path, hashaudit: Tool) -> None:
    os.mkfifo(tree / "fifo")  # is skipped, as in a directory
    names = b"\0".join(ODD) + b"\0gone\0fifo\0/dev/null\0"
    result = hashaudit("hash", "-0", "--files-from", "-", "-l", "-z", "--format", "sums", cwd=tree, input=names)
    assert result.code == 16
    assert "gone: not_found" in result.err
    lines = {line.split(b"  ", 1)[1]: line.split(b"  ", 1)[0] for line in result.out.split(b"\0")[:-1]}
    assert lines == {name: sha256(content) for name, content in ODD.items()}
    (tree.parent / "names").write_bytes(b"plain\n\nback\\slash\n")
    result = hashaudit("hash", "--files-from", "../names", "--format", "sums", "-l", cwd=tree)
    assert (result.code, len(result.out.splitlines())) == (0, 2)
    # The file that is written is not hashed.
    assert hashaudit("hash", ".", "-q", "-o", "new", cwd=tree).code == 0
    assert b"new)" not in (tree / "new").read_bytes()
    done = subprocess.run(["sha256sum", "-c", "--quiet"], input=result.out, cwd=tree, check=False, capture_output=True)
    assert (done.returncode, done.stdout) == (0, b"")


def test_a_scan_and_an_audit_take_names_from_a_list(tree: Path, hashaudit: Tool, tmp_path: Path) -> None:
    (tmp_path / "names").write_text("plain\ngone\n")
    result = hashaudit("scan", "--files-from", tmp_path / "names", "--record", "all", "-o", tmp_path / "m", cwd=tree)
    assert result.code == 16
    assert "1 file" in result.err
    (tmp_path / "names").write_text("plain\n")
    words = ("--files-from", tmp_path / "names", "-q")
    assert hashaudit("audit", *words, "--against", tmp_path / "m", "--allow-any-signer", cwd=tree).code in {0, 16}
    assert hashaudit("scan", *words, "--record", "all", "--unsigned", "-o", tmp_path / "n", cwd=tree).code == 0
    (tmp_path / "names").write_text("\n")
    result = hashaudit("scan", *words, "--record", "all", cwd=tree)
    assert (result.code, "no names" in result.err) == (2, True)


def test_standard_input_is_a_file(tree: Path, hashaudit: Tool) -> None:
    result = hashaudit("hash", "-", "plain", "-l", "-a", "md5,sha256", "--format", "csv", cwd=tree, input=b"hello")
    rows = list(csv.reader(io.StringIO(result.out.decode())))
    assert rows[0] == ["path", "size", "frame", "quality", "md5", "sha256"]
    assert [row[:2] for row in rows[1:]] == [["-", "5"], ["plain", "1"]]
    assert rows[1][5].encode() == sha256(b"hello")
    assert hashaudit("hash", "-", "-a", "pdq", input=b"x").code == 2
    assert hashaudit("hash", "-", "--files-from", "-", input=b"x").code == 2


@pytest.mark.parametrize("form", ["csv", "jsonl", "sums", "hashdeep"])
def test_pieces_are_ranges_of_each_file(form: str, hashaudit: Tool, tmp_path: Path) -> None:
    content = bytes(range(256)) * 3000  # more than one read, and not a multiple of the piece
    (tmp_path / "big").write_bytes(content)
    (tmp_path / "empty").touch()
    words = ("hash", "-l", "-p", "300001", "-a", "sha256", "--format", form, "-q")
    result = hashaudit(*words, "big", "empty", "-", cwd=tmp_path, input=content[:300_002])
    ranges = [(b"-", 0, 300_001), (b"-", 300_001, 300_002)]
    ranges += [(b"big", at, min(at + 300_001, len(content))) for at in range(0, len(content), 300_001)]
    ranges += [(b"empty", 0, 0)]
    digests = [sha256(b"" if name == b"empty" else content[begin:end]) for name, begin, end in ranges]
    assert result.code == 0, result.err
    if form == "csv":
        expected = [
            b"%s,%d,%d,%s" % (*one[:2], one[2] - one[1], sum_) for one, sum_ in zip(ranges, digests, strict=True)
        ]
        assert result.out.splitlines()[1:] == expected
    elif form == "jsonl":
        found = [json.loads(line) for line in result.out.splitlines()]
        assert [(one["entry"]["path"], one["piece"]["offset"], one["digests"]["sha256"]) for one in found] == [
            (name.decode(), begin, sum_.decode()) for (name, begin, _), sum_ in zip(ranges, digests, strict=True)
        ]
    else:
        marks = [b"%s offset %d-%d" % (name, begin, max(begin, end - 1)) for name, begin, end in ranges]
        between = b"," if form == "hashdeep" else b"  "
        sizes = [b"%d," % (end - begin) if form == "hashdeep" else b"" for _, begin, end in ranges]
        expected = [size + sum_ + between + mark for size, sum_, mark in zip(sizes, digests, marks, strict=True)]
        assert [line for line in result.out.splitlines() if not line.startswith(b"%")] == expected


def test_dfxml_is_valid_and_exact_with_and_without_pieces(tree: Path, hashaudit: Tool, tmp_path: Path) -> None:
    etree = pytest.importorskip("lxml.etree", reason="needs lxml")
    schema = etree.XMLSchema(etree.parse(SCHEMA))
    with open(os.fsencode(tree) + b"/\x01\xff", "wb") as file:
        file.write(b"odd")
    for name, more in (("whole", ()), ("pieces", ("-p", "2"))):
        words = ("hash", tree, "--format", "dfxml", "-a", "sha256,sha512", "-q", "-o", tmp_path / name, *more)
        assert hashaudit(*words).code == 0
        document = etree.parse(tmp_path / name)
        schema.assertValid(document)
        assert len(document.findall(".//{*}byte_run")) == (1 + 1 + 2 + 1 + 3 + 2 if more else 0)
        # Both have the digests of the whole files.
        assert hashaudit("audit", tree, "--against", tmp_path / name, "-q").code == 0


def test_what_a_format_cannot_hold_is_refused_with_one_that_can(tree: Path, hashaudit: Tool) -> None:
    for words, hint in (
        (("--format", "hashdeep"), "sums, csv, dfxml or jsonl"),
        (("--format", "csv", "-z"), "list or sums"),
        (("--format", "sums", "-a", "pdq"), "list, jsonl, csv or dfxml"),
        (("-p", "1M", "-a", "pdq"), "whole images"),
        (("-p", "0"), "at least 1"),
        (("-0",), "--files-from"),
    ):
        result = hashaudit("hash", tree, *words)
        assert result.code in {2, 4}, words
        assert hint in result.err, words


def test_pieces_are_no_manifest_of_files(tree: Path, hashaudit: Tool, tmp_path: Path) -> None:
    os.unlink(os.path.join(os.fsencode(tree), b"sub/new\nline"))
    for form in ("list", "csv", "hashdeep"):
        assert hashaudit("hash", tree, "--format", form, "-p", "2", "-q", "-o", tmp_path / form).code == 0
        result = hashaudit("audit", tree, "--against", tmp_path / form)
        assert (result.code, "piece" in result.err) == (4, True), result.err
