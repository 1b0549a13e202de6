"""Disturbs runs in every way that a host can, and compares what they tell with what an undisturbed run tells.

Kills the parent with SIGKILL at instants spread over the whole scan, and goes on with each run; kills workers at random
instants; fills the disk under the findings; takes rights away from files, truncates them while they are read, and puts
links in their place. Prints its counts; ends with status 1 at the first difference, and says with which seed.

    python benchmarks/faults.py [--files 20000] [--kills 100] [--rounds 5] [--seed N] [--folder DIR]

The part that needs root (a small tmpfs) is named and left out for others.
"""

import argparse
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image

COMMAND = str(Path(sys.executable).with_name("hashaudit"))
FOLDERS = 60
HIT_SHARE = 40
"""One in so many files is looked for."""
LARGE_BYTES = 9 << 20
"""A unit of its own, which is begun before its turn."""
UNPRIVILEGED = ("setpriv", "--bounding-set=-dac_override,-dac_read_search")
"""Binds root to the rights that files give (util-linux)."""
END_S = 120
"""No run takes longer; one that does hangs."""
UNFINISHED = frozenset({"no_final_checkpoint", "unclosed_lines", "unreadable_line"})
"""What a verification says of a file that is merely not finished."""

Totals = dict[str, Any]
Record = dict[str, Any]


class Told(NamedTuple):
    """What a findings file tells, but for times."""

    records: list[Record]
    totals: Totals


class Lab:
    """A tree, a list, and runs over them."""

    def __init__(self, folder: Path, source: random.Random) -> None:
        self.folder = folder
        self.random = source
        self.tree = folder / "tree"
        self.list = folder / "list.txt"
        self.home = folder / "home"
        self.home.mkdir()
        self.bound: tuple[str, ...] = ()
        """Put before the command, so that it has only the rights that are given."""
        self.counts: Counter[str] = Counter()

    def start(self, *words: str | Path) -> subprocess.Popen[bytes]:
        """Starts the command."""
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.home), "LC_ALL": "C.UTF-8"}
        return subprocess.Popen(
            [*self.bound, COMMAND, *words],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )

    def run(self, *words: str | Path) -> int:
        """Runs the command to its end."""
        with self.start(*words) as process:
            _, err = process.communicate(timeout=END_S)
        require(b"Traceback" not in err, err.decode(errors="replace"))
        return process.returncode

    def scan(self, output: Path) -> list[str | Path]:
        """The words of a scan."""
        return ["scan", self.tree, "--list", self.list, "-a", "pdq", "-q", "-j", "2", "-o", output]

    def check_proven(self, output: Path) -> None:
        """An unfinished file proves what it has."""
        words: list[str | Path] = [COMMAND, "verify", "--json", output]
        done = subprocess.run(words, env={**os.environ, "HOME": str(self.home)}, capture_output=True, check=False)
        problems = {problem["code"] for problem in json.loads(done.stdout)["problems"]}
        require(problems <= UNFINISHED, f"verify: {problems}")


def _inode(record: dict[str, Any]) -> str | None:
    state: dict[str, str] | None = record.get("state")
    return None if state is None else state["inode"]


def require(holds: bool, what: str) -> None:  # noqa: FBT001 # reads as an assertion
    """Ends the suite where something does not hold."""
    if not holds:
        raise SystemExit(f"NOT AS PROMISED: {what}")


def told(output: Path) -> Told:
    """Reads a findings file."""
    lines = [json.loads(line) for line in output.read_bytes().splitlines()]
    body = json.loads(lines[-1]["body"])
    require(body["final"] and body["reason"] == "completed", f"{output} is not complete")
    records = [line for line in lines if line["kind"] not in {"run", "checkpoint"}]
    for record in records:
        del record["time"]
    return Told(records, body["totals"])


