"""Runs the installed command as a user would, in a home of its own."""

import functools
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from warm_command import Kind, WarmCommand

COMMAND = os.environ.get("HASHAUDIT_COMMAND") or str(Path(sys.executable).with_name("hashaudit"))
"""``HASHAUDIT_COMMAND`` names the command of another environment, such as one without extras."""
TIMEOUT_S = 60

Word = str | bytes | Path


OF_THE_START = re.compile("PYTHON(?!PATH)|LD_|LANG|LC_(?!ALL)|TZ")
"""Variables that the interpreter reads when it starts; besides them LC_ALL and PYTHONPATH."""


def is_usual(environment: dict[str, str]) -> bool:
    """Returns whether a command that is not started but forked takes everything from its environment."""
    folders = environment.get("PYTHONPATH", "").split(os.pathsep)
    return (
        environment.get("LC_ALL") == "C.UTF-8"
        and not any(map(OF_THE_START.match, environment))
        # Which the interpreter imports when it starts.
        and not any((Path(folder) / "sitecustomize.py").exists() for folder in folders if folder)
    )


@functools.cache
def warm_command(kind: Kind) -> WarmCommand | None:
    """Returns what runs commands without a start; ``None`` for the command of another environment."""
    return None if "HASHAUDIT_COMMAND" in os.environ or os.name != "posix" else WarmCommand(COMMAND, kind)


def _kind(words: Sequence[Word]) -> Kind | None:
    """Returns what a command is likely to need, if its words say it; another kind costs time alone."""
    texts = [os.fsdecode(word) for word in words]
    for kind in (Kind.S3, Kind.AZURE):
        if any(text.startswith(f"{kind}://") for text in texts):
            return kind
    asks = any("pdq" in text or "phash" in text or text == "--hasher" for text in texts) or texts[:1] == ["compare"]
    return Kind.IMAGES if asks else None


class Result(NamedTuple):
    code: int
    out: bytes
    err: str

    @property
    def lines(self) -> list[dict[str, Any]]:
        """What standard output holds, line by line."""
        return parsed(self.out)


class Tool:
    """The installed command with a home of its own."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "LC_ALL": "C.UTF-8",
            "COLUMNS": "200",
        }
        self.kind = Kind.PLAIN
        """Modules that a command needs, if its arguments do not show it."""
        self._started: list[subprocess.Popen[bytes]] = []

    def __call__(self, *words: Word, **options: Any) -> Result:
        """Runs the command to its end, by :mod:`warm_command` if no option of :func:`subprocess.run` is unusual."""
        environment = self.environment | options.pop("env", {})
        warm = (
            warm_command(_kind(words) or self.kind) if is_usual(environment) and not options.keys() - {"cwd"} else None
        )
        if warm is not None:
            result = warm.run(words, environment, os.fspath(options.get("cwd", os.getcwd())), TIMEOUT_S)
            if result is not None:
                code, out, err = result
                return Result(code, out, err.decode(errors="replace"))
        done = subprocess.run(
            [COMMAND, *words],
            capture_output=True,
            check=False,
            timeout=TIMEOUT_S,
            env=environment,
            **options,
        )
        return Result(done.returncode, done.stdout, done.stderr.decode(errors="replace"))

    def start(self, *words: Word, **options: Any) -> subprocess.Popen[bytes]:
        """Starts the command and leaves it running, at most to the end of the test."""
        process = subprocess.Popen([COMMAND, *words], env=self.environment | options.pop("env", {}), **options)
        self._started.append(process)
        return process

    def end(self) -> None:
        """Ends what is still running, so that a failed test costs the others no time."""
        for process in self._started:
            if process.poll() is None:
                process.kill()
                process.wait()


def parsed(data: bytes) -> list[dict[str, Any]]:
    """The lines of a findings file."""
    return [json.loads(line) for line in data.splitlines()]


def of_kind(lines: Sequence[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    """The lines of one kind."""
    return [line for line in lines if line["kind"] == kind]


def key_of(record: dict[str, Any]) -> str:
    """The key of a record's object: the part of its URL after the bucket."""
    path: str = record["entry"]["path"]
    return path.split("/", 3)[3]


def totals(lines: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The final totals; their arithmetic must close."""
    body = json.loads(lines[-1]["body"])
    assert body["final"] is True
    found: dict[str, Any] = body["totals"]
    assert found["seen"] == found["examined"] + found["faulted"] + sum(found["skipped"].values()) + found["pending"]
    assert found["examined"] == found["clean"] + found["known"] + found["matched"]
    return found


def children(pid: int) -> list[int]:
    """The processes that a process started, and that still exist."""
    return [int(name) for name in os.listdir("/proc") if name.isdigit() and status_of(int(name))[1] == str(pid)]


def workers(pid: int) -> list[int]:
    """The workers of a scan: its children, but the process that forks them."""
    return [number for number in children(pid) if name_of(number) != "ha-starter"]


def name_of(pid: int) -> str:
    """The name of a process, as ps shows it."""
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def status_of(pid: int) -> list[str]:
    """State and parent of a process, and what else its stat file has after its name."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return ["Z", "0"]


def wait_until(condition: Callable[[], object], timeout_s: float = 30) -> None:
    """Waits for what another process has to do first."""
    end_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end_s, "did not happen in time"
        time.sleep(0.01)
