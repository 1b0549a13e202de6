import os
import signal
import textwrap
import time
from collections.abc import Callable, Generator
from functools import partial
from pathlib import Path

import msgspec
import pytest

from coded_worker import CodedWorkers
from hashaudit.content.containers.inside_budget import InsideLimits
from hashaudit.errors import HostError
from hashaudit.host.fork_server import ForkServer, is_available
from hashaudit.model.containers import ContainerKind
from hashaudit.model.entry import Consistency, Entry, Stat
from hashaudit.model.faults import FaultCode
from hashaudit.model.location import DirectoryRef, Location
from hashaudit.model.results import AlgorithmName, EntryResult
from hashaudit.workers import connection
from hashaudit.workers.local.pool import Pool
from hashaudit.workers.local.watchdog import Deadlines
from hashaudit.workers.local.worker_process import WorkerProcess
from hashaudit.workers.protocol import Answer, InsideConfig, WorkerConfig
from hashaudit.workers.tasks import Completed, Failed, Task, accounted_for

CONFIG = WorkerConfig((AlgorithmName("sha256"),), False, ())
INSIDE = InsideConfig(frozenset({ContainerKind.ZIP}), InsideLimits(1, 1), opens_known=False)
PATIENT = Deadlines(file_s=60, decode_s=60)

# A worker whose examiner does what a file's name says.
FAKE = """
import os, signal, sys, time
from hashaudit.workers.child import child_main as worker
from hashaudit.workers.child.import_guard import ImportGuard
from hashaudit.workers.child.throttle import SharedThrottle
from hashaudit.workers.protocol import Answer, position_word

class Examiner:
    def __init__(self, config, progress, send):
        self.progress = progress
        self.count = 0
        self.imports = ImportGuard()

    def ahead(self, batches):
        return batches

    def examine_batch(self, batch):
        if any(entry.location.name == b"early" for entry, _ in batch.entries()):
            os._exit(9)
        for item, (entry, _) in enumerate(batch.entries()):
            self.progress[0] = position_word(batch.number, item)
            self.act(entry.location.name.decode(), os.fsdecode(entry.location.directory.path))
        return Answer(batch.number, (), 0, ())

    def act(self, name, folder):
        self.examined(name, folder)
        self.count += 1

    def examined(self, name, folder):
        with open(folder + "/examined", "a") as file:
            file.write(name + "\\n")
        if name == "segv":
            os.kill(os.getpid(), signal.SIGSEGV)
        elif name == "exit":
            os._exit(7)
        elif name == "first-only" and self.count:
            os._exit(9)
        elif name == "hang":
            time.sleep(3600)
        elif name == "once" and not os.path.exists(folder + "/died"):
            open(folder + "/died", "w").close()
            os.kill(os.getpid(), signal.SIGKILL)
        elif name == "slow-but-reading":
            for _ in range(30):
                time.sleep(0.05)
                self.progress[1] += 1
        elif name == "paced":
            throttle = SharedThrottle(self.progress)
            for _ in range(3):
                throttle.acquire()
                throttle.consume(1024)

worker.Examiner = Examiner
worker.main()
"""


@pytest.fixture(scope="module", autouse=True)
def forked() -> Generator[None]:
    """Forks the workers of most tests, which start faster than those of fresh interpreters."""
    with WORKERS:
        yield


WORKERS = CodedWorkers()


def fake() -> WorkerProcess:
    return WORKERS.start(FAKE)


def fresh() -> WorkerProcess:
    return WorkerProcess(FAKE)


def tasks(folder: Path, *names: str) -> list[Task[str]]:
    directory = DirectoryRef(os.fsencode(folder), 1, 1)
    stat = Stat(0o100644, 1, 1, 1, 1 << 20, 1, 1)
    return [Task(name, Entry(Location(directory, name.encode()), stat), report=False) for name in names]


