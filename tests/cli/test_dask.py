"""Scans on a Dask cluster whose scheduler and workers are programs of their own."""

import contextlib
import hashlib
import os
import signal
import subprocess
import sys
import zipfile
from collections.abc import Generator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import hostile_hasher
import patient_hasher
from installed import Tool, Word, of_kind, parsed, totals, wait_until

if find_spec("distributed") is None:  # importing it takes as long as collecting a thousand tests
    pytest.skip("needs the extra dask: distributed", allow_module_level=True)

from dask_cluster import DaskCluster, kill

pytestmark = pytest.mark.slow

Line = dict[str, Any]

FREE = {"time"}
"""Fields of records that two runs over one tree do not share."""


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory: pytest.TempPathFactory) -> Generator[DaskCluster]:
    with contextlib.closing(DaskCluster(tmp_path_factory.mktemp("cluster"))) as started:
        yield started


@pytest.fixture
def cluster(scheduler: DaskCluster) -> Generator[DaskCluster]:
    """A cluster without workers."""
    yield scheduler
    scheduler.kill_workers()


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small files, a large one, hard links, a link, a FIFO, an odd name, and a picture that a hasher waits at."""
    top = tmp_path_factory.mktemp("tree")
    for folder in range(6):
        (top / f"d{folder}").mkdir()
        for name in range(300):
            (top / f"d{folder}" / f"{name}").write_bytes(b"%d-%d" % (folder, name) * (1 + name % 7))
    Image.linear_gradient("L").save(top / "d4" / "0.png")
    with zipfile.ZipFile(top / "d1" / "0", "w") as archive:
        for name in range(5):
            archive.writestr(f"m{name}", b"member %d" % name)
    (top / "large").write_bytes(b"large" * 2_000_000)
    os.link(top / "d0" / "5", top / "d5" / "another name")
    (top / "link").symlink_to("large")
    os.mkfifo(top / "fifo")
    (top / os.fsdecode(b"odd \xff\n name")).write_bytes(b"odd")
    return top


def on(cluster: DaskCluster, *words: str) -> list[str]:
    return ["--executor", "dask", "--scheduler", cluster.address, *words]


def records(path: Path) -> list[Line]:
    """All records behind the header, without times."""
    lines = [line for line in parsed(path.read_bytes()) if line["kind"] not in {"run", "checkpoint"}]
    return [{name: value for name, value in line.items() if name not in FREE} for line in lines]


def assert_same(one: Path, other: Path) -> None:
    assert records(one) == records(other)
    assert totals(parsed(one.read_bytes())) == totals(parsed(other.read_bytes()))


def by_path(path: Path) -> list[Line]:
    """The records in the order of their paths."""
    found = [{name: value for name, value in line.items() if name != "seq"} for line in records(path)]
    return sorted(found, key=lambda line: str(line["entry"]["path"]))


def children(program: subprocess.Popen[bytes]) -> list[str]:
    return subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(program.pid)], capture_output=True, check=False, text=True
    ).stdout.split()


def left(cluster: DaskCluster) -> list[Path]:
    """What lies in the workers' folder for temporary files and is not Dask's own."""
    return [path for path in cluster.temporary.iterdir() if path.name != "dask-scratch-space"]


def has_begun(output: Path) -> bool:
    """A finding is signed within a quarter of a second; by then most of the tree is still to come."""
    # The last line may be half written.
    whole = output.read_bytes().rpartition(b"\n")[0] if output.exists() else b""
    return bool(of_kind(parsed(whole), "finding"))


@pytest.fixture(scope="module")
def listed(tmp_path_factory: pytest.TempPathFactory, tree: Path) -> Path:
    """A list that holds the first of the small files and the large one."""
    path = tmp_path_factory.mktemp("list") / "list.txt"
    found = (tree / "d0" / "1", tree / "large")
    path.write_text("".join(f"{hashlib.sha256(file.read_bytes()).hexdigest()}\n" for file in found))
    path.chmod(0o600)
    return path


@pytest.fixture(scope="module")
def asked(tree: Path, listed: Path) -> list[Word]:
    """What all runs over the tree are asked."""
    patient: list[Word] = ["--hasher", "patient_hasher:Patient", "--variants", "none"]
    return ["scan", tree, "--list", listed, "--record", "all", *patient]


@pytest.fixture(scope="module")
def tool(tmp_path_factory: pytest.TempPathFactory) -> Tool:
    return Tool(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def local(tool: Tool, asked: list[Word], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What this machine finds."""
    path = tmp_path_factory.mktemp("local") / "out"
    assert tool(*asked, "-o", path, env=environment(path.parent)).code == 8
    return path


