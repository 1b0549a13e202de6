"""Opens one source for all roots that the user names."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate, chain
from typing import TYPE_CHECKING

import msgspec

from hashaudit.errors import UsageError
from hashaudit.model.entry import Entry, NotReady
from hashaudit.model.faults import PathFault, Skipped
from hashaudit.objectstores.url import BucketRoot, parse_root
from hashaudit.sources.bucket_options import BucketOptions
from hashaudit.sources.filters import WalkOptions
from hashaudit.sources.interface import Item, Position, RootDescription, Source, walk_in_runs
from hashaudit.sources.local import LocalSource

if TYPE_CHECKING:
    from hashaudit.sources.buckets import BucketSource, KeyList
    from hashaudit.sources.reconcile import ReconciledSource

_WALK = WalkOptions()
_BUCKETS = BucketOptions()


class Sources:
    """Joins several sources."""

    def __init__(self, sources: Sequence[tuple[Source, int]]) -> None:
        """Joins them.

        Args:
            sources: each with the number of its roots.
        """
        self._sources = tuple(source for source, _ in sources)
        self._first_roots = tuple(accumulate((roots for _, roots in sources[:-1]), initial=0))
        self._walked = 0

    @property
    def position(self) -> Position | None:
        """Position of the item yielded last; ``None`` if no walk can start there."""
        inner = self._sources[self._walked].position
        return inner and Position(self._first_roots[self._walked] + inner.root, inner.place)

    @property
    def directories_listed(self) -> int:
        """Number of directories and buckets listed so far, completely or in part."""
        return sum(source.directories_listed for source in self._sources)

    def describe_roots(self) -> tuple[RootDescription, ...]:
        """Returns the roots as they are now, in the order of the walk."""
        return tuple(chain.from_iterable(source.describe_roots() for source in self._sources))

    def walk(self, start: Position | None = None) -> Iterator[Entry | PathFault | Skipped | NotReady]:
        """Yields everything in the sources.

        Args:
            start: skip everything before this position.

        Raises:
            OutputError: temporary space for sorting cannot be written.
            HostError: an object store cannot be used.
        """
        for source, inner in self._from(start):
            yield from source.walk(inner)

    def walk_runs(self, start: Position | None, run_files: int) -> Iterator[Item]:
        """Yields the same, in runs from the sources that have them."""
        for source, inner in self._from(start):
            yield from walk_in_runs(source, inner, run_files)

    def _from(self, start: Position | None) -> Iterator[tuple[Source, Position | None]]:
        """Yields each source from a position on, with its own start."""
        first = 0 if start is None else bisect_right(self._first_roots, start.root) - 1
        for number in range(first, len(self._sources)):
            self._walked = number
            begins_here = start is not None and number == first
            inner = Position(start.root - self._first_roots[first], start.place) if start and begins_here else None
            yield self._sources[number], inner


def open_source(
    roots: Sequence[bytes],
    walk: WalkOptions = _WALK,
    buckets: BucketOptions = _BUCKETS,
) -> Source:
    """Returns a source of all roots: local ones first, then those in object stores, each in the order given.

    Raises:
        UsageError: a root or a pattern is invalid.
    """
    parsed = [(root, parse_root(root)) for root in roots]
    if buckets.reconcile is not None:
        return _reconciled(parsed, walk, buckets, buckets.reconcile)
    remote = [bucket for _, bucket in parsed if bucket is not None]
    local = [root for root, bucket in parsed if bucket is None]
    sources: list[tuple[Source, int]] = []
    if local or not remote:
        sources.append((LocalSource(local, walk), len(local)))
    if remote:
        sources.append((_buckets(remote, walk, buckets, first_root=len(local)), len(remote)))
    return sources[0][0] if len(sources) == 1 else Sources(sources)


def _reconciled(
    parsed: Sequence[tuple[bytes, BucketRoot | None]], walk: WalkOptions, buckets: BucketOptions, url: bytes
) -> "ReconciledSource":
    from hashaudit.sources.reconcile import ReconciledSource  # noqa: PLC0415 # start-up, as in _buckets

    bucket = parse_root(url)
    if bucket is None or len(parsed) != 1 or parsed[0][1] is not None:
        raise UsageError("--reconcile needs exactly one ROOT", hint="name the directory where the URL is mounted")
    if walk.follow_links:
        raise UsageError(
            "--reconcile conflicts with --follow-links",
            hint="omit --follow-links; a link on a mount leads to other content than that of its key",
        )
    if bucket.prefix and not bucket.prefix.endswith(b"/"):
        bucket = msgspec.structs.replace(bucket, prefix=bucket.prefix + b"/")
    store = _buckets([bucket], walk, buckets)
    return ReconciledSource(LocalSource([parsed[0][0]], walk), store, bucket.path, examine=buckets.read_unlisted)


def _buckets(
    roots: Sequence[BucketRoot], walk: WalkOptions, buckets: BucketOptions, first_root: int = 0
) -> "BucketSource":
    # Start-up: most scans read no store.
    from hashaudit.sources.buckets import BucketSource  # noqa: PLC0415 # as above

    return BucketSource(roots, _key_list(buckets), walk, first_root=first_root, store=buckets.store)


def _key_list(buckets: BucketOptions) -> "KeyList":
    from hashaudit.objectstores.store_registry import Stores  # noqa: PLC0415 # as in _buckets

    stores = Stores(buckets.store)
    if buckets.inventory is not None:
        from hashaudit.sources.s3_inventory import Inventory  # noqa: PLC0415 # as in _buckets

        return Inventory(buckets.inventory, stores, all_versions=buckets.all_versions)
    from hashaudit.sources.buckets import StoreListing  # noqa: PLC0415 # as in _buckets

    return StoreListing(stores, all_versions=buckets.all_versions)