def run(
    folder: Path,
    batches: list[list[str]],
    *,
    workers: int = 2,
    deadlines: Deadlines = PATIENT,
    spawn: Callable[[], WorkerProcess] = fake,
) -> dict[str, object]:
    """Runs batches to the end; what became of each name."""
    became: dict[str, object] = {}
    with Pool[str](workers=workers, deadlines=deadlines, spawn=spawn) as pool:
        pool.begin(CONFIG)
        pool.wait_ready()
        for batch in batches:
            pool.submit(tasks(folder, *batch))
        while not pool.idle:
            for event in pool.collect():
                if isinstance(event, Completed):
                    names = [task.context for task in event.tasks]
                    assert not set(names) & set(became), "answered twice"
                    became.update(dict.fromkeys(names, "examined"))
                else:
                    assert event.task.context not in became
                    became[event.task.context] = event.fault
    return became


@pytest.mark.parametrize("spawn", [fake, fresh])
def test_all_batches_are_answered(tmp_path: Path, spawn: Callable[[], WorkerProcess]) -> None:
    batches = [[f"{batch}-{item}" for item in range(5)] for batch in range(20)]
    assert run(tmp_path, batches, spawn=spawn) == {name: "examined" for batch in batches for name in batch}


@pytest.mark.parametrize("spawn", [fake, fresh])
@pytest.mark.parametrize(("name", "number"), [("segv", signal.SIGSEGV), ("exit", None)])
def test_exactly_the_item_that_crashes_a_worker_fails(
    tmp_path: Path, name: str, number: int | None, spawn: Callable[[], WorkerProcess]
) -> None:
    became = run(tmp_path, [["a", "b", name, "c"], ["d"], ["e", "f"]], spawn=spawn)
    fault = became.pop(name)
    assert became == dict.fromkeys("abcdef", "examined")
    assert getattr(fault, "code", None) is FaultCode.WORKER_CRASHED
    assert getattr(fault, "attempts", None) == 2
    assert getattr(fault, "signal", None) == number
    assert (tmp_path / "examined").read_text().split().count(name) == 2


def test_an_innocent_item_is_retried_and_examined(tmp_path: Path) -> None:
    assert run(tmp_path, [["a", "once", "b"]]) == dict.fromkeys(["a", "once", "b"], "examined")


def test_a_suspect_is_tried_on_a_worker_that_has_done_nothing_else(tmp_path: Path) -> None:
    batches = [["a", "first-only", "b"], *([f"{number}"] for number in range(50))]
    assert run(tmp_path, batches) == {name: "examined" for batch in batches for name in batch}


@pytest.mark.parametrize("slow", [1, 2, 3, 4, 5, 6])
def test_every_suspect_is_retried_whichever_worker_is_ready_first(slow: int, tmp_path: Path) -> None:
    started: list[int] = []

    def spawn() -> WorkerProcess:
        started.append(len(started) + 1)
        late = "import time; time.sleep(0.5)" if started[-1] == slow else ""
        return WORKERS.start(f"{late}\n{FAKE}")

    with Pool[str](workers=2, deadlines=PATIENT, spawn=spawn) as pool:
        pool.begin(CONFIG)
        pool.wait_ready()
        for name in ("once", "segv", "a"):
            pool.submit(tasks(tmp_path, name))
        became = []
        end_s = time.monotonic() + 30
        while not pool.idle and time.monotonic() < end_s:
            became += [type(event).__name__ for event in pool.collect()]
    assert sorted(became) == ["Completed", "Completed", "Failed"]


def test_an_item_that_ends_a_worker_before_it_is_begun_is_found_by_halving(tmp_path: Path) -> None:
    became = run(tmp_path, [["a", "b", "early", "c", "d"], ["e"]])
    fault = became.pop("early")
    assert became == dict.fromkeys("abcde", "examined")
    assert getattr(fault, "code", None) is FaultCode.WORKER_CRASHED


def test_a_stalled_item_fails(tmp_path: Path) -> None:
    became = run(tmp_path, [["a", "hang", "b"]], deadlines=Deadlines(0.5, 0.5))
    fault = became.pop("hang")
    assert became == dict.fromkeys("ab", "examined")
    assert getattr(fault, "code", None) is FaultCode.TIMEOUT


def test_an_item_that_still_reads_is_not_stalled(tmp_path: Path) -> None:
    assert run(tmp_path, [["slow-but-reading"]], workers=1, deadlines=Deadlines(0.7, 0.7)) == {
        "slow-but-reading": "examined"
    }


