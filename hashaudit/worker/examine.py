"""One entry in, all that can be said of it out: read once, digest, match."""

import errno
import gc
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import msgspec

from hashaudit.digests.multidigest import MultiDigest
from hashaudit.errors import HostError
from hashaudit.hashlists.algorithms import SHA256
from hashaudit.hashlists.index.reader import ListIndex
from hashaudit.host.memory import AddressSpace
from hashaudit.matching.exact import ExactMatcher
from hashaudit.matching.known import KnownFilters
from hashaudit.model import (
    AlgorithmName,
    Confirmation,
    Consistency,
    Examination,
    Fault,
    FaultCode,
    Match,
    ObjectEntry,
    PerceptualHash,
    Role,
    Stage,
    Subject,
    any_looked_for,
)
from hashaudit.reading import DirectoryCache, Reader, ReadOutcome, read_entry
from hashaudit.worker.defects import fault_of_defect
from hashaudit.worker.pace import BoardPace
from hashaudit.worker.protocol import (
    BEGUN_BYTES,
    BEGUN_NS,
    DECODING,
    FED_BYTES,
    POSITION,
    Answer,
    Plan,
    WorkUnit,
    position_word,
)

MAX_MATCHES = 1000
"""In one record. A popular file can stand on a list a hundred thousand times; the rest is counted."""

LABELS_OMITTED = {"labels": "omitted: too long for one record"}

MAX_LABEL_CHARACTERS = 1 << 20
"""Of all labels in one record, which in all escapes then fits into a line of the findings file."""

if TYPE_CHECKING:
    from hashaudit.perceptual.interface import PerceptualAlgorithm
    from hashaudit.worker.objects import Objects
    from hashaudit.worker.pictures import Capture, Pictures, Seen


class Content(MultiDigest):
    """Takes a file's bytes to its digests, and where pictures are looked at, to the decoder.

    Counts the bytes where the parent can see them, so that a large file shows progress.
    """

    __slots__ = ("_board", "capture")

    def __init__(self, algorithms: tuple[AlgorithmName, ...], board: memoryview, capture: "Capture | None") -> None:
        super().__init__(algorithms)
        self._board = board
        self.capture = capture

    def update(self, data: bytes | bytearray | memoryview) -> None:
        """Takes in more bytes."""
        super().update(data)
        if self.capture is not None:
            self.capture.take(data)
        self._board[FED_BYTES] += len(data)


