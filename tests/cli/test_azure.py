"""``az://`` through the installed command, against a real server, compared with what was put there."""

import hashlib
import os
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from installed import Result, Tool, key_of, of_kind, totals
from object_store import AZURE_ACCOUNT, AZURE_KEY, Answer, Asked, proxied

if TYPE_CHECKING:
    from azure.storage.blob import ContainerClient

JOBS = "1"  # of every scan that does not say: what is tested here does not depend on it

CREDENTIALS = {"AZURE_STORAGE_ACCOUNT": AZURE_ACCOUNT, "AZURE_STORAGE_KEY": AZURE_KEY}

KEYS = ["a//b", "blue", "blue/green", "dir/", "dir/full", "a b+c%20", "ü/é😀", "k" * 1024, "q?x=1&y#z"]


@pytest.fixture
def container(azure_url: str) -> "ContainerClient":
    from azure.storage.blob import ContainerClient  # noqa: PLC0415 # importing it takes half a second

    name = f"c-{uuid.uuid4().hex[:12]}"
    credential: Any = {"account_name": AZURE_ACCOUNT, "account_key": AZURE_KEY}
    made = ContainerClient(azure_url, name, credential=credential)
    made.create_container()
    return made


@pytest.fixture
def scan(hashaudit: Tool, container: "ContainerClient", azure_url: str) -> Callable[..., Result]:
    def run(*words: Any, url: str = azure_url, prefix: str = "") -> Result:
        root = f"az://{container.container_name}/{prefix}"
        return hashaudit("scan", root, "--endpoint-url", url, "--unsigned", "-q", *words, env=CREDENTIALS)

    return run


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_every_name_is_examined_whatever_it_is(
    container: "ContainerClient", scan: Callable[..., Result], make_list: Callable[..., Path]
) -> None:
    bodies = {key: b"" if key == "dir/" else f"content of {key}".encode() for key in KEYS}
    bodies["large"] = os.urandom(19 << 20)
    for key, body in bodies.items():
        container.upload_blob(key, body)
    result = scan("--list", make_list(bodies["a//b"], bodies["large"]), "--record", "all")
    assert result.code == 8, of_kind(result.lines, "fault")
    lines = [line for line in result.lines if line["kind"] in {"file", "finding"}]
    assert {key_of(line): line["digests"]["sha256"] for line in lines} == {k: sha256(v) for k, v in bodies.items()}
    assert {line["consistency"] for line in lines} <= {"etag_pinned", "version_pinned"}
    assert {line["entry"]["path"] for line in lines} == {f"az://{container.container_name}/{key}" for key in bodies}
    assert {key_of(line) for line in of_kind(result.lines, "finding")} == {"a//b", "large"}
    assert totals(result.lines)["seen"] == len(bodies)


def test_a_prefix_is_what_names_begin_with(container: "ContainerClient", scan: Callable[..., Result]) -> None:
    for key in ("2024", "2024-old", "2024/x", "2023"):
        container.upload_blob(key, key.encode())
    lines = of_kind(scan("--record", "all", prefix="2024").lines, "file")
    assert [key_of(line) for line in lines] == ["2024", "2024-old", "2024/x"]


def test_what_is_overwritten_broken_off_archived_or_gone_is_told(
    container: "ContainerClient", scan: Callable[..., Result], azure_url: str
) -> None:
    for key in ("archived", "busy", "changing", "denied", "gone", "summed"):
        container.upload_blob(key, b"as listed")
    with proxied(azure_url) as (url, proxy):

        def behave(asked: Asked) -> Answer | None:
            if asked.method != "GET" or "comp=list" in asked.query:
                return None
            match asked.path.rpartition("/")[2]:
                case "archived":
                    return Answer(status=409, headers={"x-ms-error-code": "BlobArchived"})
                case "busy" if asked.before < 2:
                    return Answer(status=503)
                case "changing" if not asked.before:
                    container.upload_blob("changing", b"as it is now", overwrite=True)
                case "denied":
                    return Answer(status=403)
                case "gone" if not asked.before:
                    container.delete_blob("gone")
                case "summed":
                    return Answer(body=b"otherwise")
                case _:
                    pass
            return None

        proxy.behave = behave
        result = scan("--record", "all", url=url + "/" + AZURE_ACCOUNT)
    assert result.code == 16
    faults = {key_of(line): line for line in of_kind(result.lines, "fault")}
    assert {key: line["faults"][0]["code"] for key, line in faults.items()} == {
        "archived": "archived",
        "changing": "changed_while_read",
        "denied": "permission_denied",
        "gone": "not_found",
        "summed": "checksum_mismatch",
    }
    assert faults["changing"]["digests"]["sha256"] == sha256(b"as it is now")
    assert faults["changing"]["changed"]["before"]["etag"] != faults["changing"]["state"]["etag"]
    assert [key_of(line) for line in of_kind(result.lines, "file")] == ["busy"]


def test_a_container_that_is_not_there_is_a_fault(hashaudit: Tool, azure_url: str) -> None:
    words = ("scan", "az://no-such-container", "--endpoint-url", azure_url, "--record", "all", "--unsigned", "-q")
    result = hashaudit(*words, env=CREDENTIALS)
    assert result.code == 16
    assert [(line["faults"][0]["code"], line["directory"]) for line in of_kind(result.lines, "fault")] == [
        ("not_found", True)
    ]


def test_without_an_account_nothing_begins(hashaudit: Tool) -> None:
    result = hashaudit("scan", "az://container", "--record", "all", "--unsigned", "-q")
    assert (result.code, "no account for az://" in result.err) == (4, True)


def test_one_endpoint_is_not_that_of_two_kinds_of_store(hashaudit: Tool) -> None:
    words = ("scan", "az://container", "s3://bucket", "--endpoint-url", "http://127.0.0.1", "--record", "all")
    result = hashaudit(*words)
    assert (result.code, "one store at a time" in result.err) == (2, True)
