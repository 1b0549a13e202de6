"""Feeds false values into what crosses from a worker to the parent and from there into the findings file.

- Messages: an honest answer with fields replaced, of every type and at every limit. It is refused, or every record that
  follows from it survives its own strict decoder.
- Records: results and faults of the walk that bypass those checks. Each becomes one record that can be read.
- Progress words: any numbers in the shared memory. No method fails, no count goes back or beyond what was granted, and
  the time of an item runs out.

Ends with status 1 at the first that does not hold.

    python benchmarks/fuzz_messages.py [--mutations 20000] [--seed N]
"""

import argparse
import copy
import random
import sys
import time
from collections import Counter
from typing import Any, NoReturn

import msgspec

from hashaudit.lists.index.handle import IndexHandle
from hashaudit.model.entry import Entry, Stat
from hashaudit.model.faults import Fault, FaultCode, PathFault, Stage
from hashaudit.model.location import DirectoryRef, Location
from hashaudit.model.results import AlgorithmName, Caveat, EntryResult, Match, MatchType, PerceptualHash, Role
from hashaudit.record import convert
from hashaudit.record.codec import decode_line, encode_line
from hashaudit.record.schema import FaultRecord
from hashaudit.scan.main_loop import checked, of_walk, unrecordable
from hashaudit.workers.answer_check import AnswerCheck, with_own_words
from hashaudit.workers.local.watchdog import Deadlines, ProgressMark, Watch
from hashaudit.workers.local.worker_process import OVERDRAFT_BYTES, ProtocolError, WorkerProcess, _decoded
from hashaudit.workers.protocol import ENCODER, PROGRESS_WORDS, Answer, PerceptualConfig, WorkerConfig
from hashaudit.workers.tasks import Task, accounted_for

SHA256, PDQ = AlgorithmName("sha256"), AlgorithmName("pdq")
STAT = Stat(0o100644, 1, 2, 1, 3, 4, 5)
ENTRY = Entry(Location(DirectoryRef(b"/r", 1, 9), b"f\xff"), STAT)
CONFIG = WorkerConfig(
    (SHA256,),
    True,  # noqa: FBT003 # a struct's field
    (IndexHandle((1, 2), b"", content=b""),),
    PerceptualConfig((PDQ,), {PDQ: 31}, 50, 33, "all", 60.0, ()),
)
MATCH = Match(1, "line 1", SHA256, MatchType.EXACT, Role.DENY, {"a": "b"})
NEAR = Match(2, "line 1", PDQ, MatchType.NEAR, Role.DENY, {}, 5, 31)
RESULT = EntryResult(
    0,
    STAT,
    3,
    ENTRY.consistency,
    {"sha256": "0a" * 32},
    (MATCH, NEAR),
    (Caveat.LOW_QUALITY,),
    (Fault(Stage.READ, FaultCode.IO_ERROR, "cannot read the file: Input/output error"),),
    None,
    (PerceptualHash(PDQ, "00" * 32, 100),),
)
TIMES_NS = 10**18
EDGES: tuple[Any, ...] = (
    *(0, 1, -1, 2**31, 2**53 - 1, 2**53, 2**63 - 1, -(2**63), 2**64 - 1, 0.5, float("nan"), float("inf")),
    *("", "x", "sha256", "\x00", "\x1b[31m", "\ud800".encode("utf-8", "surrogatepass"), "é" * 300, "0a" * 32),
    *(b"", b"\xff\xfe", None, True, [], {}, [[]], {"a": 1}, {1: "a"}, ["x"] * 50),
)
ITEM_LIMIT_S = 1000.0


def fail(what: str, value: object) -> NoReturn:
    """Ends the process with a finding."""
    print(f"BROKEN: {what}: {value!r:.2000}")
    sys.exit(1)


