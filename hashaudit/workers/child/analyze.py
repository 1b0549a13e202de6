"""Computes digests and perceptual hashes of an entry, by reading it once or from cached values."""

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import msgspec

from hashaudit.cache.object_places import place_of
from hashaudit.cache.values import NO_PLAIN_VALUES, CachedGroup, CachedValue, PlainValues
from hashaudit.content.containers.member_source import FileSource
from hashaudit.content.containers.sniff import is_plain
from hashaudit.content.digests.digest_registry import DIGESTS
from hashaudit.content.digests.digest_threads import DigestThreads
from hashaudit.content.digests.multidigest import MultiDigest
from hashaudit.content.read import DirectoryCache, Reader, ReadOutcome, read_entry
from hashaudit.content.read.directory_cache import ReplacedError
from hashaudit.content.read.small_read import Read, SmallReader
from hashaudit.errors import HashauditError, HostError
from hashaudit.host.files import stat_of
from hashaudit.lists.algorithms import SHA256
from hashaudit.model.container_parts import Part, PartResult
from hashaudit.model.containers import ContainerKind, ContainerResult
from hashaudit.model.entry import Consistency, Entry, Stat, State
from hashaudit.model.faults import Fault, FaultCode, Stage
from hashaudit.model.location import DirectoryRef, Kind
from hashaudit.model.results import AlgorithmName, EntryResult
from hashaudit.workers.child.cache_values import (
    CacheHit,
    CacheReader,
    KnownFile,
    KnownGroup,
    mismatch,
    proves_content,
)
from hashaudit.workers.child.files_beside import FilesBeside
from hashaudit.workers.child.inside import Inside
from hashaudit.workers.child.internal_errors import ReadersNeededError, WorkerExhaustedError, internal_error
from hashaudit.workers.child.part_examination import PartExamination
from hashaudit.workers.child.piece_digests import PieceDigests
from hashaudit.workers.child.sink import Content
from hashaudit.workers.child.throttle import SharedThrottle
from hashaudit.workers.protocol import (
    BEGUN_BYTES,
    DECODING,
    FED_BYTES,
    Cached,
    Group,
    Item,
    MemberFrame,
    WorkBatch,
    WorkerConfig,
    entry_of,
)

if TYPE_CHECKING:
    from hashaudit.workers.child.held_object import HeldObject
    from hashaudit.workers.child.object_prefetch import Objects
    from hashaudit.workers.child.pictures import PictureResult, Pictures
    from hashaudit.workers.child.small_objects import BufferedObject


Keep = Callable[[int, Item, dict[AlgorithmName, bytes], os.stat_result], None]
"""Takes the number of an item in its batch, the item, its digests, and its status when it was read."""

PlainDigests = Callable[[bytes | memoryview, bytes | bytearray], dict[AlgorithmName, bytes] | None]

LARGE_BYTES = 32 << 20
"""Size of a file from which threads gain more than they cost: about a tenth of the processor time."""


class AnalysisResult(msgspec.Struct, frozen=True):
    """The hashes of an entry, before they are matched."""

    outcome: ReadOutcome[Content]
    """The outcome of the read; after a cache hit, the state of the file."""
    digests: dict[AlgorithmName, bytes]
    seen: "PictureResult | None"
    faults: tuple[Fault, ...]
    size_bytes: int
    """Size of the content."""
    from_run: str | None = None
    """Earlier scan that read the content; ``None``: this scan."""
    to_cache: CachedValue | None = None
    """Value for the cache."""
    damaged: bool = False
    """True if the cached value was damaged."""
    container: ContainerResult | None = None
    """Present if the content is a container."""
    pieces: int = 0
    """Number of pieces that were hashed and sent."""

    def of_prefix(self) -> "AnalysisResult | None":
        """Returns the hashes of the file when its reading began, if it was only appended to since.

        ``None`` for a container and an image, because one that grows is not whole yet, and if pieces were sent.
        """
        prefix = self.outcome.prefix
        if prefix is None or self.container is not None or self.seen is not None or self.pieces:
            return None
        size_bytes = prefix.stat.size
        outcome: ReadOutcome[Content] = ReadOutcome(None, prefix.stat, size_bytes, Consistency.APPENDED_WHILE_READ)
        faults = tuple(fault for fault in self.faults if fault.code is not FaultCode.CHANGED_WHILE_READ)
        return AnalysisResult(outcome, dict(prefix.digests), None, faults, size_bytes)


