"""``scan --cache`` through the installed command: what it spares, what it refuses, and what becomes of it."""

import hashlib
import json
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cache_blocks import change_files
from cache_lab import picture, trusted
from hashaudit.cache.blocks import KnownFile
from hashaudit.content.containers.sniff import SNIFF_REVISION
from installed import COMMAND, Result, Tool, of_kind, totals
from interrupted import interrupt, journal_of, make_tree
from interrupted import told as told_of

JOBS = "1"  # of every scan that does not say: what is tested here does not depend on it

MakeList = Callable[..., Path]

RACY_S = 2.1
"""After it, what was written before is believed."""

TREES = 24


@pytest.fixture(scope="module")
def ripe(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Folders, each with a few files that are old enough to be believed, to be taken out one by one."""
    base = tmp_path_factory.mktemp("ripe")
    if not trusted(base):
        pytest.skip("no cache is used on this filesystem: give --basetemp a folder on ext4, xfs, btrfs or overlay")
    trees = []
    for number in range(TREES):
        tree = base / str(number) / "tree"
        (tree / "deeper").mkdir(parents=True)
        (tree / "wanted").write_bytes(b"wanted")
        (tree / "again").hardlink_to(tree / "wanted")
        (tree / "deeper" / "clean").write_bytes(b"clean")
        (tree / "picture.jpg").write_bytes(picture(1, "JPEG"))
        (tree / "drawing").write_bytes(b"gimp xcf v011\0 of a kind that is not decoded")
        trees.append(tree)
    os.sync()
    time.sleep(RACY_S)
    return trees


@pytest.fixture
def tree(ripe: list[Path]) -> Path:
    """A folder of files; the cache goes beside it."""
    return ripe.pop()


FILES = 5
NOT_FROM_CACHE = {"bytes", "from_cache", "bytes_from_cache"}


def told(result: Result) -> list[dict[str, Any]]:
    """All lines but the header and checkpoints, without what differs from run to run."""
    kinds = ("finding", "fault", "file")
    return [
        {name: value for name, value in line.items() if name not in {"time", "from_run"}}
        for line in result.lines
        if line["kind"] in kinds
    ]


def counted(result: Result) -> dict[str, Any]:
    return {name: value for name, value in totals(result.lines).items() if name not in NOT_FROM_CACHE}


def state(result: Result) -> str:
    found: str = result.lines[0]["config"]["cache_state"]
    return found


def test_the_second_run_reads_nothing_and_says_the_same(hashaudit: Tool, make_list: MakeList, tree: Path) -> None:
    cache = tree.parent / "c.db"
    words = (tree, "--list", make_list(b"wanted"), "-a", "pdq,dhash", "--record", "all")
    without = hashaudit("scan", *words)
    first = hashaudit("scan", *words, "--cache", cache)
    second = hashaudit("scan", *words, "--cache", cache)
    assert told(second) == told(first) == told(without)
    assert counted(second) == counted(first) == counted(without)
    assert second.code == first.code == without.code == 24
    assert cache.stat().st_mode & 0o777 == 0o600
    assert totals(second.lines)["bytes"] == 0
    assert totals(second.lines)["from_cache"] == FILES
    assert totals(second.lines)["bytes_from_cache"] == totals(first.lines)["bytes"] + len(b"wanted"), (
        "a file of two names"
    )
    assert "from_cache" not in totals(first.lines)
    runs = {line.get("from_run") for line in second.lines if line["kind"] in {"finding", "fault", "file"}}
    assert runs == {first.lines[0]["run_id"]}
    config = second.lines[0]["config"]
    assert (config["cache"], config["cache_verify_percent"]) == (str(cache), "0.0")
    assert (state(first), state(second)) == ("new", "in use")


def test_new_lists_are_looked_up_without_reading(hashaudit: Tool, make_list: MakeList, tree: Path) -> None:
    cache, other = tree.parent / "c.db", make_list(b"something else")
    shown = hashaudit("hash", "-a", "pdq", tree / "picture.jpg").out.decode()
    near = f"{int(shown.split()[-1], 16) ^ 0b10101:064x}"
    hashaudit("scan", tree, "--list", other, "--cache", cache, "-a", "pdq")
    pictures = make_list(b"wanted")
    pictures.write_text(f"PDQ (x) = {near}\nSHA256 (y) = {pictures.read_text()}")
    result = hashaudit("scan", tree, "--list", pictures, "--cache", cache)
    assert totals(result.lines)["bytes"] == 0
    assert {os.path.basename(line["entry"]["path"]) for line in of_kind(result.lines, "finding")} == {
        "wanted",
        "again",
        "picture.jpg",
    }
    distances = {match.get("distance") for line in of_kind(result.lines, "finding") for match in line["matches"]}
    assert distances == {None, 3}
    more = hashaudit("scan", tree, "--list", make_list(b"clean", algorithm="sha512"), "--cache", cache)
    assert totals(more.lines)["bytes"] > 0
    assert {os.path.basename(line["entry"]["path"]) for line in of_kind(more.lines, "finding")} == {"clean"}


def test_a_change_is_seen_although_size_and_mtime_were_put_back(
    hashaudit: Tool, make_list: MakeList, tree: Path
) -> None:
    cache, path = tree.parent / "c.db", tree / "deeper" / "clean"
    words = ("scan", tree, "--list", make_list(b"dirty"), "--cache", cache)
    assert hashaudit(*words).code == 0
    before = path.stat()
    path.write_bytes(b"dirty")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    result = hashaudit(*words)
    assert result.code == 8
    assert totals(result.lines)["bytes"] == len(b"dirty")


def test_a_difference_is_a_fault(hashaudit: Tool, make_list: MakeList, tree: Path) -> None:
    cache, path = tree.parent / "c.db", tree / "deeper" / "clean"
    words = ("scan", tree, "--list", make_list(b"dirty"), "--cache", cache)
    before = path.stat()
    assert hashaudit(*words).code == 0
    # What no honest system does: other content in the very same state. The disk under a mounted filesystem could.
    change_files(cache, lambda name, file: forged(file) if name == b"clean" else file)
    assert hashaudit(*words).code == 0
    result = hashaudit(*words, "--cache-verify", "100", "--record", "all")
    assert result.code == 16
    [fault] = of_kind(result.lines, "fault")
    assert (fault["faults"][0]["code"], fault["entry"]["path"], fault["faults"][0]["stage"]) == (
        "cache_mismatch",
        str(path),
        "hash",
    )
    assert "from_run" not in fault
    assert fault["digests"]["sha256"] == hashlib.sha256(b"clean").hexdigest()
    assert before == path.stat()
    assert hashaudit(*words, "--cache-verify", "100").code == 0


def forged(file: KnownFile) -> KnownFile:
    """The same values with another digest."""
    values = {number: b"\0" * 32 if kept else kept for number, kept in file.values.items()}
    return msgspec.structs.replace(file, values=values)


def garbage(cache: Path) -> None:
    cache.write_bytes(b"no database at all" * 1000)


def torn(cache: Path) -> None:
    with open(cache, "r+b") as file:
        file.seek(4096)
        file.write(os.urandom(cache.stat().st_size - 4096))


@pytest.mark.parametrize("damage", [torn])
def test_a_damaged_cache_is_moved_to_a_backup(
    hashaudit: Tool, make_list: MakeList, tree: Path, damage: Callable[[Path], None]
) -> None:
    cache = tree.parent / "c.db"
    words = ("scan", tree, "--list", make_list(b"wanted"), "--cache", cache)
    first = hashaudit(*words, "-q")
    damage(cache)
    content = cache.read_bytes()
    second = hashaudit(*words, "-q")
    assert told(second) == told(first)
    assert second.code == 8
    assert "damaged" in second.err
    assert "was moved to" in second.err
    assert "moved to" in state(second)
    assert (tree.parent / "c.db.damaged").read_bytes() == content
    assert totals(hashaudit(*words).lines)["bytes"] == 0


@pytest.mark.parametrize("name", ["notes", "garbage", "empty-database", "their-id", "our-id"])
def test_a_file_that_is_no_cache_is_left_alone(hashaudit: Tool, make_list: MakeList, tree: Path, name: str) -> None:
    cache = tree.parent / "c.db"
    if name == "notes":
        cache.write_text("dear diary")
    elif name == "garbage":
        garbage(cache)
    else:
        ids = {"empty-database": "user_version = 7", "their-id": "application_id = 7"}
        with sqlite3.connect(cache) as connection:
            if name != "empty-database":
                connection.execute("CREATE TABLE dear (data TEXT)")
            connection.execute(f"PRAGMA {ids.get(name, 'application_id = 0x68617368')}")
        connection.close()
    cache.chmod(0o600)
    content = cache.read_bytes()
    for words in (("scan", tree, "--list", make_list(b"wanted"), "--cache", cache), ("cache", "stats", cache)):
        result = hashaudit(*words)
        assert (result.code, result.out) == (4, b""), result.err
        assert "not a cache" in result.err
    assert cache.read_bytes() == content
    assert sorted(path.name for path in tree.parent.glob("c.db*")) == ["c.db"]


def test_another_programs_database_is_left_alone(hashaudit: Tool, make_list: MakeList, tree: Path) -> None:
    cache = tree.parent / "c.db"
    with sqlite3.connect(cache) as connection:
        connection.execute("CREATE TABLE dear (data TEXT)")
    connection.close()
    cache.chmod(0o600)
    content = cache.read_bytes()
    result = hashaudit("scan", tree, "--list", make_list(b"wanted"), "--cache", cache)
    assert (result.code, result.out) == (4, b"")
    assert "another program's database" in result.err
    assert cache.read_bytes() == content


def test_a_cache_that_others_can_write_is_refused(hashaudit: Tool, make_list: MakeList, tree: Path) -> None:
    cache = tree.parent / "c.db"
    cache.touch(mode=0o600)
    cache.chmod(0o620)
    result = hashaudit("scan", tree, "--list", make_list(b"wanted"), "--cache", cache)
    assert (result.code, result.out) == (4, b"")
    assert "untrusted" in result.err


def test_a_full_disk_costs_the_cache_and_not_the_run(hashaudit: Tool, make_list: MakeList, tree: Path) -> None:
    def little_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (16_384, 16_384))

    words = ("scan", tree, "--list", make_list(b"wanted"))
    expected = hashaudit(*words)
    done = subprocess.run(
        [COMMAND, *words, "--cache", tree.parent / "c.db", "-q"],
        env=hashaudit.environment,
        capture_output=True,
        preexec_fn=little_room,
        check=False,
        timeout=60,
    )
    result = Result(done.returncode, done.stdout, done.stderr.decode())
    assert (result.code, told(result)) == (expected.code, told(expected)), result.err
    assert "the cache" in result.err


def test_a_cache_where_nothing_can_be_made_costs_nothing(hashaudit: Tool, make_list: MakeList, tree: Path) -> None:
    result = hashaudit("scan", tree, "--list", make_list(b"wanted"), "--cache", "/proc/hashaudit-cache")
    assert result.code == 8
    assert state(result).startswith("not used: ")
    assert "cannot use the cache" in result.err


def test_the_cache_inside_the_tree_is_left_out(hashaudit: Tool, make_list: MakeList, tree: Path) -> None:
    words = ("scan", tree, "--list", make_list(b"wanted"), "--cache", tree / "c.db")
    for _ in range(2):
        result = hashaudit(*words)
        assert totals(result.lines)["skipped"] == {"own_output": 3}
        assert totals(result.lines)["seen"] == FILES + 3


def test_two_runs_at_once(hashaudit: Tool, make_list: MakeList, tree: Path) -> None:
    for number in range(1500):
        (tree / f"{number:05d}").write_bytes(b"%d" % number)
    os.sync()
    time.sleep(RACY_S)
    wanted = make_list(b"wanted", b"1234")
    words = ("scan", tree, "--list", wanted, "--cache", tree.parent / "c.db", "-q", "--unsigned")
    running = [hashaudit.start(*words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(3)]
    ended = [process.communicate(timeout=60) for process in running]
    results = [
        Result(process.returncode, out, err.decode()) for process, (out, err) in zip(running, ended, strict=True)
    ]
    assert [one.code for one in results] == [8] * 3
    # Findings, which -q prints too, and no word of trouble with the cache. The summary counts what one run had from the
    # cache because another was faster, and findings are shown in the order in which they are met.
    others = [sorted(line for line in one.err.splitlines() if "Complete: " not in line) for one in results]
    assert others[0] == others[1] == others[2]
    assert not [line for line in others[0] if "cache" in line or "error" in line]
    assert told(results[0]) == told(results[1]) == told(results[2])
    last = hashaudit(*words)
    assert told(last) == told(results[0])
    assert totals(last.lines)["bytes"] == 0


@pytest.mark.skipif(
    not Path("/dev/shm").is_dir() or trusted(Path("/dev/shm")), reason="needs a tmpfs on /dev/shm, as Linux has"
)
def test_nothing_is_concluded_where_times_do_not_tell(hashaudit: Tool, make_list: MakeList, tree: Path) -> None:
    folder = Path("/dev/shm") / f"hashaudit-test-{os.getpid()}"
    folder.mkdir()
    try:
        (folder / "file").write_bytes(b"wanted")
        words = ("scan", folder, tree, "--list", make_list(b"wanted"), "--cache", tree.parent / "c.db")
        hashaudit(*words)
        result = hashaudit(*words)
    finally:
        shutil.rmtree(folder)
    assert totals(result.lines)["bytes"] == len(b"wanted")
    assert totals(result.lines)["from_cache"] == FILES
    assert result.err.count("files on tmpfs are not cached") == 1


def test_stats_and_prune(hashaudit: Tool, make_list: MakeList, tree: Path) -> None:
    cache = tree.parent / "c.db"
    hashaudit("scan", tree, "--list", make_list(b"wanted"), "--cache", cache)
    stats = json.loads(hashaudit("cache", "stats", cache, "--json").out)
    assert (stats["files"], stats["recipes"]) == (
        FILES - 1,
        {f"container/{SNIFF_REVISION}": FILES - 1, "sha256/1": FILES - 1},
    )
    assert b"4 files from 1 run" in hashaudit("cache", "stats", cache).out
    assert json.loads(hashaudit("cache", "prune", cache, "--json").out)["forgotten"] == 0
    assert json.loads(hashaudit("cache", "prune", cache, "--days", "0", "--json").out)["forgotten"] == FILES - 1
    assert hashaudit("cache", "stats", tree.parent / "gone").code == 4
    garbage(cache)
    assert hashaudit("cache", "stats", cache).code == 4
    assert cache.exists()


@pytest.mark.parametrize(
    "words",
    [
        ("--cache-verify", "5"),
        ("--cache", "c.db", "--cache-verify", "101"),
        ("--cache", "c.db", "--cache-verify", "-1"),
    ],
)
def test_what_makes_no_sense_is_refused(
    hashaudit: Tool, make_list: MakeList, tmp_path: Path, words: tuple[str, ...]
) -> None:
    assert hashaudit("scan", tmp_path, "--list", make_list(b"wanted"), *words).code == 2


def size_of(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def test_a_run_that_is_gone_on_with_says_what_an_undisturbed_one_says(
    hashaudit: Tool, make_list: MakeList, tmp_path: Path
) -> None:
    if not trusted(tmp_path):
        pytest.skip("no cache is used on this filesystem: give --basetemp a folder on ext4, xfs, btrfs or overlay")
    tree = tmp_path / "tree"
    contents = make_tree(tree, 3000)
    os.sync()
    time.sleep(RACY_S)
    cache, before, whole, cut = (tmp_path / name for name in ("c.db", "before.jsonl", "whole.jsonl", "cut.jsonl"))
    words = ("scan", tree, "--cache", cache, "-q", "--max-rate", "100K")
    lists = ("--list", make_list(*contents[::500]))
    hashaudit("scan", tree / "d0", "--cache", cache, "--record", "all", "-q", "-o", before)
    shutil.copy(cache, tmp_path / "kept.db")
    hashaudit(*words, *lists, "-o", whole)
    assert told_of(whole).totals["from_cache"] > 0
    shutil.copy(tmp_path / "kept.db", cache)
    ended = interrupt(hashaudit, *words, *lists, "-o", cut, when=lambda: size_of(journal_of(cut)) > 20_000)
    assert ended == -signal.SIGKILL
    assert hashaudit("scan", "--resume", cut, "-q").code == 8
    assert told_of(cut) == told_of(whole)
