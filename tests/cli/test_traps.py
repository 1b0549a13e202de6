"""What other tools hang on, miss, or report wrongly: each through the installed command."""

import hashlib
import os
import pty
import shutil
import socket
import subprocess
import sys
import tempfile
import termios
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

import pytest

from installed import COMMAND, Result, Tool, of_kind, parsed, totals

JOBS = "1"  # of every scan that does not say: what is tested here does not depend on it

MakeList = Callable[..., Path]

HOSTILE_NAMES = [
    b"new\nline",
    b"escape\x1b[2J",
    b"not-utf8-\xff\xfe",
    b"back\\slash",
    b"[x]",
    b"-rf",
    b"*",
    b" ",
    b"~",
    b"%s%n",
    "right\u202eleft".encode(),
    b"\r",
    b"'\"`$(id)",
]


def raw_path(line: dict[str, Any]) -> bytes:
    entry = line["entry"]
    return unquote_to_bytes(entry["path_uri"]) if "path_uri" in entry else os.fsencode(entry["path"])


def found(result: Result) -> set[bytes]:
    return {raw_path(line) for line in of_kind(result.lines, "finding")}


def faults(result: Result) -> dict[bytes, tuple[str, str]]:
    return {
        raw_path(line): (line["faults"][0]["stage"], line["faults"][0]["code"])
        for line in of_kind(result.lines, "fault")
    }


def test_nothing_but_regular_files_is_opened(hashaudit: Tool, make_list: MakeList, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "file").write_bytes(b"wanted")
    (tmp_path / "link").symlink_to("file")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
        result = hashaudit("scan", tmp_path, "--list", make_list(b"wanted"))
    assert result.code == 8
    assert found(result) == {bytes(tmp_path / "file")}
    assert totals(result.lines)["skipped"] == {"fifo": 1, "socket": 1, "symbolic_link": 1}


def test_devices_are_counted_and_not_opened(hashaudit: Tool, make_list: MakeList) -> None:
    result = hashaudit("scan", "/dev", "--list", make_list(b"wanted"), "--exclude", "shm")
    assert totals(result.lines)["skipped"]["device"] > 3


def test_hostile_names_are_examined_and_told_exactly(hashaudit: Tool, make_list: MakeList, tmp_path: Path) -> None:
    expected = {os.path.join(bytes(tmp_path), name) for name in HOSTILE_NAMES}
    for path in expected:
        with open(path, "wb") as file:
            file.write(b"wanted")
    wanted = make_list(b"wanted")
    result = hashaudit("scan", tmp_path, "--list", wanted)
    assert result.code == 8
    assert found(result) == expected
    assert result.out.isascii()
    assert len(result.out.splitlines()) == len(result.lines)
    shown = result.err.replace("\n", "")
    assert not {letter for letter in shown if not letter.isprintable()}
    again = hashaudit("scan", tmp_path, "--list", wanted)
    assert found(again) == expected, "an unchanged tree stays unchanged"


@pytest.mark.skipif(os.geteuid() == 0 and not shutil.which("setpriv"), reason="needs setpriv to test as root")
def test_unreadable_file_and_folder_are_faults(hashaudit: Tool, make_list: MakeList, tmp_path: Path) -> None:
    (tmp_path / "readable").write_bytes(b"clean")
    (tmp_path / "secret").write_bytes(b"wanted")
    (tmp_path / "secret").chmod(0)
    (tmp_path / "closed").mkdir(mode=0)
    # Root without the capabilities that let it pass modes by.
    bound = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
    done = subprocess.run(
        [*bound, COMMAND, "scan", tmp_path, "--list", make_list(b"wanted")],
        env=hashaudit.environment,
        capture_output=True,
        timeout=60,
        check=False,
    )
    result = Result(done.returncode, done.stdout, done.stderr.decode())
    assert result.code == 16, result.err
    assert faults(result) == {
        bytes(tmp_path / "secret"): ("open", "permission_denied"),
        bytes(tmp_path / "closed"): ("walk", "permission_denied"),
    }
    assert totals(result.lines)["clean"] == 1
    assert totals(result.lines)["faults"] == {"permission_denied": 2}


def test_a_root_that_leads_nowhere_is_a_fault_and_the_others_are_examined(
    hashaudit: Tool, make_list: MakeList, tmp_path: Path
) -> None:
    (tmp_path / "gone").symlink_to("nowhere")
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "file").write_bytes(b"wanted")
    result = hashaudit("scan", tmp_path / "gone", tmp_path / "there", "--list", make_list(b"wanted"))
    assert result.code == 24
    assert faults(result) == {bytes(tmp_path / "gone"): ("walk", "broken_link")}
    assert found(result) == {bytes(tmp_path / "there" / "file")}


