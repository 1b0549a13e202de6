"""Buckets behind a real mount, and the listing of the store beside it."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from installed import Tool, of_kind, parsed, totals
from mounted_bucket import PROGRAMS, mounted, why_not
from object_store import CREDENTIALS, client

JOBS = "1"  # of every scan that does not say: what is tested here does not depend on it

MakeList = Callable[..., Path]

SHOWN = {"a/1", "a/2", "b/c/3", "plain", "blue", "sp ace", "caf\xe9"}
HIDDEN = {"a//b", "blue/x", "blue/y", "dir/"}


@pytest.fixture(params=PROGRAMS)
def mount(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Path, str, str, Any]]:
    """A mounted bucket: where, the bucket, the server's URL and a client of it."""
    reason = why_not(request.param)
    if reason is not None:
        pytest.skip(reason)
    url: str = request.getfixturevalue("s3_url")
    bucket = f"mounted-{request.param}-{os.getpid()}-{tmp_path.name[-12:].strip('_').replace('_', '-').lower()}"
    store = client(url)
    store.create_bucket(Bucket=bucket)
    for key in sorted(SHOWN | HIDDEN):
        store.put_object(Bucket=bucket, Key=key, Body=b"wanted" if key in {"a/2", "blue/x"} else key.encode())
    point = tmp_path / "mount"
    point.mkdir()
    with mounted(request.param, url, bucket, point):
        yield point, bucket, url, store


def test_what_a_mount_hides_is_told_and_examined(
    hashaudit: Tool, make_list: MakeList, mount: tuple[Path, str, str, Any]
) -> None:
    point, bucket, url, _ = mount
    listed = make_list(b"wanted")
    asked = ("--list", listed, "--record", "all")
    store = ("--reconcile", f"s3://{bucket}", "--endpoint-url", url)

    alone = parsed(hashaudit("scan", point, *asked).out)
    shown = {line["entry"]["path"]: line for line in alone if "digests" in line and line["kind"] in {"file", "finding"}}
    assert set(shown) == {f"{point}/{key}" for key in SHOWN}
    assert {line["consistency"] for line in shown.values()} == {"unverified_mount"}
    assert len(of_kind(alone, "finding")) == 1

    compared = hashaudit("scan", point, *asked, *store, env=CREDENTIALS)
    assert compared.code == 24
    hidden = [line for line in of_kind(compared.lines, "fault") if line["faults"][0]["code"] == "not_visible_on_mount"]
    assert {line["entry"]["path"] for line in hidden} == {f"s3://{bucket}/{key}" for key in HIDDEN}

    examined = parsed(hashaudit("scan", point, *asked, *store, "--read-unlisted", env=CREDENTIALS).out)
    through_store = {line["entry"]["path"]: line for line in examined if line.get("state", {}).get("type") == "object"}
    assert set(through_store) == {f"s3://{bucket}/{key}" for key in HIDDEN}
    assert {line["consistency"] for line in through_store.values()} == {"etag_pinned"}
    assert {line["entry"]["path"] for line in of_kind(examined, "finding")} == {f"{point}/a/2", f"s3://{bucket}/blue/x"}
    totals(examined)


def test_an_object_that_is_overwritten_is_told_as_unpinned(
    hashaudit: Tool, make_list: MakeList, mount: tuple[Path, str, str, Any]
) -> None:
    point, bucket, _, store = mount
    store.put_object(Bucket=bucket, Key="plain", Body=b"wanted")
    result = hashaudit("scan", point / "plain", "--list", make_list(b"wanted", b"plain"), "--record", "all")
    [line] = [line for line in result.lines if line.get("digests")]
    assert line["consistency"] == "unverified_mount"


@pytest.mark.parametrize(
    "words",
    [
        ["--reconcile", "/not/a/url"],
        ["--reconcile", "s3://bucket", "--read-unlisted", "s3://other/root"],
        ["--read-unlisted"],
        ["--reconcile", "s3://b"],
    ],
)
def test_what_cannot_be_compared_is_a_usage_error(hashaudit: Tool, tmp_path: Path, words: list[str]) -> None:
    result = hashaudit("scan", tmp_path, "--record", "all", *words)
    assert (result.code, result.out) == (2, b"")
