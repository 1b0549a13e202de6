"""Scans buckets that change, break and are slow, is killed and goes on, and compares each object with the truth.

    PYTHONPATH=tests/support python benchmarks/bucket_faults.py [--objects N]

Real servers on loopback, behind a proxy that overwrites and deletes objects when they are asked for, refuses, cuts
answers short and is late. Every object must have exactly one record, with the digests of the very state that the record
names; what was overwritten or is gone must be told; totals must add up and the signatures verify. Prints counts; ends
with an exception where anything is not so. Azure's part runs where AZURITE names azurite-blob.
"""

import argparse
import hashlib
import random
import signal
import subprocess
import tempfile
import time
import uuid
import zlib
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

import msgspec
from azure.storage.blob import ContainerClient

from installed import Tool, parsed, totals
from object_store import (
    AZURE_ACCOUNT,
    AZURE_KEY,
    AZURITE,
    CREDENTIALS,
    Answer,
    Asked,
    Proxy,
    azure_server,
    client,
    proxied,
    s3_server,
)

ODD = ("a//", "q?x=1&y#", "ü/é😀 ", "%2F+ ", "\u202e", "plain/")
ODD_DOTS = ("../", "dir/./")
"""Azure's library cannot ask for these."""

LARGE_BYTES = 9 << 20
"""Read in spans; one object of 2,000 has this size."""

SMALL_BYTES = 48 << 10
TOLD = {"not_found", "changed_while_read"}

OF_OBJECTS = dict(
    enumerate(("refused",) * 2 + ("slow down",) * 2 + ("cut",) * 2 + ("late",) + ("overwritten",) * 3 + ("deleted",))
)
"""What is done to a hundredth of the objects each."""

TIMES = {"refused": 2, "cut": 2}
"""Where it is not once."""

ANSWERS = {
    "refused": Answer(status=500),
    "slow down": Answer(status=503, body=b"<Error><Code>SlowDown</Code></Error>"),
    "cut": Answer(cut=100),
}
LATE_S = 0.5

State = tuple[str, str | None]
"""Entity tag and version."""


class Side(Protocol):
    """A bucket of a real server, which is changed without the proxy."""

    root: str
    environment: dict[str, str]
    path: str
    """Of the account, behind the server's own URL."""
    odd: tuple[str, ...]
    """What keys begin with."""

    def put(self, key: str, body: bytes) -> State:
        """Writes an object."""
        ...

    def delete(self, key: str) -> None:
        """Deletes one, or hides it behind a marker."""
        ...


class S3Side:
    """See :class:`Side`."""

    def __init__(self, url: str, *, versions: bool) -> None:
        self.api = client(url)
        self.bucket = f"b-{uuid.uuid4().hex[:12]}"
        self.api.create_bucket(Bucket=self.bucket)
        if versions:
            self.api.put_bucket_versioning(Bucket=self.bucket, VersioningConfiguration={"Status": "Enabled"})
        self.root = f"s3://{self.bucket}"
        self.environment = CREDENTIALS
        self.path = ""
        self.odd: tuple[str, ...] = ODD + ODD_DOTS

    def put(self, key: str, body: bytes) -> State:
        """See :class:`Side`."""
        answer = self.api.put_object(Bucket=self.bucket, Key=key, Body=body)
        return answer["ETag"].strip('"'), answer.get("VersionId")

    def delete(self, key: str) -> None:
        """See :class:`Side`."""
        self.api.delete_object(Bucket=self.bucket, Key=key)


class AzureSide:
    """See :class:`Side`."""

    def __init__(self, url: str) -> None:
        name = f"c-{uuid.uuid4().hex[:12]}"
        credential: Any = {"account_name": AZURE_ACCOUNT, "account_key": AZURE_KEY}
        self.api = ContainerClient(url, name, credential=credential)
        self.api.create_container()
        self.root = f"az://{name}"
        self.environment = {"AZURE_STORAGE_ACCOUNT": AZURE_ACCOUNT, "AZURE_STORAGE_KEY": AZURE_KEY}
        self.path = f"/{AZURE_ACCOUNT}"
        self.odd: tuple[str, ...] = ODD

    def put(self, key: str, body: bytes) -> State:
        """See :class:`Side`."""
        blob = self.api.get_blob_client(key)
        return str(blob.upload_blob(body, overwrite=True)["etag"]).strip('"'), None

    def delete(self, key: str) -> None:
        """See :class:`Side`."""
        self.api.delete_blob(key)


