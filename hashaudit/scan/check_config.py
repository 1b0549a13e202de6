"""Checks the values of a scan's options against their limits and against each other."""

import math
from collections.abc import Iterator

import msgspec

from hashaudit.content.digests.digest_registry import DIGESTS
from hashaudit.content.digests.multidigest import ordered
from hashaudit.errors import UsageError
from hashaudit.model.results import AlgorithmName, Role
from hashaudit.scan.config import ExecutorKind, RecordScope, ScanConfig
from hashaudit.scan.option_values import algorithm_name
from hashaudit.sources.given_roots import check_buckets

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
    for name, value, is_valid, limits in _limits(config):
        if not is_valid:
            shown = f"{value:g}" if isinstance(value, float) else value
            raise UsageError(f"invalid --{name}: '{shown}'; must {limits}")
    _check_executor(config)
    if not config.perceptual and (config.perceptual_algorithms or config.hashers):
        raise UsageError("--no-perceptual contradicts asking for a perceptual hash")
    _check_cache(config)
    return config


def _limits(config: ScanConfig) -> Iterator[tuple[str, object, bool, str]]:
    """Yields the name and value of each option with limits, whether the value is within them, and what it must be."""
    workers, rate = config.workers, config.max_rate_bytes_per_s
    yield "jobs", workers, workers is None or 1 <= workers <= MAX_WORKERS, f"be from 1 to {MAX_WORKERS}"
    is_valid = rate is None or rate >= MIN_RATE_BYTES_PER_S
    yield "max-rate", rate, is_valid, f"be at least {MIN_RATE_BYTES_PER_S} bytes a second"
    yield "variants", config.variants, config.variants in VARIANTS, f"be one of {', '.join(VARIANTS)}"
    yield "max-frames", config.max_frames, config.max_frames >= 1, "be at least 1"
    quality = config.min_quality
    yield "min-quality", quality, 0 <= quality <= MAX_QUALITY, f"be from 0 to {MAX_QUALITY}"
    for distance in config.max_distances.values():
        yield "max-distance", distance, distance >= 0, "not be negative"
    for name, timeout_s in (("file-timeout", config.file_timeout_s), ("decode-timeout", config.decode_timeout_s)):
        yield name, timeout_s, MIN_TIMEOUT_S <= timeout_s < math.inf, f"be at least {MIN_TIMEOUT_S:g} s"
    memory = config.max_memory_bytes
    limits = f"be at least {MIN_MEMORY_BYTES >> 20}M and at most {MAX_MEMORY_BYTES >> 40}T"
    yield "max-memory", memory, MIN_MEMORY_BYTES <= memory <= MAX_MEMORY_BYTES, limits
    depth = config.inside_depth
    yield "inside-depth", depth, 1 <= depth <= MAX_DEPTH, f"be from 1 to {MAX_DEPTH}"
    yield "inside-bytes", config.inside_bytes, config.inside_bytes >= 1, "be at least 1"
    wait_s = config.wait_for_workers_s
    is_valid = MIN_TIMEOUT_S <= wait_s <= MAX_WAIT_S
    yield "wait-for-workers", wait_s, is_valid, f"be from {MIN_TIMEOUT_S:g} to {MAX_WAIT_S:g} s"
    percent = config.cache_verify_percent
    yield "cache-verify", percent, 0 <= percent <= MAX_PERCENT, f"be from 0 to {MAX_PERCENT}"


def _perceptual_hash(name: str) -> AlgorithmName:
    try:
        return algorithm_name(name)
    except ValueError as error:
        raise UsageError(f"invalid algorithm: '{name}'; {error}") from error


def _check_cache(config: ScanConfig) -> None:
    if config.cache is None and config.cache_verify_percent:
        raise UsageError("--cache-verify needs --cache: there is nothing to compare with")
    if config.cache == "":
        raise UsageError("--cache is empty: name a file")


def _check_executor(config: ScanConfig) -> None:
    if (config.executor is ExecutorKind.DASK) != (config.scheduler is not None):
        raise UsageError("--executor dask and --scheduler belong together")
