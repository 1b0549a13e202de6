"""Any order of crashes, stalls and answers: every task comes back exactly once, and only the cause of a crash fails."""

import random
import signal
import socket
from collections import Counter
from types import SimpleNamespace

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hashaudit.host.framing import HEADER, frame
from hashaudit.model.entry import Entry, Stat
from hashaudit.model.location import DirectoryRef, Location
from hashaudit.workers.local import pool as pool_module
from hashaudit.workers.local.pool import Pool
from hashaudit.workers.local.watchdog import Deadlines
from hashaudit.workers.local.worker_process import WorkerProcess
from hashaudit.workers.protocol import (
    BATCH_DECODER,
    CONFIG_DECODER,
    DECODING,
    ENCODER,
    POSITION,
    PROGRESS_WORDS,
    Answer,
    PerceptualConfig,
    Ready,
    WorkBatch,
    WorkerConfig,
    position_word,
)
from hashaudit.workers.tasks import Completed, Task
from property_examples import examples

DIRECTORY = DirectoryRef(b"/srv", 1, 1)
STAT = Stat(0o100644, 1, 1, 1, 10, 1, 1)
FILE_S = 2.0
PERCEPTUAL = PerceptualConfig((), {}, 50, 1, "none", 60.0, ())
ALWAYS = 99


class Fate(msgspec.Struct, frozen=True):
    """What an item does to the workers that are on it."""

    deaths: int
    """So often."""
    early: bool = False
    """Before the worker says that it has begun it."""


class World:
    """The clock, and all workers there are."""

    def __init__(self, fates: dict[str, Fate], seed: int) -> None:
        self.now_s = 1000.0
        self.fates = fates
        self.died: Counter[str] = Counter()
        self.random = random.Random(seed)
        self.workers: list[FakeProcess] = []

    def spawn(self) -> "FakeProcess":
        worker = FakeProcess(self)
        self.workers.append(worker)
        return worker

    def step(self) -> None:
        """Some worker does something, or time passes."""
        alive = [worker for worker in self.workers if worker.alive and not worker.stalled]
        for worker in alive:
            worker.listen()
        busy = [worker for worker in alive if worker.batches]
        if busy:
            self.random.choice(busy).act()
            self.now_s += FILE_S / 1000
        else:
            self.now_s += FILE_S / 1.5

    def dies(self, name: str) -> bool:
        """Whether a worker that is on an item dies of it, this time."""
        if self.died[name] >= self.fates[name].deaths:
            return False
        self.died[name] += 1
        return True


class FakeProcess(WorkerProcess):
    """What the pool takes for a worker process; the far end of its socket does what the world says."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.socket, self.far = socket.socketpair()
        self.socket.setblocking(False)
        self.far.setblocking(False)
        self._progress = memoryview(bytearray(8 * PROGRESS_WORDS)).cast("q")
        self._inbound = bytearray()
        self._outbound = bytearray()
        self.process = SimpleNamespace(pid=1)  # type: ignore[assignment] # all that is asked of it here
        self.heard = bytearray()
        self.planned = False
        self.batches: list[WorkBatch] = []
        self.item = 0
        self.alive = True
        self.stalled = False
        self.status = -signal.SIGKILL

    def end(self) -> None:
        self.alive = False

    def reap(self, _timeout_s: float) -> int:
        self.alive = False
        self.far.close()
        self.socket.close()
        return self.status

    def act(self) -> None:
        """One thing that a worker does: begins its next item, answers, dies or stops moving."""
        batch = self.batches[0]
        entries = batch.entries()
        names = [entry.path.rpartition(b"/")[2].decode() for entry, _ in entries]
        if self.item == 0 and any(self.world.fates[name].early and self.world.dies(name) for name in names):
            self.die()
        elif self.item < len(names):
            self._progress[POSITION] = position_word(batch.number, self.item)
            self._progress[DECODING] = self.world.random.randrange(2)
            if self.world.dies(names[self.item]):
                self.die()
            self.item += 1
        else:
            self.say(Answer(batch.number, (), 0, ()))
            self.batches.pop(0)
            self.item = 0

    def die(self) -> None:
        way = self.world.random.choice(["stall", "signal", "exit", "garbage", "half", "lie"])
        if way == "stall":
            self.stalled = True
            return
        if way == "exit":
            self.status = 7
        elif way == "garbage":
            self.far.send(frame(b"\xc1garbage"))
        elif way == "half":
            self.far.send(frame(ENCODER.encode(Answer(self.batches[0].number, (), 0, ())))[:-2])
        elif way == "lie":
            self.far.send(
                frame(ENCODER.encode(Answer(self.batches[0].number, (len(self.batches[0].entries()),), 0, ())))
            )
        self.alive = False
        self.far.close()

    def listen(self) -> None:
        try:
            while data := self.far.recv(1 << 16):
                self.heard += data
        except BlockingIOError:
            pass
        while len(self.heard) >= HEADER.size:
            end = HEADER.size + HEADER.unpack_from(self.heard)[0]
            if len(self.heard) < end:
                return
            payload = bytes(self.heard[HEADER.size : end])
            del self.heard[:end]
            if self.planned:
                self.batches.append(BATCH_DECODER.decode(payload))
            else:
                CONFIG_DECODER.decode(payload)
                self.planned = True
                self.say(Ready(()))

    def say(self, message: Ready | Answer) -> None:
        self.far.send(frame(ENCODER.encode(message)))


FATES = st.one_of(
    st.just(Fate(0)),
    st.just(Fate(0)),
    st.builds(Fate, st.sampled_from([1, 2, 3, ALWAYS])),
    st.builds(Fate, st.sampled_from([1, ALWAYS]), st.just(True)),
)


@settings(max_examples=examples(75))
@given(
    batches=st.lists(st.lists(FATES, min_size=1, max_size=5), max_size=8),
    workers=st.integers(1, 3),
    decodes=st.booleans(),
    seed=st.integers(0, 1 << 32),
)
def test_every_task_comes_back_exactly_once(batches: list[list[Fate]], workers: int, decodes: bool, seed: int) -> None:
    fates = {f"{batch}-{item}": fate for batch, items in enumerate(batches) for item, fate in enumerate(items)}
    world = World(fates, seed)
    became: dict[str, str] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pool_module, "time", SimpleNamespace(monotonic=lambda: world.now_s))
        with Pool[str](workers=workers, deadlines=Deadlines(FILE_S, FILE_S), spawn=world.spawn) as pool:
            pool.begin(WorkerConfig((), False, (), PERCEPTUAL if decodes else None))
            for batch, items in enumerate(batches):
                names = [f"{batch}-{item}" for item in range(len(items))]
                pool.submit(
                    [Task(name, Entry(Location(DIRECTORY, name.encode()), STAT), report=False) for name in names],
                    urgent=world.random.random() < 0.2,
                )
            for _ in range(20_000):
                if pool.idle:
                    break
                world.step()
                for event in pool.collect(0):
                    answered = isinstance(event, Completed)
                    for task in event.tasks if isinstance(event, Completed) else (event.task,):
                        assert task.context not in became
                        became[task.context] = "examined" if answered and task.suspicion is None else "blamed"
            assert pool.idle
    assert became.keys() == fates.keys()
    for name, fate in fates.items():
        if world.died[name] < 2:
            assert became[name] == "examined", fate
        if fate.deaths == ALWAYS:
            assert became[name] == "blamed"
        assert world.died[name] <= (3 if decodes else 2) + (3 if fate.early else 0)