class Truth:
    """All states that the objects of a bucket ever had."""

    def __init__(self, side: Side) -> None:
        self.side = side
        self.states: defaultdict[str, dict[State, str]] = defaultdict(dict)
        """Of a key: each state, and the SHA-256 of its content."""
        self.deleted: set[str] = set()

    def put(self, key: str) -> None:
        """Writes a state that the object has not had yet."""
        name = f"{key} {len(self.states[key])}"
        source = random.Random(name)
        large = zlib.crc32(key.encode()) % 2000 == 0
        body = source.randbytes(LARGE_BYTES if large else int(SMALL_BYTES ** source.random()) - 1)
        self.states[key][self.side.put(key, body)] = hashlib.sha256(body).hexdigest()

    def delete(self, key: str) -> None:
        """Deletes an object."""
        self.deleted.add(key)
        self.side.delete(key)


class Trouble:
    """What the proxy does, by key and by how often it was asked for."""

    def __init__(self, truth: Truth) -> None:
        self.truth = truth
        self.done: Counter[str] = Counter()
        self.overwritten: set[str] = set()

    def __call__(self, asked: Asked) -> Answer | None:
        """Decides about a request."""
        if asked.method != "GET":
            return None
        # Behind the bucket; Azure's account stands before it.
        keys = (asked.path.split("/", depth)[-1] for depth in (2, 3))
        key = next((key for key in keys if key in self.truth.states), "")
        kind, answer = self.of_object(key, asked.before) if key else self.of_listing(asked.before)
        if kind:
            self.done[kind] += 1
        return answer

    def of_listing(self, before: int) -> tuple[str, Answer | None]:
        """Of a page of the listing."""
        match before % 5:
            case 1:
                return "listing refused", Answer(status=500)
            case 3:
                return "listing cut", Answer(cut=2000)
            case _:
                return "", None

    def of_object(self, key: str, before: int) -> tuple[str, Answer | None]:
        """Of an object: one in nine meets something."""
        kind = OF_OBJECTS.get(zlib.crc32(key.encode()[::-1]) % 100, "")
        if before >= TIMES.get(kind, 1):
            return "", None
        if kind == "late":
            time.sleep(LATE_S)
        elif kind == "overwritten":
            self.truth.put(key)
            self.overwritten.add(key)
        elif kind == "deleted":
            self.truth.delete(key)
        return kind, ANSWERS.get(kind)


class Plan(msgspec.Struct, frozen=True):
    """One bucket and what is done to its scan."""

    name: str
    objects: int
    kills: int
    all_versions: bool = False


def fill(truth: Truth, plan: Plan) -> None:
    """Writes the objects; with versions, one in three has three states and one in seven is deleted."""
    keys = [f"{truth.side.odd[number % len(truth.side.odd)]}{number:06}" for number in range(plan.objects)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(truth.put, keys))
        if plan.all_versions:
            list(pool.map(truth.put, keys[::3] * 2))
            list(pool.map(truth.side.delete, keys[::7]))


def scan(tool: Tool, truth: Truth, url: str, plan: Plan, output: Path) -> int:
    """Scans, kills at random moments, and goes on; returns how often a run was killed in fact."""
    words: list[str | Path] = [
        "scan",
        truth.side.root,
        "--endpoint-url",
        url + truth.side.path,
        "--record",
        "all",
        "-q",
    ]
    words += ["-o", output, *(["--all-versions"] if plan.all_versions else [])]
    killed = 0
    moments = random.Random(plan.name)
    while True:
        process = tool.start(*words, env=truth.side.environment, stderr=subprocess.PIPE)
        try:
            _, said = process.communicate(timeout=moments.uniform(1.5, 8) if killed < plan.kills else None)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.communicate()
            killed += 1
            if output.exists():
                words = ["scan", "--resume", output, "-q"]
            continue
        assert process.returncode in {0, 16}, said
        return killed


