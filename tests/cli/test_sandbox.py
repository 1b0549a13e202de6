"""Decoders that crash, hang, eat memory and try to get out, through the installed command."""

import hashlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import hashaudit
import hostile_hasher
from dead_mount import dead_mount
from hashaudit.scan.config import RecordScope
from hashaudit.scan.events import Started
from hashaudit.signing.key_files import new_key
from installed import Result, Tool, of_kind, parsed, totals, wait_until, workers

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the sandbox is Linux's")

SUPPORT = str(Path(hostile_hasher.__file__).parent)
ORDINARY = 40
LIMITS = ("--decode-timeout", "1", "--max-memory", "300M", "-j", "2", "--variants", "none")


def picture(folder: Path, act: str) -> Path:
    """A picture on which the hasher does ``act``."""
    pixels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    pixels[0, 0] = hostile_hasher.NAMES.index(act)
    path = folder / f"{act.replace(' ', '-').replace('/', '-')}.png"
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment that tells the hasher what to reach for."""
    folder = tmp_path_factory.mktemp("outside")
    (folder / "secret").write_bytes(b"secret")
    with socket.socket(socket.AF_UNIX) as listener:
        name = f"hashaudit-test-{os.getpid()}"
        listener.bind("\0" + name)
        listener.listen()
        yield {
            "PYTHONPATH": SUPPORT,
            hostile_hasher.OUTSIDE: str(folder / "secret"),
            hostile_hasher.LISTENER: name,
        }


def scan(tool: Tool, root: Path, outside: dict[str, str], *words: str) -> Result:
    return tool(
        "scan",
        root,
        "--record",
        "all",
        "--hasher",
        "hostile_hasher:Hostile",
        *LIMITS,
        *words,
        env=outside | {hostile_hasher.INSIDE: str(root / "inside.txt")},
    )


def mixed(root: Path, acts: dict[str, Any]) -> dict[str, Path]:
    """A picture for each act, among ordinary files."""
    root.mkdir()
    (root / "inside.txt").write_bytes(b"inside")
    for number in range(ORDINARY):
        (root / f"ordinary-{number}").write_bytes(b"%d" % number)
    return {act: picture(root, act) for act in acts}


def faults(result: Result) -> dict[str, dict[str, Any]]:
    return {line["entry"]["path"]: line for line in of_kind(result.lines, "fault")}


def check_all_but(result: Result, paths: dict[str, Path]) -> None:
    """Every other file is examined, and what was examined all the same stands with the faults."""
    assert result.code == 16, result.err
    assert totals(result.lines)["faulted"] == len(paths)
    assert len(of_kind(result.lines, "file")) == ORDINARY + 1
    found = faults(result)
    assert found.keys() == {str(path) for path in paths.values()}
    for path in paths.values():
        assert found[str(path)]["digests"]["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest(), path


EXPECTED_ENDS = {
    "segfault": ("decode", "worker_crashed", 11),
    "abort": ("decode", "worker_crashed", 6),
    "exit": ("decode", "worker_crashed", None),
    "kill itself": ("decode", "worker_crashed", 9),
    "loop in Python": ("decode", "decode_timeout", 9),
    "loop in C": ("decode", "decode_timeout", 9),
    "allocate": ("decode", "out_of_memory", None),
    "allocate in C": ("decode", "worker_crashed", 6),
    "close what is not its own": ("decode", "worker_crashed", None),
}


def test_what_ends_a_worker_costs_one_file(hashaudit: Tool, outside: dict[str, str], tmp_path: Path) -> None:
    paths = mixed(tmp_path / "tree", hostile_hasher.ENDS)
    result = scan(hashaudit, tmp_path / "tree", outside)
    check_all_but(result, paths)
    found = faults(result)
    told = {}
    for act, path in paths.items():
        line = found[str(path)]
        told[act] = line["faults"][0]["stage"], line["faults"][0]["code"], line["faults"][0].get("signal")
        if act == "close what is not its own":
            # Whether the worker ends itself or its parent sees the end of their link first is up to chance.
            told[act] = line["faults"][0]["stage"], line["faults"][0]["code"], None
        assert line["faults"][0]["attempts"] == 2, act
    assert told == EXPECTED_ENDS


def test_lies_cost_one_file_each(hashaudit: Tool, outside: dict[str, str], tmp_path: Path) -> None:
    paths = mixed(tmp_path / "tree", hostile_hasher.LIES)
    result = scan(hashaudit, tmp_path / "tree", outside)
    check_all_but(result, paths)
    found = faults(result)
    for act, path in paths.items():
        fault = found[str(path)]["faults"][0]
        code = "internal_error" if act == "reject the work" else "worker_crashed"
        assert (fault["stage"], fault["code"], fault["attempts"]) == ("decode", code, 2), act


def test_what_is_refused_costs_no_worker(hashaudit: Tool, outside: dict[str, str], tmp_path: Path) -> None:
    root = tmp_path / "tree"
    paths = mixed(root, hostile_hasher.REFUSED)
    before = {
        path: (path.read_bytes(), path.stat()) for path in (root / "inside.txt", Path(outside[hostile_hasher.OUTSIDE]))
    }
    result = scan(hashaudit, root, outside, "--require-sandbox")
    check_all_but(result, paths)
    found = faults(result)
    for act, path in paths.items():
        line = found[str(path)]
        assert (line["faults"][0]["stage"], line["faults"][0]["code"], line["faults"][0]["attempts"]) == (
            "hash",
            "internal_error",
            1,
        ), (act, line)
        assert line["faults"][0]["message"].endswith("PermissionError"), (act, line)
    for path, (content, status) in before.items():
        now = path.stat()
        assert (path.read_bytes(), now.st_mode, now.st_mtime_ns) == (content, status.st_mode, status.st_mtime_ns)
    assert not os.path.exists("/tmp/hashaudit-test-escape")
    assert sorted(root.iterdir()) == sorted([*paths.values(), *root.glob("ordinary-*"), root / "inside.txt"])


def test_key_trust_store_and_lists_below_a_root_are_refused(
    hashaudit: Tool, outside: dict[str, str], tmp_path: Path
) -> None:
    home = hashaudit.home
    assert hashaudit("keys", "new").code == 0
    mixed(home / "tree", hostile_hasher.SECRETS)
    beside = home / ".config" / "hashaudit" / "notes"
    beside.write_bytes(b"beside the key")
    (home / "list.txt").write_text(hashlib.sha256(b"beside the key").hexdigest() + "\n")
    config = home / ".config" / "hashaudit"
    secrets = [config / "signing_key", config / "allowed_signers", home / "list.txt"]
    view = home / "view"
    view.mkdir()
    bound = os.geteuid() == 0 and not subprocess.run(["mount", "--bind", config, view], check=False).returncode
    try:
        words = ("--list", str(home / "list.txt"), "--require-sandbox", "-o", str(tmp_path / "findings.jsonl"), "-q")
        seen = [*secrets, *((view / "signing_key",) if bound else ())]
        result = scan(hashaudit, home, outside | {hostile_hasher.FILES_OF_SCAN: ":".join(map(str, seen))}, *words)
    finally:
        if bound:
            subprocess.run(["umount", view], check=True)
    lines = parsed((tmp_path / "findings.jsonl").read_bytes())
    (fault,) = of_kind(lines, "fault")
    assert fault["faults"][0]["message"].endswith("PermissionError"), fault
    assert {line["entry"]["path"] for line in of_kind(lines, "finding")} >= {str(beside)}
    assert totals(lines)["skipped"]["own_output"] >= len(secrets)
    assert result.code == 24


def test_a_key_with_another_name_is_refused(hashaudit: Tool, tmp_path: Path) -> None:
    assert hashaudit("keys", "new").code == 0
    key = hashaudit.home / ".config" / "hashaudit" / "signing_key"
    os.link(key, tmp_path / "harmless")
    result = hashaudit("scan", tmp_path, "--record", "all", "-o", tmp_path / "f.jsonl")
    assert result.code == 2, result.err
    assert "cannot keep the signing key from workers" in result.err
    assert "hint: " in result.err


def test_files_that_appear_beside_the_key_are_read(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    key = tmp_path / "a" / "key"
    new_key(str(key), "test")
    (tmp_path / "a" / "old").write_bytes(b"old")
    config = hashaudit.ScanConfig(roots=(os.fsencode(tmp_path),), record=RecordScope.ALL, workers=2)
    signing = hashaudit.Signing(key=str(key))
    new = [tmp_path / "a" / "new", tmp_path / "b" / "c" / "1", tmp_path / "b" / "c" / "2"]
    output = tmp_path.with_suffix(".jsonl")
    with hashaudit.scan(config, output=output, signing=signing) as scan:
        for event in scan:
            if isinstance(event, Started):  # the workers are in their sandboxes
                new[1].parent.mkdir(parents=True)
                for path in new:
                    path.write_bytes(path.name.encode())
    lines = parsed(output.read_bytes())
    assert of_kind(lines, "fault") == []
    found = {line["entry"]["path"] for line in of_kind(lines, "file")}
    assert found == {str(path) for path in (tmp_path / "a" / "old", key.with_suffix(".pub"), *new)}


def test_threads_and_plain_hashing_work_inside(hashaudit: Tool, outside: dict[str, str], tmp_path: Path) -> None:
    paths = mixed(tmp_path / "tree", hostile_hasher.HARMLESS)
    result = scan(hashaudit, tmp_path / "tree", outside)
    assert result.code == 0, result.out
    hashed = {line["entry"]["path"] for line in of_kind(result.lines, "file") if line.get("perceptual")}
    assert hashed == {str(path) for path in paths.values()}


def test_memory_that_comes_back_costs_no_worker(hashaudit: Tool, outside: dict[str, str], tmp_path: Path) -> None:
    paths = mixed(tmp_path / "tree", {"allocate and let go": None})
    result = scan(hashaudit, tmp_path / "tree", outside)
    check_all_but(result, paths)
    [line] = faults(result).values()
    assert (line["faults"][0]["stage"], line["faults"][0]["code"], line["faults"][0]["attempts"]) == (
        "hash",
        "out_of_memory",
        1,
    )


def test_descriptors_that_are_not_given_back_cost_no_other_file(
    hashaudit: Tool, outside: dict[str, str], tmp_path: Path
) -> None:
    paths = mixed(tmp_path / "tree", {"open without end": None})
    for number in range(3):
        (tmp_path / "tree" / f"p{number}").write_bytes(b"after it in the order of names")
    result = scan(hashaudit, tmp_path / "tree", outside, "-j", "1")
    assert totals(result.lines)["faulted"] == len(paths)
    [line] = faults(result).values()
    assert (line["faults"][0]["stage"], line["faults"][0]["code"], line["faults"][0]["attempts"]) == (
        "hash",
        "internal_error",
        1,
    )


def test_where_links_may_lead_anywhere_the_parent_stays_closed(
    hashaudit: Tool, outside: dict[str, str], tmp_path: Path
) -> None:
    acts = {"read the parent's memory", "read the parent's environment", "write outside", "fork", "unix socket"}
    paths = mixed(tmp_path / "tree", dict.fromkeys(acts))
    result = scan(hashaudit, tmp_path / "tree", outside, "--follow-links")
    check_all_but(result, paths)
    assert all(line["faults"][0]["message"].endswith("PermissionError") for line in faults(result).values())


def test_a_worker_holds_only_the_descriptors_that_it_needs(hashaudit: Tool, tmp_path: Path) -> None:
    with open(tmp_path / "big", "wb") as file:
        file.truncate(1 << 40)
        file.seek(1 << 39)
        file.write(b"x")
    with open(tmp_path / "secret", "wb") as secret:
        os.set_inheritable(secret.fileno(), True)  # the function's own signature
        process = hashaudit.start(
            "scan",
            tmp_path,
            "--record",
            "all",
            "-j",
            "1",
            "-o",
            tmp_path / "out",
            stderr=subprocess.DEVNULL,
            close_fds=False,
        )
    try:
        wait_until(lambda: any("big" in held for worker in workers(process.pid) for held in descriptors(worker)))
        [worker] = workers(process.pid)
        held = descriptors(worker)
    finally:
        process.kill()
        process.wait()
    kinds = sorted("board" if name.endswith(" (deleted)") else name.partition(":[")[0] for name in held)
    own = [str(tmp_path), str(tmp_path / "big"), f"/proc/{worker}/statm"]
    assert kinds == sorted(["/dev/null", "/dev/null", "/dev/null", "socket", "board", *own])


def test_a_read_that_nothing_can_end_costs_one_file(hashaudit: Tool, tmp_path: Path) -> None:
    with dead_mount(tmp_path) as mounted:
        if not mounted:
            pytest.skip("needs root and /dev/fuse")
        result = hashaudit("scan", tmp_path, "--record", "all", "-j", "2", "--file-timeout", "1")
    assert result.code == 16
    [fault] = of_kind(result.lines, "fault")
    assert (fault["entry"]["path"], fault["faults"][0]["stage"], fault["faults"][0]["code"]) == (
        str(tmp_path / "dead"),
        "read",
        "timeout",
    )
    assert [line["entry"]["path"] for line in of_kind(result.lines, "file")] == [str(tmp_path / "good")]


def test_a_killed_parent_takes_workers_along_that_loop_in_c(
    hashaudit: Tool, outside: dict[str, str], tmp_path: Path
) -> None:
    picture(tmp_path, "loop in C")
    words: list[str | Path] = [
        "scan",
        tmp_path,
        "--record",
        "all",
        "--hasher",
        "hostile_hasher:Hostile",
        "-o",
        tmp_path / "out",
    ]
    process = hashaudit.start(*words, env=outside, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: any(map(is_busy, workers(process.pid))))
        started = workers(process.pid)
    finally:
        process.kill()
        process.wait()
    wait_until(lambda: not any(map(is_busy, started)))


def is_busy(pid: int) -> bool:
    """Whether a process lives and has used a second of a processor: more than a worker takes to start."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            fields = file.read().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return fields[0] != "Z" and int(fields[11]) > os.sysconf("SC_CLK_TCK")


