"""The short way through the worker says of no object what the long one does not say, and counts its bytes once."""

import array
import hashlib
import threading
from collections.abc import Generator
from pathlib import Path

import pytest

from hashaudit.lists.interface import ListSpec
from hashaudit.lists.load import load_lists
from hashaudit.model.entry import Consistency, ObjectState
from hashaudit.model.faults import FaultCode
from hashaudit.model.location import BucketRef
from hashaudit.model.results import AlgorithmName, Role
from hashaudit.objectstores.interface import StoreOptions
from hashaudit.workers.child import examiner as examiner_module
from hashaudit.workers.child.examiner import Examiner
from hashaudit.workers.child.object_prefetch import HELD_BYTES
from hashaudit.workers.protocol import (
    ALLOWED_BYTES,
    FED_BYTES,
    PROGRESS_WORDS,
    READ_BYTES,
    WAITING,
    Answer,
    Group,
    Item,
    WorkBatch,
    WorkerConfig,
)
from object_store import CREDENTIALS, Asked, Proxy, proxied
from object_store import Answer as Reply

ALGORITHMS = tuple(map(AlgorithmName, ("md5", "sha256")))
OBJECTS = {f"plain{number}": f"content {number}".encode() * 50 for number in range(40)} | {
    "wanted": b"wanted" * 50,
    "common": b"common" * 50,
    "empty": b"",
    "a/../odd": b"named by the other client",
    "zip": b"PK\x03\x04" + bytes(100),
    "mail": b"From: a\r\nTo: b\r\nDate: c\r\nSubject: d\r\n\r\ntext",
    "missing": b"listed",
    "archived": b"listed",
    "overwritten": b"listed",
    "shorter": b"listed",
    "summed": b"listed",
    "cut": b"cut" * 10_000,
}
ARCHIVED = b"<Code>InvalidObjectState</Code>"
EXPECTED_FAULTS = {
    "missing": FaultCode.NOT_FOUND,
    "archived": FaultCode.ARCHIVED,
    "overwritten": FaultCode.CHANGED_WHILE_READ,
    "shorter": FaultCode.IO_ERROR,
    "summed": FaultCode.CHECKSUM_MISMATCH,
}


def reply(asked: Asked) -> Reply:  # noqa: PLR0911 # one for each object that is not whole
    """The answer of a store to a request for one of the objects."""
    key = asked.path.removeprefix("/bucket/")
    body = OBJECTS[key]
    headers = {"etag": '"tag"', "last-modified": "Sat, 21 Nov 2026 12:00:00 GMT"}
    match key:
        case "missing":
            return Reply(404)
        case "archived":
            return Reply(403, ARCHIVED)
        case "overwritten":
            now = {**headers, "etag": '"new"'}
            is_present = asked.headers.get("if-match", '"new"') == '"new"'
            return Reply(200, b"wanted" * 50, None, now) if is_present else Reply(412)
        case "shorter":
            return Reply(200, b"list", None, headers)
        case "summed":
            return Reply(200, body, None, {**headers, "x-amz-checksum-sha1": "AAAAAAAAAAAAAAAAAAAAAAAAAAA="})
        case "cut":
            if "range" not in asked.headers:
                return Reply(200, body, 10_000, headers)
            first = int(asked.headers["range"][6:].split("-")[0])
            ranged = {**headers, "content-range": f"bytes {first}-{len(body) - 1}/{len(body)}"}
            return Reply(206, body[first:], None, ranged)
        case _:
            return Reply(200, body, None, headers)


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Generator[tuple[str, Proxy]]:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(examiner_module, "NEWS_NS", 1 << 62)
    with proxied("http://127.0.0.1:1") as (url, proxy):
        proxy.behave = reply
        yield url, proxy


def lists(folder: Path) -> list[ListSpec]:
    deny, known = folder / "deny", folder / "known"
    for path, content in ((deny, b"wanted" * 50), (known, b"common" * 50)):
        path.touch(0o600)
        path.write_text(f"{hashlib.sha256(content).hexdigest()}\n")
    return [ListSpec(str(deny)), ListSpec(str(known), role=Role.KNOWN)]


def batch(keys: list[str], size_bytes: int | None = None) -> WorkBatch:
    items = tuple(
        Item(
            key.encode(),
            ObjectState(len(OBJECTS[key]) if size_bytes is None else size_bytes, "tag", 7),
            Consistency.ETAG_PINNED,
            True,
            False,
            None,
            (),
            False,
        )
        for key in keys
    )
    return WorkBatch(1, (Group(BucketRef("s3", "bucket"), 0, items),))


