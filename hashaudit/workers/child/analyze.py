"""What a file's content comes to: read once into digests and picture, or recalled from the cache without reading."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from hashaudit.cache.values import CachedValue
from hashaudit.content.read import DirectoryCache, Reader, ReadOutcome, read_entry
from hashaudit.errors import HostError
from hashaudit.lists.algorithms import SHA256
from hashaudit.model.entry import Entry, ObjectEntry, Subject
from hashaudit.model.faults import Fault, Stage
from hashaudit.model.results import AlgorithmName
from hashaudit.workers.child.cache_values import CacheHit, CacheReader, mismatch, opened
from hashaudit.workers.child.internal_errors import internal_error
from hashaudit.workers.child.sink import Content
from hashaudit.workers.child.throttle import SharedThrottle
from hashaudit.workers.protocol import BEGUN_BYTES, DECODING, FED_BYTES, Cached, Item, ObjectItem, WorkerConfig

if TYPE_CHECKING:
    from hashaudit.workers.child.object_prefetch import Objects
    from hashaudit.workers.child.pictures import PictureResult, Pictures


class AnalysisResult(msgspec.Struct, frozen=True):
    """What is known of a file before it is looked for in lists."""

    outcome: ReadOutcome[Content]
    """Of the read; of a file that was recalled, its state."""
    digests: dict[AlgorithmName, bytes]
    seen: "PictureResult | None"
    faults: tuple[Fault, ...]
    size_bytes: int
    """Of the content."""
    from_run: str | None = None
    """The run that read the content, where it was an earlier one."""
    kept: CachedValue | None = None
    """For the cache."""
    damaged: bool = False
    """What the cache had was damaged."""


class Analyzer:
    """Reads files, or recalls them, after one plan.

    Args:
        plan: what is computed.
        board: the words shared with the parent.
        pace: how fast to read.
        pictures: hashes pictures, if the plan asks for that.
        objects: reads objects, if the plan asks for that.
    """

    def __init__(
        self,
        plan: WorkerConfig,
        board: memoryview,
        pace: SharedThrottle,
        pictures: "Pictures | None",
        objects: "Objects | None",
    ) -> None:
        self._algorithms = plan.algorithms
        self._board = board
        self._pictures = pictures
        self._keeper = None if plan.recipes is None else CacheReader(plan.recipes)
        self._directories = DirectoryCache()
        self._reader = Reader(pace)
        self._objects = objects

    def learn(self, position: tuple[int, int], entry: Subject, item: Item | ObjectItem) -> AnalysisResult:
        """Learns what a file's content comes to.

        Args:
            position: number of the unit, and of the entry in it.
            entry: as the walk saw it.
            item: what is asked of it.

        Raises:
            HashauditError: no entry's fault: a compiled list is damaged.
        """
        if self._keeper is None or isinstance(item, ObjectItem) or item.known is None or isinstance(entry, ObjectEntry):
            return self._read(entry, position, decode=item.decode)
        before = opened(entry, item.known)
        if before and not item.known.reread and (recalled := self._keeper.recall(before)) is not None:
            return self._recalled(entry, recalled, item.known.run_id)
        learned = self._read(entry, position, decode=item.decode)
        of_picture = None if learned.seen is None else learned.seen.values
        now = self._keeper.values_of(learned.outcome, entry, of_picture)
        if not now:
            return learned
        fault = mismatch(now, before or {}, item.known)
        kept = self._keeper.keep(position[1], entry, now, before or {} if fault is None else {})
        faults = learned.faults if fault is None else (fault, *learned.faults)
        return msgspec.structs.replace(learned, kept=kept, faults=faults, damaged=before is None)

    def _recalled(self, entry: Entry, recalled: CacheHit, run_id: str) -> AnalysisResult:
        seen = None
        if self._pictures is not None and recalled.is_picture:
            seen = self._pictures.recall(recalled.hashes, recalled.faults)
        size_bytes = entry.stat.size
        # What this very run has read before it was interrupted counts as read, as it would have without that.
        outcome: ReadOutcome[Content] = ReadOutcome(None, entry.stat, 0 if run_id else size_bytes, entry.consistency)
        faults = () if seen is None else seen.faults
        return AnalysisResult(outcome, recalled.digests, seen, faults, size_bytes, run_id or None)

    def _read(self, entry: Subject, position: tuple[int, int], *, decode: bool) -> AnalysisResult:
        outcome = self._outcome(entry, position, decode=decode)
        digests = outcome.sink.digests() if outcome.sink is not None else {}
        self._board[DECODING] = 1
        seen = self._look(outcome.sink, digests)
        self._board[DECODING] = 0
        faults = outcome.faults if seen is None else (*outcome.faults, *seen.faults)
        return AnalysisResult(outcome, digests, seen, faults, outcome.bytes_read)

    def _outcome(self, entry: Subject, position: tuple[int, int], *, decode: bool) -> ReadOutcome[Content]:
        capture = self._pictures.capture if self._pictures is not None and decode else None

        def sink() -> Content:
            self._board[BEGUN_BYTES] = self._board[FED_BYTES]
            return Content(self._algorithms, self._board, capture() if capture is not None else None)

        try:
            if isinstance(entry, ObjectEntry):
                return self._object(entry, position, sink)
            return read_entry(entry, self._directories, sink, self._reader)
        except Exception as error:  # noqa: BLE001 # a defect met on one file must not cost the others theirs
            fault = internal_error(Stage.READ, error)
            return ReadOutcome(sink=None, stat=None, bytes_read=0, consistency=entry.consistency, faults=(fault,))

    def _object(
        self, entry: ObjectEntry, position: tuple[int, int], sink: Callable[[], Content]
    ) -> ReadOutcome[Content]:
        if self._objects is None:
            raise HostError("the plan names no object stores")
        return self._objects.read(entry, position, sink)

    def _look(self, content: Content | None, digests: dict[AlgorithmName, bytes]) -> "PictureResult | None":
        if self._pictures is None or content is None or content.capture is None or not content.capture.is_picture:
            return None
        return self._pictures.examine(content.capture, digests.get(SHA256))


class Counts:
    """What a unit read, and what it had to do with the cache."""

    def __init__(self) -> None:
        self.bytes_read = 0
        self._recalled: list[int] = []
        self._damaged = 0
        self._kept: list[CachedValue] = []

    def add(self, number: int, learned: AnalysisResult) -> None:
        """Counts one file, by its position in the unit."""
        self.bytes_read += learned.outcome.bytes_read
        if learned.from_run is not None:
            self._recalled.append(number)
        self._damaged += learned.damaged
        if learned.kept is not None:
            self._kept.append(learned.kept)

    def cached(self) -> Cached:
        """What the parent is told of the cache."""
        return Cached(tuple(self._kept), tuple(self._recalled), self._damaged)
