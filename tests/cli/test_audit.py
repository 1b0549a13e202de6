"""``hashaudit audit``: a tree against manifests of this program and of others, through the installed command."""

import hashlib
import io
import json
import os
import shutil
import signal
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

from installed import Tool, of_kind, parsed, totals, wait_until

JOBS = "1"  # of every scan that does not say: what is tested here does not depend on it

FILES = {"a": "1", "b": "2", "sub/c": "3", "sub/d": "4", "e": "5"}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "tree"
    for name, content in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)
    return root


def change(root: Path) -> dict[str, str]:
    """Changes a tree in every way; returns the outcomes."""
    (root / "a").write_text("other")
    (root / "b").rename(root / "sub" / "moved")
    (root / "e").unlink()
    shutil.copy(root / "sub" / "c", root / "copy")
    (root / "new").write_text("new")
    return {"a": "changed", "sub/moved": "moved", "e": "missing", "copy": "copied", "new": "new"}


def listed(out: bytes, root: Path) -> dict[str, str]:
    """The differences on standard output."""
    lines = [line.split("  ") for line in out.decode().splitlines()]
    return {os.path.relpath(next(part for part in line[1:] if part).strip(), root): line[0].strip() for line in lines}


def manifest_of(form: str, tree: Path, hashaudit: Tool) -> Path:
    """A manifest of a tree in a form."""
    path = tree.parent / f"manifest.{form}"
    if form == "bag":
        path.mkdir()
        shutil.copytree(tree, path / "data")
        (path / "bagit.txt").write_text("BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n")
        (path / "data" / "50%\nx").write_text("odd")
        files = {f"data/{name}": content for name, content in FILES.items()} | {"data/50%25%0Ax": "odd"}
        for name in ("sha256", "md5"):
            text = "".join(f"{hashlib.new(name, one.encode()).hexdigest()}  {file}\n" for file, one in files.items())
            (path / f"manifest-{name}.txt").write_text(text)
    elif form == "findings":
        assert hashaudit("scan", tree, "--record", "all", "-o", path).code == 0
    else:
        assert hashaudit("hash", tree, "--format", form, "-q", "-o", path).code == 0
    return path


@pytest.mark.parametrize("form", ["list", "csv", "hashdeep", "sums", "dfxml", "findings"])
def test_every_difference_is_reported(form: str, tree: Path, hashaudit: Tool, tmp_path: Path) -> None:
    manifest = manifest_of(form, tree, hashaudit)
    same = hashaudit("audit", tree, "--against", manifest)
    assert (same.code, same.out) == (0, b""), same.err
    assert "5 matched" in same.err
    expected = change(tree)
    changed = hashaudit("audit", tree, "--against", manifest, "-o", tmp_path / "audit")
    assert (changed.code, listed(changed.out, tree)) == (8, expected), changed.err
    lines = parsed((tmp_path / "audit").read_bytes())
    assert {os.path.relpath(one["path"], tree): one["outcome"] for one in of_kind(lines, "audit")} == expected
    counts = {"matched": 2, "changed": 1, "moved": 1, "copied": 1, "new": 1, "missing": 1}
    assert totals(lines)["audit"] == counts
    assert len(of_kind(lines, "file")) == 6
    (source,) = lines[0]["against"]
    assert source["sha256"] == hashlib.sha256(manifest.read_bytes()).hexdigest()
    assert source["entries"] == 5
    assert hashaudit("verify", tmp_path / "audit").code == 0
    # The result is the next manifest.
    again = hashaudit("audit", tree, "--against", tmp_path / "audit", "-q")
    assert (again.code, again.out, again.err) == (0, b"", "")


def test_a_bag_is_its_own_manifest(tree: Path, hashaudit: Tool) -> None:
    bag = manifest_of("bag", tree, hashaudit)
    assert hashaudit("audit", bag / "data", "--against", bag).code == 0
    (bag / "data" / "a").write_text("other")
    (bag / "data" / "50%\nx").unlink()
    result = hashaudit("audit", bag / "data", "--against", bag)
    assert result.code == 8
    assert sorted(line.split()[0] for line in result.out.decode().splitlines()) == ["changed", "missing"]