def test_an_item_that_waits_for_its_share_of_the_rate_is_not_stalled(tmp_path: Path) -> None:
    with Pool[str](workers=1, deadlines=Deadlines(0.3, 0.3), max_rate_bytes_per_s=1024, spawn=fake) as pool:
        pool.begin(CONFIG)
        pool.submit(tasks(tmp_path, "paced"))
        events = []
        while not pool.idle:
            events += pool.collect()
    assert isinstance(events[0], Completed)


def test_leaving_the_pool_leaves_no_process(tmp_path: Path) -> None:
    with Pool[str](workers=2, deadlines=PATIENT, spawn=fake) as pool:
        pool.begin(CONFIG)
        pool.wait_ready()
        pool.submit(tasks(tmp_path, "hang"))
        pool.collect(0.2)
        processes = [worker.process.process for worker in pool._workers]
    assert [process.wait(0) for process in processes] == [-signal.SIGKILL] * 2


@pytest.mark.parametrize("code", ["raise SystemExit(3)", "import time"])
def test_workers_that_never_become_ready_end_the_run(code: str) -> None:
    with (
        Pool[str](workers=1, deadlines=PATIENT, spawn=lambda: WorkerProcess(code)) as pool,
        pytest.raises(HostError, match="do not start"),
    ):
        pool.wait_ready()


def test_a_worker_that_cannot_do_its_plan_ends_the_run() -> None:
    config = WorkerConfig(("no-such-digest",), False, ())  # type: ignore[arg-type] # a wrong name is the point
    with Pool[str](workers=1, deadlines=PATIENT) as pool:
        pool.begin(config)
        with pytest.raises(HostError):
            pool.wait_ready()


LIARS: dict[str, str] = {
    "not a message": "stream.sendall(b'\\x05\\x00\\x00\\x00aaaaa')",
    "a frame of 4 GiB": "stream.sendall(b'\\xff\\xff\\xff\\xff')",
    "text that is not UTF-8": "stream.sendall(b'\\x0c\\x00\\x00\\x00\\x92\\xa8rejected\\xa1\\xff')",
    "an unfinished frame that is too long": "stream.sendall(b'\\x01\\x00\\x00\\x04x')",
    "many values in one message": "stream.sendall(b'\\x05\\x00\\x20\\x00\\xdd\\x00\\x20\\x00\\x00' + bytes(1 << 21))",
    "a rejection": "worker._send(stream, Rejected('\\x1b]0;pwned\\x07 end'))",
    "ready again": "worker._send(stream, Ready(()))",
    "an answer that leaves the whole batch": "worker._send(stream, Answer(batch.number, (), 0, (), not_begun=1))",
    "an object's state for a file": "worker._send(stream, Answer(batch.number, (), 0, (0,)))",
    "an item that the batch does not have": "progress[0] = position_word(batch.number, 5); os._exit(1)",
    "an item of a batch that nobody has": "progress[0] = position_word(batch.number + 9, 0); time.sleep(60)",
    "a position that goes back": "time.sleep(0.5); progress[0] = 0; time.sleep(60)",
    "a negative position": "progress[0] = -1; time.sleep(60)",
    "many threads": "threading.stack_size(1 << 15); [threading.Thread(target=time.sleep, args=(60,)).start() "
    "for _ in range(1100)]; time.sleep(60)",
    "an answer for another batch": "worker._send(stream, Answer(99, (), 0, ()))",
    "an answer for items that were not asked for": "worker._send(stream, Answer(batch.number, (7,), 0, ()))",
}


@pytest.mark.parametrize("lie", LIARS)
def test_a_worker_that_violates_the_protocol_is_ended_and_its_item_fails(lie: str, tmp_path: Path) -> None:
    code = textwrap.dedent(f"""
        from hashaudit.workers.child import child_main as worker
        from hashaudit.host.framing import receive
        import os, threading, time
        from hashaudit.workers.protocol import Answer, Ready, Rejected, BATCH_DECODER, position_word
        def serve(stream, progress, sandbox):
            receive(stream)
            worker._send(stream, Ready(()))
            batch = BATCH_DECODER.decode(receive(stream))
            progress[0] = position_word(batch.number, 0)
            {LIARS[lie]}
            receive(stream)
        worker.serve = serve
        worker.main()
    """)
    with Pool[str](workers=1, deadlines=PATIENT, spawn=lambda: WORKERS.start(code)) as pool:
        pool.begin(CONFIG)
        pool.wait_ready()
        pool.submit(tasks(tmp_path, "a"))
        events = []
        while not pool.idle:
            events += pool.collect()
    [event] = events
    assert isinstance(event, Failed)
    assert event.task.attempts == 1  # and the last one, which is not counted there
    assert event.fault.message.isprintable()
    assert "pwned" not in event.fault.message


