"""What a run tells while it goes on. Nothing here is printed by the library."""

import msgspec

from hashaudit.findings.schema import EndReason, FaultRecord, FindingRecord, Totals


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


class Finished(msgspec.Struct, frozen=True):
    """The last checkpoint is written."""

    totals: Totals
    reason: EndReason
    exit_code: int
    restarts: int
    """Worker processes that had to be replaced."""


Event = Recorded | Progress | Finished
