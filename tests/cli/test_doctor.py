"""``hashaudit doctor`` through the installed command, on hosts that are not in order."""

import json
import os
import shutil
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from installed import COMMAND, Result, Tool

MakeList = Callable[..., Path]
Checks = dict[str, dict[str, Any]]

CHECK_FIELDS = {"name", "state", "found", "advice", "subject", "subject_uri"}


def checks(result: Result) -> Checks:
    """The checks by name, after a look at the form of the whole."""
    page = json.loads(result.out)
    assert list(page) == ["v", "tool", "time", "host", "state", "exit_code", "checks"]
    assert page["v"] == 1
    assert page["exit_code"] == result.code
    states = [check["state"] for check in page["checks"]]
    assert (result.code == 4) == ("problem" in states)
    for check in page["checks"]:
        assert set(check) <= CHECK_FIELDS
        assert check["found"]
        assert (check["advice"] is None) == (check["state"] == "ok"), check
    assert "Traceback" not in result.err
    return {check["name"]: check for check in page["checks"]}


def test_a_host_in_order(hashaudit: Tool, make_list: MakeList, tmp_path: Path) -> None:
    before = sorted(os.listdir(tmp_path))
    result = hashaudit("doctor", tmp_path, "--list", make_list(b"a", b"b"), "-o", tmp_path / "out", "--json")
    found = checks(result)
    assert result.code == 0, result.out
    assert sorted(os.listdir(tmp_path)) == before, "nothing is left behind"
    assert "2 of 2 kept" in found["list.use"]["found"]
    assert found["kernel.worker"]["state"] == "ok"
    assert found["root.access"]["subject"] == str(tmp_path)
    assert {"root.filesystem", "root.access_time", "root.device", "key.use", "space.output"} <= set(found)


def test_the_page_for_people_says_the_same(hashaudit: Tool, tmp_path: Path) -> None:
    as_json = checks(hashaudit("doctor", tmp_path, tmp_path / "gone", "--json"))
    result = hashaudit("doctor", tmp_path, tmp_path / "gone")
    assert result.code == 4
    page = result.out.decode()
    assert set(as_json) == {line.split()[1] for line in page.splitlines() if line[:1] not in {" ", "1"}}
    assert "PROBLEM  root.access" in page
    assert "-> check the name, or mount it" in page


def test_names_are_those_of_the_documentation(hashaudit: Tool, tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "guides" / "doctor.md").read_text()
    for name in checks(hashaudit("doctor", tmp_path, "--json")):
        assert f"`{name}`" in page


def test_no_entry_of_a_list_is_shown(hashaudit: Tool, make_list: MakeList) -> None:
    path = make_list(b"wanted")
    entry = path.read_text().strip()
    with open(path, "a") as file:
        file.write(f"{entry[:-2]}zz\n")
    for words in (["--json"], []):
        result = hashaudit("doctor", "--list", path, *words)
        assert entry[:12].encode() not in result.out
        assert entry[:12] not in result.err


def key_with_mode(tool: Tool, folder: Path, mode: int) -> Path:
    assert tool("keys", "new", folder / "key").code == 0
    (folder / "key").chmod(mode)
    return folder / "key"


def test_a_key_that_others_can_read(hashaudit: Tool, tmp_path: Path) -> None:
    result = hashaudit("doctor", "--key", key_with_mode(hashaudit, tmp_path, 0o644), "--json")
    check = checks(result)["key.use"]
    assert (result.code, check["state"]) == (4, "problem")
    assert "chmod 600" in check["advice"]
    assert hashaudit("doctor", "--key", key_with_mode(hashaudit, make(tmp_path / "good"), 0o600)).code == 0


def make(folder: Path) -> Path:
    folder.mkdir()
    return folder


def test_a_key_with_a_passphrase_is_not_asked_for_it(hashaudit: Tool, tmp_path: Path) -> None:
    (tmp_path / "words").write_text("words\n")
    assert hashaudit("keys", "new", tmp_path / "key", "--passphrase-file", tmp_path / "words").code == 0
    check = checks(hashaudit("doctor", "--key", tmp_path / "key", "--json"))["key.use"]
    assert check["state"] == "ok"
    assert "has a passphrase" in check["found"]


def test_a_folder_in_which_others_could_exchange_the_key(hashaudit: Tool, tmp_path: Path) -> None:
    key = key_with_mode(hashaudit, tmp_path, 0o600)
    tmp_path.chmod(0o777)
    assert checks(hashaudit("doctor", "--key", key, "--json"))["key.folder"]["state"] == "warning"


def test_without_a_key_the_first_scan_makes_one(hashaudit: Tool) -> None:
    assert "first scan creates it" in checks(hashaudit("doctor", "--json"))["key.use"]["found"]
    assert not (hashaudit.home / ".config").exists()


@pytest.mark.parametrize(
    "make_broken",
    [
        lambda path: path.write_text(""),
        lambda path: path.write_text("no hash\n"),
        lambda path: path.mkdir(),
        os.mkfifo,
        lambda _path: None,
    ],
    ids=["empty", "no list", "empty folder", "fifo", "missing"],
)
def test_a_list_that_cannot_be_used(make_broken: Callable[[Path], object], hashaudit: Tool, tmp_path: Path) -> None:
    make_broken(tmp_path / "list")
    result = hashaudit("doctor", "--list", tmp_path / "list", "--json")
    assert (result.code, checks(result)["list.use"]["state"]) == (4, "problem")


