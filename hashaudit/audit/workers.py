"""How many workers a run has, and what they are told."""

import os
from collections.abc import Iterable

from hashaudit.config import AuditConfig
from hashaudit.digests.multidigest import ordered
from hashaudit.digests.registry import DIGESTS
from hashaudit.hashlists.algorithms import SHA256
from hashaudit.hashlists.known_filter import SHA1
from hashaudit.hashlists.load import LoadedLists
from hashaudit.host.machine import cpu_count, is_rotational
from hashaudit.host.sandbox import Cage
from hashaudit.model import Consistency
from hashaudit.pool.watch import Deadlines
from hashaudit.sources.interface import RootDescription
from hashaudit.sources.mounts import Kind
from hashaudit.sources.opening import schemes_of
from hashaudit.stores import needs
from hashaudit.stores.address import parse_root
from hashaudit.worker.protocol import PerceptualPlan, Plan

READERS_ON_SPINNING_DISK = 1
"""Several readers make a spinning disk seek: 160 MB/s fall to 25."""

READERS_PER_CPU_ON_NETWORK = 4
"""Reading from a network mount is mostly waiting."""

DEFAULT_ALGORITHM = SHA256
"""What is computed when neither a list nor ``-a`` names a digest."""


def plan_for(config: AuditConfig, lists: LoadedLists) -> Plan:
    """What the workers compute and look for."""
    needed = {name for index in lists.indexes for name in index.algorithms} | set(config.algorithms)
    if lists.filters:
        needed.add(SHA1)
    schemes = schemes_of(config.roots)
    return Plan(
        algorithms=ordered(sorted(needed)) or (DEFAULT_ALGORITHM,),
        tell_all=config.record_all,
        indexes=lists.images,
        perceptual=_perceptual_plan(config, lists),
        filters=lists.filters,
        cage=_cage(config, schemes),
        stores=config.buckets.store if schemes else None,
        schemes=schemes,
    )


def _cage(config: AuditConfig, schemes: tuple[str, ...]) -> Cage:
    """What workers may read and reach. A link that is followed can lead anywhere."""
    local = tuple(os.path.realpath(root) for root in config.roots if parse_root(root) is None)
    readable = (b"/",) if config.follow_links else local
    if not schemes:
        return Cage(readable, config.max_memory_bytes)
    return Cage(readable + needs.readable(), config.max_memory_bytes + needs.RESERVED_BYTES, network=True)


def deadlines(config: AuditConfig) -> Deadlines:
    """How long a worker may be on one file."""
    return Deadlines(config.file_timeout_s, config.decode_timeout_s)


def _perceptual_plan(config: AuditConfig, lists: LoadedLists) -> PerceptualPlan | None:
    if not config.perceptual:
        return None
    listed = {name for index in lists.indexes for name in index.sections if name not in DIGESTS}
    needed = sorted(listed | set(config.perceptual_algorithms))
    if not needed and not config.hashers:
        return None
    return PerceptualPlan(
        algorithms=tuple(needed),
        max_distances=config.max_distances,
        min_quality=config.min_quality,
        max_frames=config.max_frames,
        variants=config.variants,
        decode_timeout_s=config.decode_timeout_s,
        hashers=config.hashers,
    )


def worker_count(config: AuditConfig, roots: Iterable[RootDescription]) -> int:
    """How many processes examine: what the user says, else by the slowest device class among the roots."""
    if config.workers is not None:
        return config.workers
    classes = [_readers(root) for root in roots]
    return min(classes, default=cpu_count())


def _readers(root: RootDescription) -> int:
    if root.is_bucket:
        return cpu_count()  # each has many requests in flight of its own
    if Kind(root.fs_type).consistency is Consistency.MOUNT_UNPINNED:
        return cpu_count() * READERS_PER_CPU_ON_NETWORK
    try:
        device = os.stat(root.path).st_dev
    except OSError:
        return cpu_count()  # the walk will say what is wrong with it
    return READERS_ON_SPINNING_DISK if is_rotational(device) else cpu_count()
