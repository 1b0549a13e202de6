"""One entry in, all that can be said of it out: read once, digest, match."""

import os
import traceback

from hashaudit.digests.multidigest import MultiDigest
from hashaudit.matching.exact import ExactMatcher
from hashaudit.model import (
    AlgorithmName,
    Confirmation,
    Consistency,
    Entry,
    Examination,
    Fault,
    FaultCode,
    Match,
    Role,
    Stage,
)
from hashaudit.reading import DirectoryCache, ReadOutcome, read_buffer, read_entry
from hashaudit.worker.protocol import Answer, Plan, WorkUnit, position_word


class CountingDigest(MultiDigest):
    """Digests that count their bytes where the parent can see them, so that a large file shows progress."""

    __slots__ = ("_board",)

    def __init__(self, plan: Plan, board: memoryview) -> None:
        super().__init__(plan.algorithms)
        self._board = board

    def update(self, data: bytes | bytearray | memoryview) -> None:
        """Takes in more bytes."""
        super().update(data)
        self._board[1] += len(data)


class Examiner:
    """Examines units after one plan.

    Args:
        plan: what is computed and looked for.
        board: the two progress words that the parent sees.

    Raises:
        ListError: a compiled list cannot be opened.
    """

    def __init__(self, plan: Plan, board: memoryview) -> None:
        self._plan = plan
        self._board = board
        self._matcher = ExactMatcher([image.open() for image in plan.indexes])
        self._directories = DirectoryCache()
        self._buffer = read_buffer()

    def examine_unit(self, unit: WorkUnit) -> Answer:
        """Examines every entry of a unit, noting on the board which it is on.

        Raises:
            HashauditError: no entry's fault: a compiled list is damaged.
        """
        clean = known = bytes_read = 0
        told: list[Examination] = []
        for item, (entry, tell) in enumerate(unit.entries()):
            self._board[0] = position_word(unit.number, item)
            outcome = self._read(entry)
            bytes_read += outcome.bytes_read
            digests = outcome.sink.digests() if outcome.sink is not None else {}
            matches, confirmations = self._matcher.match(digests, outcome.bytes_read)
            if tell or self._plan.tell_all or outcome.faults or any(match.role is Role.DENY for match in matches):
                told.append(_examination(item, outcome, digests, matches, confirmations))
            elif matches:
                known += 1
            else:
                clean += 1
        return Answer(unit.number, clean, known, bytes_read, tuple(told))

    def _read(self, entry: Entry) -> "ReadOutcome[CountingDigest]":
        try:
            return read_entry(entry, self._directories, self._sink, self._buffer)
        except Exception as error:  # noqa: BLE001 # a defect met on one file must not cost the others theirs
            fault = Fault(Stage.READ, FaultCode.INTERNAL_ERROR, _described(error))
            return ReadOutcome(sink=None, stat=None, bytes_read=0, consistency=entry.consistency, faults=(fault,))

    def _sink(self) -> CountingDigest:
        return CountingDigest(self._plan, self._board)


def _examination(
    item: int,
    outcome: "ReadOutcome[CountingDigest]",
    digests: dict[AlgorithmName, bytes],
    matches: tuple[Match, ...],
    confirmations: tuple[Confirmation, ...],
) -> Examination:
    if matches and outcome.consistency is Consistency.CHANGED_WHILE_READ:
        confirmations = (*confirmations, Confirmation.CHANGED_WHILE_READ)
    return Examination(
        item,
        outcome.stat,
        outcome.bytes_read,
        outcome.consistency,
        {name: value.hex() for name, value in digests.items()},
        matches,
        confirmations,
        outcome.faults,
        outcome.changed_from,
    )


def _described(error: Exception) -> str:
    """The kind of a defect and where it is. Not its message, which may hold what the file holds."""
    *_, last = traceback.extract_tb(error.__traceback__)
    place = f"{os.path.basename(last.filename)}:{last.lineno}"
    return f"internal error: {type(error).__name__} in {place}; please report it"