def test_hashdeep_agrees(tree: Path, hashaudit: Tool, tmp_path: Path) -> None:
    if shutil.which("hashdeep") is None:
        pytest.skip("needs hashdeep (Debian: hashdeep)")
    for name in ("back\\slash", "comma,name", "tab\tname", " blank ", "é", "*star"):
        (tree / name).write_text(name)
    theirs = tmp_path / "theirs"
    with theirs.open("wb") as stream:
        subprocess.run(["hashdeep", "-r", tree], stdout=stream, check=True)
    assert hashaudit("audit", tree, "--against", theirs).code == 0
    ours = tmp_path / "ours"
    assert hashaudit("hash", tree, "--format", "hashdeep", "-q", "-o", ours).code == 0
    words = ["hashdeep", "-r", "-a", "-k", str(ours), str(tree)]
    assert subprocess.run(words, capture_output=True, check=False).stdout == b"hashdeep: Audit passed\n"
    expected = change(tree)
    assert listed(hashaudit("audit", tree, "--against", theirs).out, tree) == expected
    audit = subprocess.run([*words[:3], "-v", *words[3:]], capture_output=True, check=False).stdout.decode()
    assert "Audit failed" in audit


def test_a_skipped_file_is_not_missing(tree: Path, hashaudit: Tool) -> None:
    manifest = manifest_of("sums", tree, hashaudit)
    result = hashaudit("audit", tree, "--against", manifest, "--exclude", "sub")
    assert (result.code, set(listed(result.out, tree).values())) == (16, {"unreadable"})


def test_entries_outside_of_the_roots_are_reported(tree: Path, hashaudit: Tool) -> None:
    manifest = manifest_of("sums", tree, hashaudit)
    result = hashaudit("audit", tree / "sub", "--against", manifest, "-q")
    assert (result.code, result.out) == (16, b"")
    assert "3 entries are outside of every ROOT" in result.err


def test_a_damaged_manifest_stops_before_anything_is_written(tree: Path, hashaudit: Tool, tmp_path: Path) -> None:
    manifest = manifest_of("findings", tree, hashaudit)
    lines = manifest.read_bytes().splitlines(keepends=True)
    digest = json.loads(lines[3])["digests"]["sha256"].encode()
    manifest.write_bytes(b"".join(lines).replace(digest, digest[::-1]))
    result = hashaudit("audit", tree, "--against", manifest, "-o", tmp_path / "out")
    assert result.code == 4
    assert "does not verify" in result.err
    assert not (tmp_path / "out").exists()
    (tmp_path / "cut").write_bytes(b"".join(lines[:-1]))
    assert "did not complete" in hashaudit("audit", tree, "--against", tmp_path / "cut").err
    (tmp_path / "hd").write_text("%%%% HASHDEEP-1.0\n%%%% size,md5,filename\n1,zz,a\n")
    refused = hashaudit("audit", tree, "--against", tmp_path / "hd")
    assert (refused.code, "line 3" in refused.err) == (4, True)


def test_a_manifest_of_an_unknown_signer_is_used_with_a_warning(tree: Path, hashaudit: Tool, tmp_path: Path) -> None:
    assert hashaudit("scan", tree, "--record", "all", "--unsigned", "-o", tmp_path / "m").code == 0
    result = hashaudit("audit", tree, "--against", tmp_path / "m", "-q")
    assert result.code == 0
    assert "not signed by a signer that you trust" in result.err
    clean = tmp_path / "no-records"
    (tmp_path / "list").write_text(hashlib.sha256(b"else").hexdigest() + "\n")
    assert hashaudit("scan", tree, "--list", tmp_path / "list", "-o", clean).code == 0
    assert "--record all" in hashaudit("audit", tree, "--against", clean).err


