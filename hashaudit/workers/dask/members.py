"""The Dask workers of a run: which take part, what each is doing, and what all of them have in force."""

import time
from asyncio import Task
from collections.abc import Iterable

from distributed import Future

from hashaudit.host.sandbox.sandbox import LANDLOCK
from hashaudit.workers.dask.protocol import Busy, Count, Status

MIN_RATE_BYTES_PER_S = 1024
"""Of a session that waits for its share of the rate."""


class Member:
    """A Dask worker with a session that is ready."""

    def __init__(self, address: str, session: str, processes: int, future: Future) -> None:
        self.address = address
        self.session = session
        self.processes = processes
        self.future = future
        """Held as long as the session is wanted."""
        self.running: set[Task[None]] = set()
        self.busy: tuple[Busy, ...] = ()
        self.seen_s = 0.0
        """When it last told what it does, on the monotonic clock."""


class Members:
    """All members, and what sessions of the run have done, those that are gone included."""

    def __init__(self) -> None:
        self.by_address: dict[str, Member] = {}
        self.refused: dict[str, str] = {}
        """Workers that are given nothing, and why."""
        self.sandbox: tuple[str, ...] | None = None
        """What the run's header says is in force wherever content is read; ``None`` until it is written."""
        self.layers: dict[str, tuple[str, ...]] = {}
        self._counts: dict[str, Count] = {}

    @property
    def processes(self) -> int:
        """Of all members."""
        return sum(member.processes for member in list(self.by_address.values()))

    def update(self, member: Member, status: Status) -> None:
        """Notes what a member does, and what its session has done so far. Answers may come in any order."""
        before, count = self._counts.get(member.session, Count()), status.count
        restarts = max(before.restarts, count.restarts)
        self._counts[member.session] = Count(max(before.bytes_read, count.bytes_read), restarts)
        member.busy, member.seen_s = status.busy, time.monotonic()

    def silent(self, since_s: float) -> list[Member]:
        """Those that have told nothing since a time of the monotonic clock."""
        return [member for member in self.by_address.values() if member.seen_s < since_s]

    @property
    def bytes_read(self) -> int:
        """By all sessions."""
        return sum(count.bytes_read for count in list(self._counts.values()))

    @property
    def restarts(self) -> int:
        """Worker processes that sessions had to replace."""
        return sum(count.restarts for count in list(self._counts.values()))

    def rates(self, rate_bytes_per_s: int) -> dict[str, int]:
        """Each session's share of a rate, by its processes."""
        everyone = list(self.by_address.values())
        whole = sum(member.processes for member in everyone)
        return {
            member.session: max(MIN_RATE_BYTES_PER_S, rate_bytes_per_s * member.processes // whole)
            for member in everyone
        }


def common_layers(all_layers: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    """The layers that are in force everywhere; of landlock the lowest version, in the order of the first."""
    everyone = list(all_layers)
    kept = []
    for name in everyone[0] if everyone else ():
        same = [_counterpart(name, layers) for layers in everyone]
        if None not in same:
            kept.append(min((each for each in same if each is not None), key=_version))
    return tuple(kept)


def _counterpart(name: str, layers: tuple[str, ...]) -> str | None:
    if name.startswith(LANDLOCK):
        return next((each for each in layers if each.startswith(LANDLOCK)), None)
    return name if name in layers else None


def _version(name: str) -> int:
    return int(name.rpartition("_")[2]) if name.startswith(LANDLOCK) else 0
