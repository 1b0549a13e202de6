"""What a run tells while it goes on. Nothing here is printed by the library."""

import msgspec

from hashaudit.record.schema import EndReason, FaultRecord, FindingRecord, Totals


class Recorded(msgspec.Struct, frozen=True):
    """A finding or a fault is written."""

    record: FindingRecord | FaultRecord


class Progress(msgspec.Struct, frozen=True):
    """How far the run is, a few times a second."""

    files_walked: int
    files_done: int
    bytes_walked: int
    """Sizes of all files met so far."""
    bytes_done: int
    """Bytes read, those in the middle of a file included, and those taken over from another name of the same file."""
    findings: int
    faults: int
    walk_ended: bool
    """Nothing more will be met: the counts of what was walked are the whole."""


class WorkerReport(msgspec.Struct, frozen=True):
    """What one worker process is on."""

    pid: int
    path: bytes
    size: int
    """Bytes, as the walk saw it."""
    offset: int
    """Bytes of it gone through so far."""
    elapsed_s: float
    """Since the worker began it."""
    host: str | None = None
    """Whose number ``pid`` is; ``None``: of this machine."""


class StatusReport(msgspec.Struct, frozen=True):
    """What is going on, told when it is asked for."""

    progress: Progress
    elapsed_s: float
    """Since the run began."""
    workers: int
    """Processes, busy or not."""
    units_queued: int
    busy: tuple[WorkerReport, ...]


class Paused(msgspec.Struct, frozen=True):
    """Nothing is read, and what was found so far is signed, until the next event is asked for."""


class Finished(msgspec.Struct, frozen=True):
    """The last checkpoint is written."""

    totals: Totals
    reason: EndReason
    exit_code: int
    restarts: int
    """Worker processes that had to be replaced."""


Event = Recorded | Progress | StatusReport | Paused | Finished
