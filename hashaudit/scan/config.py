"""What a run is asked to do: every option and limit, checked before anything is opened."""

import math
from enum import StrEnum

import msgspec

from hashaudit.content.digests.multidigest import ordered
from hashaudit.errors import UsageError
from hashaudit.host.sandbox.sandbox import DEFAULT_MEMORY_BYTES
from hashaudit.lists.interface import ListSpec
from hashaudit.lists.selection import EVERYTHING, Selection
from hashaudit.model.results import AlgorithmName, Role
from hashaudit.sources.open_source import BucketOptions, check_buckets
from hashaudit.sources.shard import Shard

MAX_WORKERS = 1024
"""More processes than that help no storage and exhaust descriptors."""

MIN_RATE_BYTES_PER_S = 1024
"""With less than that a run does not end."""

MAX_PERCENT = 100

MAX_QUALITY = 100
"""Of PDQ."""

MIN_TIMEOUT_S = 1.0
"""Less ends workers that wait for a processor."""

MIN_MEMORY_BYTES = 64 << 20
"""Less does not read a large folder's names and decode a small picture."""

MAX_MEMORY_BYTES = 1 << 46
"""64 TiB: with what is in use, within the address space of any processor."""

VARIANTS = ("none", "dihedral", "all")
"""As it is; in all eight orientations; and again without a uniform border."""


class ExecutorKind(StrEnum):
    """Where entries are examined."""

    LOCAL = "local"
    """By worker processes of this machine."""
    DASK = "dask"
    """By those of a Dask cluster."""


class RecordScope(StrEnum):
    """The files that get a record."""

    FINDINGS = "findings"
    """Findings and faults only."""
    ALL = "all"
    """Every file."""


MAX_WAIT_S = 7 * 24 * 3600.0
"""A cluster that has nobody for a week is none."""


class ScanConfig(msgspec.Struct, frozen=True, kw_only=True):
    """One run's options. Use :func:`checked` on what a user gave.

    Limits have the unit in their names; each default's reason stands below it.
    """

    roots: tuple[bytes, ...]
    """Paths of this machine, and URLs of object stores."""
    buckets: BucketOptions = BucketOptions()
    shard: Shard | None = None
    """Only a part of what the roots hold."""
    lists: tuple[ListSpec, ...] = ()
    columns: dict[str, str] = {}
    """Column of a delimited list -> what it holds."""
    selection: Selection = EVERYTHING
    """Which entries of the lists are looked for."""
    category_names: dict[str, str] = {}
    """Category as lists give it -> name shown beside it."""
    algorithms: tuple[AlgorithmName, ...] = ()
    """Digests computed besides those that the lists need."""
    perceptual_algorithms: tuple[AlgorithmName, ...] = ()
    """Perceptual hashes computed besides those that the lists need."""
    perceptual: bool = True
    """Pictures are decoded where a list or ``perceptual_algorithms`` needs it."""
    max_distances: dict[AlgorithmName, int] = {}
    """Inclusive, by perceptual algorithm; of others the algorithm's own threshold."""
    min_quality: int = 50
    """PDQ quality below which a match is marked ``low_quality``: a hash of lower quality is unstable."""
    max_frames: int = 33
    """Of one picture; of more, evenly spaced ones are hashed, the first, the middle and the last among them."""
    variants: str = "all"
    """In which variants pictures are hashed: one of :data:`VARIANTS`."""
    hashers: tuple[str, ...] = ()
    """``module:callable`` of perceptual hashes that the user plugs in."""
    decode_timeout_s: float = 60.0
    """For one picture, with a second more for each MiB: a hundred times what the largest photographs take."""
    file_timeout_s: float = 120.0
    """A worker without a byte read for so long is ended: longer than a disk's own retries of a bad sector."""
    max_memory_bytes: int = DEFAULT_MEMORY_BYTES
    """Of each worker, beyond what it holds when it is ready."""
    require_sandbox: bool = False
    """Do not run where a layer of the workers' sandbox is missing."""
    include: tuple[bytes, ...] = ()
    exclude: tuple[bytes, ...] = ()
    one_file_system: bool = False
    follow_links: bool = False
    allow_different_root: bool = False
    """Resume although the storage at a root is not that of the interrupted scan."""
    record: RecordScope = RecordScope.FINDINGS
    """The files that get a record."""
    cache: str | None = None
    """Path of the cache of hashes; ``None``: every file is read."""
    cache_verify_percent: float = 0.0
    """Of the files that the cache answers for, how many are read all the same and compared."""
    executor: ExecutorKind | None = None
    """``None`` means this machine, or for a resume the executor of the interrupted scan."""
    scheduler: str | None = None
    """Address of the Dask scheduler."""
    wait_for_workers_s: float = 120.0
    """While a cluster has no worker or no scheduler: longer than either takes to be started again."""
    workers: int | None = None
    """Worker processes; ``None`` chooses by device class and processors. On a cluster, of each of its workers."""
    max_rate_bytes_per_s: int | None = None
    """Read from storage by all workers together."""
    low_impact: bool = False
    """Processor and disk go to others first."""
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


