"""How many workers a run has, and what they are told."""

import os
from collections.abc import Callable, Iterable
from enum import StrEnum

from hashaudit.cache.fingerprints import HashSpec, PictureSpec, wanted
from hashaudit.content.digests.digest_registry import DIGESTS
from hashaudit.content.digests.multidigest import ordered
from hashaudit.errors import HostError
from hashaudit.host.hardware import cpu_count, is_rotational
from hashaudit.host.process import raise_open_file_limit
from hashaudit.host.sandbox.sandbox import Sandbox
from hashaudit.lists.algorithms import SHA256
from hashaudit.lists.known_filter import SHA1
from hashaudit.lists.load import LoadedLists
from hashaudit.model.entry import Consistency
from hashaudit.objectstores import sandbox_paths
from hashaudit.objectstores.url import parse_root
from hashaudit.scan.config import MAX_WORKERS, RecordScope, ScanConfig
from hashaudit.sources.directory_stack import MAX_OPEN_DIRECTORIES
from hashaudit.sources.filesystems import Filesystem
from hashaudit.sources.interface import RootDescription
from hashaudit.sources.open_source import schemes_of
from hashaudit.workers.local.watchdog import Deadlines
from hashaudit.workers.protocol import PerceptualConfig, WorkerConfig

READERS_ON_SPINNING_DISK = 1
"""Several readers make a spinning disk seek: 160 MB/s fall to 25."""

READERS_PER_CPU_ON_NETWORK = 4
"""Reading from a network mount is mostly waiting."""

DESCRIPTORS_PER_WORKER = 2
"""Its socket and its board, in the parent."""

DESCRIPTORS_PER_LIST = 2
"""The mapped index, and the file while it is read."""

DESCRIPTORS_OF_A_SCAN = MAX_OPEN_DIRECTORIES + 12
"""The folders that the walk holds; the standard streams, the findings, the selector, what a start takes in passing."""

LEAST_DESCRIPTORS = 24
"""Below this not even one worker starts; up to :data:`DESCRIPTORS_OF_A_SCAN` deep trees are left with faults."""

DEFAULT_ALGORITHM = SHA256
"""What is computed when neither a list nor ``-a`` names a digest."""


def plan_for(config: ScanConfig, lists: LoadedLists) -> WorkerConfig:
    """What the workers compute and look for."""
    needed = {name for index in lists.indexes for name in index.algorithms} | set(config.algorithms)
    if lists.filters:
        needed.add(SHA1)
    schemes = schemes_of(config.roots, config.buckets)
    return WorkerConfig(
        algorithms=ordered(sorted(needed)) or (DEFAULT_ALGORITHM,),
        report_all=config.record is RecordScope.ALL,
        indexes=lists.images,
        perceptual=_perceptual_plan(config, lists),
        filters=lists.filters,
        sandbox=_sandbox(config, schemes),
        stores=config.buckets.store if schemes else None,
        schemes=schemes,
    )


def _sandbox(config: ScanConfig, schemes: tuple[str, ...]) -> Sandbox:
    """What workers may read and reach. A link that is followed can lead anywhere."""
    local = tuple(os.path.realpath(root) for root in config.roots if parse_root(root) is None)
    readable = (b"/",) if config.follow_links else local
    if not schemes:
        return Sandbox(readable, config.max_memory_bytes)
    return Sandbox(
        readable + sandbox_paths.sandbox_paths(), config.max_memory_bytes + sandbox_paths.RESERVED_BYTES, network=True
    )


def deadlines(config: ScanConfig) -> Deadlines:
    """How long a worker may be on one file."""
    return Deadlines(config.file_timeout_s, config.decode_timeout_s)


def recipes_for(plan: WorkerConfig) -> HashSpec:
    """By which a cache has to have kept what workers would compute after a plan."""
    pictures = plan.perceptual
    if pictures is None:
        return wanted(plan.algorithms, None)
    recipe = PictureSpec(pictures.algorithms, pictures.variants, pictures.max_frames, bool(pictures.hashers))
    return wanted(plan.algorithms, recipe)


def _perceptual_plan(config: ScanConfig, lists: LoadedLists) -> PerceptualConfig | None:
    if not config.perceptual:
        return None
    listed = {name for index in lists.indexes for name in index.sections if name not in DIGESTS}
    needed = sorted(listed | set(config.perceptual_algorithms))
    if not needed and not config.hashers:
        return None
    return PerceptualConfig(
        algorithms=tuple(needed),
        max_distances=config.max_distances,
        min_quality=config.min_quality,
        max_frames=config.max_frames,
        variants=config.variants,
        decode_timeout_s=config.decode_timeout_s,
        hashers=config.hashers,
    )


class DeviceClass(StrEnum):
    """What a root lies on, as far as the number of its readers depends on it."""

    SPINNING = "spinning disk"
    SOLID = "solid-state disk"
    NETWORK = "network or FUSE mount"
    OBJECT_STORE = "object store"
    UNKNOWN = "of unknown kind"


READERS: dict[DeviceClass, Callable[[], int]] = {
    DeviceClass.SPINNING: lambda: READERS_ON_SPINNING_DISK,
    DeviceClass.SOLID: cpu_count,
    DeviceClass.NETWORK: lambda: cpu_count() * READERS_PER_CPU_ON_NETWORK,
    DeviceClass.OBJECT_STORE: cpu_count,  # each has many requests in flight of its own
    DeviceClass.UNKNOWN: cpu_count,
}
"""How many processes read."""


def worker_count(config: ScanConfig, roots: Iterable[RootDescription]) -> int:
    """How many processes examine: what the user says, else by the slowest device class among the roots.

    Never more than the limit of open files has room for.

    Raises:
        HostError: it has room for none.
    """
    classes = {device_class(root) for root in roots}
    wanted = config.workers or min((READERS[each]() for each in classes), default=cpu_count())
    room = workers_with_descriptors(raise_open_file_limit(), len(config.lists))
    if room < 1:
        raise HostError("too few files may be open at once: raise the limit (ulimit -n) to 64 or more")
    return min(wanted, room)


def workers_with_descriptors(limit: int | None, lists: int) -> int:
    """How many workers a limit of open files has room for; 0: a run cannot be made."""
    if limit is None:
        return MAX_WORKERS
    left = limit - lists * DESCRIPTORS_PER_LIST
    if left < LEAST_DESCRIPTORS:
        return 0
    return max(1, (left - DESCRIPTORS_OF_A_SCAN) // DESCRIPTORS_PER_WORKER)


def device_class(root: RootDescription) -> DeviceClass:
    """What a root lies on."""
    if root.is_bucket:
        return DeviceClass.OBJECT_STORE
    if Filesystem(root.fs_type).consistency is Consistency.UNVERIFIED_MOUNT:
        return DeviceClass.NETWORK
    try:
        rotational = is_rotational(os.stat(root.path).st_dev)
        if rotational is None and root.source is not None and root.source.startswith(b"/dev/"):
            # Subvolumes of btrfs have device numbers that no disk has.
            rotational = is_rotational(os.stat(root.source).st_rdev)
    except OSError:
        return DeviceClass.UNKNOWN  # the walk will say what is wrong with it
    if rotational is None:
        return DeviceClass.UNKNOWN
    return DeviceClass.SPINNING if rotational else DeviceClass.SOLID
