"""Object stores as a source: what the listing of each bucket gives below a prefix, or what an inventory of it says."""

from collections.abc import Iterator, Sequence
from typing import Protocol

from hashaudit.model.entry import NOT_READY, Entry, NotReady, pinned
from hashaudit.model.faults import Fault, FaultCode, PathFault, Skipped, SkipReason, Stage
from hashaudit.model.location import Location
from hashaudit.model.paths import for_terminal
from hashaudit.objectstores.interface import ListedObject, StoreError
from hashaudit.objectstores.url import BucketRoot
from hashaudit.sources.filters import WalkOptions
from hashaudit.sources.interface import Position, RootDescription
from hashaudit.sources.key_filters import KeyRules
from hashaudit.sources.prefetch import Prefetcher

_DEFAULTS = WalkOptions()


class KeyList(Protocol):
    """What gives the keys of a root, page by page."""

    @property
    def in_order(self) -> bool:
        """Keys come in the order of their bytes, and it can begin behind any of them."""
        ...

    def pages(self, root: BucketRoot, after: bytes | None) -> Iterator[list[ListedObject]]:
        """Yields the keys that begin with the prefix, behind ``after``, which is ``None`` unless :attr:`in_order`.

        Raises:
            StoreError: what was not given is unseen.
        """
        ...


class BucketSource:
    """Walks several roots, each a bucket or a part of one, in the order given.

    Args:
        roots: where.
        keys: gives their keys.
        options: which keys the user excludes.
        first_root: position of the first of them among all roots of the scan.
    """

    def __init__(
        self, roots: Sequence[BucketRoot], keys: KeyList, options: WalkOptions = _DEFAULTS, *, first_root: int = 0
    ) -> None:
        self._roots = tuple(roots)
        self._keys = keys
        self._rules = KeyRules(options)
        self._listed = 0
        self._first_root = first_root
        self._root = 0
        self._place: tuple[bytes, ...] = ()
        self._is_first_version = True
        self._is_in_order = keys.in_order

    @property
    def position(self) -> Position | None:
        """Where the walk is: a listing goes on behind a key, and not behind one of its versions."""
        can_begin = self._is_first_version and (self._is_in_order or not self._place)
        return Position(self._root, self._place) if can_begin else None

    @property
    def directories_listed(self) -> int:
        """How many roots the walk has listed to their ends."""
        return self._listed

    def describe_roots(self) -> tuple[RootDescription, ...]:
        """The roots, in the order given."""
        return tuple(RootDescription(root.given, root.path, is_bucket=True) for root in self._roots)

    def walk(self, start: Position | None = None) -> Iterator[Entry | PathFault | Skipped | NotReady]:
        """Yields everything that the roots hold: root by root, each in the order of its keys' bytes.

        Of roots that overlap, a key belongs to the one with the longest prefix, and is skipped where another meets it.

        Args:
            start: what comes before it is passed over.

        Raises:
            HostError: an object store cannot be used at all.
        """
        start = start or Position(0)
        for number, root in enumerate(self._roots[start.root :], start.root):
            self._root, self._place, self._is_first_version = number, (), True
            self._is_in_order = self._keys.in_order
            if root.path in {earlier.path for earlier in self._roots[:number]}:
                yield Skipped(root.path, SkipReason.OTHER_ROOT)
            else:
                yield from self._walk(root, start.place if number == start.root else ())

    def _walk(self, root: BucketRoot, start: tuple[bytes, ...]) -> Iterator[Entry | PathFault | Skipped | NotReady]:
        others = [other.path for other in self._roots if len(other.path) > len(root.path)]
        before = last = start[0] if start else None
        try:
            for page in Prefetcher(self._keys.pages(root, last)):
                if page is None:
                    yield NOT_READY
                    continue
                for listed in page:
                    self._is_first_version = last != listed.key
                    if self._is_first_version:
                        # Behind a key that stands out of order there is no place to go on at.
                        self._is_in_order = self._is_in_order and (last is None or last < listed.key)
                        before, last = last, listed.key
                    self._place = () if before is None else (before,)
                    yield self._met(root, listed, others)
        except StoreError as error:
            where = "all of it" if last is None else f"what comes after {for_terminal(last)}"
            fault = Fault(Stage.WALK, error.code, f"cannot list the bucket: {error}; {where} is unseen")
            yield PathFault(root.path, fault, directory=True, root=self._root_number)
        else:
            self._listed += 1

    @property
    def _root_number(self) -> int:
        return self._first_root + self._root

    def _met(self, root: BucketRoot, listed: ListedObject, others: list[bytes]) -> Entry | PathFault | Skipped:
        location = Location(root.bucket, listed.key, listed.state.version, root=self._root_number)
        path = location.path
        if others and path.startswith(tuple(others)):
            return Skipped(path, SkipReason.OTHER_ROOT)
        if not listed.key.startswith(root.prefix):
            fault = Fault(
                Stage.WALK, FaultCode.FILE_REPLACED, "the store listed a key that does not begin as asked for"
            )
            return PathFault(path, fault, root=self._root_number)
        reason = SkipReason.DELETE_MARKER if listed.deleted else self._rules.why_not(listed.key, root.prefix)
        return Entry(location, listed.state, pinned(listed.state)) if reason is None else Skipped(path, reason)