def item_place(group: Group, item: Item) -> tuple[bytes, Stat]:
    """Returns the name and state of an item in the cache."""
    return place_of(entry_of(group, item))


def plain_digests(algorithms: Sequence[AlgorithmName], pictures: "Pictures | None") -> PlainDigests:
    """Returns a function that computes the digests of contents that are nothing but their bytes.

    It returns ``None`` for a content that may be a container or an image. Its arguments are the whole content of a
    file, and the buffer that begins with it.
    """
    new_digests = [(name, DIGESTS[name].new) for name in algorithms]
    # Closures, because they run for each small file: the usual case has neither several digests nor images.
    first_name, new = new_digests[0]

    def one(content: bytes | memoryview, buffer: bytes | bytearray) -> dict[AlgorithmName, bytes] | None:
        return {first_name: new(content).digest()} if is_plain(buffer, len(content)) else None

    def several(content: bytes | memoryview, buffer: bytes | bytearray) -> dict[AlgorithmName, bytes] | None:
        if not is_plain(buffer, len(content)) or (pictures is not None and pictures.may_be_picture(content)):
            return None
        return {name: new(content).digest() for name, new in new_digests}

    return one if len(new_digests) == 1 and pictures is None else several


class Analyzer:
    """Computes the hashes of entries, by reading them or from the cache.

    Args:
        config: names the hashes to compute.
        progress: memory shared with the parent.
        throttle: limits reading.
        pictures: hashes images; ``None``: images are not decoded.
        objects: reads objects; ``None``: only local files.
        inside: examines members of containers; ``None``: containers are not opened.
        send: sends the digests of pieces to the parent.
    """

    def __init__(
        self,
        config: WorkerConfig,
        progress: memoryview,
        throttle: SharedThrottle,
        pictures: "Pictures | None",
        objects: "Objects | None",
        *,
        inside: Inside | None = None,
        send: Callable[[MemberFrame], None] = lambda _: None,
    ) -> None:
        self._pieces = config.pieces
        self._send = send
        self._algorithms = config.algorithms
        self._progress = progress
        self._pictures = pictures
        self.cache_reader = None if config.recipes is None else CacheReader(config.recipes)
        self._directories = DirectoryCache()
        self._reader = Reader(throttle)
        self._threads = DigestThreads(self._algorithms)
        self.has_idle_cores = False
        """True if other workers have nothing to do."""
        self._small = SmallReader(self._directories, throttle)
        self._plain_digests = plain_digests(self._algorithms, pictures)
        self._objects = objects
        self._inside = inside
        self._parts = None if inside is None else PartExamination(inside, self._directories)

    def analyze(
        self, position: tuple[int, int], entry: Entry, item: Item, known: KnownFile | None = None
    ) -> AnalysisResult:
        """Returns the hashes of an entry.

        Args:
            position: numbers of the batch and of the entry in it.
            entry: as listed by the source.
            item: settings for this entry.
            known: what the cache has of it; ``None``: the cache does not apply.

        Raises:
            HashauditError: a compiled list is damaged, which is no fault of the entry.
        """
        if self.cache_reader is None or known is None:
            return self._read(entry, position, item)
        before = known.values or {}
        hit = self._hit(known, item)
        if hit is not None:
            return self._from_cache(entry, hit, item, known)
        analysis = self._read(entry, position, item, checks_pages=True)
        of_picture = None if analysis.seen is None else analysis.seen.values
        now = self.cache_reader.values_of(analysis.outcome, entry, of_picture)
        if not now or (entry.location.kind is Kind.OBJECT and self._may_be_replaced(entry)):
            return analysis
        fault = mismatch(now, before, known)
        to_cache = None
        if fault is not None or not analysis.outcome.has_unwritten_pages:
            # A cached value that was wrong is replaced in any case.
            to_cache = self.cache_reader.keep(position[1], now, replaces=fault is not None)
        faults = analysis.faults if fault is None else (fault, *analysis.faults)
        return msgspec.structs.replace(analysis, to_cache=to_cache, faults=faults, damaged=known.values is None)

    def _hit(self, known: KnownFile, item: Item) -> CacheHit | None:
        """Returns the cached hashes of a file if it need not be read."""
        if self.cache_reader is None or not known.values or known.reread:
            return None
        hit = self.cache_reader.recall(known.values)
        return None if hit is None or self._would_open(hit.container, item) else hit

    def _may_be_replaced(self, entry: Entry) -> bool:
        return self._objects is None or self._objects.may_be_replaced(entry)

    def unread(self, batch: WorkBatch) -> frozenset[int]:
        """Returns the numbers of the objects in a batch that need not be read. May run in another thread."""
        found = []
        first = 0
        for group in batch.full_groups():
            known = None if isinstance(group.container, DirectoryRef) else self.known(group.cached)
            if known is not None and not known.is_empty:
                for number, item in enumerate(group.items, first):
                    if item.state.kind is Kind.FILE or not item.state.is_conclusive:
                        continue
                    file = known.file(*item_place(group, item))
                    if file is not None and self._hit(file, item) is not None:
                        found.append(number)
            first += len(group.items)
        return frozenset(found)

    def cached(self, counts: "Counts") -> Cached:
        """Returns the share of the cache in the answer to a batch."""
        return counts.cached(() if self.cache_reader is None else self.cache_reader.plain_numbers)

    def known(self, cached: CachedGroup | None) -> KnownGroup | None:
        """Returns what is cached of the entries of a directory; ``None`` if the cache does not apply to them."""
        return None if self.cache_reader is None or cached is None else self.cache_reader.open(cached)

    def examine_part(self, position: tuple[int, int], entry: Entry, item: Item, part: Part) -> EntryResult:
        """Returns the result of a part of a large container, or the plan of its parts.

        Raises:
            HashauditError: a compiled list is damaged.
        """
        if self._parts is None:
            return EntryResult(position[1], None, 0, entry.consistency, {}, part=PartResult(has_changed=True))
        return self._parts.examine(position, entry, item, part)

    def release_parts(self) -> None:
        """Closes the file whose parts were examined."""
        if self._parts is not None:
            self._parts.release()

    def quick_reader(self, group: Group, now_ns: int) -> Read[dict[AlgorithmName, bytes]] | None:
        """Returns a function that hashes small files of a directory that are nothing but their bytes.

        It leaves every other file to :meth:`analyze`, after which a new function is needed. Returns ``None`` if it
        would leave all.

        Args:
            group: the directory.
            now_ns: the time, at most as late as it is.
        """
        if self._pieces is not None or not isinstance(group.container, DirectoryRef):
            return None
        has_cache = self.cache_reader is not None and group.cached is not None
        return self._small.in_directory(group.container, now_ns, self._plain_digests, checks_pages=has_cache)

    def quick_object(
        self, position: tuple[int, int], item: Item
    ) -> "tuple[dict[AlgorithmName, bytes], ReadOutcome[BufferedObject]] | None":
        """Returns the digests of a small object that was fetched ahead, whole, and is nothing but its bytes.

        Returns ``None`` for every other entry, which is left to :meth:`analyze`.

        Args:
            position: numbers of the batch and of the entry in it.
            item: as listed by the source.
        """
        if self._objects is None or item.within or self._pieces is not None:
            return None
        outcome = self._objects.small(position)
        if outcome is None or outcome.sink is None or outcome.faults:
            return None
        content = outcome.sink.content()
        digests = self._plain_digests(content, content)
        return None if digests is None else (digests, outcome)

    def plain_keeper(self, counts: "Counts") -> "Keep":
        """Returns a function that adds the values of a file that was read by :meth:`quick_reader` to a batch.

        It adds none if the file changed after it was listed, or was not to be decoded.
        """
        if self.cache_reader is None:
            return _keep_nothing
        values_of, items, values = self.cache_reader.plain_values(), counts.plain_items, counts.plain_values
        has_pictures = self._pictures is not None

        def keep(number: int, item: Item, digests: dict[AlgorithmName, bytes], status: os.stat_result) -> None:
            state = item.state
            if (
                status.st_mtime_ns == state.mtime_ns  # type: ignore[union-attr] # files have no other state
                and status.st_ctime_ns == state.ctime_ns  # type: ignore[union-attr] # as above
                and (item.decode or not has_pictures)
            ):
                items.append(number)
                values.append(values_of(digests))

        return keep

    def object_to_cache(
        self,
        number: int,
        entry: Entry,
        digests: dict[AlgorithmName, bytes],
        outcome: "ReadOutcome[BufferedObject]",
        counts: "Counts",
    ) -> None:
        """Adds the value of an object that was read by :meth:`quick_object`, if its state proves its content.

        Args:
            number: of the item in its batch.
            entry: as listed by the source.
            digests: of the object.
            outcome: of reading it.
            counts: of the batch.
        """
        if self.cache_reader is None or not proves_content(outcome, entry) or self._may_be_replaced(entry):
            return
        counts.plain_items.append(number)
        counts.plain_values.append(self.cache_reader.plain_values()(digests))

    def quick_state(self, group: Group, name: bytes, status: os.stat_result) -> Stat:
        """Returns the state of a file that was read by :meth:`quick_reader`."""
        state = stat_of(status)
        if not isinstance(group.container, DirectoryRef):
            return state
        try:
            birth_ns = self._directories.get(group.container).birth_ns(name, state)
        except (OSError, ReplacedError):
            return state
        return state if birth_ns is None else msgspec.structs.replace(state, birth_ns=birth_ns)

    def _would_open(self, kind: ContainerKind | None, item: Item) -> bool:
        """Returns whether a container is opened. The cache has no results of members."""
        return kind is not None and self._inside is not None and item.inside and kind in self._inside.policy.kinds

    def with_birth_time(self, entry: Entry, state: State | None) -> State | None:
        """Returns a state with the time when its file was created, if that is known."""
        if state is None or state.kind is not Kind.FILE:
            return state
        location = entry.location
        try:
            directory = self._directories.get(location.directory, inodes_last=entry.consistency is Consistency.STABLE)
        except (OSError, ReplacedError):
            return state
        birth_ns = directory.birth_ns(location.name, state, follow=location.via_symlink)
        return state if birth_ns is None else msgspec.structs.replace(state, birth_ns=birth_ns)

    def _from_cache(self, entry: Entry, hit: CacheHit, item: Item, known: KnownFile) -> AnalysisResult:
        seen = None
        if self._pictures is not None and hit.picture is not None:
            seen = self._pictures.recall(hit.picture)
        size_bytes = entry.state.size
        run_id = known.run_id
        # An interrupted part of this scan read the content: it counts as read, as it would without the interruption.
        outcome: ReadOutcome[Content] = ReadOutcome(None, entry.state, 0 if run_id else size_bytes, entry.consistency)
        faults = () if seen is None else seen.faults
        container = None if hit.container is None else ContainerResult(hit.container)
        if hit.container is not None and self._inside is not None and item.inside:
            faults = (*faults, *self._inside.policy.missing_reader(hit.container, hit.digests, size_bytes))
        return AnalysisResult(outcome, hit.digests, seen, faults, size_bytes, run_id or None, container=container)

    def _read(
        self, entry: Entry, position: tuple[int, int], item: Item, *, checks_pages: bool = False
    ) -> AnalysisResult:
        outcome = self._outcome(entry, position, item, checks_pages=checks_pages)
        digests = outcome.sink.digests() if outcome.sink is not None else {}
        self._progress[DECODING] = 1
        opened = None if outcome.sink is None else outcome.sink.container
        seen = None
        if opened is None or not opened.opened or opened.kind is not ContainerKind.PDF:
            # The images of a document that was opened are its members.
            seen = self._hash_picture(outcome.sink, digests)
        self._progress[DECODING] = 0
        faults = outcome.faults if seen is None else (*outcome.faults, *seen.faults)
        container, pieces = None, 0
        if outcome.sink is not None:
            if outcome.sink.pieces is not None and not outcome.faults:
                pieces = outcome.sink.pieces.finish()
            kind = outcome.sink.probe.kind
            container = outcome.sink.container or (None if kind is None else ContainerResult(kind))
            if item.part is not None and kind is not None and self._inside is not None:
                container = self._inside.closed(kind, digests, outcome.bytes_read)
            faults = (*faults, *outcome.sink.container_faults)
        return AnalysisResult(outcome, digests, seen, faults, outcome.bytes_read, container=container, pieces=pieces)

    def _outcome(
        self, entry: Entry, position: tuple[int, int], item: Item, *, checks_pages: bool
    ) -> ReadOutcome[Content]:
        capture = self._pictures.capture if self._pictures is not None and item.decode else None
        begins = None
        if self._inside is not None and self._inside.config.is_deferred and item.inside:
            begins = self._inside.policy.require_readers
        # The members of a file in parts are examined by themselves.
        inside = self._inside if item.inside and item.part is None else None

        def examine_open(content: Content, descriptor: int, size_bytes: int) -> None:
            if inside is not None:
                with FilesBeside(self._directories, entry.location, inside.throttle) as beside:
                    source = FileSource(descriptor, size_bytes, inside.throttle, beside)
                    inside.examine(content, source, entry.location, position, item.blames)
                    content.container_faults += beside.changes()

        def sink() -> Content:
            self._progress[BEGUN_BYTES] = self._progress[FED_BYTES]
            parallel = None
            if self.has_idle_cores and entry.state.size >= LARGE_BYTES and self._threads.start():
                parallel = self._threads.digest()
            pieces = None
            if self._pieces is not None:
                pieces = PieceDigests(self._algorithms, self._pieces, position, self._send)
            return Content(
                self._algorithms,
                self._progress,
                capture() if capture is not None else None,
                parallel=parallel,
                pieces=pieces,
                held=None if inside is None or entry.location.kind is Kind.FILE else _held(inside),
                begins=begins,
            )

        try:
            if entry.location.kind is Kind.OBJECT:
                outcome = self._object(entry, position, sink)
                if inside is not None and outcome.sink is not None:
                    inside.examine_held(outcome.sink, entry.location, position, item.blames)
                return outcome
            return read_entry(
                entry,
                self._directories,
                sink,
                self._reader,
                checks_pages=checks_pages,
                examine_open=None if inside is None else examine_open,
                make_prefix_sink=lambda: MultiDigest(self._algorithms),
            )
        except (ReadersNeededError, WorkerExhaustedError):
            raise
        except Exception as error:  # an internal error on one file must not affect the others
            if isinstance(error, HashauditError) and entry.location.kind is Kind.FILE:
                raise  # a compiled list is damaged
            fault = internal_error(Stage.READ, error)
            return ReadOutcome(sink=None, stat=None, bytes_read=0, consistency=entry.consistency, faults=(fault,))

    def _object(self, entry: Entry, position: tuple[int, int], sink: Callable[[], Content]) -> ReadOutcome[Content]:
        if self._objects is None:
            raise HostError("the worker's configuration names no object stores")
        return self._objects.read(entry, position, sink)

    def _hash_picture(self, content: Content | None, digests: dict[AlgorithmName, bytes]) -> "PictureResult | None":
        if self._pictures is None or content is None or content.capture is None or not content.capture.is_picture:
            return None
        return self._pictures.examine(content.capture, digests.get(SHA256))


