"""What a run is asked to do: every option and limit, checked before anything is opened."""

import msgspec

from hashaudit.digests.multidigest import ordered
from hashaudit.errors import UsageError
from hashaudit.hashlists.interface import ListSpec
from hashaudit.model import AlgorithmName, Role

MAX_WORKERS = 1024
"""More processes than that help no storage and exhaust descriptors."""


class AuditConfig(msgspec.Struct, frozen=True, kw_only=True):
    """One run's options. Use :func:`checked` on what a user gave.

    Limits have the unit in their names; each default's reason stands below it.
    """

    roots: tuple[bytes, ...]
    lists: tuple[ListSpec, ...] = ()
    columns: dict[str, str] = {}
    """Column of a delimited list -> what it holds."""
    algorithms: tuple[AlgorithmName, ...] = ()
    """Computed besides those that the lists need."""
    include: tuple[bytes, ...] = ()
    exclude: tuple[bytes, ...] = ()
    one_file_system: bool = False
    follow_links: bool = False
    record_all: bool = False
    workers: int | None = None
    """Worker processes; ``None`` chooses by device class and processors."""
    case: str | None = None
    exhibit: str | None = None
    examiner: str | None = None
    note: str | None = None
    batch_files: int = 256
    """Files in a unit at most: the work that a worker's death repeats."""
    batch_bytes: int = 8 << 20
    """Bytes in a unit at most; a file of this size or more is a unit of its own and goes first."""
    lookahead_units: int = 64
    """Units queued ahead of the workers: far enough to start large files early, and bounded."""
    waiting_records: int = 10_000
    """Records held back until all earlier entries are done; beyond that the walk waits."""
    stall_timeout_s: float = 120.0
    """A worker without a byte read for so long is ended: longer than a disk's own retries of a bad sector."""


def checked(config: AuditConfig) -> AuditConfig:
    """The same configuration, its algorithms in the table's order.

    Raises:
        UsageError: an option is out of range, or two contradict each other.
    """
    if not config.roots:
        raise UsageError("no ROOT: name at least one folder or file to examine")
    if any(not root for root in config.roots):
        raise UsageError("a ROOT is empty; write . for the current folder")
    if not config.record_all and not any(spec.role is Role.DENY for spec in config.lists):
        raise UsageError("no --list: name a list of hashes to look for, or give --record-all to record every file")
    if config.workers is not None and not 1 <= config.workers <= MAX_WORKERS:
        raise UsageError(f"--jobs must be from 1 to {MAX_WORKERS}")
    return msgspec.structs.replace(config, algorithms=ordered(config.algorithms))