@pytest.mark.parametrize(
    "lie",
    {
        "alternates between items": "progress[0] = position_word(batch.number, turn % 2)",
        "has begun nothing and reads on": "progress[0] = 0; progress[1] += 1; progress[2] += 1",
        "reads on": "progress[1] += 1; progress[2] += 1",
        "switches between reading and decoding": "progress[6] = turn % 2; progress[1] += 1",
        "waits for a grant that it has": "progress[4] = 1; progress[2] = (1 << 63) - 1",
        "waits and pretends that it has read everything": "progress[4] = 1; progress[2] = progress[3]",
    }.items(),
    ids=lambda lie: lie[0],
)
@pytest.mark.parametrize("rate", [None, 1 << 30])
def test_no_word_of_a_worker_extends_its_deadline_for_ever(
    lie: tuple[str, str], rate: int | None, tmp_path: Path
) -> None:
    code = textwrap.dedent(f"""
        import time
        from hashaudit.workers.child import child_main as worker
        from hashaudit.host.framing import receive
        from hashaudit.workers.protocol import Answer, Ready, BATCH_DECODER, position_word
        def serve(stream, progress, sandbox):
            receive(stream)
            worker._send(stream, Ready(()))
            while True:
                batch = BATCH_DECODER.decode(receive(stream))
                names = [entry.location.name for entry, _ in batch.entries()]
                if b"evil" not in names:
                    worker._send(stream, Answer(batch.number, (), 0, ()))
                    continue
                progress[0] = position_word(batch.number, names.index(b"evil"))
                for turn in range(1 << 60):
                    {lie[1]}
                    time.sleep(0.001)
        worker.serve = serve
        worker.main()
    """)
    limits = Deadlines(0.2, 0.2)
    with Pool[str](workers=1, deadlines=limits, max_rate_bytes_per_s=rate, spawn=lambda: WORKERS.start(code)) as pool:
        pool.begin(CONFIG)
        pool.submit([msgspec.structs.replace(task, entry=small(task.entry)) for task in tasks(tmp_path, "a", "evil")])
        events: list[object] = []
        end_s = time.monotonic() + 30
        while not pool.idle and time.monotonic() < end_s:
            events += pool.collect()
    assert [event.task.context for event in events if isinstance(event, Failed)] == ["evil"]
    assert [event.tasks[0].context for event in events if isinstance(event, Completed)] == ["a"]


def small(entry: Entry) -> Entry:
    """The same entry with a size that allows no extra time."""
    return msgspec.structs.replace(entry, state=msgspec.structs.replace(entry.stat, size=1))


def test_a_worker_that_names_others_as_the_cause_is_found_within_bounded_tries(tmp_path: Path) -> None:
    code = textwrap.dedent("""
        import os
        from hashaudit.workers.child import child_main as worker
        from hashaudit.host.framing import receive
        from hashaudit.workers.protocol import Answer, Ready, BATCH_DECODER, position_word
        def serve(stream, progress, sandbox):
            receive(stream)
            worker._send(stream, Ready(()))
            while True:
                batch = BATCH_DECODER.decode(receive(stream))
                names = [entry.location.name for entry, _ in batch.entries()]
                if b"evil" in names:
                    progress[0] = position_word(batch.number, len(names) - 1)
                    os._exit(1)
                worker._send(stream, Answer(batch.number, (), 0, ()))
        worker.serve = serve
        worker.main()
    """)
    names = ["evil", *(f"f{number}" for number in range(63))]
    events: list[object] = []
    with Pool[str](workers=1, deadlines=PATIENT, spawn=lambda: WORKERS.start(code)) as pool:
        pool.begin(CONFIG)
        pool.submit(tasks(tmp_path, *names))
        while not pool.idle:
            events += pool.collect()
        assert pool.restarts < 20
    assert [event.task.context for event in events if isinstance(event, Failed)] == ["evil"]
    done = [task.context for event in events if isinstance(event, Completed) for task in event.tasks]
    assert sorted(done) == sorted(names[1:])