def compare(found: Told, expected: Told) -> None:
    """No loss, no double, the same order, the same totals."""
    paths = [record["entry"]["path"] for record in found.records]
    require(len(paths) == len(set(paths)), f"lines twice: {[path for path, n in Counter(paths).items() if n > 1][:5]}")
    lost = {record["entry"]["path"] for record in expected.records} - set(paths)
    require(not lost, f"lines lost: {sorted(lost)[:5]}")
    require(found.records == expected.records, difference(found.records, expected.records))
    require(found.totals == expected.totals, f"the totals differ: {found.totals} and {expected.totals}")


def difference(found: list[Record], expected: list[Record]) -> str:
    """The first records that differ."""
    pairs = zip(found, expected, strict=False)
    first = next(((one, other) for one, other in pairs if one != other), (len(found), len(expected)))
    return f"the records differ: {first[0]} instead of {first[1]}"


def make_tree(lab: Lab, files: int) -> None:
    """Small files in nested folders, second names, links, pictures whole and broken, some large files."""
    wanted = []
    for number in range(files):
        below = lab.tree / f"d{number % FOLDERS:02}" / f"e{number % 7}"
        below.mkdir(parents=True, exist_ok=True)
        content = lab.random.randbytes(lab.random.choice([10, 500, 4000, 20000]))
        (below / f"f{number:06}").write_bytes(content)
        if number % HIT_SHARE == 0:
            wanted.append(content)
        if number % 97 == 0:
            with suppress(FileExistsError):
                os.link(
                    below / f"f{number:06}", lab.tree / f"d{(number * 3) % min(FOLDERS, number + 1):02}" / f"h{number}"
                )
        if number % 500 == 0:
            (below / f"l{number}").symlink_to("nowhere")
        if number % 250 == 0:
            picture = below / f"p{number}.png"
            Image.effect_noise((24, 24), 60).save(picture)
            if number % 500 == 0:
                picture.write_bytes(picture.read_bytes()[:30])
    for number in range(6):
        (lab.tree / f"d{number:02}" / "large").write_bytes(lab.random.randbytes(1 << 20) * (LARGE_BYTES >> 20))
    lab.list.touch(0o600)
    lab.list.write_text("".join(f"{hashlib.sha256(content).hexdigest()}\n" for content in wanted))


def children(pid: int) -> list[int]:
    """The worker processes of a run."""
    with suppress(OSError), open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return [int(word) for word in file.read().split() if is_worker(int(word))]
    return []


def is_worker(pid: int) -> bool:
    """Whether a process is a worker, and not the one that parses lists."""
    with suppress(OSError), open(f"/proc/{pid}/comm", "rb") as name, open(f"/proc/{pid}/cmdline", "rb") as words:
        return name.read() == b"ha-worker\n" or b"child_main" in words.read()
    return False


