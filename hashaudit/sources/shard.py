"""Selects shard k of N of a source. The N shards together cover the source exactly, regardless of host or order.

A hash of its bytes assigns a path to a shard, so the assignment depends only on the path and N. All versions of an
object belong together. Faults of the walk belong to every shard, because each shard that meets one cannot see what is
behind it.
"""

import hashlib
from collections.abc import Iterator
from typing import Self

import msgspec

from hashaudit.errors import UsageError
from hashaudit.model.entry import Entry, NotReady
from hashaudit.model.faults import PathFault, Skipped
from hashaudit.model.file_run import FileRun
from hashaudit.model.location import join_path
from hashaudit.sources.interface import Item, Position, RootDescription, Source, walk_in_runs

MAX_SHARDS = 1_000_000
"""More than any job array has."""

_HASH_BYTES = 8


class Shard(msgspec.Struct, frozen=True):
    """One of N shards."""

    number: int
    """From 1."""
    count: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parses ``I/N``.

        Raises:
            UsageError: the text is not a shard.
        """
        number, slash, count = text.partition("/")
        if not (slash and number.isascii() and number.isdigit() and count.isascii() and count.isdigit()):
            raise UsageError(f"invalid shard: '{text}'", hint="use I/N, for example --shard 1/4 for the first of four")
        shard = cls(int(number), int(count))
        if not 1 <= shard.number <= shard.count <= MAX_SHARDS:
            raise UsageError(f"invalid shard: '{text}'; I is from 1 to N, and N at most {MAX_SHARDS:,}")
        return shard

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    def holds(self, path: bytes) -> bool:
        """Returns whether a path belongs to this shard."""
        value = int.from_bytes(hashlib.blake2b(path, digest_size=_HASH_BYTES).digest(), "big")
        return value % self.count == self.number - 1


class ShardSource:
    """Walks a source and yields what belongs to one shard."""

    def __init__(self, source: Source, shard: Shard) -> None:
        self._source = source
        self._shard = shard

    @property
    def directories_listed(self) -> int:
        """Number of directories listed so far: all of them, for every shard."""
        return self._source.directories_listed

    @property
    def position(self) -> Position | None:
        """Position of the item yielded last; ``None`` if no walk can start there."""
        return self._source.position

    def describe_roots(self) -> tuple[RootDescription, ...]:
        """Returns the roots as they are now, in the order of the walk."""
        return self._source.describe_roots()

    def walk(self, start: Position | None = None) -> Iterator[Entry | PathFault | Skipped | NotReady]:
        """Yields everything in the shard, and all faults of the walk.

        Args:
            start: skip everything before this position.

        Raises:
            OutputError: temporary space for sorting cannot be written.
            HostError: an object store cannot be used.
        """
        for met in self._source.walk(start):
            if isinstance(met, NotReady) or self._holds(met):
                yield met

    def walk_runs(self, start: Position | None, run_files: int) -> Iterator[Item]:
        """Yields the same, with the files of this shard of each run."""
        for met in walk_in_runs(self._source, start, run_files):
            if not isinstance(met, FileRun):
                if isinstance(met, NotReady) or self._holds(met):
                    yield met
                continue
            directory = met.container.path
            own = [index for index, name in enumerate(met.names) if self._shard.holds(join_path(directory, name))]
            if own:
                yield met.chosen(own)

    def _holds(self, met: Entry | PathFault | Skipped) -> bool:
        return isinstance(met, PathFault) or self._shard.holds(met.path)
