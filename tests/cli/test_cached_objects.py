"""``scan --cache`` of buckets through the installed command, against a real server behind a proxy that counts."""

import io
import os
import uuid
import zipfile
from collections.abc import Callable, Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from installed import Result, Tool, key_of, of_kind, totals
from object_store import AZURE_ACCOUNT, AZURE_KEY, CREDENTIALS, Answer, Asked, Proxy, client, proxied

if TYPE_CHECKING:
    from azure.storage.blob import ContainerClient

JOBS = "1"  # of every scan that does not say: what is tested here does not depend on it

Lists = Callable[..., Path]


class Lab:
    """A bucket, a proxy before its server, and a cache."""

    def __init__(self, tool: Tool, url: str, pair: tuple[str, Proxy], cache: Path, matching: Path) -> None:
        self.url = url
        self.name = f"b-{uuid.uuid4().hex[:12]}"
        self.api = client(url)
        self.api.create_bucket(Bucket=self.name)
        self.proxied_url, self.proxy = pair
        self._cache = cache
        self._matching = matching
        self._tool = tool

    def put(self, key: str, body: bytes) -> None:
        self.api.put_object(Bucket=self.name, Key=key, Body=body)

    def put_in_parts(self, key: str, body: bytes) -> str:
        """Leaves the upload open, and returns its id."""
        upload: str = self.api.create_multipart_upload(Bucket=self.name, Key=key)["UploadId"]
        answer = self.api.upload_part(Bucket=self.name, Key=key, PartNumber=1, UploadId=upload, Body=body)
        parts = {"Parts": [{"PartNumber": 1, "ETag": answer["ETag"]}]}
        self.api.complete_multipart_upload(Bucket=self.name, Key=key, UploadId=upload, MultipartUpload=parts)
        return upload

    def scan(self, *words: Any, root: str = "", url: str | None = None) -> Result:
        self.proxy.asked.clear()
        given = words if "--list" in words else ("--list", self._matching, *words)
        store = ("--endpoint-url", url or self.proxied_url, "--cache", self._cache)
        result = self._tool("scan", root or f"s3://{self.name}", *store, "--unsigned", "-q", *given, env=CREDENTIALS)
        assert result.code in {0, 8}, result.err
        return result

    def read(self) -> list[str]:
        """The keys of which something was requested since the last scan began."""
        prefix = f"/{self.name}/"
        return sorted({asked.path.removeprefix(prefix) for asked in self.proxy.asked if len(asked.path) > len(prefix)})


@pytest.fixture
def lab(hashaudit: Tool, s3_url: str, tmp_path: Path, make_list: Lists) -> Generator[Lab]:
    with proxied(s3_url) as pair:
        yield Lab(hashaudit, s3_url, pair, tmp_path / "cache.db", make_list(b"on no list"))


def recalled(result: Result) -> int:
    count: int = totals(result.lines).get("from_cache", 0)
    return count


def told(result: Result) -> list[dict[str, Any]]:
    kinds = ("finding", "fault", "file")
    return [
        {name: value for name, value in line.items() if name not in {"time", "from_run"}}
        for line in result.lines
        if line["kind"] in kinds
    ]


ODD = ["a//b", "dir/", "../x", "ü/é😀", "k" * 1024, "a b+c%20"]


def test_unchanged_objects_cost_a_listing_alone(lab: Lab, make_list: Lists) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("member", b"wanted member")
    bodies = {key: f"content of {key}".encode() for key in ODD}
    bodies |= {"large": os.urandom(9 << 20), "packed.zip": packed.getvalue(), "in parts": b"", "empty": b""}
    for key, body in bodies.items():
        lab.put(key, body)
    lab.put_in_parts("in parts", b"uploaded in parts")
    wanted = make_list(bodies["a//b"], bodies["large"])
    closed = ("--inside", "none")
    first = lab.scan(*closed, "--record", "all")
    assert (first.code, recalled(first)) == (0, 0)
    assert set(lab.read()) == set(bodies)
    second = lab.scan(*closed, "--record", "all")
    assert recalled(second) == len(bodies)
    assert lab.read() == []
    assert told(second) == told(first)
    run = first.lines[0]["run_id"]
    assert {line["from_run"] for line in of_kind(second.lines, "file")} == {run}
    clean = lab.scan(*closed)
    assert (clean.code, recalled(clean), totals(clean.lines)["bytes"]) == (0, len(bodies), 0)
    # Another list is matched without reading; containers that are opened are read for their members.
    found = lab.scan("--list", wanted, "--inside", "archives")
    assert [key_of(line) for line in of_kind(found.lines, "finding")] == ["a//b", "large"]
    assert lab.read() == ["packed.zip"]
    compared = lab.scan(*closed, "--cache-verify", "100")
    assert (compared.code, recalled(compared)) == (0, 0)
    assert set(lab.read()) == set(bodies)


def test_changed_objects_and_those_of_other_places_are_read(lab: Lab, s3_url: str) -> None:
    for key in ("same", "other", "gone", "renamed"):
        lab.put(key, b"12345")
    assert recalled(lab.scan()) == 0
    lab.put("other", b"54321")
    lab.api.delete_object(Bucket=lab.name, Key="gone")
    lab.api.delete_object(Bucket=lab.name, Key="renamed")
    lab.put("renamed2", b"12345")
    lab.put("renamed", b"abcde")
    second = lab.scan()
    assert (recalled(second), lab.read()) == (1, ["other", "renamed", "renamed2"])
    # The same server under another URL may be another server.
    assert recalled(lab.scan(url=s3_url)) == 0
    twin = f"{lab.name}-twin"
    lab.api.create_bucket(Bucket=twin)
    lab.api.put_object(Bucket=twin, Key="same", Body=b"54321")
    assert recalled(lab.scan(root=f"s3://{twin}")) == 0
    assert recalled(lab.scan(root=f"s3://{lab.name}/same")) == 1