class SpentError(Exception):
    """A file took from this process what does not come back: it is not fit to examine another."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status
        """To end with."""


class Examiner:
    """Examines units after one plan. All that it loads, and all that it opens by path, is there once it is made.

    Args:
        plan: what is computed and looked for.
        board: the words shared with the parent.

    Raises:
        HashauditError: a compiled list cannot be opened, or an algorithm does not exist.
    """

    def __init__(self, plan: Plan, board: memoryview) -> None:
        self._plan = plan
        self._board = board
        algorithms = _perceptual_algorithms(plan)
        indexes = [image.open() for image in plan.indexes]
        self._matcher = ExactMatcher(indexes)
        self._filters = KnownFilters(plan.filters)
        self._pictures = _pictures(plan, algorithms, indexes)
        self._directories = DirectoryCache()
        pace = BoardPace(board)
        self._reader = Reader(pace)
        self._objects = _objects(plan, pace)
        self.space = AddressSpace()
        self._has_decoded = False

    def ahead(self, units: Iterator[WorkUnit]) -> Iterator[WorkUnit]:
        """The same units; where objects are examined, fetched as soon as they are sent."""
        if self._objects is None:
            return units
        from hashaudit.worker.objects import in_background  # noqa: PLC0415 # as in _objects

        return in_background(map(self._objects.fetch, units))

    def examine_unit(self, unit: WorkUnit) -> Answer:
        """Examines every entry of a unit, noting on the board which it is on.

        Raises:
            HashauditError: no entry's fault: a compiled list is damaged.
            SpentError: an entry's fault, that on the board.
        """
        bytes_read = 0
        known: list[int] = []
        told: list[Examination] = []
        for number, (entry, item) in enumerate(unit.entries()):
            self._board[BEGUN_BYTES] = self._board[FED_BYTES]
            self._board[BEGUN_NS] = time.monotonic_ns()
            self._board[POSITION] = position_word(unit.number, number)
            outcome = self._read(entry, (unit.number, number), decode=item.decode)
            bytes_read += outcome.bytes_read
            digests = outcome.sink.digests() if outcome.sink is not None else {}
            matches, confirmations = self._matcher.match(digests, outcome.bytes_read)
            self._board[DECODING] = 1
            seen = self._look(outcome.sink, digests)
            self._board[DECODING] = 0
            if seen is not None:
                matches, confirmations = _joined(matches, confirmations, seen)
            if not matches:
                matches = self._filters.match(digests, outcome.bytes_read)
            faults = outcome.faults if seen is None else (*outcome.faults, *seen.faults)
            self._check_fitness(faults, decoded=seen is not None)
            if item.tell or self._plan.tell_all or faults or any_looked_for(matches):
                hashes = () if seen is None else seen.hashes
                told.append(_examination(number, outcome, digests, (matches, confirmations, faults, hashes)))
            elif matches:
                known.append(number)
        return Answer(unit.number, tuple(known), bytes_read, tuple(told))

    def _read(self, entry: Subject, position: tuple[int, int], *, decode: bool) -> ReadOutcome[Content]:
        capture = self._pictures.capture if self._pictures is not None and decode else None

        def sink() -> Content:
            self._board[BEGUN_BYTES] = self._board[FED_BYTES]
            return Content(self._plan.algorithms, self._board, capture() if capture is not None else None)

        try:
            if isinstance(entry, ObjectEntry):
                return self._object(entry, position, sink)
            return read_entry(entry, self._directories, sink, self._reader)
        except Exception as error:  # noqa: BLE001 # a defect met on one file must not cost the others theirs
            fault = fault_of_defect(Stage.READ, error)
            return ReadOutcome(sink=None, stat=None, bytes_read=0, consistency=entry.consistency, faults=(fault,))

    def _object(
        self, entry: ObjectEntry, position: tuple[int, int], sink: Callable[[], Content]
    ) -> ReadOutcome[Content]:
        if self._objects is None:
            raise HostError("the plan names no object stores")
        return self._objects.read(entry, position, sink)

    def _look(self, content: Content | None, digests: dict[AlgorithmName, bytes]) -> "Seen | None":
        if self._pictures is None or content is None or content.capture is None or not content.capture.is_picture:
            return None
        return self._pictures.examine(content.capture, digests.get(SHA256))

    def _check_fitness(self, faults: Sequence[Fault], *, decoded: bool) -> None:
        """Lets the next file be examined only if decoders have left what that takes."""
        self._has_decoded |= decoded
        if decoded and not self.space.can_be_told():
            # A decoder has closed descriptors that are not its own.
            raise SpentError(errno.EBADF)
        codes = {fault.code for fault in faults}
        if FaultCode.TOO_MANY_OPEN_FILES in codes and self._has_decoded:
            # In a process that has decoded nothing the limit itself is too low.
            raise SpentError(errno.EMFILE)
        cage = self._plan.cage
        if FaultCode.OUT_OF_MEMORY in codes and cage is not None:
            gc.collect()
            if self.space.grown_bytes() > cage.memory_bytes // 2:
                raise SpentError(errno.ENOMEM)


def _perceptual_algorithms(plan: Plan) -> "tuple[PerceptualAlgorithm, ...]":
    """Loads what the plan hashes pictures with; plugged hashers become known to the lists before those are opened."""
    if plan.perceptual is None:
        return ()
    # Start-up: decoders and numpy are loaded only by plans that need them.
    from hashaudit.worker.pictures import load_algorithms  # noqa: PLC0415 # as above

    return load_algorithms(plan.perceptual)


def _objects(plan: Plan, pace: BoardPace) -> "Objects | None":
    if plan.stores is None:
        return None
    # Start-up: the stores' libraries take longer to import than all the rest.
    from hashaudit.worker.objects import Objects  # noqa: PLC0415 # as above

    return Objects(plan.stores, plan.schemes, pace)


def _pictures(
    plan: Plan, algorithms: "tuple[PerceptualAlgorithm, ...]", indexes: Sequence[ListIndex]
) -> "Pictures | None":
    if plan.perceptual is None:
        return None
    from hashaudit.worker.pictures import Pictures  # noqa: PLC0415 # as above

    return Pictures(plan.perceptual, algorithms, indexes)


def _joined(
    matches: tuple[Match, ...], confirmations: tuple[Confirmation, ...], seen: "Seen"
) -> tuple[tuple[Match, ...], tuple[Confirmation, ...]]:
    """Exact matches first, then near ones. What is exact is not perceptual alone."""
    exact = any_looked_for(matches)
    near = tuple(item for item in seen.confirmations if not (exact and item is Confirmation.PERCEPTUAL_ONLY))
    return matches + seen.matches, confirmations + near


def _examination(
    number: int,
    outcome: ReadOutcome[Content],
    digests: dict[AlgorithmName, bytes],
    found: tuple[tuple[Match, ...], tuple[Confirmation, ...], tuple[Fault, ...], tuple[PerceptualHash, ...]],
) -> Examination:
    matches, confirmations, faults, hashes = found
    kept = _bounded(matches)
    if matches and outcome.consistency is Consistency.CHANGED_WHILE_READ:
        confirmations = (*confirmations, Confirmation.CHANGED_WHILE_READ)
    return Examination(
        number,
        outcome.stat,
        outcome.bytes_read,
        outcome.consistency,
        {name: value.hex() for name, value in digests.items()},
        kept,
        confirmations,
        faults,
        outcome.changed_from,
        hashes,
        len(matches) - len(kept),
    )


def _bounded(matches: tuple[Match, ...]) -> tuple[Match, ...]:
    """As many matches as a record holds, those of what is looked for first where not all are kept."""
    if len(matches) > MAX_MATCHES:
        matches = tuple(sorted(matches, key=lambda match: match.role is not Role.DENY)[:MAX_MATCHES])
    kept = []
    left = MAX_LABEL_CHARACTERS
    for match in matches:
        left -= sum(len(name) + len(value) for name, value in match.labels.items())
        kept.append(match if left >= 0 else msgspec.structs.replace(match, labels=LABELS_OMITTED))
    return tuple(kept)