def _held(inside: Inside) -> "HeldObject":
    from hashaudit.workers.child.held_object import HeldObject  # noqa: PLC0415 # it imports what reads objects

    return HeldObject(inside.policy.kinds)


def _keep_nothing(_number: int, _item: Item, _digests: dict[AlgorithmName, bytes], _status: os.stat_result) -> None:
    pass


class Counts:
    """Bytes read and use of the cache in one batch."""

    def __init__(self) -> None:
        self.bytes_read = 0
        self.cache_hits: list[int] = []
        """Numbers of files that were not read, in any order."""
        self._damaged = 0
        self.to_cache: list[CachedValue] = []
        self.plain_items: list[int] = []
        """Numbers of plain files to cache, ascending."""
        self.plain_values: list[tuple[bytes, ...]] = []
        """Their values."""

    def add(self, number: int, analysis: AnalysisResult) -> None:
        """Adds one file, by its position in the batch."""
        self.bytes_read += analysis.outcome.bytes_read
        if analysis.from_run is not None:
            self.cache_hits.append(number)
        self._damaged += analysis.damaged
        if analysis.to_cache is not None:
            self.to_cache.append(analysis.to_cache)

    def cached(self, plain_numbers: tuple[int, ...]) -> Cached:
        """Returns the share of the cache in the answer, with the numbers of the values of plain files."""
        plain = NO_PLAIN_VALUES
        if self.plain_items:
            plain = PlainValues(plain_numbers, tuple(self.plain_items), tuple(self.plain_values))
        return Cached(tuple(self.to_cache), tuple(self.cache_hits), self._damaged, plain)