def _nodes(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Returns the path of each value in nested lists and dictionaries."""
    found = [path] if path else []
    if isinstance(value, list):
        for position, item in enumerate(value):
            found += _nodes(item, (*path, position))
    elif isinstance(value, dict):
        for name, item in value.items():
            found += _nodes(item, (*path, name))
    return found


def _mutate(value: Any, source: random.Random) -> None:
    """Replaces, removes or doubles one to three values in place."""
    for _ in range(source.randint(1, 3)):
        path = source.choice(_nodes(value))
        holder = value
        for step in path[:-1]:
            holder = holder[step]
        kind = source.random()
        if kind < 0.8:  # a share
            alike = [edge for edge in EDGES if type(edge) is type(holder[path[-1]])]
            holder[path[-1]] = copy.deepcopy(source.choice(alike if alike and kind < 0.6 else EDGES))  # a share
        elif isinstance(holder, list) and kind < 0.9:  # a share
            holder.append(copy.deepcopy(holder[path[-1]]))
        else:
            del holder[path[-1]]
        if not _nodes(value):
            return


def fuzz_messages(source: random.Random, count: int) -> Counter[str]:
    """Changes answers; checks that what is accepted can be recorded."""
    check, task = AnswerCheck(CONFIG), Task(None, ENTRY, report=True)
    honest = msgspec.msgpack.decode(ENCODER.encode(Answer(1, (), 3, (RESULT,))))
    counts: Counter[str] = Counter()
    for _ in range(count):
        value = msgspec.msgpack.decode(msgspec.msgpack.encode(honest))
        _mutate(value, source)
        payload = msgspec.msgpack.encode(value)
        try:
            message = _decoded(memoryview(payload))
            if not isinstance(message, Answer) or not accounted_for(message, (task,)):
                counts["refused: does not account for its batch"] += 1
                continue
            if check.invalid_item(message, (task,)) is not None:
                counts["refused: cannot be true"] += 1
                continue
            for result in with_own_words(message).reported:
                record = convert.of_result(ENTRY, result, TIMES_NS, {1: "a", 2: "b"}, record_all=True)
                if record is not None and decode_line(encode_line(msgspec.structs.replace(record, seq=1))[:-1]) is None:
                    fail("a record without a line", value)
            counts["accepted and recorded"] += 1
        except ProtocolError:
            counts["refused: no message"] += 1
        except Exception as error:  # noqa: BLE001 # whatever it is, it is the finding
            fail(f"{type(error).__name__}: {error}", value)
    return counts


def fuzz_records(source: random.Random, count: int) -> Counter[str]:
    """Puts false values into results and faults themselves."""
    counts: Counter[str] = Counter()
    texts = ("x", "\ud800", "\x00", "y" * 70_000, "é" * 5, 5, None, b"x")
    for _ in range(count):
        name = source.choice([field for field in RESULT.__struct_fields__ if field != "item"])
        value = source.choice([*EDGES, *texts])
        fault: Any = msgspec.structs.replace(
            RESULT.faults[0], **{source.choice(("message", "attempts", "signal")): source.choice([*EDGES, *texts])}
        )
        if source.random() < 0.5:  # a share
            fault = RESULT.faults[0]
        result = msgspec.structs.replace(RESULT, **{name: value}, **({} if name == "faults" else {"faults": (fault,)}))
        met: Any = PathFault(source.choice((b"/r", b"/\xff" * 2000)), fault, root=source.choice((0, -1, 2**70)))
        try:
            record: Any
            try:
                record = convert.of_result(ENTRY, result, TIMES_NS, {1: "a", 2: "b"}, record_all=True)
            except (ValueError, TypeError, ArithmeticError, LookupError, AttributeError):
                record = unrecordable(ENTRY, TIMES_NS)
            for each in (checked(record, ENTRY, TIMES_NS), of_walk(met, TIMES_NS)):
                decode_line(encode_line(msgspec.structs.replace(each, seq=1))[:-1])
                lost = isinstance(each, FaultRecord) and each.faults[0].code is FaultCode.INTERNAL_ERROR
                counts["one fault" if lost else "kept"] += 1
        except Exception as error:  # noqa: BLE001 # whatever it is, it is the finding
            fail(f"{type(error).__name__}: {error}", (name, value, fault))
    return counts


def fuzz_progress(source: random.Random, count: int) -> Counter[str]:
    """Writes any numbers into the progress memory."""
    process: Any = WorkerProcess.__new__(WorkerProcess)
    memory = memoryview(bytearray(8 * PROGRESS_WORDS)).cast("q")
    process._progress = memory  # noqa: SLF001 # no worker writes it here
    allowed = taken = 0
    watch, now_s, item_s = Watch(Deadlines(10.0, 10.0), 0.0), 0.0, 0.0
    position = (1, 0)
    for _ in range(count):
        for word in range(PROGRESS_WORDS):
            if source.random() < 0.5:  # a share
                memory[word] = source.choice((0, 1, -1, 2**63 - 1, -(2**63), source.getrandbits(40)))
        if source.random() < 0.1:  # a share
            allowed += source.getrandbits(20)
            process.allow(allowed)
        before, taken = taken, process.bytes_taken()
        if not before <= taken <= allowed + OVERDRAFT_BYTES:
            fail("bytes taken go back or beyond the grant", (before, taken, allowed))
        if min(process.bytes_read(), process.offset()) < 0 or not isinstance(process.waiting, bool):
            fail("a negative count", list(memory))
        now_s += source.random()
        # The pool lets positions only grow within a batch; here the item stays the same.
        mark = ProgressMark(*position, process.bytes_read() + taken, process.is_decoding())
        watch.observe(mark, now_s)
        if watch.overdue(1000, now_s) is not None:
            position, item_s = (position[0], position[1] + 1), now_s
        elif now_s - item_s > ITEM_LIMIT_S:
            fail("an item's time never runs out", now_s - item_s)
        process.begun_s(), process.position()
    return Counter({"readings": count, "items ended": position[1]})


def main() -> None:
    """Runs all parts."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--mutations", type=int, default=20_000, help="in each part")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--folder", help="taken so that both fuzzers take the same words; nothing is written")
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    for name, part in {"messages": fuzz_messages, "records": fuzz_records, "progress words": fuzz_progress}.items():
        begun_s = time.monotonic()
        # Records take ten times as long as messages.
        count = options.mutations // 10 if part is fuzz_records else options.mutations
        counts = part(random.Random(f"{options.seed} {name}"), count)
        print(f"{name}: no violation, {count:,} mutations, {time.monotonic() - begun_s:.0f} s", flush=True)
        for what, number in sorted(counts.items()):
            print(f"{number:>8,} {what}", flush=True)


if __name__ == "__main__":
    main()
