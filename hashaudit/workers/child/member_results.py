"""The results of the members of one file: sent in frames if they need a record, else counted."""

from collections.abc import Callable, Mapping

import msgspec

from hashaudit.model.containers import ContainerKind, ContainerResult
from hashaudit.model.location import Member
from hashaudit.model.results import EntryResult, MemberResult
from hashaudit.workers.child.content_steps import Digests
from hashaudit.workers.child.result_bounds import result_length
from hashaudit.workers.protocol import MemberFrame

FRAME_RESULTS = 1000
FRAME_BYTES = 1 << 20
"""Most results of a frame, and their length from which it is sent."""

MAX_SEEN = 10_000
"""Nested containers of one file whose counts are kept."""


class MemberCounts(msgspec.Struct, frozen=True):
    """Counts of members, all of them or of one container."""

    results: int
    numbers: int
    clean: int
    known: int
    bytes: int
    unreadable: int
    opened: dict[str, int]
    unopened: dict[str, int]

    def since(self, before: "MemberCounts") -> "MemberCounts":
        """Returns what was added since then."""
        return MemberCounts(
            self.results - before.results,
            self.numbers - before.numbers,
            self.clean - before.clean,
            self.known - before.known,
            self.bytes - before.bytes,
            self.unreadable - before.unreadable,
            _difference(self.opened, before.opened),
            _difference(self.unopened, before.unopened),
        )


def _difference(now: Mapping[str, int], before: Mapping[str, int]) -> dict[str, int]:
    return {name: count - before.get(name, 0) for name, count in now.items() if count > before.get(name, 0)}


class MemberResults:
    """Collects the results of the members of one file.

    Args:
        position: numbers of the batch and of the item in it.
        send: sends a frame to the parent.
    """

    def __init__(self, position: tuple[int, int], send: Callable[[MemberFrame], None]) -> None:
        self._batch, self._item = position
        self._send = send
        self._sent = 0
        self._results: list[MemberResult] = []
        self._results_bytes = 0
        self.number = 0
        """Members that were begun."""
        self.clean = self.known = self.bytes = self.skipped = self.unreadable = 0
        self._opened: dict[str, int] = {}
        self._unopened: dict[str, int] = {}
        self._seen: dict[tuple[ContainerKind, tuple[bytes, ...]], tuple[int, MemberCounts]] = {}
        """Depth and counts of containers in which nothing needed a record, by their digests."""

    def report(self, within: tuple[Member, ...], result: EntryResult) -> None:
        """Adds the result of a member that needs a record."""
        self._results.append(MemberResult(within, result))
        self._results_bytes += result_length(result)
        if len(self._results) >= FRAME_RESULTS or self._results_bytes >= FRAME_BYTES:
            self._flush()

    def count(self, container: ContainerResult | None, *, is_known: bool, is_searched: bool) -> None:
        """Counts a member without a result.

        Args:
            container: present if the member is one.
            is_known: it matches known lists only.
            is_searched: it was not matched; only members in it were searched for.
        """
        if is_searched:
            self.skipped += 1
        elif is_known:
            self.known += 1
        else:
            self.clean += 1
        if container is not None:
            of_kind = self._opened if container.opened else self._unopened
            of_kind[container.kind.value] = of_kind.get(container.kind.value, 0) + 1

    def counts(self) -> MemberCounts:
        """Returns what was counted so far."""
        return MemberCounts(
            self._sent + len(self._results),
            self.number,
            self.clean,
            self.known,
            self.bytes,
            self.unreadable,
            dict(self._opened),
            dict(self._unopened),
        )

    def keep(self, kind: ContainerKind, digests: Digests, depth: int, before: MemberCounts) -> None:
        """Keeps the counts of a container in which nothing needs a record, for others with the same content."""
        now = self.counts()
        if now.results == before.results and len(self._seen) < MAX_SEEN:
            self._seen[kind, tuple(digests.values())] = (depth, now.since(before))

    def kept(self, kind: ContainerKind, digests: Digests, depth: int) -> MemberCounts | None:
        """Returns the counts of an equal container, at most as deep: deeper, the limit on depth may be reached."""
        seen_depth, counts = self._seen.get((kind, tuple(digests.values())), (0, None))
        return None if depth > seen_depth else counts

    def add(self, counts: MemberCounts) -> None:
        """Counts the members of a container by those of an equal one, as if it had been opened."""
        self.number += counts.numbers
        self.clean += counts.clean
        self.known += counts.known
        self.bytes += counts.bytes
        self.unreadable += counts.unreadable
        for of_kind, added in ((self._opened, counts.opened), (self._unopened, counts.unopened)):
            for name, count in added.items():
                of_kind[name] = of_kind.get(name, 0) + count

    def end(self, kind: ContainerKind) -> ContainerResult:
        """Sends what is left; returns the counts, as those of a container of this kind."""
        self._flush()
        return ContainerResult(
            kind,
            opened=True,
            lines=self._sent,
            clean=self.clean,
            known=self.known,
            bytes=self.bytes,
            containers=self._opened,
            containers_unopened=self._unopened,
            skipped=self.skipped,
            deleted_unreadable=self.unreadable,
        )

    def _flush(self) -> None:
        if self._results:
            self._send(MemberFrame(self._batch, self._item, self._sent, tuple(self._results)))
            self._sent += len(self._results)
            self._results.clear()
            self._results_bytes = 0