def test_an_interrupted_audit_calls_nothing_missing(tree: Path, hashaudit: Tool, tmp_path: Path) -> None:
    manifest = manifest_of("sums", tree, hashaudit)
    with (tree / "large").open("wb") as stream:
        stream.truncate(1 << 30)
    process = hashaudit.start(
        "audit", tree, "--against", manifest, "--max-rate", "1M", "-o", tmp_path / "out", stderr=subprocess.DEVNULL
    )
    wait_until(lambda: (tmp_path / "out").exists() and (tmp_path / "out").stat().st_size)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30) == 128 + signal.SIGINT
    lines = parsed((tmp_path / "out").read_bytes())
    assert not of_kind(lines, "audit")
    assert "audit" not in totals(lines)
    resumed = hashaudit("scan", "--resume", tmp_path / "out")
    assert (resumed.code, "cannot resume an audit" in resumed.err) == (4, True)


def test_the_manifest_in_the_tree_is_no_new_file(tree: Path, hashaudit: Tool) -> None:
    (tree / "SHA256SUMS").write_text(
        "".join(f"{hashlib.sha256(content.encode()).hexdigest()}  {name}\n" for name, content in FILES.items())
    )
    assert hashaudit("audit", tree, "--against", tree / "SHA256SUMS", "-q").code == 0


def test_a_name_that_a_form_cannot_hold_is_refused_whole(tree: Path, hashaudit: Tool, tmp_path: Path) -> None:
    (tree / "line\nfeed").write_text("x")
    result = hashaudit("hash", tree, "--format", "hashdeep", "-q", "-o", tmp_path / "m")
    assert (result.code, "line end" in result.err) == (4, True)
    assert not (tmp_path / "m").exists()
    for form in ("list", "csv", "sums", "dfxml"):
        manifest = manifest_of(form, tree, hashaudit)
        assert hashaudit("audit", tree, "--against", manifest, "-q").code == 0


def test_differences_are_not_hidden_by_what_reads_the_result(tree: Path, hashaudit: Tool, tmp_path: Path) -> None:
    manifest, result = manifest_of("sums", tree, hashaudit), tmp_path / "audit"
    change(tree)
    assert hashaudit("audit", tree, "--against", manifest, "-q", "-o", result).code == 8
    counts = "2 matched; 1 changed; 1 moved; 1 copied; 1 new; 1 missing"
    assert f"audit: {counts}" in hashaudit("verify", result).out.decode()
    assert f"audit: {counts}" in hashaudit("show", result).err
    report = hashaudit("report", result, "--text").out.decode()
    assert "5 files differ from the manifest." in " ".join(report.split())
    assert "compared with a manifest, missing: 1" in report


def test_a_digest_that_dfxml_does_not_name_is_compared(tree: Path, hashaudit: Tool, tmp_path: Path) -> None:
    words = ("hash", tree, "-a", "blake3,sha256", "--format", "dfxml", "-q", "-o", tmp_path / "m")
    assert hashaudit(*words).code == 0
    assert 'type="OTHER" hashaudit:algorithm="blake3"' in (tmp_path / "m").read_text()
    audit = hashaudit("audit", tree, "--against", tmp_path / "m", "-o", tmp_path / "out")
    assert audit.code == 0, audit.err
    assert set(of_kind(parsed((tmp_path / "out").read_bytes()), "file")[0]["digests"]) == {"blake3", "sha256"}


def test_usage(tree: Path, hashaudit: Tool) -> None:
    assert hashaudit("audit", tree).code == 2
    assert hashaudit("audit", tree, "--against", tree / "absent").code == 4
    assert hashaudit("hash", tree, "--format", "hashdeep", "-a", "blake3").code == 2


def test_two_manifests_are_compared_without_the_trees(tree: Path, hashaudit: Tool) -> None:
    before = [manifest_of(form, tree, hashaudit) for form in ("findings", "sums")]
    expected = change(tree)
    after = tree.parent / "after"
    assert hashaudit("scan", tree, "--record", "all", "-o", after).code == 0
    shutil.rmtree(tree)
    for manifest in before:
        result = hashaudit("diff", manifest, after)
        assert (result.code, listed(result.out, tree)) == (8, expected), result.err
    assert hashaudit("diff", *before, "-q") == (0, b"", "")
    shown = json.loads(hashaudit("diff", before[0], after, "--json").out)
    assert shown["outcomes"] == {"matched": 2, "changed": 1, "moved": 1, "copied": 1, "new": 1, "missing": 1}
    assert {os.path.relpath(one["path"], tree): one["outcome"] for one in shown["differences"]} == expected