def environment(go: Path) -> dict[str, str]:
    """Of a run or worker whose hasher waits until ``go`` is there."""
    return {"PYTHONPATH": str(Path(patient_hasher.__file__).parent), patient_hasher.GO: str(go)}


@contextlib.contextmanager
def running(
    tool: Tool, cluster: DaskCluster, asked: list[Word], folder: Path, *words: str
) -> Generator["subprocess.Popen[bytes]"]:
    """A run that has signed its first finding and goes on to its end once ``folder/go`` is there."""
    command = [*asked, "-o", folder / "out", *on(cluster, *words)]
    with tool.start(*command, stderr=subprocess.PIPE, env=environment(folder / "go")) as process:
        try:
            wait_until(lambda: has_begun(folder / "out"))
            yield process
        finally:
            process.kill()


def test_a_cluster_finds_what_this_machine_finds(
    cluster: DaskCluster, tool: Tool, local: Path, asked: list[Word], tmp_path: Path
) -> None:
    workers = [cluster.add_worker(environment(tmp_path)) for _ in range(2)]
    spread = tmp_path / "spread"
    result = tool(*asked, "-o", spread, *on(cluster), env=environment(tmp_path))
    assert result.code == 8
    assert_same(local, spread)
    assert "dashboard http://127.0.0.1:" in result.err
    assert tool("verify", spread).code == 0
    here, there = (parsed(path.read_bytes())[0] for path in (local, spread))
    assert there["config"]["executor"] == "dask"
    assert there["config"]["scheduler"] == cluster.address
    assert there["config"]["workers"] in {1, 2}  # of those that had joined when it began
    assert there["sandbox"] == here["sandbox"]
    # Nothing of it is left, and nobody was told what is on the list or in the tree.
    assert not left(cluster)
    assert not any(children(worker) for worker in workers)
    told = cluster.log()
    assert not [word for word in asked if str(word).startswith("/") and str(word) in told]


@pytest.mark.skipif(sys.platform != "linux", reason="the sandbox is Linux's")
def test_a_poison_file_costs_no_dask_worker_and_no_other_file(cluster: DaskCluster, tool: Tool, tmp_path: Path) -> None:
    tree = tmp_path / "pictures"
    tree.mkdir()
    for number in range(40):
        (tree / f"{number:02}.txt").write_bytes(b"%d" % number)
    poison = [tree / f"{number}0.png" for number in range(2)]
    for path, act in zip(poison, ("segfault", "kill itself"), strict=True):
        pixels = np.full((16, 16), 7, dtype=np.uint8)
        pixels[0, 0] = hostile_hasher.NAMES.index(act)
        Image.fromarray(pixels).save(path)
    worker = cluster.add_worker(environment(tmp_path))
    limits = ["--variants", "none", "-j", "2"]
    words: list[Word] = ["scan", tree, "--record", "all", "--hasher", "hostile_hasher:Hostile", *limits]
    local, spread = tmp_path / "local", tmp_path / "spread"
    assert tool(*words, "-o", local, env=environment(tmp_path)).code == 16
    result = tool(*words, "-o", spread, *on(cluster), env=environment(tmp_path))
    assert (result.code, result.err.count("joined")) == (16, 0)
    assert_same(local, spread)
    faults = of_kind(parsed(spread.read_bytes()), "fault")
    assert [(fault["entry"]["path"], fault["faults"][0]["attempts"]) for fault in faults] == [
        (str(path), 2) for path in poison
    ]
    assert all(fault["digests"] for fault in faults)
    assert worker.poll() is None


def test_a_worker_lost_and_one_added_change_nothing(
    cluster: DaskCluster, tool: Tool, local: Path, asked: list[Word], tmp_path: Path
) -> None:
    lost = cluster.add_worker(environment(tmp_path / "go"))
    with running(tool, cluster, asked, tmp_path) as process:
        added = cluster.add_worker(environment(tmp_path / "go"))
        wait_until(lambda: len(children(added)) == 1)
        kill(lost)
        (tmp_path / "go").touch()
        _, err = process.communicate(timeout=60)
    assert process.returncode == 8
    assert b"left; its batches were requeued" in err
    assert_same(local, tmp_path / "out")