def test_an_answer_counts_although_an_invalid_message_follows_it(tmp_path: Path) -> None:
    code = textwrap.dedent("""
        import os
        from hashaudit.workers.child import child_main as worker
        from hashaudit.host.framing import frame, receive
        from hashaudit.workers.protocol import Answer, Ready, BATCH_DECODER, ENCODER, position_word
        def serve(stream, progress, sandbox):
            receive(stream)
            worker._send(stream, Ready(()))
            batch = BATCH_DECODER.decode(receive(stream))
            progress[0] = position_word(batch.number, 0)
            stream.sendall(frame(ENCODER.encode(Answer(batch.number, (), 0, ()))) + frame(b"\\xc1"))
            receive(stream)
        worker.serve = serve
        worker.main()
    """)
    with Pool[str](workers=1, deadlines=PATIENT, spawn=lambda: WORKERS.start(code)) as pool:
        pool.begin(CONFIG)
        pool.submit(tasks(tmp_path, "a"))
        events: list[object] = []
        while not pool.idle:
            events += pool.collect()
    assert [type(event) for event in events] == [Completed]


def test_an_answer_for_a_part_of_a_batch_leaves_the_rest_to_others(tmp_path: Path) -> None:
    code = textwrap.dedent("""
        from hashaudit.workers.child import child_main as worker
        from hashaudit.host.framing import receive
        from hashaudit.workers.protocol import Answer, Ready, BATCH_DECODER, position_word
        def serve(stream, progress, sandbox):
            receive(stream)
            worker._send(stream, Ready(()))
            while True:
                batch = BATCH_DECODER.decode(receive(stream))
                worker._send(stream, Answer(batch.number, (), 0, (), not_begun=len(batch.entries()) - 1))
        worker.serve = serve
        worker.main()
    """)
    with Pool[str](workers=1, deadlines=PATIENT, spawn=lambda: WORKERS.start(code)) as pool:
        pool.begin(CONFIG)
        pool.submit(tasks(tmp_path, "a", "b", "c"))
        events: list[object] = []
        while not pool.idle:
            events += pool.collect()
        assert pool.restarts == 0
    done = [event for event in events if isinstance(event, Completed)]
    assert [[task.context for task in event.tasks] for event in done] == [["a"], ["b"], ["c"]]
    assert all(accounted_for(event.answer, event.tasks) for event in done)


READERS_LATER = """
from hashaudit.workers.child import child_main as worker
from hashaudit.host.framing import receive
from hashaudit.workers.protocol import Answer, Ready, BATCH_DECODER, CONFIG_DECODER
def serve(stream, progress, sandbox):
    is_deferred = CONFIG_DECODER.decode(receive(stream)).inside.is_deferred
    worker._send(stream, Ready(()))
    while True:
        batch = BATCH_DECODER.decode(receive(stream))
        count = len(batch.entries())
        if is_deferred or {lies}:
            worker._send(stream, Answer(batch.number, (), 0, (), not_begun=min(count, 2), needs_readers=True))
            return
        worker._send(stream, Answer(batch.number, (), 0, ()))
worker.serve = serve
worker.main()
"""


@pytest.mark.parametrize("lies", [False, True])
def test_the_first_container_is_left_to_a_worker_that_has_loaded_the_readers(lies: bool, tmp_path: Path) -> None:
    code = READERS_LATER.replace("{lies}", str(lies))
    loaded: list[InsideConfig] = []
    spawn = partial(WORKERS.start, code)
    events: list[object] = []
    with Pool[str](workers=2, deadlines=PATIENT, spawn=spawn, load_readers=loaded.append) as pool:
        pool.begin(WorkerConfig((), False, (), inside=INSIDE))
        for names in ("abc", "de", "fgh", "ij"):
            pool.submit(tasks(tmp_path, *names))
        while not pool.idle:
            events += pool.collect()
        assert (pool.restarts > 0) is lies
    assert loaded == [INSIDE]
    done = [task.context for event in events if isinstance(event, Completed) for task in event.tasks]
    failed = [event.task.context for event in events if isinstance(event, Failed)]
    assert sorted(done + failed) == list("abcdefghij"), "each item once"
    assert bool(failed) is lies
    assert all(event.tasks for event in events if isinstance(event, Completed))


