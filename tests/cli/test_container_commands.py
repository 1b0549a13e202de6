"""``ls`` and ``extract-check`` on containers that other programs made."""

import gzip
import json
import subprocess
import zipfile
from pathlib import Path

from installed import Tool, parsed

JOBS = "1"  # of every scan that does not say: what is tested here does not depend on it


def made(root: Path) -> Path:
    """A zip with a gz, a container that nothing here opens, and an encrypted zip."""
    root.mkdir()
    (root / "secret").write_bytes(b"secret content")
    subprocess.run(["zip", "-q", "-j", "-P", "a word", root / "inner.zip", root / "secret"], check=True)
    with zipfile.ZipFile(root / "a.zip", "w") as archive:
        archive.writestr("a\nb", b"plain")
        archive.writestr("b.gz", gzip.compress(b"packed", mtime=0))
        archive.writestr("c.chm", b"ITSF\3\0\0\0" + bytes(40))
        archive.write(root / "inner.zip", "d.zip")
    (root / "words").write_text("a word\n")
    return root / "a.zip"


def test_what_a_scan_would_examine_is_listed(hashaudit: Tool, tmp_path: Path) -> None:
    path = made(tmp_path / "tree")
    result = hashaudit("ls", path)
    assert result.code == 16
    rows = [line.split(None, 3) for line in result.out.decode().splitlines()]
    assert [(row[0], row[1], row[2]) for row in rows] == [
        ("-", "examined", "5"),
        ("-", "examined", "6"),
        ("gz", "opened", str(len(gzip.compress(b"packed", mtime=0)))),
        ("chm", "not", "opened"),
        ("-", "encrypted", "?"),
        ("zip", "opened", str((path.parent / "inner.zip").stat().st_size)),
        ("zip", "opened", str(path.stat().st_size)),
    ]
    assert rows[4][3] == f"{path}//d.zip//secret; the member is encrypted"
    assert rows[0][3].startswith(f"{path}//a")
    assert len(rows) == 7, "a line end in a name is escaped"
    whole = hashaudit("ls", path, "--json", "--passwords", path.parent / "words", "-q")
    assert (whole.code, whole.err) == (0, "")
    lines = parsed(whole.out)
    assert [line["entry"].get("within", [{}])[-1].get("name") for line in lines][-3:] == ["secret", "d.zip", None]
    assert hashaudit("ls", tmp_path / "none").code == 16
    assert hashaudit("ls").code == 2


def test_a_recorded_member_is_read_again(hashaudit: Tool, tmp_path: Path) -> None:
    path = made(tmp_path / "tree")
    words, output = path.parent / "words", tmp_path / "o.jsonl"
    assert hashaudit("scan", path, "--record", "all", "--passwords", words, "-o", output).code == 0
    inner = f"{path}//d.zip//secret"

    def check(name: str, *more: Path | str) -> tuple[int, str]:
        result = hashaudit("extract-check", output, "--path", name, *more)
        return result.code, result.out.decode()

    assert check(inner, "--passwords", words) == (0, f"agrees: {inner}: sha256\n")
    assert check(inner) == (16, f"not read: {inner}: encrypted: the member is encrypted\n")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a", b"moved")
        archive.writestr("b.gz", gzip.compress(b"changed", mtime=0))
    changed = hashaudit("extract-check", output, "--path", f"{path}//b.gz", "--json")
    assert (changed.code, json.loads(changed.out)["state"]) == (8, "differs")
    code, said = check(inner)
    assert (code, said) == (8, f"missing: {inner}: nothing has this position and name\n")
    assert check(f"{path}//none")[0] == 4
    output.write_bytes(output.read_bytes().replace(b'"b.gz"', b'"b.GZ"'))
    assert check(f"{path}//b.GZ")[0] == 4
    assert hashaudit("extract-check", output).code == 2