@pytest.mark.skipif(os.geteuid() == 0 and not shutil.which("setpriv"), reason="needs setpriv to test as root")
def test_what_may_not_be_read_or_written(hashaudit: Tool, make_list: MakeList, tmp_path: Path) -> None:
    unreadable = make_list(b"wanted")
    unreadable.chmod(0)
    (tmp_path / "closed").mkdir(mode=0)
    (tmp_path / "fixed").mkdir(mode=0o555)
    # Root without the capabilities that let it pass modes by.
    bound = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
    words: list[str | Path] = [
        "doctor",
        tmp_path / "closed",
        "--list",
        unreadable,
        "-o",
        tmp_path / "fixed" / "out",
        "--json",
    ]
    done = subprocess.run(
        [*bound, COMMAND, *words], env=hashaudit.environment, capture_output=True, timeout=60, check=False
    )
    found = checks(Result(done.returncode, done.stdout, done.stderr.decode()))
    for name in ("root.access", "list.use", "space.output"):
        assert found[name]["state"] == "problem", name
        assert "Permission denied" in found[name]["found"]


@pytest.mark.parametrize("root", ["gone", "fifo", "file\x1b[2J\nx"])
def test_roots_of_every_kind(root: str, hashaudit: Tool, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "file\x1b[2J\nx").touch()
    check = checks(hashaudit("doctor", tmp_path / root, "--json"))["root.access"]
    assert check["state"] == ("ok" if root.startswith("file") else "problem")
    assert check["subject"] == str(tmp_path / root)
    people = hashaudit("doctor", tmp_path / root)
    assert all(line.isprintable() for line in people.out.decode().splitlines())


def test_a_root_whose_name_is_no_text(hashaudit: Tool, tmp_path: Path) -> None:
    folder = os.fsencode(tmp_path) + b"/\xff"
    os.mkdir(folder)
    check = checks(hashaudit("doctor", folder, "--json"))["root.access"]
    assert check["subject_uri"]


def test_pseudo_filesystems_are_told(hashaudit: Tool) -> None:
    assert checks(hashaudit("doctor", "/proc", "--json"))["root.filesystem"]["state"] == "warning"
    assert "skipped" in checks(hashaudit("doctor", "/", "--json"))["root.mounts_below"]["found"]


def test_findings_that_exist_are_not_overwritten(hashaudit: Tool, tmp_path: Path) -> None:
    (tmp_path / "out").touch()
    result = hashaudit("doctor", "-o", tmp_path / "out", "--json")
    assert (result.code, checks(result)["space.output"]["state"]) == (4, "problem")


@pytest.mark.skipif(os.geteuid() != 0 or not hasattr(os, "statvfs"), reason="mounting needs root")
def test_a_small_and_a_read_only_output_folder(hashaudit: Tool, tmp_path: Path) -> None:
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "t", tmp_path], check=False, capture_output=True)
    if mounted.returncode:
        pytest.skip("mounting a tmpfs is not allowed here")
    try:
        check = checks(hashaudit("doctor", "-o", tmp_path / "out", "--json"))["space.output"]
        assert (check["state"], "free" in check["found"]) == ("problem", True)
        subprocess.run(["mount", "-o", "remount,ro", tmp_path], check=True)
        check = checks(hashaudit("doctor", "-o", tmp_path / "out", "--json"))["space.output"]
        assert (check["state"], "Read-only" in check["found"]) == ("problem", True)
        found = checks(hashaudit("doctor", tmp_path, "--json"))
        assert "ro" in found["root.access_time"]["found"]
    finally:
        subprocess.run(["umount", tmp_path], check=True)


def test_without_the_programs_of_strangers(hashaudit: Tool, tmp_path: Path) -> None:
    found = checks(hashaudit("doctor", "--json", env={"PATH": str(tmp_path)}))
    assert found["software.jq"]["state"] == found["software.ssh_keygen"]["state"] == "warning"
    (tmp_path / "jq").write_text("#!/bin/sh\nexec sleep 600\n")
    (tmp_path / "jq").chmod(stat.S_IRWXU)
    found = checks(hashaudit("doctor", "--json", env={"PATH": f"{tmp_path}:{os.environ['PATH']}"}))
    assert "version unknown" in found["software.jq"]["found"]


def test_without_a_temporary_folder_no_worker_starts(hashaudit: Tool, tmp_path: Path) -> None:
    result = hashaudit("doctor", "--json", env={"TMPDIR": str(tmp_path / "gone"), "HOME": "/nonexistent"})
    assert checks(result)["space.temporary"]["state"] == "ok", "the system's own folder is taken"


def test_a_broken_pipe_is_no_traceback(hashaudit: Tool) -> None:
    process = hashaudit.start("doctor", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    with process.stderr as err:
        assert b"Traceback" not in err.read()
    assert process.wait(timeout=30) == 141
