"""Checks the values of a scan's options against their limits and against each other."""

import math

import msgspec

from hashaudit.content.digests.digest_registry import DIGESTS
from hashaudit.content.digests.multidigest import ordered
from hashaudit.errors import UsageError
from hashaudit.model.results import AlgorithmName, Role
from hashaudit.scan.config import ExecutorKind, RecordScope, ScanConfig
from hashaudit.scan.option_values import algorithm_name
from hashaudit.sources.open_source import check_buckets

MAX_WORKERS = 1024
"""More processes do not speed up any storage and exhaust descriptors."""

MIN_RATE_BYTES_PER_S = 1024
"""With less, a scan does not end."""

MAX_PERCENT = 100

MAX_QUALITY = 100
"""Largest PDQ quality."""

MIN_TIMEOUT_S = 1.0
"""A shorter timeout ends workers that wait for a processor."""

MIN_MEMORY_BYTES = 64 << 20
"""With less, a worker cannot list a large directory and decode a small image."""

MAX_MEMORY_BYTES = 1 << 46
"""64 TiB, which is within the address space of any processor."""

MAX_DEPTH = 64
"""Containers within one another; each takes some frames of the interpreter's stack in a worker."""

VARIANTS = ("none", "dihedral", "all", "thorough")
"""As it is; also in all eight orientations; also without a uniform border."""

MAX_WAIT_S = 7 * 24 * 3600.0
"""Give up on a cluster that has had no worker for a week."""


def checked(config: ScanConfig) -> ScanConfig:
    """Returns the configuration with the perceptual hashes moved out of ``algorithms``, and the digests in order.

    Raises:
        UsageError: an option is out of range, or two options conflict.
    """
    others = [name for name in config.algorithms if name not in DIGESTS]
    config = msgspec.structs.replace(
        config,
        algorithms=ordered([name for name in config.algorithms if name in DIGESTS]),
        perceptual_algorithms=tuple(dict.fromkeys([*config.perceptual_algorithms, *map(_perceptual_hash, others)])),
    )
    if not config.roots:
        raise UsageError("missing argument: 'ROOT'", hint="name at least one directory or file to scan")
    if any(not root for root in config.roots):
        raise UsageError("invalid ROOT: ''; it is empty", hint="write . for the current directory")
    check_buckets(config.roots, config.buckets)
    if config.record is not RecordScope.ALL and not any(spec.role is Role.DENY for spec in config.lists):
        raise UsageError("missing option: '--list'", hint="name a hash list, or record every file with --record all")
    if config.workers is not None and not 1 <= config.workers <= MAX_WORKERS:
        raise UsageError(f"--jobs must be from 1 to {MAX_WORKERS}")
    if config.max_rate_bytes_per_s is not None and config.max_rate_bytes_per_s < MIN_RATE_BYTES_PER_S:
        raise UsageError(f"--max-rate must be at least {MIN_RATE_BYTES_PER_S} bytes a second")
    if config.variants not in VARIANTS:
        raise UsageError(f"--variants must be one of {', '.join(VARIANTS)}")
    if config.max_frames < 1 or not 0 <= config.min_quality <= MAX_QUALITY:
        raise UsageError(f"--max-frames must be at least 1, --min-quality from 0 to {MAX_QUALITY}")
    if any(distance < 0 for distance in config.max_distances.values()):
        raise UsageError("--max-distance must not be negative")
    if not (MIN_TIMEOUT_S <= config.file_timeout_s < math.inf and MIN_TIMEOUT_S <= config.decode_timeout_s < math.inf):
        raise UsageError(f"--file-timeout and --decode-timeout must be at least {MIN_TIMEOUT_S:g} s")
    if not MIN_MEMORY_BYTES <= config.max_memory_bytes <= MAX_MEMORY_BYTES:
        raise UsageError(
            f"--max-memory must be at least {MIN_MEMORY_BYTES >> 20}M and at most {MAX_MEMORY_BYTES >> 40}T"
        )
    _check_inside(config)
    _check_executor(config)
    if not config.perceptual and (config.perceptual_algorithms or config.hashers):
        raise UsageError("--no-perceptual contradicts asking for a perceptual hash")
    _check_cache(config)
    return config


def _check_inside(config: ScanConfig) -> None:
    if not 1 <= config.inside_depth <= MAX_DEPTH or config.inside_bytes < 1:
        raise UsageError(f"--inside-depth must be from 1 to {MAX_DEPTH}, --inside-bytes at least 1")


def _perceptual_hash(name: str) -> AlgorithmName:
    try:
        return algorithm_name(name)
    except ValueError as error:
        raise UsageError(f"invalid algorithm: '{name}'; {error}") from error


def _check_cache(config: ScanConfig) -> None:
    if not 0 <= config.cache_verify_percent <= MAX_PERCENT:
        raise UsageError(f"--cache-verify must be from 0 to {MAX_PERCENT}")
    if config.cache is None and config.cache_verify_percent:
        raise UsageError("--cache-verify needs --cache: there is nothing to compare with")
    if config.cache == "":
        raise UsageError("--cache is empty: name a file")


def _check_executor(config: ScanConfig) -> None:
    if (config.executor is ExecutorKind.DASK) != (config.scheduler is not None):
        raise UsageError("--executor dask and --scheduler belong together")
    if not MIN_TIMEOUT_S <= config.wait_for_workers_s <= MAX_WAIT_S:
        raise UsageError(f"--wait-for-workers must be from {MIN_TIMEOUT_S:g} to {MAX_WAIT_S:g} s")
