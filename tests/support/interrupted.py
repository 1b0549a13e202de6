"""Runs that are interrupted, and what must be the same once they were gone on with."""

import io
import os
import random
import signal
import subprocess
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from installed import Tool, Word, parsed, totals

JOURNAL = ".journal"


def make_tree(folder: Path, files: int) -> list[bytes]:
    """Makes files of some ten bytes in nested folders, some with a second name, and links; returns contents."""
    source = random.Random(files)
    contents = []
    for number in range(files):
        below = folder / f"d{number % 7}" / f"e{number % 3}"
        below.mkdir(parents=True, exist_ok=True)
        content = source.randbytes(source.randrange(30, 90))
        contents.append(content)
        (below / f"f{number}").write_bytes(zipped(number, content) if number % 44 < 2 else content)
        if number % 17 == 0:
            other = folder / f"d{(number + 3) % 7}"
            other.mkdir(exist_ok=True)
            os.link(below / f"f{number}", other / f"h{number}")
        if number % 300 == 0:
            (folder / f"d{number % 7}" / f"l{number}").symlink_to("nowhere")
    return contents


def zipped(number: int, content: bytes) -> bytes:
    """An archive with the content, and others before and behind it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in (("a", b"%d" % number), ("b", content), ("c", b"behind")):
            archive.writestr(zipfile.ZipInfo(name), data)
    return buffer.getvalue()


class Told(msgspec.Struct):
    """What a findings file tells, but for times."""

    records: list[dict[str, Any]]
    totals: dict[str, Any]


def told(output: Path) -> Told:
    """Reads a finished findings file; its totals must add up."""
    lines = parsed(output.read_bytes())
    records = [line for line in lines if line["kind"] not in {"run", "checkpoint"}]
    for record in records:
        del record["time"]
    return Told(records, totals(lines))


def resumptions(output: Path) -> list[dict[str, Any]]:
    """What the checkpoints of a findings file say of interruptions."""
    bodies = [line["body"] for line in parsed(output.read_bytes()) if line["kind"] == "checkpoint"]
    return [body["resumed"] for body in map(msgspec.json.decode, bodies) if "resumed" in body]


def journal_of(output: Path) -> Path:
    """The journal beside a findings file."""
    return output.with_name(output.name + JOURNAL)


def interrupt(tool: Tool, *words: Word, when: Callable[[], object], number: int = signal.SIGKILL) -> int:
    """Starts a command, sends a signal as soon as something holds, and waits for the end; returns how it ended."""
    process = tool.start(*words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None and not when():
        time.sleep(0.01)
    process.send_signal(number)
    return process.wait(timeout=30)
