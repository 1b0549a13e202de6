"""Converts between cached values and the results of an entry, in the worker."""

from collections.abc import Callable
from typing import TypeVar

import msgspec

from hashaudit.cache.blocks import Block, open_block
from hashaudit.cache.fingerprints import Fingerprints
from hashaudit.cache.values import CachedGroup, CachedValue, Values, pack_container, unpack_container, unpack_picture
from hashaudit.content.read import ReadOutcome, Sink
from hashaudit.model.containers import ContainerKind
from hashaudit.model.entry import Consistency, Entry, Stat
from hashaudit.model.faults import Fault, FaultCode, Stage
from hashaudit.model.location import Kind
from hashaudit.model.results import AlgorithmName, ImageHashes
from hashaudit.workers.child.sink import Content

S = TypeVar("S", bound=Sink)

NS_PER_S = 10**9


class CacheHit(msgspec.Struct, frozen=True):
    """All requested hashes of a file, from the cache."""

    digests: dict[AlgorithmName, bytes]
    picture: ImageHashes | None
    """``None`` if the file is not an image."""
    container: ContainerKind | None = None
    """``None`` if the file is not a container."""


class CacheReader:
    """Converts cached values to hashes and back."""

    def __init__(self, recipes: Fingerprints) -> None:
        self._recipes = recipes
        self._names = tuple(recipes.digests)
        others = (recipes.container, *((recipes.no_picture,) if recipes.no_picture else ()))
        self.plain_numbers = (*recipes.digests.values(), *others)
        """Numbers of the values of a plain file."""
        self._plain_others = (b"",) * len(others)

    def recall(self, values: Values) -> CacheHit | None:
        """Returns the hashes from cached values, or ``None`` if one is missing."""
        recipes = self._recipes
        if not recipes.answer(values.keys()):
            return None
        digests = {name: values[number] for name, number in recipes.digests.items()}
        try:
            container = unpack_container(values[recipes.container])
            if not recipes.no_picture or recipes.no_picture in values:
                return CacheHit(digests, None, container)
            return CacheHit(digests, unpack_picture(values, recipes.perceptual, recipes.decoder), container)
        except (msgspec.DecodeError, ValueError):
            return None

    def values_of(self, outcome: ReadOutcome[Content], entry: Entry, of_picture: Values | None) -> Values:
        """Returns the values to cache: none unless the file was read in one state, and that state was expected.

        Args:
            outcome: of the read.
            entry: as listed by the source.
            of_picture: values of the image; ``None``: the file is not an image.
        """
        content = outcome.sink
        if content is None or not proves_content(outcome, entry):
            return {}
        is_no_picture = content.capture is not None and not content.capture.is_picture
        values = self._of_digests(content.digests(), content.probe.kind, is_no_picture=is_no_picture)
        return values if of_picture is None else values | of_picture

    def plain_values(self) -> Callable[[dict[AlgorithmName, bytes]], tuple[bytes, ...]]:
        """Returns a function that makes the values of a file from its digests, by :attr:`plain_numbers`.

        The file is nothing but its bytes, was read in the state that was listed, and would have been decoded otherwise.
        """
        (first, *rest), others = self._names, self._plain_others

        def one(digests: dict[AlgorithmName, bytes]) -> tuple[bytes, ...]:
            return (digests[first], *others)

        def several(digests: dict[AlgorithmName, bytes]) -> tuple[bytes, ...]:
            return (digests[first], *[digests[name] for name in rest], *others)

        return several if rest else one

    def _of_digests(
        self, digests: dict[AlgorithmName, bytes], container: ContainerKind | None, *, is_no_picture: bool
    ) -> Values:
        values = {number: digests[name] for name, number in self._recipes.digests.items()}
        values[self._recipes.container] = pack_container(container)
        if self._recipes.no_picture and is_no_picture:
            values[self._recipes.no_picture] = b""
        return values

    def keep(self, item: int, values: Values, *, replaces: bool) -> CachedValue:
        """Returns the values to cache.

        Args:
            item: position of the entry in its batch.
            values: as computed now.
            replaces: the cache had others for the same state.
        """
        return CachedValue(item, values, replaces)

    def open(self, group: CachedGroup) -> "KnownGroup":
        """Returns what is cached of the entries of a directory."""
        return KnownGroup(group, self._recipes)


class KnownFile(msgspec.Struct, frozen=True, gc=False):
    """The cached values of one file, and how to use them."""

    values: Values | None
    """Empty: there are none for this state of the file. ``None``: they are damaged."""
    run_id: str
    """Earlier scan that read the content; empty: this scan, before an interruption."""
    reread: bool
    """Read the file anyway, to compare, or because a value is missing."""


UNKNOWN = KnownFile({}, "", reread=True)
_DAMAGED = KnownFile(None, "", reread=True)

Unread = Callable[[bytes, Stat], dict[AlgorithmName, bytes] | None]
"""Returns the digests of a file, by name and state as listed, if the cache has all that is wanted of it and it is
neither container nor image."""


