"""Times ``show``, ``report`` and ``export`` of a findings file with many findings, and their memory and sizes.

``benchmarks/triage.py [--findings N]``. It prints a table for docs/reference/performance.md.
"""

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))
import msgspec

from findings_lab import FakeClock, Writable, match, record, signing_key, write_run
from hashaudit.model.results import AlgorithmName

COMMAND = Path(sys.executable).with_name("hashaudit")
SEGMENT_LINES = 900


def make(path: Path, findings: int) -> None:
    """Writes a signed findings file."""
    labels = {"category": "1", "name": "a label of some length for a listed file"}
    names = (b"directory-%03d/sub-%02d/file-%07d.jpg" % (n // 1000, n // 100 % 10, n) for n in range(findings))
    lines = [distinct(record(name, matches=[match(labels=labels)]), number) for number, name in enumerate(names)]
    segments = [lines[at : at + SEGMENT_LINES] for at in range(0, findings, SEGMENT_LINES)]
    write_run(path, segments, signer=signing_key(), clock=FakeClock())


def distinct(made: Writable, number: int) -> Writable:
    """Returns the record with digests of its own, as real findings have. Equal ones would be packed to nothing."""
    content = number.to_bytes(8, "big")
    names = ("md5", "sha1", "sha256")
    digests = {AlgorithmName(name): hashlib.new(name, content, usedforsecurity=False).hexdigest() for name in names}
    return msgspec.structs.replace(made, digests=digests)


def run(*words: str | Path, output: Path | None = None) -> None:
    """Runs the command and prints its time, memory and the size of what it wrote."""
    begin_s = time.monotonic()
    size_bytes = 0
    with subprocess.Popen([COMMAND, *words], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        while data := process.stdout.read(1 << 20):
            size_bytes += len(data)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, words
    processor_s = usage.ru_utime + usage.ru_stime
    size_bytes = output.stat().st_size if output is not None else size_bytes
    name = " ".join(str(word) for word in words if not (isinstance(word, Path) or str(word).startswith(("SHA", "--k"))))
    row = (f"{time.monotonic() - begin_s:.1f} s", f"{processor_s:.1f} s", f"{usage.ru_maxrss / 1024:.0f} MiB")
    print(f"| `{name}` | {' | '.join(row)} | {size_bytes / 1e6:.1f} MB |", flush=True)


def main() -> None:
    """Measures all commands."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--findings", type=int, default=100_000)
    parser.add_argument("--make", type=Path, help="only write the findings file")
    given = parser.parse_args()
    count = given.findings
    if given.make:
        make(given.make, count)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "findings.jsonl"
        # In another process, because the peak of a parent's memory counts as that of its children.
        subprocess.run([sys.executable, __file__, "--findings", str(count), "--make", path], check=True)
        print(f"{count:,} findings, {path.stat().st_size / 1e6:.0f} MB\n")
        print("| command | time | processor | memory | written |\n|---|---:|---:|---:|---:|")
        key = ("--key", signing_key().fingerprint)
        run("verify", path, *key)
        for form in ("table", "csv", "jsonl", "paths"):
            run("show", path, *key, "--format", form)
        run("show", path, *key, "--summary")
        for form in ("csv", "stix", "ocsf", "dfxml"):
            run("export", form, path, *key)
        page = Path(os.environ.get("HASHAUDIT_KEEP_PAGE") or Path(folder) / "report.html")
        run("report", path, *key, "-o", page, output=page)


if __name__ == "__main__":
    main()