def memory(allowed_bytes: int = 1 << 40) -> memoryview:
    progress = memoryview(array.array("q", [0] * PROGRESS_WORDS))
    progress[ALLOWED_BYTES] = allowed_bytes
    return progress


def examined(
    url: str, specs: list[ListSpec], work: WorkBatch, progress: memoryview, *, report_all: bool, quick: bool
) -> Answer:
    with load_lists(specs) as loaded:
        config = WorkerConfig(ALGORITHMS, report_all, tuple(loaded.images), stores=StoreOptions(url), schemes=("s3",))
        examiner = Examiner(config, progress)
        if not quick:
            examiner._analyzer.quick_object = lambda *_, **__: None  # type: ignore[method-assign]
        [answer] = [examiner.examine_batch(one) for one in examiner.ahead(iter([work]))]
    return answer


@pytest.mark.parametrize("report_all", [False, True])
def test_both_ways_give_the_same_answer(store: tuple[str, Proxy], tmp_path: Path, report_all: bool) -> None:
    url, proxy = store
    keys = sorted(OBJECTS)
    specs = lists(tmp_path)
    answers = []
    for quick in (True, False):
        progress = memory()
        proxy.asked.clear()
        answers.append(examined(url, specs, batch(keys), progress, report_all=report_all, quick=quick))
        sent = sum(len(OBJECTS[key]) for key in keys if key not in {"missing", "archived", "overwritten", "shorter"})
        # What was sent in vain counts too, because the rate is limited by what arrives.
        assert progress[READ_BYTES] == sent + len(b"wanted" * 50) + len(ARCHIVED) + len(b"list")
        assert progress[FED_BYTES] >= answers[-1].bytes_read == sent + len(b"wanted" * 50)
        requests = {key: len(proxy.of(f"/bucket/{key}")) for key in keys}
        assert {key: count for key, count in requests.items() if count != 1} == {"overwritten": 2, "cut": 2}
    short, long = answers
    assert short == long
    by_key = {keys[result.item]: result for result in short.reported}
    assert {key for key, result in by_key.items() if result.matches and key != "common"} == {"wanted", "overwritten"}
    assert {key: result.faults[0].code for key, result in by_key.items() if result.faults} == EXPECTED_FAULTS
    assert [keys[number] for number in short.known] == ([] if report_all else ["common"])
    assert {by_key[key].consistency for key in ("wanted", "overwritten")} == {Consistency.ETAG_PINNED}
    if report_all:
        assert len(by_key) == len(keys)


def test_threads_give_the_same_answer(
    store: tuple[str, Proxy], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, _ = store
    keys, specs = sorted(OBJECTS), lists(tmp_path)
    progress = memory()
    bulk = examined(url, specs, batch(keys), progress, report_all=True, quick=True)
    monkeypatch.setattr("hashaudit.objectstores.s3.S3Store.bulk", lambda *_: None)
    other = examined(url, specs, batch(keys), memory(), report_all=True, quick=True)
    assert bulk == other


def test_items_that_are_given_up_leave_the_rest_as_it_is(
    store: tuple[str, Proxy], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, _ = store
    monkeypatch.setattr(examiner_module, "FULL_ANSWER_BYTES", 1000)
    config = WorkerConfig(ALGORITHMS, True, (), stores=StoreOptions(url), schemes=("s3",))
    examiner = Examiner(config, memory())
    keys = [*(f"plain{number}" for number in range(40)), "missing", "a/../odd"]
    left, done = keys, []
    for number in range(1, 100):
        if not left:
            break
        work = WorkBatch(number, batch(left).groups)
        [answer] = [examiner.examine_batch(one) for one in examiner.ahead(iter([work]))]
        done += [(left[result.item], result.digests.get("sha256")) for result in answer.reported]
        left = left[len(left) - answer.not_begun :] if answer.not_begun else []
    expected = [hashlib.sha256(OBJECTS[key]).hexdigest() if key != "missing" else None for key in keys]
    assert done == list(zip(keys, expected, strict=True))
    objects = examiner._objects
    assert objects is not None
    assert objects._budget._left == HELD_BYTES


def test_nothing_more_arrives_than_is_granted(store: tuple[str, Proxy]) -> None:
    url, _ = store
    progress = memory(0)
    keys = [f"plain{number}" for number in range(40)]
    found: list[Answer] = []
    run = threading.Thread(
        target=lambda: found.append(examined(url, [], batch(keys), progress, report_all=True, quick=True)), daemon=True
    )
    run.start()
    while not progress[WAITING]:
        run.join(0.01)
    assert progress[READ_BYTES] == 0
    progress[ALLOWED_BYTES] = 1 << 40
    run.join(60)
    assert len(found[0].reported) == 40
