"""A part of a source: one of N shards that together are the whole, whoever walks them and in whatever order.

A path belongs to a shard by a hash of its bytes, so that what belongs where depends on nothing but the path and N. All
versions of an object belong together. Faults of the walk belong to every shard: what lies behind one is unseen by each
that meets it, whatever the others see.
"""

import hashlib
from collections.abc import Iterator
from typing import Self

import msgspec

from hashaudit.errors import UsageError
from hashaudit.model.entry import Entry, NotReady
from hashaudit.model.faults import PathFault, Skipped
from hashaudit.sources.interface import Position, RootDescription, Source

MAX_SHARDS = 1_000_000
"""More than any array of jobs holds."""

_HASH_BYTES = 8


class Shard(msgspec.Struct, frozen=True):
    """One of several parts."""

    number: int
    """From 1."""
    count: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Reads ``I/N``.

        Raises:
            UsageError: it is no such thing.
        """
        number, slash, count = text.partition("/")
        if not (slash and number.isascii() and number.isdigit() and count.isascii() and count.isdigit()):
            raise UsageError("--shard is I/N, such as 1/4 for the first of four")
        shard = cls(int(number), int(count))
        if not 1 <= shard.number <= shard.count <= MAX_SHARDS:
            raise UsageError(f"--shard I/N: I goes from 1 to N, and N to {MAX_SHARDS:,}")
        return shard

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    def holds(self, path: bytes) -> bool:
        """Whether a path belongs to this shard."""
        value = int.from_bytes(hashlib.blake2b(path, digest_size=_HASH_BYTES).digest(), "big")
        return value % self.count == self.number - 1


class ShardSource:
    """Walks a source and gives what belongs to one shard."""

    def __init__(self, source: Source, shard: Shard) -> None:
        self._source = source
        self._shard = shard

    @property
    def directories_listed(self) -> int:
        """How many folders the walk has listed so far: all of them, for every shard."""
        return self._source.directories_listed

    @property
    def position(self) -> Position | None:
        """Where the walk is: at what it yielded last; ``None`` where no walk can begin."""
        return self._source.position

    def describe_roots(self) -> tuple[RootDescription, ...]:
        """The roots as they are now, in the order in which they are walked."""
        return self._source.describe_roots()

    def walk(self, start: Position | None = None) -> Iterator[Entry | PathFault | Skipped | NotReady]:
        """Yields what belongs to the shard, and all faults of the walk.

        Args:
            start: what comes before it is passed over.

        Raises:
            OutputError: temporary space for sorting cannot be written.
            HostError: an object store cannot be used.
        """
        holds = self._shard.holds
        for met in self._source.walk(start):
            if isinstance(met, PathFault | NotReady) or holds(
                met.location.path if isinstance(met, Entry) else met.path
            ):
                yield met
