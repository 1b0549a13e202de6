"""Buckets through the installed command, against a real server, compared with what was put there."""

import gzip
import hashlib
import io
import json
import os
import random
import threading
import uuid
import zipfile
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import hostile_hasher
from hashaudit.workers.child.held_object import SMALL_BYTES
from installed import Result, Tool, key_of, of_kind, parsed, totals
from object_store import CREDENTIALS, PAGE_KEYS, Answer, Asked, Proxy, client, proxied

JOBS = "1"  # of every scan that does not say: what is tested here does not depend on it

MANY = PAGE_KEYS + 10
Lists = Callable[..., Path]

ODD_KEYS = [
    "a//b",
    "../x",
    "./y",
    "..",
    "/lead",
    "blue",
    "blue/green",
    "dir/",
    "dir/full",
    "a b+c%20%2F",
    "control\x01\x1b[31m\x7f\t",
    "ü/é😀",
    "\u202egnp.exe",
    "k" * 1024,
    "q?x=1&y#z",
    "<&>\"'",
    "back\\slash",
    "~t",
]
"""None with a line feed: the test server's routing does not take one; tests/stores asks for one."""


class Bucket:
    """A bucket of its own for a test."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.name = f"b-{uuid.uuid4().hex[:12]}"
        self.api = client(url)
        self.api.create_bucket(Bucket=self.name)

    def put(self, key: str, body: bytes, **more: Any) -> Any:
        return self.api.put_object(Bucket=self.name, Key=key, Body=body, **more)


@pytest.fixture
def bucket(s3_url: str) -> Bucket:
    return Bucket(s3_url)


@pytest.fixture(scope="module")
def many(s3_url: str) -> Bucket:
    """A bucket of keys that a listing gives in two pages; nothing changes it."""
    made = Bucket(s3_url)
    for number in range(MANY):
        made.put(f"{number:05}", f"{number:05}".encode())
    return made


@pytest.fixture
def proxy(s3_url: str) -> Generator[tuple[str, Proxy]]:
    with proxied(s3_url) as pair:
        yield pair


@pytest.fixture
def scan(hashaudit: Tool) -> Callable[..., Result]:
    def run(root: str, *words: Any, url: str, **env: str) -> Result:
        return hashaudit("scan", root, "--endpoint-url", url, "--unsigned", "-q", *words, env={**CREDENTIALS, **env})

    return run


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_every_key_is_examined_whatever_it_is(bucket: Bucket, scan: Callable[..., Result], make_list: Lists) -> None:
    bodies = {key: b"" if key == "dir/" else f"content of {key}".encode() for key in ODD_KEYS}
    for key, body in bodies.items():
        bucket.put(key, body)
    looked_for = make_list(bodies["../x"], bodies["k" * 1024])
    result = scan(f"s3://{bucket.name}", "--list", looked_for, "--record", "all", url=bucket.url)
    assert result.code == 8, result.err
    lines = [line for line in result.lines if line["kind"] in {"file", "finding"}]
    assert {key_of(line): line["digests"]["sha256"] for line in lines} == {k: sha256(v) for k, v in bodies.items()}
    assert [key_of(line).encode() for line in lines] == sorted(key.encode() for key in bodies)
    assert {line["entry"]["path"] for line in lines} == {f"s3://{bucket.name}/{key}" for key in bodies}
    assert {line["state"]["type"] for line in lines} == {"object"}
    assert {line["consistency"] for line in lines} == {"etag_pinned"}
    assert [key_of(line) for line in of_kind(result.lines, "finding")] == ["../x", "k" * 1024]
    listed = {item["Key"]: item for item in bucket.api.list_objects_v2(Bucket=bucket.name)["Contents"]}
    assert {key_of(line): f'"{line["state"]["etag"]}"' for line in lines} == {
        key: item["ETag"] for key, item in listed.items()
    }
    assert not {"mtime", "inode", "device"} & set(lines[0]["state"])
    assert totals(result.lines)["seen"] == len(bodies)


def test_containers_in_objects_are_opened_from_the_bytes_that_were_read(
    bucket: Bucket, scan: Callable[..., Result], make_list: Lists
) -> None:
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("listed", b"listed content")
    zipped = inner.getvalue()
    long = bytes(SMALL_BYTES)
    bucket.put("a.zip", zipped)
    bucket.put("b.gz", gzip.compress(b"listed content" + random.Random(1).randbytes(SMALL_BYTES)))
    bucket.put("c.jpg", b"\xff\xd8\xff" + long + zipped)
    bucket.put("d.bin", b"\1" + long + zipped)
    bucket.put("e.bin", b"\1" + zipped)
    bucket.put("f.txt", b"plain")
    result = scan(f"s3://{bucket.name}", "--list", make_list(b"listed content"), url=bucket.url)
    assert result.code == 24, result.err
    found = of_kind(result.lines, "finding")
    assert [key_of(line) for line in found] == ["a.zip", "c.jpg", "e.bin"]
    assert {line["entry"]["within"][0]["name"] for line in found} == {"listed"}
    assert {line["state"]["type"] for line in found} == {"object"}
    [fault] = of_kind(result.lines, "fault")
    assert (key_of(fault), fault["faults"][0]["code"]) == ("d.bin", "unsupported")
    counted = totals(result.lines)
    assert (counted["containers"], counted["containers_unopened"]) == ({"gz": 1, "zip": 3}, {"zip": 1})
    assert totals(scan(f"s3://{bucket.name}", "--record", "all", "--inside", "none", url=bucket.url).lines)[
        "containers_unopened"
    ] == {"gz": 1, "zip": 4}


def test_a_prefix_is_what_keys_begin_with(bucket: Bucket, scan: Callable[..., Result]) -> None:
    for key in ("2024", "2024-old", "2024/x", "2023", "2025"):
        bucket.put(key, key.encode())
    result = scan(f"s3://{bucket.name}/2024", "--record", "all", url=bucket.url)
    assert [key_of(line) for line in of_kind(result.lines, "file")] == ["2024", "2024-old", "2024/x"]
    assert result.lines[0]["roots"] == [
        {"path": f"s3://{bucket.name}/2024", "type": "bucket", "mount_source": bucket.url.rstrip("/")}
    ]


def test_a_prefix_without_keys_is_a_fault_and_not_clean(bucket: Bucket, scan: Callable[..., Result]) -> None:
    bucket.put("a/1", b"1")
    words = (f"s3://{bucket.name}/b/", "--record", "all")
    result = scan(*words, url=bucket.url)
    assert result.code == 16
    (fault,) = of_kind(result.lines, "fault")
    assert (fault["faults"][0]["code"], fault["entry"]["path"]) == ("root_empty", words[0])
    assert scan(*words, "--min-files", "0", url=bucket.url).code == 0


def test_listings_of_many_pages_are_walked_to_their_end(many: Bucket, scan: Callable[..., Result]) -> None:
    keys = [f"{number:05}" for number in range(MANY)]
    result = scan(f"s3://{many.name}", "--record", "all", url=many.url)
    assert result.code == 0, result.err
    files = of_kind(result.lines, "file")
    assert [(key_of(line), line["digests"]["sha256"]) for line in files] == [
        (key, sha256(key.encode())) for key in keys
    ]


def test_large_objects_come_in_parts(bucket: Bucket, proxy: tuple[str, Proxy], scan: Callable[..., Result]) -> None:
    body = os.urandom(27 << 20)
    etag = bucket.put("large", body)["ETag"]
    url, asked = proxy
    begun = threading.Event()

    def behave(request: Asked) -> Answer | None:
        if request.path == f"/{bucket.name}/large" and request.method == "GET":
            begun.set()
        elif request.method == "HEAD" and not begun.wait(
            20
        ):  # a far store's answer is not waited for before the first part is asked for
            return Answer(status=403)
        return None

    asked.behave = behave
    result = scan(f"s3://{bucket.name}", "--record", "all", url=url)
    (line,) = of_kind(result.lines, "file")
    assert (line["state"]["size"], line["digests"]["sha256"]) == (len(body), sha256(body))
    requests = asked.of(f"/{bucket.name}/large")
    assert {request.headers["if-match"] for request in requests} == {etag}
    assert sorted(int(request.headers["range"][6:].split("-")[0]) >> 20 for request in requests) == [0, 8, 16, 24]


def test_an_object_that_is_overwritten_after_it_was_listed_is_told(
    bucket: Bucket, proxy: tuple[str, Proxy], scan: Callable[..., Result], make_list: Lists
) -> None:
    first = bucket.put("changing", b"as listed")["ETag"].strip('"')
    bucket.put("still", b"unmoved")
    url, asked = proxy
    second = []

    def overwrite(request: Asked) -> None:
        if request.path.endswith("/changing") and not request.before and request.method == "GET":
            second.append(bucket.put("changing", b"as it is now")["ETag"].strip('"'))

    asked.behave = overwrite
    result = scan(f"s3://{bucket.name}", "--list", make_list(b"as it is now"), url=url)
    assert result.code == 24
    (finding,) = of_kind(result.lines, "finding")
    assert finding["faults"][0]["code"] == "changed_while_read"
    assert (finding["changed"]["before"]["etag"], finding["changed"]["after"]["etag"]) == (first, second[0])
    assert (finding["state"]["etag"], finding["digests"]["sha256"]) == (second[0], sha256(b"as it is now"))
    assert finding["consistency"] == "etag_pinned"
    assert totals(result.lines)["clean"] == 1


def test_what_the_network_breaks_is_read_again_from_where_it_broke(
    bucket: Bucket, proxy: tuple[str, Proxy], scan: Callable[..., Result]
) -> None:
    bodies = {key: os.urandom(300_000) for key in ("cut", "refused", "slow-down", "whole")}
    for key, body in bodies.items():
        bucket.put(key, body)
    url, asked = proxy

    def trouble(request: Asked) -> Answer | None:
        key = request.path.rpartition("/")[2]
        if key == "cut" and request.before < 2:
            return Answer(cut=100_000)
        if key == "refused" and request.before < 2:
            return Answer(status=500)
        if key == "slow-down" and request.before < 2:
            return Answer(status=503, body=b"<Error><Code>SlowDown</Code></Error>")
        return None

    asked.behave = trouble
    result = scan(f"s3://{bucket.name}", "--record", "all", url=url)
    assert result.code == 0, result.err
    files = of_kind(result.lines, "file")
    assert {key_of(line): line["digests"]["sha256"] for line in files} == {k: sha256(v) for k, v in bodies.items()}
    ranges = [request.headers.get("range") for request in asked.of(f"/{bucket.name}/cut")]
    assert ranges == [None, "bytes=100000-299999", "bytes=200000-299999"]


def test_what_cannot_be_had_is_a_fault_with_its_reason(
    bucket: Bucket, proxy: tuple[str, Proxy], scan: Callable[..., Result]
) -> None:
    for key in ("deleted", "denied", "lied", "long"):
        bucket.put(key, key.encode())
    bucket.put("summed", b"content", ChecksumAlgorithm="SHA256")
    bucket.put("archived", b"cold", StorageClass="DEEP_ARCHIVE")
    bucket.put("tiered", b"cold")
    url, asked = proxy

    def refuse(request: Asked) -> Answer | None:
        match request.path.rpartition("/")[2]:
            case "deleted":
                bucket.api.delete_object(Bucket=bucket.name, Key="deleted")
            case "denied":
                return Answer(status=403, body=b"<Error><Code>AccessDenied</Code></Error>")
            case "tiered":
                return Answer(status=403, body=b"<Error><Code>InvalidObjectState</Code></Error>")
            case "summed":
                return Answer(body=b"another")
            case "lied":
                return Answer(body=b"more than was listed")
            case _:
                pass
        return None

    asked.behave = refuse
    result = scan(f"s3://{bucket.name}", "--record", "all", url=url)
    assert result.code == 16
    assert {key_of(line): line["faults"][0]["code"] for line in of_kind(result.lines, "fault")} == {
        "archived": "archived",
        "deleted": "not_found",
        "denied": "permission_denied",
        "lied": "io_error",
        "summed": "checksum_mismatch",
        "tiered": "archived",
    }
    assert [key_of(line) for line in of_kind(result.lines, "file")] == ["long"]
    (archived,) = (line for line in of_kind(result.lines, "fault") if key_of(line) == "archived")
    assert archived["state"]["storage_class"] == "DEEP_ARCHIVE"
    assert not [request for request in asked.asked if "restore" in request.query]


def test_a_listing_that_ends_early_is_a_fault_of_the_root(
    many: Bucket, proxy: tuple[str, Proxy], scan: Callable[..., Result]
) -> None:
    url, asked = proxy

    def fail(request: Asked) -> Answer | None:
        return Answer(status=503) if "continuation-token" in request.query else None

    asked.behave = fail
    result = scan(f"s3://{many.name}", "--record", "all", url=url, AWS_MAX_ATTEMPTS="2")
    assert result.code == 16
    (fault,) = of_kind(result.lines, "fault")
    assert (fault["entry"]["path"], fault["faults"][0]["stage"], fault["directory"]) == (
        f"s3://{many.name}/",
        "walk",
        True,
    )
    assert "after 00099 is unseen" in fault["faults"][0]["message"]
    assert len(of_kind(result.lines, "file")) == PAGE_KEYS
    assert totals(result.lines)["directories_faulted"] == 1


def test_a_bucket_that_is_not_there_is_a_fault(bucket: Bucket, scan: Callable[..., Result]) -> None:
    result = scan("s3://no-such-bucket-here", "--record", "all", url=bucket.url)
    assert result.code == 16
    (fault,) = of_kind(result.lines, "fault")
    assert (fault["faults"][0]["code"], fault["directory"]) == ("not_found", True)


def test_every_version_is_examined_on_request_and_delete_markers_are_told(
    bucket: Bucket, scan: Callable[..., Result], make_list: Lists
) -> None:
    bucket.put("before", b"before")
    bucket.api.put_bucket_versioning(Bucket=bucket.name, VersioningConfiguration={"Status": "Enabled"})
    versions = [bucket.put("many", f"state {number}".encode())["VersionId"] for number in range(3)]
    bucket.put("gone", b"hidden")
    bucket.api.delete_object(Bucket=bucket.name, Key="gone")
    looked_for = make_list(b"state 0", b"hidden")
    latest = scan(f"s3://{bucket.name}", "--list", looked_for, "--record", "all", url=bucket.url)
    assert latest.code == 0
    files = of_kind(latest.lines, "file")
    assert [(key_of(line), line["state"].get("version"), line["consistency"]) for line in files] == [
        ("before", None, "etag_pinned"),
        ("many", versions[2], "version_pinned"),
    ]
    every = scan(f"s3://{bucket.name}", "--list", looked_for, "--record", "all", "--all-versions", url=bucket.url)
    assert all("version" not in line["entry"] for line in files), "the scan named none"
    assert every.code == 8
    found = of_kind(every.lines, "finding")
    assert [(key_of(line), line["consistency"]) for line in found] == [
        ("gone", "version_pinned"),
        ("many", "version_pinned"),
    ]
    assert found[1]["entry"]["version"] == found[1]["state"]["version"] == versions[0]
    of_many = [line for line in every.lines if "entry" in line and key_of(line) == "many"]
    assert {line["entry"]["version"] for line in of_many} == set(versions)
    assert totals(every.lines)["skipped"] == {"delete_marker": 1}


def test_patterns_apply_to_keys_as_to_paths(bucket: Bucket, scan: Callable[..., Result]) -> None:
    for key in ("x/a.jpg", "x/tmp/b.jpg", "x/tmp/deep/c.jpg", "x/d.txt"):
        bucket.put(key, b"")
    words = ("--record", "all", "--exclude", "tmp", "--include", "*.jpg")
    result = scan(f"s3://{bucket.name}/x/", *words, url=bucket.url)
    assert [key_of(line) for line in of_kind(result.lines, "file")] == ["x/a.jpg"]
    assert totals(result.lines)["skipped"] == {"excluded": 2, "not_included": 1}


def test_roots_of_both_kinds_overlap_without_doubles(
    bucket: Bucket, scan: Callable[..., Result], tmp_path: Path
) -> None:
    for key in ("a/1", "a/b/2", "c"):
        bucket.put(key, key.encode())
    (tmp_path / "file").write_bytes(b"local")
    url = f"s3://{bucket.name}"
    result = scan(f"{url}/", f"{url}/a/b/", str(tmp_path), f"{url}/", "--record", "all", url=bucket.url)
    assert [line["entry"]["path"] for line in of_kind(result.lines, "file")] == [
        f"{tmp_path}/file",
        f"{url}/a/1",
        f"{url}/c",
        f"{url}/a/b/2",
    ]
    assert totals(result.lines)["skipped"] == {"other_root": 2}


def test_pictures_in_buckets_are_hashed(bucket: Bucket, hashaudit: Tool) -> None:
    picture = io.BytesIO()
    Image.radial_gradient("L").save(picture, "PNG")
    bucket.put("picture.png", picture.getvalue())
    words = ("hash", f"s3://{bucket.name}", "--endpoint-url", bucket.url, "-a", "pdq", "--format", "jsonl", "-q")
    result = hashaudit(*words, env=CREDENTIALS)
    assert result.code == 0, result.err
    assert [item["algorithm"] for item in parsed(result.out)[0]["perceptual"]] == ["pdq"]


def test_secrets_stay_out_of_the_record(bucket: Bucket, scan: Callable[..., Result]) -> None:
    bucket.put("x", b"")
    url = bucket.url.replace("http://", "http://user:hunter2@")
    result = scan(f"s3://{bucket.name}", "--record", "all", url=url, AWS_SESSION_TOKEN="hunter2")  # noqa: S106 # not one
    assert b"hunter2" not in result.out
    assert "hunter2" not in result.err
    assert result.lines[0]["config"]["endpoint_url"].startswith("http://***@")


@pytest.mark.parametrize(
    ("root", "said"),
    [("s3://", "not a bucket name"), ("s3:///key", "not a bucket name"), ("az://UPPER", "not a bucket name")],
)
def test_a_url_without_a_bucket_is_refused(hashaudit: Tool, root: str, said: str) -> None:
    result = hashaudit("scan", root, "--record", "all", "--unsigned", env=CREDENTIALS)
    assert (result.code, said in result.err) == (2, True)


def test_without_credentials_nothing_begins(hashaudit: Tool) -> None:
    environment = {"AWS_EC2_METADATA_DISABLED": "true"}
    result = hashaudit("scan", "s3://bucket", "--record", "all", "--unsigned", env=environment)
    assert (result.code, "no credentials for S3" in result.err) == (4, True)
    assert json.loads(result.out.splitlines()[0])["kind"] == "run" if result.out else True


def test_who_ends_a_worker_is_blamed_although_others_were_fetched_ahead(
    bucket: Bucket, scan: Callable[..., Result]
) -> None:
    bodies = {f"{number:02}": f"ordinary {number}".encode() for number in range(30)}
    pixels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    pixels[0, 0] = hostile_hasher.NAMES.index("abort")
    picture = io.BytesIO()
    Image.fromarray(pixels).save(picture, "PNG")
    bodies["17"] = picture.getvalue()
    for key, body in bodies.items():
        bucket.put(key, body)
    support = os.path.dirname(hostile_hasher.__file__)
    words = ("--record", "all", "--hasher", "hostile_hasher:Hostile", "-j", "1")
    result = scan(f"s3://{bucket.name}", *words, url=bucket.url, PYTHONPATH=support)
    (fault,) = of_kind(result.lines, "fault")
    assert (
        key_of(fault),
        fault["faults"][0]["code"],
        fault["faults"][0]["attempts"],
        fault["faults"][0]["signal"],
    ) == ("17", "worker_crashed", 2, 6)
    lines = [line for line in result.lines if "entry" in line]
    assert {key_of(line): line["digests"]["sha256"] for line in lines} == {k: sha256(v) for k, v in bodies.items()}