def test_versions_are_told_apart(lab: Lab) -> None:
    lab.put("key", b"before versions")
    lab.api.put_bucket_versioning(Bucket=lab.name, VersioningConfiguration={"Status": "Enabled"})
    lab.put("key", b"first")
    lab.put("key", b"second")
    words = ("--all-versions", "--record", "all")
    first, second = lab.scan(*words), lab.scan(*words)
    assert (recalled(first), recalled(second)) == (0, 3)
    assert [line["digests"] for line in of_kind(second.lines, "file")] == [
        line["digests"] for line in of_kind(first.lines, "file")
    ]
    assert len({line["digests"]["sha256"] for line in of_kind(second.lines, "file")}) == 3
    # Without versions, the listing names another state, so it is read, and then known.
    assert (recalled(lab.scan()), recalled(lab.scan())) == (0, 1)


def test_an_object_that_an_open_upload_may_replace_unseen_is_not_kept(lab: Lab) -> None:
    lab.put_in_parts("key", b"in parts")
    upload = lab.api.create_multipart_upload(Bucket=lab.name, Key="key")["UploadId"]
    assert (recalled(lab.scan()), recalled(lab.scan())) == (0, 0)
    lab.api.abort_multipart_upload(Bucket=lab.name, Key="key", UploadId=upload)
    assert (recalled(lab.scan()), recalled(lab.scan())) == (0, 1)
    # A refusal is no answer.
    lab.put_in_parts("other", b"in parts, too")
    lab.proxy.behave = lambda asked: Answer(403) if asked.query.startswith("uploads") else None
    assert (recalled(lab.scan()), recalled(lab.scan())) == (1, 1)


MD5 = '"827ccb0eea8a706c4c34a16891f84e7b"'


def listing(etag: str, modified: str) -> bytes:
    item = f"<Key>key</Key><Size>5</Size><ETag>{etag}</ETag><LastModified>{modified}</LastModified>"
    return f"<ListBucketResult><IsTruncated>false</IsTruncated><Contents>{item}</Contents></ListBucketResult>".encode()


@pytest.mark.parametrize(
    ("etag", "listed", "sent"),
    [
        (f"W/{MD5}", "2026-01-01T00:00:00.000Z", "Thu, 01 Jan 2026 00:00:00 GMT"),
        (MD5, "2096-01-01T00:00:00.000Z", "Sun, 01 Jan 2096 00:00:00 GMT"),
        (MD5, "2026-01-01T00:00:00.000Z", "Thu, 01 Jan 2026 00:00:01 GMT"),
    ],
    ids=["weak", "just written", "time changed"],
)
def test_a_state_that_proves_nothing_is_not_kept(lab: Lab, etag: str, listed: str, sent: str) -> None:
    def behave(asked: Asked) -> Answer:
        if asked.query.startswith("list-type"):
            return Answer(200, listing(etag, listed))
        return Answer(200, b"12345", headers={"etag": MD5, "last-modified": sent})

    lab.proxy.behave = behave
    assert [recalled(lab.scan()) for _ in range(2)] == [0, 0]


def test_the_same_tag_and_size_at_another_time_is_another_content(lab: Lab, make_list: Lists) -> None:
    content, modified = b"12345", "2026-01-01T00:00:00.000Z"

    def behave(asked: Asked) -> Answer:
        if asked.query.startswith("list-type"):
            return Answer(200, listing(MD5, modified))
        return Answer(200, content, headers={"etag": MD5})

    lab.proxy.behave = behave
    looked_for = make_list(b"54321")
    assert [recalled(lab.scan("--list", looked_for)) for _ in range(2)] == [0, 1]
    # As if somebody had found two contents with the MD5 digest of one.
    content, modified = b"54321", "2026-01-01T00:00:01.000Z"
    assert len(of_kind(lab.scan("--list", looked_for).lines, "finding")) == 1


@pytest.fixture
def container(azure_url: str) -> "ContainerClient":
    from azure.storage.blob import ContainerClient  # noqa: PLC0415 # importing it takes half a second

    credential: Any = {"account_name": AZURE_ACCOUNT, "account_key": AZURE_KEY}
    made = ContainerClient(azure_url, f"c-{uuid.uuid4().hex[:12]}", credential=credential)
    made.create_container()
    return made


def test_unchanged_blobs_cost_a_listing_alone(
    container: "ContainerClient", hashaudit: Tool, azure_url: str, tmp_path: Path, make_list: Lists
) -> None:
    for key in ("a//b", "dir/full", "ü"):
        container.upload_blob(key, key.encode())
    environment = {"AZURE_STORAGE_ACCOUNT": AZURE_ACCOUNT, "AZURE_STORAGE_KEY": AZURE_KEY}
    with proxied(azure_url) as (url, proxy):
        # The store's clock goes on, so that what was just written is old.
        proxy.behave = lambda _: Answer(headers={"date": "Fri, 01 Jan 2100 00:00:00 GMT"})
        looked_for = make_list(b"on no list")

        def scan() -> int:
            proxy.asked.clear()
            root = f"az://{container.container_name}"
            words = (
                "--endpoint-url",
                f"{url}/{AZURE_ACCOUNT}",
                "--unsigned",
                "-q",
                "--cache",
                tmp_path / "cache.db",
                "--list",
                looked_for,
            )
            return recalled(hashaudit("scan", root, *words, env=environment))

        assert (scan(), scan()) == (0, 3)
        assert len(proxy.asked) == 1
        container.upload_blob("ü", "é".encode(), overwrite=True)
        assert scan() == 2
        assert len(proxy.asked) == 2