def runs(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    with suppress(OSError), open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
        return file.read().rpartition(")")[2].split()[0] != "Z"
    return False


def is_locked_in(pid: int) -> bool:
    """Whether a worker has come so far that it examines files: three in a row that do not start end a run, and may."""
    with suppress(OSError), open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:
        return "\nSeccomp:\t2\n" in file.read()
    return False


def kill_after(lab: Lab, words: list[str | Path], delay_s: float) -> int | None:
    """Kills a run after some time; ``None``, or its exit code where it had ended before."""
    process = lab.start(*words)
    try:
        process.wait(delay_s)
    except subprocess.TimeoutExpired:
        workers = children(process.pid)
        process.kill()
        process.wait()
        end_s = time.monotonic() + 5
        while any(map(runs, workers)):
            require(time.monotonic() < end_s, "a worker outlived its parent")
            time.sleep(0.01)
        lab.counts["workers that went with their parent"] += len(workers)
        return None
    finally:
        if process.stderr is not None:
            process.stderr.close()
    return process.returncode


def remove(output: Path) -> None:
    """Takes away what a run has written."""
    for path in output.parent.glob(f"{output.name}*"):
        path.unlink()


def go_on_to_the_end(lab: Lab, output: Path, code: int, expected: Told) -> None:
    """Resumes a run, or begins it again where nothing was begun, and compares."""
    if output.exists() and output.read_bytes().count(b"\n") >= 2:
        lab.check_proven(output)
        lab.counts["runs gone on with"] += 1
        ended = lab.run("scan", "--resume", output, "-q")
    else:
        remove(output)
        ended = lab.run(*lab.scan(output))
    require(ended == code, f"exit code {ended} instead of {code}")
    compare(told(output), expected)
    require(lab.run("verify", output) == 0, "the resumed file does not verify")


def kill_parents(lab: Lab, kills: int, whole_s: float, code: int, expected: Told) -> None:
    """SIGKILL at instants spread over the scan; every fifth run is killed again and again."""
    output = lab.folder / "killed.jsonl"
    number = tries = 0
    while number < kills:
        tries += 1
        require(tries < 3 * kills + 20, "runs end before they are killed")
        remove(output)
        delay_s = whole_s * (number + lab.random.random()) / kills
        if kill_after(lab, lab.scan(output), delay_s) is not None:
            lab.counts["runs that had ended before"] += 1
            continue
        number += 1
        lab.counts["parents killed"] += 1
        while number % 5 == 0 and output.exists() and output.read_bytes().count(b"\n") >= 2:
            if kill_after(lab, ["scan", "--resume", output, "-q"], lab.random.uniform(0.3, whole_s)) is not None:
                break
            lab.counts["parents killed again"] += 1
        if number % 5 == 0 and output.exists() and not output.with_name(output.name + ".journal").exists():
            compare(told(output), expected)
            continue
        go_on_to_the_end(lab, output, code, expected)


def kill_workers(lab: Lab, rounds: int, code: int, expected: Told) -> None:
    """SIGKILL to any worker at any time. An item that was hit twice may be blamed; nothing else may differ."""
    output = lab.folder / "workers.jsonl"
    for _ in range(rounds):
        remove(output)
        process = lab.start(*lab.scan(output))
        while process.poll() is None:
            time.sleep(lab.random.uniform(0.05, 0.6))
            workers = list(filter(is_locked_in, children(process.pid)))
            if workers:
                with suppress(ProcessLookupError):
                    os.kill(lab.random.choice(workers), signal.SIGKILL)
                    lab.counts["workers killed"] += 1
        if process.stderr is not None:
            process.stderr.close()
        require(process.returncode == code, f"exit code {process.returncode} with killed workers")
        found = told(output)
        blamed = [record for record in found.records if "worker_crashed" in json.dumps(record)]
        require(all('"attempts": 2' in json.dumps(record) for record in blamed), "blamed after one try")
        lab.counts["files that were hit twice"] += len(blamed)
        if blamed:
            paths = {record["entry"]["path"] for record in blamed}
            found, whole = without(found, paths), without(expected, paths)
            require(found.records == whole.records, difference(found.records, whole.records))
        else:
            compare(found, expected)
        require(lab.run("verify", output) == 0, "the file does not verify")


def without(what: Told, paths: Iterable[str]) -> Told:
    """The records about other paths, without their numbers."""
    left_out = set(paths)
    kept = [{**record, "seq": 0} for record in what.records if record["entry"]["path"] not in left_out]
    return Told(kept, what.totals)


def succeed(*words: str | Path) -> None:
    """Runs a command of the system."""
    subprocess.run(words, check=True)


@contextmanager
def small_disk(folder: Path, size_bytes: int) -> Iterator[Callable[[str], None]]:
    """A filesystem of some size; gives what remounts it."""
    folder.mkdir()
    succeed("mount", "-t", "tmpfs", "-o", f"size={size_bytes}", "tmpfs", folder)
    try:
        yield lambda options: succeed("mount", "-o", f"remount,{options}", folder)
    finally:
        succeed("umount", folder)
        folder.rmdir()


def may_mount(folder: Path) -> bool:
    """Whether this user may mount a small disk here."""
    folder.mkdir()
    words: list[str | Path] = ["mount", "-t", "tmpfs", "tmpfs", folder]
    allowed = subprocess.run(words, stderr=subprocess.DEVNULL, check=False).returncode == 0
    if allowed:
        succeed("umount", folder)
    folder.rmdir()
    return allowed


def fill_disks(lab: Lab, rounds: int, code: int, expected: Told, needed_bytes: int) -> None:
    """The disk under the findings is too small, then large enough; or becomes read-only, then not."""
    for number in range(rounds):
        size_bytes = lab.random.randrange(16 << 10, max(needed_bytes, 32 << 10)) // 4096 * 4096
        with small_disk(lab.folder / "small", size_bytes) as remount:
            output = lab.folder / "small" / "F"
            words: list[str | Path] = lab.scan(output)
            if number % 3 == 2:
                remount("size=64m")
                require(kill_after(lab, words, 1.5) is None or number > 0, "ended before")
                remount("ro")
                words = ["scan", "--resume", output, "-q"]
                lab.counts["disks made read-only"] += 1
            else:
                lab.counts["disks filled"] += 1
            ended = lab.run(*words)
            require(ended in {4, code}, f"exit code {ended} on a full disk")
            remount("rw,size=64m")
            if ended == 4:
                go_on_to_the_end_somehow(lab, output, code, expected)


def go_on_to_the_end_somehow(lab: Lab, output: Path, code: int, expected: Told) -> None:
    """As :func:`go_on_to_the_end`; where the journal did not fit, all is given that was given then."""
    if not output.exists() or output.read_bytes().count(b"\n") < 2:
        return
    lab.check_proven(output)
    words = lab.scan(output)
    ended = lab.run(*words[:-2], "--resume", output)
    require(ended == code, f"exit code {ended} instead of {code} after the disk was full")
    found = told(output)
    # Without a journal, a file with several names can be read for more than one of them.
    compare(Told(found.records, {**found.totals, "bytes": 0}), Told(expected.records, {**expected.totals, "bytes": 0}))
    lab.counts["runs gone on with"] += 1


def disturb_files(lab: Lab, rounds: int) -> None:
    """Files change in every way while they are scanned. What was not touched is told as if nothing had happened."""
    if os.geteuid() == 0:
        lab.bound = UNPRIVILEGED
    victims = lab.tree / "victims"
    output = lab.home / "disturbed.jsonl"
    for number in range(rounds):
        shutil.rmtree(victims, ignore_errors=True)
        remove(output)
        make_victims(lab, victims)
        expected = untouched(lab, output)
        remove(output)
        stop = threading.Event()
        thread = threading.Thread(target=torment, args=(victims, random.Random(number), stop, lab.counts))
        thread.start()
        try:
            if number % 2 and kill_after(lab, lab.scan(output), lab.random.uniform(0.8, 2.5)) is None:
                ended = lab.run("scan", "--resume", output, "-q") if output.exists() else lab.run(*lab.scan(output))
                lab.counts["parents killed meanwhile"] += 1
            else:
                remove(output)
                ended = lab.run(*lab.scan(output))
        finally:
            stop.set()
            thread.join()
        require(ended in {8, 24}, f"exit code {ended} while files change")
        found = told(output)
        require(found.totals["pending"] == 0, "something is pending")
        # A file that takes another's name after its directory was listed is a second file under one path.
        files = [(record["kind"], record["entry"]["path"], _inode(record)) for record in found.records]
        require(len(files) == len(set(files)), "lines twice while files change")
        paths = [path for _, path, _ in files]
        lab.counts["faults told of files that changed"] += sum(below(victims, path) for path in paths)
        kept = without(found, filter(lambda path: below(victims, path), paths)).records
        require(kept == expected, "what was not touched is told otherwise")
        require(lab.run("verify", output) == 0, "the file does not verify")
    lab.bound = ()


def untouched(lab: Lab, output: Path) -> list[Record]:
    """What a run tells of all but the victims."""
    require(lab.run(*lab.scan(output)) == 24, "an undisturbed run ends otherwise")
    found = told(output)
    victims = lab.tree / "victims"
    paths = [record["entry"]["path"] for record in found.records if below(victims, record["entry"]["path"])]
    return without(found, paths).records


def below(folder: Path, path: str) -> bool:
    """Whether a path is in a folder, or the folder."""
    return path == str(folder) or path.startswith(f"{folder}/")


def make_victims(lab: Lab, folder: Path) -> None:
    """Files of a size that takes a while to read."""
    for number in range(80):
        (folder / f"v{number % 4}").mkdir(parents=True, exist_ok=True)
        (folder / f"v{number % 4}" / f"{number}").write_bytes(lab.random.randbytes(1 << 16) * 24)


def torment(folder: Path, source: random.Random, stop: threading.Event, counts: Counter[str]) -> None:
    """Does one thing after another to files and folders, until it is told to stop."""
    acts: dict[str, Callable[[Path], object]] = {
        "truncated": lambda path: os.truncate(path, source.randrange(1 << 20)),
        "grown": lambda path: append(path, source.randbytes(5000)),
        "rights taken": lambda path: path.chmod(0),
        "rights given": lambda path: path.chmod(0o644),
        "folder's rights taken": lambda path: path.parent.chmod(0),
        "folder's rights given": lambda path: path.parent.chmod(0o755),
        "replaced by a link": lambda path: replace(path, lambda: path.symlink_to("/etc/passwd")),
        "replaced by a pipe": lambda path: replace(path, lambda: os.mkfifo(path)),
        "replaced by a folder": lambda path: replace(path, path.mkdir),
        "replaced by a file": lambda path: replace(path, lambda: path.write_bytes(source.randbytes(1 << 16) * 16)),
        "moved": lambda path: path.rename(path.with_name(f"moved{source.randrange(99)}")),
    }
    names = list(acts)
    while not stop.is_set():
        name = source.choice(names)
        with suppress(OSError):
            acts[name](folder / f"v{source.randrange(4)}" / str(source.randrange(80)))
            counts[f"files {name}"] += 1
        time.sleep(0.003)
    for path in folder.iterdir():
        path.chmod(0o755)


def replace(path: Path, make: Callable[[], object]) -> None:
    """Puts something else in the place of a file."""
    path.unlink()
    make()


def append(path: Path, data: bytes) -> None:
    """Adds to a file that is there, and to nothing else."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        os.write(descriptor, data)
    finally:
        os.close(descriptor)


def main() -> None:
    """Runs all parts."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--kills", type=int, default=100, help="of the parent")
    parser.add_argument("--rounds", type=int, default=5, help="of each other part")
    parser.add_argument("--parts", default="parents,workers,disks,files", help="default: all of them")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--folder", help="where to make the tree, about 10 KB a file; default: the system's")
    options = parser.parse_args()
    print(f"seed {options.seed}, {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}", flush=True)
    with tempfile.TemporaryDirectory(prefix="hashaudit-faults-", dir=options.folder) as folder:
        lab = Lab(Path(folder), random.Random(options.seed))
        make_tree(lab, options.files)
        whole = lab.folder / "whole.jsonl"
        # The first scan waits for the times of the new files and for the disk; those that are killed do not.
        lab.run(*lab.scan(whole))
        remove(whole)
        begun_s = time.monotonic()
        code = lab.run(*lab.scan(whole))
        whole_s = time.monotonic() - begun_s
        require(code == 24, f"the undisturbed run ends with {code}")
        expected = told(whole)
        print(f"undisturbed: {whole_s:.1f} s, {len(expected.records):,} lines, {expected.totals}", flush=True)
        parts: dict[str, Callable[[], None]] = {
            "parents": lambda: kill_parents(lab, options.kills, whole_s, code, expected),
            "workers": lambda: kill_workers(lab, options.rounds, code, expected),
            "disks": lambda: fill_disks(lab, options.rounds, code, expected, whole.stat().st_size),
            "files": lambda: disturb_files(lab, options.rounds),
        }
        for name in options.parts.split(","):
            if name == "disks" and not may_mount(lab.folder / "probe"):
                print("disks: left out, mounting is not allowed here")
                continue
            begun_s = time.monotonic()
            parts[name]()
            print(f"{name}: no violation, {time.monotonic() - begun_s:.0f} s", flush=True)
        for what, count in sorted(lab.counts.items()):
            print(f"{count:>8,} {what}")


if __name__ == "__main__":
    main()