def test_manifests_of_different_trees_are_compared_below_each(tree: Path, hashaudit: Tool) -> None:
    copy = tree.parent / "elsewhere" / "copy"
    shutil.copytree(tree, copy)
    first, second = manifest_of("hashdeep", tree, hashaudit), tree.parent / "second"
    assert hashaudit("scan", copy, "--record", "all", "-o", second).code == 0
    assert hashaudit("diff", first, second).code == 0
    assert hashaudit("diff", second, first).code == 0
    md5 = tree.parent / "md5"
    assert hashaudit("hash", tree, "--format", "sums", "-a", "sha1", "-q", "-o", md5).code == 0
    assert hashaudit("diff", second, md5).code == 16


def test_names_in_another_case_are_counted_as_matched(tree: Path, hashaudit: Tool, tmp_path: Path) -> None:
    manifest = manifest_of("sums", tree, hashaudit)
    (tree / "sub").rename(tree / "SUB")
    assert hashaudit("audit", tree, "--against", manifest).code == 8
    result = hashaudit("audit", tree, "--against", manifest, "-E", "-o", tmp_path / "audit")
    assert (result.code, result.out) == (0, b""), result.err
    assert totals(parsed((tmp_path / "audit").read_bytes()))["audit"] == {"matched": 5}
    assert "5 matched" in hashaudit("diff", manifest, tmp_path / "audit", "-E").err


def archive(path: Path, members: dict[str, bytes], inner: dict[str, bytes]) -> None:
    """Makes a zip with a tar in it."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for name, content in inner.items():
            about = tarfile.TarInfo(name)
            about.size = len(content)
            tar.addfile(about, io.BytesIO(content))
    with zipfile.ZipFile(path, "w") as file:
        for name, content in {**members, "in.tar": stream.getvalue()}.items():
            file.writestr(name, content)


@pytest.mark.parametrize("form", ["jsonl", "hashdeep", "findings"])
def test_members_of_containers_are_compared(form: str, tree: Path, hashaudit: Tool, tmp_path: Path) -> None:
    members = {"same": b"1", "other": b"2", "old name": b"3", "gone": b"4"}
    archive(tree / "z.zip", members, {"../up": b"5", "deep/x": b"6"})
    inside, manifest = ("--inside", "archives"), tmp_path / "m"
    make = ("scan", "--record", "all") if form == "findings" else ("hash", "--format", form)
    assert hashaudit(*make, tree, *inside, "-q", "-o", manifest).code == 0
    result = hashaudit("audit", tree, "--against", manifest, *inside)
    assert (result.code, "13 matched" in result.err) == (0, True), result.err
    # Without --inside, the members are reported or, of a findings file, no part of the manifest.
    assert hashaudit("audit", tree, "--against", manifest, "-q").code == (0 if form == "findings" else 16)
    archive(
        tree / "z.zip", {"same": b"1", "other": b"20", "new name": b"3", "new": b"7"}, {"../up": b"5", "deep/x": b"8"}
    )
    result = hashaudit("audit", tree, "--against", manifest, *inside)
    assert listed(result.out, tree) == {
        "z.zip": "changed",
        "z.zip!/in.tar": "changed",
        "z.zip!/in.tar!/deep/x": "changed",
        "z.zip!/other": "changed",
        "z.zip!/new name": "moved",
        "z.zip!/new": "new",
        "z.zip!/gone": "missing",
    }
    (tree / "z.zip").write_bytes((tree / "z.zip").read_bytes()[:60])
    result = hashaudit("audit", tree, "--against", manifest, *inside)
    assert result.code == 24
    assert b"unreadable  %s!/gone" % os.fsencode(tree / "z.zip") in result.out