@pytest.mark.parametrize(
    "root", ["gone", "file/below", "gs://bucket", "S3://bucket/a", "s3:/bucket", "http://u:pw@h/x"]
)
def test_a_root_that_does_not_exist_is_refused_before_any_output(
    root: str, hashaudit: Tool, make_list: MakeList, tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(b"wanted")
    output = tmp_path / "out"
    result = hashaudit("scan", tmp_path / "file", root, "--list", make_list(b"wanted"), "-o", output, cwd=tmp_path)
    assert result.code == 2
    assert "ROOT: '" in result.err
    assert ("s3://BUCKET/PREFIX or az://" in result.err) is (":/" in root)
    assert "pw" not in result.err
    assert not list(tmp_path.glob("out*"))
    assert not (hashaudit.home / ".config").exists()


def test_a_link_loop_ends(hashaudit: Tool, make_list: MakeList, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "file").write_bytes(b"wanted")
    (tmp_path / "a" / "up").symlink_to("..")
    (tmp_path / "self").symlink_to("self")
    (tmp_path / "nowhere").symlink_to("gone")
    result = hashaudit("scan", tmp_path, "--list", make_list(b"wanted"), "--follow-links")
    assert found(result) == {bytes(tmp_path / "a" / "file")}
    assert faults(result) == {
        bytes(tmp_path / "self"): ("walk", "link_loop"),
        bytes(tmp_path / "nowhere"): ("walk", "broken_link"),
    }
    assert totals(result.lines)["skipped"] == {"already_visited": 1}


def test_a_path_of_six_thousand_bytes(hashaudit: Tool, make_list: MakeList, tmp_path: Path) -> None:
    depth = 30
    name = "d" * 200
    descriptor = os.open(tmp_path, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir(name, dir_fd=descriptor)
        below = os.open(name, os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = below
    file = os.open("deep", os.O_WRONLY | os.O_CREAT, dir_fd=descriptor)
    os.write(file, b"wanted")
    os.close(file)
    os.close(descriptor)
    result = hashaudit("scan", tmp_path, "--list", make_list(b"wanted"))
    assert found(result) == {os.path.join(bytes(tmp_path), *[name.encode()] * depth, b"deep")}
    subprocess.run(["rm", "-rf", tmp_path / name], check=True)


def test_hard_links_are_read_once_and_told_for_every_path(hashaudit: Tool, make_list: MakeList, tmp_path: Path) -> None:
    content = b"wanted" * 1000
    (tmp_path / "first").write_bytes(content)
    for number in range(5):
        (tmp_path / f"link-{number}").hardlink_to(tmp_path / "first")
    result = hashaudit("scan", tmp_path, "--list", make_list(content))
    assert len(found(result)) == 6
    assert totals(result.lines)["bytes"] == len(content)


def test_the_same_target_by_several_links_is_read_once(hashaudit: Tool, make_list: MakeList, tmp_path: Path) -> None:
    content = b"wanted" * 1000
    (tmp_path / "file").write_bytes(content)
    (tmp_path / "one").symlink_to("file")
    (tmp_path / "two").symlink_to("file")
    result = hashaudit("scan", tmp_path, "--list", make_list(content), "--follow-links")
    assert len(found(result)) == 3
    assert totals(result.lines)["bytes"] == len(content)


def sparse(path: Path, size_bytes: int, tail: bytes) -> None:
    with open(path, "wb") as file:
        file.seek(size_bytes - len(tail))
        file.write(tail)


SPARSE_SHA256 = "236fd449fd7de694210263c86702715bc5071df29e70843d40d5c2ec2f6cf317"
"""Of 4 GiB and 12,345 bytes: zeros, then ``end``; as sha256sum gives it."""


def test_a_sparse_file_of_over_four_gib(hashaudit: Tool, tmp_path: Path) -> None:
    size_bytes = (4 << 30) + 12_345
    sparse(tmp_path / "sparse", size_bytes, b"end")
    listed = tmp_path / "list"
    listed.touch(mode=0o600)
    listed.write_text(SPARSE_SHA256)
    result = hashaudit("scan", tmp_path / "sparse", "--list", listed)
    assert result.code == 8
    [finding] = of_kind(result.lines, "finding")
    assert finding["state"]["size"] == size_bytes


def test_pseudo_files_that_say_size_zero_are_read_when_named(hashaudit: Tool) -> None:
    result = hashaudit("scan", "/proc/version", "--record", "all")
    [line] = of_kind(result.lines, "file")
    assert line["digests"]["sha256"] == hashlib.sha256(Path("/proc/version").read_bytes()).hexdigest()
    assert result.code == 0


def test_pseudo_filesystems_below_a_root_are_left_out_and_named(hashaudit: Tool) -> None:
    result = hashaudit("scan", "/", "--record", "all", "--exclude", "[!pd]*", "--exclude", "dev")
    assert totals(result.lines)["skipped"]["pseudo_filesystem"] >= 1
    assert any("/proc" in rule for rule in result.lines[0]["exclusions"])


def test_a_growing_file_ends_and_is_told(hashaudit: Tool, make_list: MakeList, tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"x" * 50_000_000)
    ended = threading.Event()

    def grow() -> None:
        with open(path, "ab") as file:
            while not ended.is_set():
                file.write(b"more\n" * 100)
                file.flush()

    writer = threading.Thread(target=grow)
    writer.start()
    try:
        result = hashaudit("scan", tmp_path, "--list", make_list(b"wanted"))
    finally:
        ended.set()
        writer.join()
    assert result.code == 0
    [file] = of_kind(result.lines, "file")
    assert file["consistency"] == "appended_while_read"
    size = file["state"]["size"]
    assert 50_000_000 <= size < path.stat().st_size
    with open(path, "rb") as stream:
        assert file["digests"]["sha256"] == hashlib.sha256(stream.read(size)).hexdigest()


def test_files_replaced_between_walk_and_open_are_never_read(
    hashaudit: Tool, make_list: MakeList, tmp_path: Path
) -> None:
    """A thread swaps files for FIFOs, links and back during whole scans: nothing hangs, nothing outside is read."""
    (tmp_path / "outside").write_bytes(b"wanted")
    tree = tmp_path / "tree"
    tree.mkdir()
    names = [tree / f"f{number:03d}" for number in range(300)]
    for name in names:
        name.write_bytes(b"clean")
    ended = threading.Event()

    def swap() -> None:
        turn = 0
        while not ended.is_set():
            for name in names[::3]:
                other = tree / "swap"
                if turn % 3 == 0:
                    os.mkfifo(other)
                elif turn % 3 == 1:
                    other.symlink_to(tmp_path / "outside")
                else:
                    other.write_bytes(b"clean")
                os.replace(other, name)
            turn += 1

    swapper = threading.Thread(target=swap)
    swapper.start()
    try:
        for _ in range(5):
            result = hashaudit("scan", tree, "--list", make_list(b"wanted"))
            assert result.code in {0, 16}
            assert found(result) == set()
            assert {code for _, code in faults(result).values()} <= {
                "changed_while_walked",
                "file_replaced",
                "not_found",
                "changed_while_read",
                "link_loop",
            }
            assert totals(result.lines)["pending"] == 0
    finally:
        ended.set()
        swapper.join()


def test_lists_in_upper_case_match(hashaudit: Tool, make_list: MakeList, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"wanted")
    wanted = make_list(b"wanted")
    wanted.write_text(wanted.read_text().upper())
    assert hashaudit("scan", tmp_path, "--list", wanted).code == 8


def test_the_hash_of_the_empty_file_matches_nothing(hashaudit: Tool, make_list: MakeList, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    result = hashaudit("scan", tmp_path, "--list", make_list(b"", b"wanted"))
    assert result.code == 0
    assert result.lines[0]["lists"][0]["rejected"] == {"empty_input": 1}


def test_digests_that_disagree_are_reported_as_conflict(hashaudit: Tool, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"wanted")
    listed = tmp_path / "list.hashdeep"
    listed.touch(mode=0o600)
    md5 = hashlib.md5(b"wanted").hexdigest()
    listed.write_text(f"%%%% HASHDEEP-1.0\n%%%% size,md5,sha256,filename\n6,{md5},{'ab' * 32},x\n")
    result = hashaudit("scan", tmp_path / "file", "--list", listed)
    assert result.code == 8
    [finding] = of_kind(result.lines, "finding")
    assert set(finding["needs_confirmation"]) == {"md5_only", "conflicting_digests"}


def test_own_output_inside_the_tree_is_left_out(hashaudit: Tool, make_list: MakeList, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"clean")
    result = hashaudit("scan", tmp_path, "--list", make_list(b"wanted"), "-o", tmp_path / "findings.jsonl")
    assert result.code == 0
    assert totals(parsed((tmp_path / "findings.jsonl").read_bytes()))["skipped"] == {"own_output": 2}


def test_two_runs_give_the_same_records(hashaudit: Tool, make_list: MakeList, tmp_path: Path) -> None:
    for number in range(2000):
        folder = tmp_path / f"d{number % 37}"
        folder.mkdir(exist_ok=True)
        (folder / f"f{number}").write_bytes(b"wanted" if number % 5 == 0 else b"clean %d" % number)
    (tmp_path / "large").write_bytes(b"x" * 20_000_000)
    wanted = make_list(b"wanted")

    def records() -> list[dict[str, object]]:
        result = hashaudit("scan", tmp_path, "--list", wanted, "--record", "all", "-j", "3")
        lines = [line for line in result.lines if line["kind"] != "checkpoint"]
        return [
            {name: value for name, value in line.items() if name not in {"time", "start", "run_id"}} for line in lines
        ]

    first, second = records(), records()
    assert len(first) == 2002
    assert first == second


ODD_NAMES = (
    b"esc\x1b[31mred",
    "c1\u009b31m".encode(),
    "rlo\u202egpj.exe".encode(),
    b"byte\xff",
    b"tab\there",
    b"line\nfeed",
    b"carriage\rreturn",
    b"delete\x7f",
    "caf\u00e9".encode(),
    b"back\\slash",
)


@pytest.mark.parametrize("form", ["list", "csv", "jsonl"])
def test_hashes_cannot_steer_a_terminal_and_are_exact_elsewhere(form: str, hashaudit: Tool, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    for name in ODD_NAMES:
        Path(os.fsdecode(os.fsencode(tree) + b"/" + name)).write_bytes(b"x")
    words = ("hash", tree, "-q", "-j", "1", "--format", form)
    exact = hashaudit(*words).out
    assert hashaudit(*words, "-o", tmp_path / "file").code == 0
    assert (tmp_path / "file").read_bytes() == exact
    terminal, inside = pty.openpty()
    attributes = termios.tcgetattr(inside)
    attributes[1] &= ~termios.OPOST  # the terminal adds no carriage returns
    termios.tcsetattr(inside, termios.TCSANOW, attributes)
    process = hashaudit.start(*words, stdout=inside, stderr=subprocess.DEVNULL)
    os.close(inside)
    shown = b"".join(iter(lambda: read_terminal(terminal), b"")).decode()
    assert process.wait(timeout=30) == 0
    os.close(terminal)
    assert all(character == "\n" or character.isprintable() for character in shown)
    assert "caf\u00e9" in shown or form == "jsonl"
    assert shown.count("\n") == exact.count(b"\n")


def read_terminal(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 1 << 16)
    except OSError:  # the other end is closed
        return b""


@pytest.fixture
def shared_memory() -> Iterator[Path]:
    """A directory on tmpfs, where a time may be any 64-bit number of seconds."""
    if not os.access("/dev/shm", os.W_OK):
        pytest.skip("needs /dev/shm")
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        yield Path(folder)


def test_no_date_stops_a_scan(hashaudit: Tool, make_list: MakeList, shared_memory: Path, tmp_path: Path) -> None:
    tree = shared_memory / "tree"
    tree.mkdir()
    seconds = {"future": 20_000_000_000, "past": -20_000_000_000, "end": 1 << 40, "now": 1_700_000_000}
    for name, second in seconds.items():
        (tree / name).write_text(name)
        os.utime(tree / name, ns=(0, second * 10**9))
        assert (tree / name).stat().st_mtime_ns == second * 10**9
    listed = shared_memory / "list"
    listed.write_bytes(make_list(*(name.encode() for name in seconds)).read_bytes())
    os.utime(listed, ns=(0, 20_000_000_000 * 10**9))
    for more in ((), ("--cache", tmp_path / "cache")):
        result = hashaudit("scan", tree, "--list", f"sha256={listed}", "--record", "all", *more)
        assert result.code == 8, result.err
        times = {Path(line["entry"]["path"]).name: line["state"]["mtime"] for line in of_kind(result.lines, "finding")}
        assert times["future"] == "2603-10-11T11:33:20.000000000Z"
        assert times["past"] == "1336-03-23T12:26:40.000000000Z"
        assert times["end"] == f"@{(1 << 40) * 10**9}"
        assert result.lines[0]["lists"][0]["mtime"] == times["future"]
    assert len(hashaudit("hash", tree).out.splitlines()) == len(seconds)
    assert hashaudit("lists", "build", f"sha256={listed}", "-o", tmp_path / "index.hai").code == 0
    assert hashaudit("scan", tree, "--list", tmp_path / "index.hai").code == 8


@pytest.mark.skipif(sys.platform != "linux", reason="only there can a current directory be removed")
def test_a_deleted_current_directory_is_no_root(hashaudit: Tool, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    for words in (("scan", ".", "--record", "all", "-o", tmp_path / "out"), ("hash", "..")):
        gone.mkdir()
        result = hashaudit(*words, cwd=gone, preexec_fn=lambda: os.rmdir(gone))
        assert result.code == 2
        assert "the current directory no longer exists\nhint: change to a directory" in result.err
    assert not (tmp_path / "out").exists()
