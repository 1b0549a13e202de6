"""The Dask workers of a scan: which ones take part, their progress, and the sandbox layers that all have in force."""

import time
from asyncio import Task
from collections.abc import Iterable
from typing import TYPE_CHECKING

from hashaudit.host.sandbox.sandbox import LANDLOCK
from hashaudit.workers.dask.protocol import Busy, Count, Status

if TYPE_CHECKING:
    from distributed import Future

MIN_RATE_BYTES_PER_S = 1024
"""Rate of a session that waits for its share."""


class Member:
    """A Dask worker with a session that is ready."""

    def __init__(self, address: str, session: str, processes: int, future: "Future") -> None:
        self.address = address
        self.session = session
        self.processes = processes
        self.future = future
        """Held as long as the session is wanted."""
        self.running: set[Task[None]] = set()
        self.busy: tuple[Busy, ...] = ()
        self.seen_s = 0.0
        """Time of its last report on the monotonic clock."""


class Members:
    """All members, and the counts of all sessions, including those that have ended."""

    def __init__(self) -> None:
        self.by_address: dict[str, Member] = {}
        self.refused: dict[str, str] = {}
        """Workers that are not used, and why."""
        self.sandbox: tuple[str, ...] | None = None
        """The sandbox layers recorded in the header, in force for every reader; ``None`` until it is written."""
        self.layers: dict[str, tuple[str, ...]] = {}
        self._counts: dict[str, Count] = {}

    @property
    def processes(self) -> int:
        """Number of processes of all members."""
        return sum(member.processes for member in list(self.by_address.values()))

    def update(self, member: Member, status: Status) -> None:
        """Notes the status of a member. Reports may arrive in any order."""
        before, count = self._counts.get(member.session, Count()), status.count
        restarts = max(before.restarts, count.restarts)
        self._counts[member.session] = Count(max(before.bytes_read, count.bytes_read), restarts)
        member.busy, member.seen_s = status.busy, time.monotonic()

    def silent(self, since_s: float) -> list[Member]:
        """Returns the members without a report since a time on the monotonic clock."""
        return [member for member in self.by_address.values() if member.seen_s < since_s]

    @property
    def bytes_read(self) -> int:
        """Bytes read by all sessions."""
        return sum(count.bytes_read for count in list(self._counts.values()))

    @property
    def restarts(self) -> int:
        """Number of worker processes that sessions had to replace."""
        return sum(count.restarts for count in list(self._counts.values()))

    def rates(self, rate_bytes_per_s: int) -> dict[str, int]:
        """Returns each session's share of a rate, by its processes."""
        everyone = list(self.by_address.values())
        whole = sum(member.processes for member in everyone)
        return {
            member.session: max(MIN_RATE_BYTES_PER_S, rate_bytes_per_s * member.processes // whole)
            for member in everyone
        }


def common_layers(all_layers: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    """Returns the layers in force everywhere, in the order of the first; for landlock the lowest version."""
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