def compare(
    truth: Truth, trouble: Trouble, plan: Plan, before: set[tuple[str, str | None]], output: Path
) -> Counter[str]:
    """Compares the records with the truth; counts them by what they say."""
    lines = parsed(output.read_bytes())
    records = [line for line in lines if line["kind"] in {"file", "fault", "finding"}]
    count: Counter[str] = Counter()
    seen: Counter[tuple[str, str | None]] = Counter()
    told = set()
    for record in records:
        key = record["entry"]["path"].split("/", 3)[3]
        states = truth.states[key]
        seen[key, record["entry"].get("version") if plan.all_versions else None] += 1
        count[record["faults"][0]["code"] if record["kind"] == "fault" else "as listed"] += 1
        if record["kind"] == "file":
            assert states[record["state"]["etag"], record["state"].get("version")] == record["digests"]["sha256"], (
                record
            )
            continue
        assert record["faults"][0]["code"] in TOLD, record
        assert record["faults"][0]["code"] != "not_found" or key in truth.deleted, record
        if record["faults"][0]["code"] == "changed_while_read":
            told.add(key)
            assert states[record["state"]["etag"], record["state"].get("version")] == record["digests"]["sha256"], (
                record
            )
            assert record["changed"]["before"]["etag"] in {etag for etag, _ in states}, record
            assert record["changed"]["before"]["etag"] != record["state"]["etag"], record
    assert set(seen.values()) == {1}, [what for what, times in seen.items() if times > 1]
    missing = before - set(seen)
    # What was deleted at a first reading that a kill undid is not there any more when the run goes on.
    assert {key for key, _ in missing} <= (truth.deleted if plan.kills else set()), missing
    if not plan.kills and not plan.all_versions:
        assert told == trouble.overwritten, told ^ trouble.overwritten
    assert totals(lines)["seen"] == len(records) + sum(totals(lines)["skipped"].values())
    count["not there when gone on"] = len(missing)
    return count


def run(plan: Plan, side: Side, proxy_url: str, proxy: Proxy) -> None:
    """Carries out one plan."""
    truth = Truth(side)
    fill(truth, plan)
    before = {
        (key, version if plan.all_versions else None) for key, states in truth.states.items() for _, version in states
    }
    trouble = proxy.behave = Trouble(truth)
    with tempfile.TemporaryDirectory() as folder:
        tool, output = Tool(Path(folder)), Path(folder, "out.jsonl")
        start_s = time.perf_counter()
        killed = scan(tool, truth, proxy_url, plan, output)
        took_s = time.perf_counter() - start_s
        count = compare(truth, trouble, plan, before, output)
        assert tool("verify", output).code == 0
    print(f"{plan.name}: {len(before)} objects or versions, {took_s:.0f} s, killed {killed} times", flush=True)
    print("  done to it: " + ", ".join(f"{what} {times}" for what, times in sorted(trouble.done.items())))
    print("  records: " + ", ".join(f"{what} {times}" for what, times in sorted(count.items())), flush=True)


def main() -> None:
    """All plans."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--objects", type=int, default=20_000)
    objects = parser.parse_args().objects
    with (
        tempfile.TemporaryDirectory() as folder,
        s3_server(Path(folder), page_keys=1000) as url,
        proxied(url) as (proxy_url, proxy),
    ):
        run(Plan("S3", objects // 10, 0), S3Side(url, versions=False), proxy_url, proxy)
        run(Plan("S3, all versions", objects // 10, 4, all_versions=True), S3Side(url, versions=True), proxy_url, proxy)
        run(Plan("S3, killed", objects, 8), S3Side(url, versions=False), proxy_url, proxy)
    if AZURITE is None:
        print("Azure: AZURITE names no azurite-blob, left out")
        return
    with (
        tempfile.TemporaryDirectory() as folder,
        azure_server(Path(folder), AZURITE) as url,
        proxied(url.removesuffix(f"/{AZURE_ACCOUNT}")) as (proxy_url, proxy),
    ):
        run(Plan("Azure", objects // 20, 0), AzureSide(url), proxy_url, proxy)
        run(Plan("Azure, killed", objects // 10, 3), AzureSide(url), proxy_url, proxy)


if __name__ == "__main__":
    main()
