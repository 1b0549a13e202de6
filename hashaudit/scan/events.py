"""The events of a scan, in the order in which they happen. The library prints nothing; a caller displays these."""

from enum import StrEnum

import msgspec

from hashaudit.lists.interface import ListInfo
from hashaudit.record.header import RunHeader
from hashaudit.record.output import Quarantined
from hashaudit.record.schema import AuditRecord, EndReason, FaultRecord, FindingRecord, Totals


class KeyCreated(msgspec.Struct, frozen=True):
    """The user had no signing key, so one was created."""

    path: str
    fingerprint: str
    """As ``ssh-keygen -l`` prints it."""
    allowed_signers_line: str
    """With this line in their ``allowed_signers`` file, others trust the key."""


class AlreadyComplete(msgspec.Struct, frozen=True):
    """The scan to resume is complete. No other event follows."""

    exit_code: int
    """Exit code of the complete scan."""


class PriorityNotLowered(msgspec.Struct, frozen=True):
    """This system cannot lower a priority that ``ScanConfig`` asks it to lower."""

    resource: str
    """``processor`` or ``disk``."""


class ListLoaded(msgspec.Struct, frozen=True):
    """A hash list is loaded."""

    info: ListInfo


class NoticeSource(StrEnum):
    """The part of the library that reports something in words."""

    ACCEPTANCES = "acceptances"
    """Accepted findings, and acceptances that have expired."""
    CACHE = "cache"
    """The cache of hashes cannot be used, or not as it is."""
    EXECUTOR = "executor"
    """A worker of a cluster joined, left, or cannot be used."""
    MANIFEST = "manifest"
    """A manifest of an audit cannot be relied on as a whole."""


class Notice(msgspec.Struct, frozen=True):
    """A sentence for people. The scan continues."""

    source: NoticeSource
    message: str


class Prepared(msgspec.Struct, frozen=True):
    """Lists are loaded and workers are ready. Nothing is written and nothing is examined yet."""


class Resumed(msgspec.Struct, frozen=True):
    """The findings file of an interrupted scan is open, and its chain continues."""

    begun: str
    """When the scan began, as its header says."""
    last_record: int
    """Number of the last record that is kept."""
    quarantined: Quarantined | None
    """The unsigned end of the file, which was moved to a backup file."""
    journal_used: bool
    """``False``: files without a record are examined again."""
    different_roots: tuple[str, ...] = ()
    """Differences of the storage that ``allow_different_root`` accepted."""


class JournalFailed(msgspec.Struct, frozen=True):
    """The journal cannot be written. The scan continues; a resume would examine files without a record again."""

    reason: str


class Started(msgspec.Struct, frozen=True):
    """The findings file has its signed header, and examining begins."""

    header: RunHeader


class Found(msgspec.Struct, frozen=True):
    """A finding or a fault whose record must wait, because entries before it in the order are still being examined.

    Its :class:`Recorded` follows, unless the program is killed before. Until then the journal has it, authenticated.
    """

    record: FindingRecord | FaultRecord
    """As it will be written, with another time and another number."""


class Recorded(msgspec.Struct, frozen=True):
    """A finding or a fault is written."""

    record: FindingRecord | FaultRecord
    was_found: bool = False
    """True if a :class:`Found` event came before."""


class Audited(msgspec.Struct, frozen=True):
    """A difference between the tree and its manifest is written."""

    record: AuditRecord


class Progress(msgspec.Struct, frozen=True):
    """Counts so far, a few times a second."""

    files_walked: int
    files_done: int
    bytes_walked: int
    """Sizes of all files walked so far."""
    bytes_done: int
    """Bytes read, also within unfinished files, and bytes that another name of the same file accounts for."""
    findings: int
    faults: int
    walk_ended: bool
    """The walk is complete, so the counts of walked files are final."""


class WorkerReport(msgspec.Struct, frozen=True):
    """The file that one worker process examines."""

    pid: int
    path: bytes
    size: int
    """Bytes, as the walk found it."""
    offset: int
    """Bytes of it that the worker has processed."""
    elapsed_s: float
    """Seconds since the worker began it."""
    host: str | None = None
    """Host of ``pid``; ``None``: this machine."""


class StatusReport(msgspec.Struct, frozen=True):
    """The answer to ``Control.report``."""

    progress: Progress
    elapsed_s: float
    """Seconds since the scan began."""
    workers: int
    """Processes, busy or not."""
    units_queued: int
    busy: tuple[WorkerReport, ...]


class Paused(msgspec.Struct, frozen=True):
    """Nothing is read until the next event is requested. All records so far are signed."""


class CacheSkipped(msgspec.Struct, frozen=True):
    """The cache was not used on some filesystems: their timestamps do not prove unchanged content."""

    filesystem_types: tuple[str, ...]


class Finished(msgspec.Struct, frozen=True):
    """The final checkpoint is written. No other event follows."""

    totals: Totals
    reason: EndReason
    exit_code: int
    """As docs/reference/codes.md lists them."""
    restarts: int
    """Worker processes that had to be replaced."""
    empty_roots: tuple[bytes, ...] = ()
    """Paths of roots, of several, in which no file was examined."""
    unmatched: tuple[bytes, ...] = ()
    """Patterns to include that no file matches."""


Event = (
    KeyCreated
    | AlreadyComplete
    | PriorityNotLowered
    | ListLoaded
    | Notice
    | Prepared
    | Resumed
    | JournalFailed
    | Started
    | Found
    | Recorded
    | Audited
    | Progress
    | StatusReport
    | Paused
    | CacheSkipped
    | Finished
)
"""Every event of a scan."""