class KnownGroup:
    """The opened blocks of one directory."""

    def __init__(self, group: CachedGroup, recipes: Fingerprints) -> None:
        self._recipes = recipes
        self._group = group
        self._blocks: list[Block] = []
        self._damaged: list[tuple[bytes, bytes | None]] = []
        """Names between which the files of damaged blocks are."""
        last, damaged_since = b"", None
        for sealed in group.blocks:
            block = open_block(group.directory, sealed)
            if block is None:
                damaged_since = last if damaged_since is None else damaged_since
                continue
            if damaged_since is not None:
                self._damaged.append((damaged_since, min(block.entries, default=None)))
                damaged_since = None
            last = max(block.entries, default=last)
            self._blocks.append(block)
        if damaged_since is not None:
            self._damaged.append((damaged_since, None))

    @property
    def is_empty(self) -> bool:
        """True if the cache has nothing of any file."""
        return not self._group.blocks

    @property
    def latest_ns(self) -> int:
        """The cache does not apply to a file whose mtime or ctime is later, in nanoseconds."""
        return self._group.latest_ns

    def unread(self) -> Unread:
        """Returns a function that finds what need not be read."""
        recipes, latest_ns, compared = self._recipes, self._group.latest_ns, self._group.compared
        blocks = [(block.entries, self._plans(block)) for block in self._blocks]
        if not blocks or compared:
            return _nothing
        entries, plans = blocks[0]
        ((first_name, _), *others) = recipes.digests.items()

        def unread(name: bytes, state: Stat) -> dict[AlgorithmName, bytes] | None:
            # A closure, because it is all that is done for an unchanged file.
            nonlocal entries, plans
            entry = entries.get(name)
            if entry is None:
                for entries, plans in blocks:  # noqa: B007 # stays at the block: the next names are in it too
                    if (entry := entries.get(name)) is not None:
                        break
                else:
                    return None
            mtime_ns, ctime_ns = state.mtime_ns, state.ctime_ns
            if (
                entry.size != state.size
                or entry.mtime_ns != mtime_ns
                or entry.ctime_ns != ctime_ns
                or entry.inode != state.inode
                or mtime_ns > latest_ns
                or ctime_ns > latest_ns
            ):
                return None
            plan = plans.get((entry.recipes, entry.run))
            if plan is None:
                return None
            container, first, rest = plan
            values = entry.values
            if values[container]:
                return None
            if not others:
                return {first_name: values[first]}
            return {first_name: values[first], **{other: values[at] for other, at in rest}}

        return unread

    def file(self, name: bytes, state: Stat) -> KnownFile | None:
        """Returns what is cached of a file; ``None`` if the cache does not apply to it.

        Args:
            name: the cache name of the file.
            state: as listed by the source.
        """
        group = self._group
        if state.mtime_ns > group.latest_ns or state.ctime_ns > group.latest_ns:
            return None
        for block in self._blocks:
            entry = block.entries.get(name)
            if entry is not None:
                if not entry.is_of(state):
                    return UNKNOWN
                values = dict(zip(block.recipes[entry.recipes], entry.values, strict=True))
                run_id = block.runs[entry.run]
                reread = name in group.compared or not self._recipes.answer(values.keys())
                return KnownFile(values, "" if run_id == group.run_id else run_id, reread)
        is_damaged = any(low <= name and (high is None or name < high) for low, high in self._damaged)
        return _DAMAGED if is_damaged else UNKNOWN

    def _plans(self, block: Block) -> dict[tuple[int, int], tuple[int, int, list[tuple[AlgorithmName, int]]]]:
        """Returns where the values of plain files are: of the container, the first digest, and the others.

        By numbers of recipes and run. Values of this scan itself are not among them, because they count as read.
        """
        wanted = self._recipes
        plans = {}
        for number, recipes in enumerate(block.recipes):
            kept = set(recipes)
            if not wanted.answer(kept) or (wanted.no_picture and wanted.no_picture not in kept):
                continue
            ((_, first), *others) = wanted.digests.items()
            plan = (
                recipes.index(wanted.container),
                recipes.index(first),
                [(name, recipes.index(other)) for name, other in others],
            )
            for run, run_id in enumerate(block.runs):
                if run_id != self._group.run_id:
                    plans[number, run] = plan
        return plans


def _nothing(_name: bytes, _state: Stat) -> None:
    return None


def proves_content(outcome: ReadOutcome[S], entry: Entry) -> bool:
    """Returns whether all that was read was of one state, which was expected."""
    stat, listed = outcome.stat, entry.state
    if stat is None or outcome.faults or outcome.bytes_read != stat.size:
        return False
    if stat.kind is Kind.FILE and listed.kind is Kind.FILE:
        return outcome.consistency is Consistency.STABLE and stat.is_same_state(listed)
    if stat.kind is Kind.FILE or listed.kind is Kind.FILE:
        return False
    return (
        listed.is_conclusive
        and stat.is_conclusive
        and stat.etag == listed.etag
        and stat.size == listed.size
        # A listing without versions names none. Headers have whole seconds.
        and (listed.version is None or stat.version == listed.version)
        and stat.last_modified_ns // NS_PER_S == listed.last_modified_ns // NS_PER_S
        and outcome.consistency in {Consistency.ETAG_PINNED, Consistency.VERSION_PINNED}
    )


def mismatch(now: Values, before: Values, known: KnownFile) -> Fault | None:
    """Returns the fault if cached hashes differ from those just computed."""
    if all(before.get(number, value) == value for number, value in now.items()):
        return None
    run = known.run_id or "this"
    message = f"the cache had other hashes for this state of the file, from run {run}; the new ones are used"
    return Fault(Stage.HASH, FaultCode.CACHE_MISMATCH, message)