def checked(config: ScanConfig) -> ScanConfig:
    """The same configuration, its algorithms in the table's order.

    Raises:
        UsageError: an option is out of range, or two contradict each other.
    """
    if not config.roots:
        raise UsageError("no ROOT: name at least one folder or file to examine")
    if any(not root for root in config.roots):
        raise UsageError("a ROOT is empty; write . for the current folder")
    check_buckets(config.roots, config.buckets)
    if config.record is not RecordScope.ALL and not any(spec.role is Role.DENY for spec in config.lists):
        raise UsageError("no --list: name a list of hashes to look for, or give --record all to record every file")
    if config.workers is not None and not 1 <= config.workers <= MAX_WORKERS:
        raise UsageError(f"--jobs must be from 1 to {MAX_WORKERS}")
    if config.max_rate_bytes_per_s is not None and config.max_rate_bytes_per_s < MIN_RATE_BYTES_PER_S:
        raise UsageError(f"--max-rate must be at least {MIN_RATE_BYTES_PER_S} bytes a second")
    if config.variants not in VARIANTS:
        raise UsageError(f"--variants must be one of {', '.join(VARIANTS)}")
    if config.max_frames < 1 or not 0 <= config.min_quality <= MAX_QUALITY:
        raise UsageError(f"--frames must be at least 1, --min-quality from 0 to {MAX_QUALITY}")
    if any(distance < 0 for distance in config.max_distances.values()):
        raise UsageError("--max-distance must not be negative")
    if not (MIN_TIMEOUT_S <= config.file_timeout_s < math.inf and MIN_TIMEOUT_S <= config.decode_timeout_s < math.inf):
        raise UsageError(f"--file-timeout and --decode-timeout must be at least {MIN_TIMEOUT_S:g} s")
    if not MIN_MEMORY_BYTES <= config.max_memory_bytes <= MAX_MEMORY_BYTES:
        raise UsageError(
            f"--max-memory must be at least {MIN_MEMORY_BYTES >> 20}M and at most {MAX_MEMORY_BYTES >> 40}T"
        )
    _check_executor(config)
    if not config.perceptual and (config.perceptual_algorithms or config.hashers):
        raise UsageError("--no-perceptual contradicts asking for a perceptual hash")
    _check_cache(config)
    return msgspec.structs.replace(config, algorithms=ordered(config.algorithms))


def _check_cache(config: ScanConfig) -> None:
    if not 0 <= config.cache_verify_percent <= MAX_PERCENT:
        raise UsageError(f"--cache-verify must be from 0 to {MAX_PERCENT}")
    if config.cache is None and config.cache_verify_percent:
        raise UsageError("--cache-verify needs --cache: there is nothing to compare with")
    if config.cache == "":
        raise UsageError("--cache is empty: name a file")


def record_scope_named(name: str) -> RecordScope:
    """Returns the record scope with this name.

    Raises:
        UsageError: the name is unknown.
    """
    try:
        return RecordScope(name)
    except ValueError as error:
        raise UsageError(f"--record must be one of {', '.join(RecordScope)}") from error


def executor_named(name: str) -> ExecutorKind:
    """Returns the executor with this name.

    Raises:
        UsageError: the name is unknown.
    """
    try:
        return ExecutorKind(name)
    except ValueError as error:
        raise UsageError(f"--executor must be one of {', '.join(ExecutorKind)}") from error


def _check_executor(config: ScanConfig) -> None:
    if (config.executor is ExecutorKind.DASK) != (config.scheduler is not None):
        raise UsageError("--executor dask and --scheduler belong together")
    if not MIN_TIMEOUT_S <= config.wait_for_workers_s <= MAX_WAIT_S:
        raise UsageError(f"--wait-for-workers must be from {MIN_TIMEOUT_S:g} to {MAX_WAIT_S:g} s")
