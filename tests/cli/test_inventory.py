"""An S3 Inventory as the list of keys, through the installed command."""

import gzip
import hashlib
import json
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import pytest

from installed import Result, Tool, key_of, of_kind, totals
from object_store import CREDENTIALS, client

JOBS = "1"  # of every scan that does not say: what is tested here does not depend on it

SCHEMA = "Bucket, Key, VersionId, IsLatest, IsDeleteMarker, Size, LastModifiedDate, ETag, StorageClass"


class Lab:
    """A bucket and an inventory of it, as S3 writes one."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.api = client(url)
        self.bucket = f"b-{uuid.uuid4().hex[:12]}"
        self.api.create_bucket(Bucket=self.bucket)
        self.rows: list[str] = []

    def put(self, key: str, body: bytes) -> Any:
        return self.api.put_object(Bucket=self.bucket, Key=key, Body=body)

    def row(self, key: str, answer: Any, size: int, *, latest: bool = True, deleted: bool = False) -> None:
        state = (answer.get("VersionId", ""), str(latest).lower(), str(deleted).lower(), "" if deleted else str(size))
        etag = answer.get("ETag", "").strip('"')
        fields = (self.bucket, quote_plus(key, safe="/"), *state, "2026-11-20T10:00:00.000Z", etag, "STANDARD")
        self.rows.append(",".join(f'"{field}"' for field in fields) + "\n")

    def files(self, schema: str = SCHEMA) -> dict[str, bytes]:
        data = gzip.compress("".join(self.rows).encode())
        name = f"inventories/{self.bucket}/daily/data/part.csv.gz"
        manifest = {
            "sourceBucket": self.bucket,
            "destinationBucket": f"arn:aws:s3:::{self.bucket}",
            "version": "2016-11-30",
            "fileFormat": "CSV",
            "fileSchema": schema,
            "files": [{"key": name, "size": len(data), "MD5checksum": hashlib.md5(data).hexdigest()}],
        }
        return {
            name: data,
            f"inventories/{self.bucket}/daily/2026-11-20T00-00Z/manifest.json": json.dumps(manifest).encode(),
        }

    def local(self, folder: Path, files: dict[str, bytes]) -> Path:
        for name, data in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        return next(folder.rglob("manifest.json"))


@pytest.fixture
def lab(s3_url: str) -> Lab:
    return Lab(s3_url)


@pytest.fixture
def scan(hashaudit: Tool, lab: Lab) -> Callable[..., Result]:
    def run(manifest: str | Path, *words: str, prefix: str = "") -> Result:
        root = f"s3://{lab.bucket}/{prefix}"
        words = ("--endpoint-url", lab.url, "--record", "all", "--unsigned", "-q", *words)
        return hashaudit("scan", root, "--inventory", manifest, *words, env=CREDENTIALS)

    return run


def keys(result: Result, kind: str = "file") -> list[str]:
    return [key_of(line) for line in of_kind(result.lines, kind)]


def test_keys_are_those_of_the_inventory_in_its_order(lab: Lab, scan: Callable[..., Result], tmp_path: Path) -> None:
    for key in ("b", "a b+c//d%", "ü"):
        lab.row(key, lab.put(key, key.encode()), len(key.encode()))
    lab.put("since then", b"")
    files = lab.files()
    result = scan(lab.local(tmp_path, files))
    assert result.code == 0, of_kind(result.lines, "fault")
    assert keys(result) == ["b", "a b+c//d%", "ü"]
    assert result.lines[0]["config"]["inventory"].endswith("manifest.json")
    for name, data in files.items():
        lab.put(name, data)
    manifest = next(name for name in files if name.endswith("manifest.json"))
    assert keys(scan(f"s3://{lab.bucket}/{manifest}")) == ["b", "a b+c//d%", "ü"]
    assert keys(scan(f"s3://{lab.bucket}/{manifest}", prefix="a")) == ["a b+c//d%"]


def test_what_changed_since_the_inventory_is_told(lab: Lab, scan: Callable[..., Result], tmp_path: Path) -> None:
    for key in ("changed", "gone", "same"):
        lab.row(key, lab.put(key, b"then"), 4)
    lab.put("changed", b"since")
    lab.api.delete_object(Bucket=lab.bucket, Key="gone")
    result = scan(lab.local(tmp_path, lab.files()))
    assert result.code == 16
    faults = {key_of(line): line["faults"][0]["code"] for line in of_kind(result.lines, "fault")}
    assert faults == {"changed": "changed_while_read", "gone": "not_found"}
    assert keys(result) == ["same"]


def test_versions_of_an_inventory_are_pinned(lab: Lab, scan: Callable[..., Result], tmp_path: Path) -> None:
    lab.api.put_bucket_versioning(Bucket=lab.bucket, VersioningConfiguration={"Status": "Enabled"})
    first = lab.put("many", b"one")
    second = lab.put("many", b"two")
    lab.row("many", second, 3)
    lab.row("many", first, 3, latest=False)
    lab.row("gone", {"VersionId": "x"}, 0, deleted=True)
    lab.put("many", b"three")
    manifest = lab.local(tmp_path, lab.files())
    latest = scan(manifest)
    (line,) = of_kind(latest.lines, "file")
    assert (line["entry"]["version"], line["consistency"]) == (second["VersionId"], "version_pinned")
    assert line["digests"]["sha256"] == hashlib.sha256(b"two").hexdigest()
    every = scan(manifest, "--all-versions")
    assert [line["entry"]["version"] for line in of_kind(every.lines, "file")] == [
        second["VersionId"],
        first["VersionId"],
    ]
    assert totals(every.lines)["skipped"] == {"delete_marker": 1}


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (
            lambda files: {name: data[:-9] if name.endswith("gz") else data for name, data in files.items()},
            "differs from the manifest",
        ),
        (lambda files: {name: data for name, data in files.items() if not name.endswith("gz")}, "No such file"),
        (
            lambda files: {name: data.replace(b"CSV", b"ORC") for name, data in files.items()},
            "(not CSV): 'ORC'",
        ),
        (lambda files: {name: data.replace(b" ETag,", b"") for name, data in files.items()}, "no columns: ETag"),
        (
            lambda files: {name: data.replace(b'Bucket": "b-', b'Bucket": "c-') for name, data in files.items()},
            "not of",
        ),
        (lambda files: {name: data.replace(b" Key, Version", b" Version, Key") for name, data in files.items()}, ""),
        (lambda files: dict.fromkeys(files, b"{}"), "not an inventory manifest"),
    ],
    ids=["changed", "missing", "format", "column", "bucket", "columns swapped", "empty"],
)
def test_an_inventory_that_is_not_whole_is_a_fault(
    lab: Lab,
    scan: Callable[..., Result],
    tmp_path: Path,
    damage: Callable[[dict[str, bytes]], dict[str, bytes]],
    said: str,
) -> None:
    lab.row("key", lab.put("key", b"then"), 4)
    result = scan(lab.local(tmp_path, damage(lab.files())))
    assert result.code == 16
    faults = of_kind(result.lines, "fault")
    assert faults
    assert said in faults[0]["faults"][0]["message"]