def test_the_scheduler_may_be_started_again(tool: Tool, local: Path, asked: list[Word], tmp_path: Path) -> None:
    with contextlib.closing(DaskCluster(tmp_path / "cluster")) as cluster:
        cluster.add_worker(environment(tmp_path / "go"))
        with running(tool, cluster, asked, tmp_path) as process:
            cluster.restart_scheduler()
            cluster.add_worker(environment(tmp_path / "go"))
            (tmp_path / "go").touch()
            process.communicate(timeout=60)
    assert process.returncode == 8
    assert_same(local, tmp_path / "out")


def test_without_workers_a_run_ends_and_is_gone_on_with_here(
    cluster: DaskCluster, tool: Tool, local: Path, asked: list[Word], tmp_path: Path
) -> None:
    before = cluster.joined
    worker = cluster.add_worker(environment(tmp_path / "go"))
    wait_until(lambda: cluster.joined > before)
    output = tmp_path / "out"
    with running(tool, cluster, asked, tmp_path, "--wait-for-workers", "5") as process:  # longer than it takes to join
        kill(worker)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 4
    assert b"no Dask worker is left; waiting 5 s for one" in err
    assert b"--resume" in err
    assert "Traceback" not in err.decode()
    assert tool("verify", output).code == 0
    assert tool("scan", "--resume", output, "--executor", "local", env=environment(tmp_path)).code == 8
    # What the workers had answered beyond the lost batches is before the rest.
    assert by_path(local) == by_path(output)
    assert totals(parsed(local.read_bytes())) == totals(parsed(output.read_bytes()))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_nothing_is_left_on_the_cluster(
    number: signal.Signals, cluster: DaskCluster, tool: Tool, asked: list[Word], tmp_path: Path
) -> None:
    worker = cluster.add_worker(environment(tmp_path / "go"))
    before = set(left(cluster))
    with running(tool, cluster, asked, tmp_path) as process:
        assert len(children(worker)) == 1
        (folder,) = set(left(cluster)) - before
        assert folder.stat().st_mode & 0o777 == 0o700
        assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
        process.send_signal(number)
        process.communicate(timeout=30)
    assert process.returncode == (-number if number is signal.SIGKILL else 128 + number)
    wait_until(lambda: not children(worker))
    wait_until(lambda: not folder.exists())
    assert worker.poll() is None


def test_another_version_is_given_nothing(cluster: DaskCluster, tool: Tool, asked: list[Word], tmp_path: Path) -> None:
    changed = tmp_path / "changed"
    changed.mkdir()
    (changed / "sitecustomize.py").write_text('import hashaudit\nhashaudit.__version__ = "0.0.1"\n')
    fit = environment(tmp_path / "go")
    unfit = fit | {"PYTHONPATH": f"{changed}:{fit['PYTHONPATH']}"}
    first = cluster.add_worker(unfit)
    alone = tool(*asked, "-o", tmp_path / "out", *on(cluster), env=fit)
    assert alone.code == 4
    assert "cannot use any worker of the Dask cluster" in alone.err
    assert "hashaudit 0.0.1 there" in alone.err
    assert not (tmp_path / "out").exists()
    kill(first)
    cluster.add_worker(fit)
    with running(tool, cluster, asked, tmp_path) as process:
        cluster.add_worker(unfit)
        assert process.stderr is not None
        told = next(line for line in process.stderr if b"not using worker" in line)
        (tmp_path / "go").touch()
        process.communicate(timeout=60)
    assert b"its versions differ: hashaudit 0.0.1 there" in told
    assert process.returncode == 8


def test_without_a_scheduler_nothing_begins(tool: Tool, tree: Path, tmp_path: Path) -> None:
    words: list[Word] = ["scan", tree, "--record", "all", "-o", tmp_path / "out", "--executor", "dask"]
    refused = tool(*words, "--scheduler", "tcp://127.0.0.1:1")
    assert (refused.code, "cannot reach the Dask scheduler" in refused.err) == (4, True)
    for wrong in ([], ["--scheduler", "tcp://127.0.0.1:1", "--executor", "spark"]):
        assert tool(*words, *wrong).code == 2
    assert not (tmp_path / "out").exists()