EXAMINATION = EntryResult(1, None, 0, Consistency.STABLE, {})
READ_FIVE = EntryResult(0, None, 5, Consistency.STABLE, {})


@pytest.mark.parametrize(
    ("answer", "honest"),
    [
        (Answer(1, (), 0, ()), True),
        (Answer(1, (0, 2), 0, (EXAMINATION,)), True),
        (Answer(1, (1,), 0, (EXAMINATION,)), False),
        (Answer(1, (2, 2), 0, ()), False),
        (Answer(1, (3,), 0, ()), False),
        (Answer(1, (-1,), 0, ()), False),
        (Answer(1, (), -1, ()), False),
        (Answer(1, (), 4, (READ_FIVE,)), False),
        (Answer(1, (), 0, (EXAMINATION, EXAMINATION)), False),
        (Answer(1, (0,), 0, (EXAMINATION,), not_begun=1), True),
        (Answer(1, (2,), 0, (), not_begun=1), False),
        (Answer(1, (), 0, (), not_begun=3), False),
        (Answer(1, (), 0, (), not_begun=3, needs_readers=True), True),
        (Answer(1, (), 0, (), not_begun=4, needs_readers=True), False),
        (Answer(1, (0,), 0, (), not_begun=3, needs_readers=True), False),
        (Answer(1, (), 0, (), not_begun=-1), False),
    ],
)
def test_an_answer_accounts_for_each_item_once(answer: Answer, honest: bool, tmp_path: Path) -> None:
    assert accounted_for(answer, tuple(tasks(tmp_path, "a", "b", "c"))) is honest


def test_an_answer_has_to_report_every_required_item(tmp_path: Path) -> None:
    [task] = tasks(tmp_path, "a")
    asked = Task(task.context, task.entry, report=True)
    assert not accounted_for(Answer(1, (), 0, ()), (asked,))


def test_without_inheritable_descriptors_the_same(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(connection, "CAN_INHERIT_DESCRIPTORS", False)
    assert run(tmp_path, [["a", "segv", "b"]], spawn=fresh).keys() == {"a", "segv", "b"}


def test_large_files_go_first(tmp_path: Path) -> None:
    order: list[str] = []
    with Pool[str](workers=1, deadlines=PATIENT, spawn=fake) as pool:
        for name in ("small-1", "small-2"):
            pool.submit(tasks(tmp_path, name))
        pool.submit(tasks(tmp_path, "large"), urgent=True)
        pool.begin(CONFIG)
        while not pool.idle:
            order += [task.context for event in pool.collect() if isinstance(event, Completed) for task in event.tasks]
    assert order[0] == "large"


def test_the_parent_sees_what_each_worker_is_on(tmp_path: Path) -> None:
    until: Callable[[], list[str]] = lambda: [hand.task.context for hand in pool.in_progress()]  # noqa: E731 # a probe
    with Pool[str](workers=1, deadlines=PATIENT, spawn=fake) as pool:
        pool.begin(CONFIG)
        pool.submit(tasks(tmp_path, "a", "hang"))
        for _ in range(200):
            pool.collect(0.05)
            if until() == ["hang"]:
                break
        assert until() == ["hang"]


@pytest.mark.skipif(not is_available(), reason="needs Linux")
@pytest.mark.parametrize("ends", ["before", "while they start", "after"])
def test_workers_start_without_the_server_that_was_to_fork_them(tmp_path: Path, ends: str) -> None:
    (tmp_path / "a").write_bytes(b"a")
    with ForkServer(copies=False) as server:
        if ends == "before":
            server.abandon()
        elif ends == "while they start":
            server.load("os:abort")
        with Pool[str](
            workers=4,  # more than may fail to start
            deadlines=PATIENT,
            spawn=partial(WorkerProcess, server=server),
            prepare=lambda _config: None,
        ) as pool:
            pool.begin(CONFIG)
            pool.wait_ready()
            if ends == "after":
                server.abandon()
                pool._renew(pool._workers[0])
            pool.submit(tasks(tmp_path, "a"))
            events = [event for _ in range(100) if not pool.idle for event in pool.collect(0.5)]
    assert [type(event) for event in events] == [Completed]
