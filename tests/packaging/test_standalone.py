"""The single file: unpacked once, safely, and the same bytes each time. The wheel in it is a small one.

``make standalone`` tries the real file with a scan in the sandbox, without a network and in an empty home.
"""

import base64
import hashlib
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from build_standalone import pins, running, write_archive

PROGRAM = b"""import json, os, sys, hashaudit_cli
def main():
    import subprocess
    child = subprocess.check_output([sys.executable, "-P", "-c", "import hashaudit_cli; print(hashaudit_cli.__file__)"])
    print(json.dumps([sys.argv, hashaudit_cli.__file__, child.decode().strip()]))
    sys.exit(8)
"""
PYTHON = f"{sys.implementation.name} {running()}"
PLATFORM = sysconfig.get_platform()


def digest_of(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


def make_wheel(directory: Path, record: str | None = None) -> Path:
    files = {
        "hashaudit_cli/__init__.py": b"",
        "hashaudit_cli/main.py": PROGRAM,
        "hashaudit-1.data/data/share/man/man1/hashaudit.1": b".TH HASHAUDIT 1\n",
    }
    lines = "".join(f"{name},sha256={digest_of(data)},{len(data)}\n" for name, data in files.items())
    directory.mkdir(exist_ok=True)
    path = directory / "hashaudit-1-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for name, data in files.items():
            wheel.writestr(name, data)
        wheel.writestr("hashaudit-1.dist-info/RECORD", lines if record is None else record)
    return path


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    write_archive(tmp_path / "hashaudit.pyz", {PYTHON: [make_wheel(tmp_path / "wheels")]}, PLATFORM)
    return tmp_path / "hashaudit.pyz"


def run(archive: Path, home: Path | str, *words: str, **more: str) -> "subprocess.CompletedProcess[str]":
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(home), "TMPDIR": str(archive.parent)} | more
    return subprocess.run(
        [sys.executable, "-I", archive, *words], capture_output=True, text=True, check=False, env=environment
    )


def unpacked(home: Path) -> list[Path]:
    return sorted((home / ".cache" / "hashaudit").iterdir())


def test_it_runs_from_what_it_unpacked_and_so_do_its_children(archive: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    first, second = run(archive, home, "scan", "a b"), run(archive, home)
    assert (first.returncode, first.stderr) == (8, "")
    argv, module, module_of_child = json.loads(first.stdout)
    assert argv == [str(archive), "scan", "a b"], "the program is the file, as in lines of crontab"
    assert module == module_of_child
    (environment,) = unpacked(home)
    assert Path(module).is_relative_to(environment)
    assert (environment / "share" / "man" / "man1" / "hashaudit.1").exists()
    assert json.loads(second.stdout)[1] == module
    # Files that went missing, as in a directory that is cleaned, or that were changed, are unpacked again.
    Path(module).unlink()
    assert run(archive, home).returncode == 8
    (environment / "start.py").write_text("raise SystemExit(99)\n")
    assert run(archive, home).returncode == 8
    assert unpacked(home) == [environment]


def test_without_a_home_it_uses_a_private_directory_for_temporary_files(archive: Path, tmp_path: Path) -> None:
    done = run(archive, "/nonexistent/x" if os.geteuid() else "/proc/x", "scan")
    assert done.returncode == 8, done.stderr
    private = tmp_path / f"hashaudit-{os.getuid()}"
    assert private.stat().st_mode & 0o777 == 0o700
    private.chmod(0o777)
    done = run(archive, "/nonexistent/x" if os.geteuid() else "/proc/x", "scan")
    assert (done.returncode, done.stdout) == (4, "")
    assert "others can write it" in done.stderr
    assert "HASHAUDIT_STANDALONE_DIR" in done.stderr
    assert run(archive, "/", HASHAUDIT_STANDALONE_DIR=str(tmp_path / "stated")).returncode == 8


@pytest.mark.parametrize("record", ["", "hashaudit_cli/__init__.py,sha256=AAAA,0\n"])
def test_a_damaged_wheel_is_refused_and_nothing_stays(record: str, tmp_path: Path) -> None:
    archive, home = tmp_path / "hashaudit.pyz", tmp_path / "home"
    home.mkdir()
    write_archive(archive, {PYTHON: [make_wheel(tmp_path / "wheels", record)]}, PLATFORM)
    done = run(archive, home)
    assert (done.returncode, done.stdout) == (4, "")
    assert "digest" in done.stderr
    assert unpacked(home) == []


def test_a_changed_archive_is_refused(archive: Path, tmp_path: Path) -> None:
    data = archive.read_bytes()
    assert b"import json, os" in data
    archive.write_bytes(data.replace(b"import json, os", b"import os, json"))
    (tmp_path / "home").mkdir()
    done = run(archive, tmp_path / "home")
    assert done.returncode == 4
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("python", "platform", "message"),
    [("cpython 3.2", PLATFORM, "this file is for cpython 3.2; this is"), (PYTHON, "plan9-mips", "for plan9-mips")],
)
def test_another_python_or_system_is_named(python: str, platform: str, message: str, tmp_path: Path) -> None:
    archive = tmp_path / "hashaudit.pyz"
    write_archive(archive, {python: [make_wheel(tmp_path / "wheels")]}, platform)
    done = run(archive, tmp_path)
    assert done.returncode == 4
    assert message in done.stderr


def test_two_builds_are_equal(archive: Path, tmp_path: Path) -> None:
    copied = shutil.copy(tmp_path / "wheels" / "hashaudit-1-py3-none-any.whl", tmp_path)
    os.utime(copied, (0, 0))
    first = write_archive(tmp_path / "again.pyz", {PYTHON: [Path(copied)]}, PLATFORM)
    assert first == hashlib.sha256(archive.read_bytes()).hexdigest()
    assert os.access(archive, os.X_OK)


def test_the_versions_of_a_build_can_be_used_again() -> None:
    names = ("hashaudit-0.1.0-py3-none-any.whl", "Typing_Extensions-4.1-py3-none-any.whl", "numpy-2.4.6-cp311-x.whl")
    assert pins([Path(name) for name in names]) == ["numpy==2.4.6", "typing-extensions==4.1"]