def descriptors(pid: int) -> list[str]:
    try:
        return [os.readlink(f"/proc/{pid}/fd/{number}") for number in os.listdir(f"/proc/{pid}/fd")]
    except OSError:
        return []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--max-memory", "1M"), "must be at least 64M"),
        (("--max-memory", "much"), "invalid --max-memory: 'much'"),
        (("--file-timeout", "0"), "at least 1 s"),
        (("--decode-timeout", "inf"), "at least 1 s"),
        (("--decode-timeout", "nan"), "at least 1 s"),
    ],
)
def test_limits_out_of_range_are_refused(words: tuple[str, str], said: str, hashaudit: Tool, tmp_path: Path) -> None:
    result = hashaudit("scan", tmp_path, "--record", "all", *words)
    assert result.code == 2
    assert said in result.err


def test_without_the_whole_sandbox_a_run_is_refused_on_demand(hashaudit: Tool, tmp_path: Path) -> None:
    done = hashaudit(
        "scan", tmp_path, "--record", "all", "--require-sandbox", env={"PYTHONPATH": str(without(tmp_path))}
    )
    assert done.code == 4
    assert "seccomp" in done.err
    assert "landlock" in done.err
    assert done.out == b""
    header = hashaudit("scan", tmp_path, "--record", "all", env={"PYTHONPATH": str(without(tmp_path))}).lines[0]
    assert header["sandbox"] == [
        "parent_death_signal",
        "no_new_privileges",
        "no_core_dumps",
        "no_file_growth",
        "address_space_limit",
        "few_capabilities",
    ]


def without(folder: Path) -> Path:
    """A folder of start-up code that makes the kernel answer as one without landlock and seccomp."""
    place = folder / "start"
    place.mkdir(exist_ok=True)
    (place / "sitecustomize.py").write_text(
        "from hashaudit.host.sandbox import landlock, seccomp\n"
        "landlock._call = lambda *_: -1\n"
        "seccomp._seccomp = lambda *_: -1\n"
    )
    return place
