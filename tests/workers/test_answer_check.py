"""A table of lies: each field of an answer, with values that no honest worker sends."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from hashaudit.cache.blocks import KnownFile, blocks_of, seal_block
from hashaudit.cache.values import CachedGroup, CachedValue, PlainValues
from hashaudit.lists.index.handle import IndexHandle
from hashaudit.model.entry import Consistency, Entry, ObjectState, Stat
from hashaudit.model.faults import Fault, FaultCode, Stage
from hashaudit.model.location import BucketRef, DirectoryRef, Location
from hashaudit.model.results import AlgorithmName, Caveat, EntryResult, Match, MatchType, PerceptualHash, Role
from hashaudit.record import convert
from hashaudit.record.codec import decode_line, encode_line
from hashaudit.workers.answer_check import AnswerCheck, with_own_words
from hashaudit.workers.fault_texts import worded
from hashaudit.workers.protocol import NOTHING_CACHED, Answer, Cached, PerceptualConfig, WorkerConfig
from hashaudit.workers.tasks import Task

SHA256, PDQ = AlgorithmName("sha256"), AlgorithmName("pdq")
RUN = "01a212ee-19df-72b8-988a-093b2321f712"
STAT = Stat(0o100644, 1, 2, 1, 3, 4, 5)
ENTRY = Entry(Location(DirectoryRef(b"/r", 1, 9), b"f"), STAT)
STATE = ObjectState(3, "etag", 4)
OBJECT = Entry(Location(BucketRef("s3", "b"), b"k"), STATE, Consistency.ETAG_PINNED)
PERCEPTUAL = PerceptualConfig((PDQ,), {PDQ: 31}, 50, 33, "all", 60.0, ())
CONFIG = WorkerConfig((SHA256,), True, (IndexHandle((1, 2), b"", content=b""),), PERCEPTUAL)
CHECK = AnswerCheck(CONFIG)
MATCH = Match(1, "line 1", SHA256, MatchType.EXACT, Role.DENY, {"a": "b"})
NEAR = Match(2, "line 1", PDQ, MatchType.NEAR, Role.DENY, {}, 5, 31)
HASH = PerceptualHash(PDQ, "00" * 32, 100)
FAULT = Fault(Stage.READ, FaultCode.IO_ERROR, "cannot read the file: Input/output error")
HONEST = EntryResult(
    0, STAT, 3, Consistency.STABLE, {"sha256": "0a" * 32}, (MATCH, NEAR), (Caveat.LOW_QUALITY,), (FAULT,), None, (HASH,)
)
OF_OBJECT = msgspec.structs.replace(HONEST, stat=STATE, consistency=Consistency.ETAG_PINNED)


def task(entry: Entry = ENTRY, known: CachedGroup | None = None) -> Task[None]:
    return Task(None, entry, report=True, known=known)


def is_possible(result: EntryResult, *, of: Task[None] | None = None, cache: Cached = NOTHING_CACHED) -> bool:
    answer = Answer(1, (), max(0, result.bytes_read), (result,), cache)
    return CHECK.invalid_item(answer, (of or task(),)) is None


def of_match(match: Match = MATCH, **changes: Any) -> dict[str, Any]:
    return {"matches": (msgspec.structs.replace(match, **changes),)}


def of_stat(**changes: Any) -> dict[str, Any]:
    return {"stat": msgspec.structs.replace(STAT, **changes)}


def of_hash(**changes: Any) -> dict[str, Any]:
    return {"perceptual": (msgspec.structs.replace(HASH, **changes),)}


def of_fault(**changes: Any) -> dict[str, Any]:
    return {"faults": (msgspec.structs.replace(FAULT, **changes),)}


LIES: dict[str, dict[str, Any]] = {
    "digest is not hex": {"digests": {"sha256": "z" * 64}},
    "digest in capitals": {"digests": {"sha256": "0A" * 32}},
    "digest of another length": {"digests": {"sha256": "00"}},
    "empty digest": {"digests": {"sha256": ""}},
    "digest that was not asked for": {"digests": {"sha256": "00" * 32, "md5": "00" * 16}},
    "digest of another name": {"digests": {"x y\n": "00" * 32}},
    "digest of nothing": {"stat": None, "bytes_read": 0},
    "list 0": of_match(list_number=0),
    "list that the scan does not have": of_match(list_number=3),
    "negative list": of_match(list_number=-1),
    "exact match with a distance": of_match(distance=0),
    "exact match by a hash that was not computed": of_match(algorithm="md5"),
    "near match without a distance": of_match(NEAR, distance=None),
    "near match by a digest": of_match(NEAR, algorithm="sha256"),
    "negative distance": of_match(NEAR, distance=-1),
    "distance beyond the threshold": of_match(NEAR, distance=32),
    "another threshold": of_match(NEAR, threshold=30),
    "long labels": of_match(labels={"k": "v" * (3 << 20)}),
    "long entry": of_match(entry="e" * (2 << 20)),
    "many matches": {"matches": (MATCH,) * 1001},
    "omitted without need": {"matches_omitted": 1},
    "negative omitted": {"matches_omitted": -1},
    "negative frames": {"frames_skipped": -1},
    "frames beyond numbers": {"frames_skipped": 1 << 62},
    "omitted beyond numbers": {"matches": (MATCH,) * 1000, "matches_omitted": 1 << 62},
    "caveats again and again": {"needs_confirmation": (Caveat.MD5_ONLY,) * 2},
    "negative attempts": of_fault(attempts=-7),
    "many attempts": of_fault(attempts=1 << 60),
    "signal": of_fault(signal=9),
    "negative signal": of_fault(signal=-9),
    "many faults": {"faults": (FAULT,) * 5000},
    "a time that is no number": of_stat(mtime_ns=Decimal("NaN")),
    "an infinite time": of_stat(ctime_ns=Decimal("-Infinity")),
    "a signalling time": of_stat(birth_ns=Decimal("sNaN")),
    "a fraction of a nanosecond": of_stat(mtime_ns=Decimal("0.5")),
    "negative size": of_stat(size=-1),
    "size beyond 63 bits": of_stat(size=1 << 63),
    "another inode": of_stat(inode=77),
    "another device": of_stat(device=77),
    "negative inode": of_stat(inode=-1),
    "a directory": of_stat(mode=0o040755),
    "negative links": of_stat(links=-1),
    "negative owner": of_stat(uid=-1),
    "state of an object": {"stat": STATE},
    "state of an object before": {"changed_from": STATE},
    "negative size before": {"changed_from": msgspec.structs.replace(STAT, size=-1)},
    "more bytes than the file has": {"bytes_read": 4},
    "negative bytes": {"bytes_read": -1},
    "consistency of objects": {"consistency": Consistency.ETAG_PINNED},
    "another consistency": {"consistency": Consistency.UNVERIFIED_MOUNT},
    "hash that is not hex": of_hash(value="zz" * 32),
    "hash of another length": of_hash(value="00"),
    "hash that was not asked for": of_hash(algorithm="phash"),
    "negative quality": of_hash(quality=-1),
    "quality over 100": of_hash(quality=101),
    "negative frame": of_hash(frame=-1),
    "unknown variant": of_hash(variant="sideways"),
    "many hashes": {"perceptual": (HASH,) * 100_001},
    "run without a cache": {"from_run": RUN},
    "run that is not one": {"from_run": "nonsense"},
}


def test_an_honest_result_is_possible() -> None:
    assert is_possible(HONEST)
    assert is_possible(OF_OBJECT, of=task(OBJECT))
    assert is_possible(EntryResult(0, None, 0, Consistency.STABLE, {}, faults=(FAULT,)))
    assert is_possible(msgspec.structs.replace(HONEST, matches=(MATCH,) * 1000, matches_omitted=99_000))


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_is_detected(lie: str) -> None:
    assert not is_possible(msgspec.structs.replace(HONEST, **LIES[lie]))


@pytest.mark.parametrize(
    "changes",
    [
        {"stat": STAT},
        {"stat": msgspec.structs.replace(STATE, size=-1)},
        {"stat": msgspec.structs.replace(STATE, etag="\x1b[2J")},
        {"stat": msgspec.structs.replace(STATE, version="v" * 5000)},
        {"stat": msgspec.structs.replace(STATE, last_modified_ns=-1)},
        {"consistency": Consistency.STABLE},
    ],
)
def test_a_lie_about_an_object_is_detected(changes: dict[str, Any]) -> None:
    assert not is_possible(msgspec.structs.replace(OF_OBJECT, **changes), of=task(OBJECT))


def test_results_of_the_cache_name_the_run_that_the_parent_knows() -> None:
    [(_, block)] = blocks_of({b"name": KnownFile((1, 2, 3, 4), RUN, 5, {1: b"digest"})})
    known = task(known=CachedGroup(b"key", (b"damaged", seal_block(b"key", block)), RUN[:-1] + "4", 0))
    assert is_possible(msgspec.structs.replace(HONEST, from_run=RUN), of=known)
    assert not is_possible(msgspec.structs.replace(HONEST, from_run=RUN[:-1] + "3"), of=known)
    assert not is_possible(msgspec.structs.replace(HONEST, from_run=RUN), of=task())
    assert is_possible(HONEST, of=known, cache=Cached((CachedValue(0, {1: b"x" * 32}),)))
    for values in ({1: b"x" * (1 << 20)}, dict.fromkeys(range(300), b"")):
        assert not is_possible(HONEST, of=known, cache=Cached((CachedValue(0, values),)))
    assert is_possible(HONEST, of=known, cache=Cached(plain=PlainValues((1, 2), (0,), ((b"x" * 32, b""),))))
    for numbers, plain in (((1,), (b"", b"")), ((1,), (b"x" * (1 << 20),)), (tuple(range(300)), (b"",) * 300)):
        assert not is_possible(HONEST, of=known, cache=Cached(plain=PlainValues(numbers, (0,), (plain,))))


def test_the_item_with_the_lie_is_named() -> None:
    lie = msgspec.structs.replace(HONEST, item=1, digests={"sha256": ""})
    assert CHECK.invalid_item(Answer(1, (), 6, (HONEST, lie)), (task(), task())) == 1


def test_what_is_possible_survives_its_own_decoder() -> None:
    for entry, result in ((ENTRY, HONEST), (OBJECT, OF_OBJECT)):
        record = convert.of_result(entry, result, 10**18, {1: "a", 2: "b"}, record_all=True)
        assert record is not None
        numbered = msgspec.structs.replace(record, seq=5)
        assert decode_line(encode_line(numbered)[:-1]) == numbered


@pytest.mark.parametrize(
    "text",
    [
        "cannot open the file: Permission denied",
        "cannot read the file: Input/output error",
        "size or times changed while the file was read; then cannot open the file: No such file or directory",
        "overwritten after it was listed; the current state was examined",
        "overwritten after it was listed; then the store's response ended early",
        "hostile, frame 0: PermissionError",
        "gif, frame 0: UnidentifiedImageError",
        "png: 5 x 5 pixels; at most 4 are decoded",
        "internal error: KeyError in analyze.py:12; please report it",
        "internal error: the module 'colorsys' is imported inside the sandbox; please report it",
        f"the cache had other hashes for this state of the file, from run {RUN}; the new ones are used",
    ],
)
def test_texts_of_the_closed_set_are_kept(text: str) -> None:
    fault = msgspec.structs.replace(FAULT, message=text)
    assert worded(fault) is fault


@pytest.mark.parametrize(
    "text",
    [
        "leaked: -----BEGIN PRIVATE KEY-----",
        "cannot read the file: secret",
        "cannot read the file: Input/output error; then secret",
        "internal error: Secret in analyze.py:12; please report it",
        "internal error: the module 'secret' is imported inside the sandbox; please report it",
        "gif, frame 0: OSError: secret",
        "gif, frame 0: OSError: line\nsecret",
        "secret" * 10_000_000,
        "\x1b]0;secret\x07\u202e\0",
    ],
)
def test_other_texts_are_replaced(text: str) -> None:
    answer = with_own_words(
        Answer(
            1, (), 3, (msgspec.structs.replace(HONEST, faults=(FAULT, msgspec.structs.replace(FAULT, message=text))),)
        )
    )
    first, second = answer.reported[0].faults
    assert first == FAULT
    assert "secret" not in second.message.lower()
    assert "BEGIN" not in second.message
    assert second.message.isprintable()
    assert len(second.message) < 100
