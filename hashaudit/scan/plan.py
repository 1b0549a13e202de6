"""Plans the workers of a scan: their number, configuration, sandbox and deadlines."""

import os
from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum

from hashaudit.cache.fingerprints import HashSpec, PictureSpec, wanted
from hashaudit.content.containers.inside_budget import InsideLimits
from hashaudit.content.containers.member_filter import MemberPatterns, is_member_pattern
from hashaudit.content.digests.digest_registry import DIGESTS
from hashaudit.content.digests.multidigest import ordered
from hashaudit.errors import HostError, UsageError
from hashaudit.host.hardware import cpu_count, is_rotational
from hashaudit.host.process import raise_open_file_limit
from hashaudit.host.sandbox.code_paths import code_paths
from hashaudit.host.sandbox.sandbox import Sandbox
from hashaudit.lists.algorithms import SHA256
from hashaudit.lists.index.index_layout import ROLE_CODES, AffineColumn, ListRecord
from hashaudit.lists.known_filter import SHA1
from hashaudit.lists.load import LoadedLists
from hashaudit.model.containers import CATEGORIES, ContainerCategory, ContainerKind
from hashaudit.model.entry import Consistency
from hashaudit.model.location import join_path
from hashaudit.model.results import Role
from hashaudit.objectstores.url import parse_root
from hashaudit.scan.check_config import MAX_WORKERS
from hashaudit.scan.config import RecordScope, ScanConfig
from hashaudit.sources.directory_stack import MAX_OPEN_DIRECTORIES
from hashaudit.sources.filesystems import Filesystem
from hashaudit.sources.given_roots import schemes_of
from hashaudit.sources.interface import RootDescription
from hashaudit.sources.roots import RootReader
from hashaudit.workers.local.watchdog import Deadlines
from hashaudit.workers.protocol import InsideConfig, PerceptualConfig, WorkerConfig

READERS_ON_SPINNING_DISK = 1
"""Several readers make a spinning disk seek: 160 MB/s fall to 25."""

READERS_PER_CPU_ON_NETWORK = 4
"""Reading from a network mount is mostly waiting."""

DESCRIPTORS_PER_WORKER = 2
"""The worker's socket and progress memory, in the parent."""

DESCRIPTORS_PER_LIST = 2
"""The mapped index, and the file while it is read."""

DESCRIPTORS_OF_A_SCAN = MAX_OPEN_DIRECTORIES + 12
"""Directories of the walk; standard streams, findings, selector, and temporary ones during the start."""

LEAST_DESCRIPTORS = 24
"""Below this not even one worker starts; up to :data:`DESCRIPTORS_OF_A_SCAN` deep trees are left with faults."""

MAX_READABLE = 256
"""Paths with a rule of their own in the sandbox. Each takes a system call in each worker."""

DEFAULT_ALGORITHM = SHA256
"""Digest to compute if neither a list nor ``-a`` names one."""


def plan_for(config: ScanConfig, lists: LoadedLists, hidden: tuple[bytes, ...] = ()) -> WorkerConfig:
    """Returns the configuration of the workers.

    Args:
        config: the options.
        lists: the loaded lists.
        hidden: absolute paths, without links, of files that workers may not read.

    Raises:
        UsageError: a list can match nothing with these options.
    """
    for index in lists.indexes:
        for record in index.records:
            _require_matchable(record, perceptual=config.perceptual)
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
        sandbox=_sandbox(config, schemes, hidden),
        stores=config.buckets.store if schemes else None,
        schemes=schemes,
        inside=_inside(config, lists) if config.pieces is None else None,
        pieces=config.pieces,
    )


def _inside(config: ScanConfig, lists: LoadedLists) -> InsideConfig | None:
    """Returns the settings for containers. The workers know for which of these kinds there is a reader.

    Without a list to look for, nothing can be missed in a container, so that those without a reader are only counted.
    """
    named: frozenset[ContainerKind] = frozenset().union(*(CATEGORIES[category] for category in config.inside))
    if named and any(parse_root(root) is None and os.path.isfile(root) for root in config.roots):
        # Who names a file wants its content, and an image has nothing else.
        named |= CATEGORIES[ContainerCategory.IMAGES]
    if not named:
        return None
    looks_for = any(record.info.role is Role.DENY for index in lists.indexes for record in index.records)
    passwords: tuple[bytes, ...] = ()
    if config.passwords is not None:
        from hashaudit.scan.password_file import read_passwords  # noqa: PLC0415 # start-up: few scans have one

        passwords = read_passwords(config.passwords)
    limits = InsideLimits(config.inside_depth, config.inside_bytes)
    return InsideConfig(
        named, limits, config.inside_known, passwords, looks_for, _member_patterns(config), config.rasters
    )


def _member_patterns(config: ScanConfig) -> MemberPatterns | None:
    exclude = tuple(filter(is_member_pattern, config.exclude))
    if not exclude and not any(map(is_member_pattern, config.include)):
        return None
    roots = tuple(root if parse_root(root) is not None else os.path.realpath(root) for root in config.roots)
    return MemberPatterns(config.include, exclude, roots)


def _require_matchable(record: ListRecord, *, perceptual: bool) -> None:
    """Refuses a list that can match nothing in this scan: a clean result would seem to say something about it."""
    info, roles = record.info, record.roles
    if not perceptual and info.algorithms and not any(name in DIGESTS for name in info.algorithms):
        raise UsageError(
            f"list can match nothing: '{info.name}'; it has only perceptual hashes, and --no-perceptual is given",
            hint="omit --no-perceptual, or the list",
        )
    if info.role is not Role.DENY or not record.rows or not isinstance(roles, AffineColumn):
        return
    if roles.base == ROLE_CODES[Role.KNOWN] and (roles.step == 0 or record.rows == 1):
        raise UsageError(
            f"list can match nothing: '{info.name}'; all of its entries are of known files", hint="use it with --known"
        )


def _sandbox(config: ScanConfig, schemes: tuple[str, ...], hidden: tuple[bytes, ...]) -> Sandbox:
    """Returns the paths that workers may read. A followed link can lead anywhere."""
    readable = (b"/",) if config.follow_links else _readable(config.roots)
    if not schemes:
        return Sandbox(readable, config.max_memory_bytes, hidden=hidden)
    from hashaudit.objectstores import sandbox_paths  # noqa: PLC0415 # start-up: most scans read no store

    return Sandbox(
        readable + code_paths() + sandbox_paths.sandbox_paths(schemes),
        config.max_memory_bytes + sandbox_paths.RESERVED_BYTES,
        network=True,
        hidden=hidden,
    )


def _readable(roots: Iterable[bytes]) -> tuple[bytes, ...]:
    """Returns the paths to read: the local roots or, if they are many, the directories that hold them."""
    with RootReader() as reader:
        paths = {reader.real_path(root) for root in roots if parse_root(root) is None}
    paths |= {other for path in paths for other in _volumes(path)}
    if len(paths) > MAX_READABLE:
        paths = {os.path.dirname(path) for path in paths}
    return tuple(sorted(paths)) if len(paths) <= MAX_READABLE else (os.path.commonpath(paths),)


def _volumes(path: bytes) -> Iterator[bytes]:
    """Yields the further volumes of an image or archive of which a ROOT is the first."""
    if os.path.isdir(path):
        return
    from hashaudit.content.containers.volume_set import names_beside  # noqa: PLC0415 # start-up: few roots are files

    directory, name = os.path.split(path)

    def others() -> list[bytes]:
        try:
            return os.listdir(directory)
        except OSError:
            return []

    for other in names_beside(name, others):
        yield join_path(directory, other)


def deadlines(config: ScanConfig) -> Deadlines:
    """Returns the time limits of a worker for one file."""
    return Deadlines(config.file_timeout_s, config.decode_timeout_s, config.inside_bytes)


def recipes_for(plan: WorkerConfig) -> HashSpec:
    """Returns the fingerprints of everything that workers with this configuration compute."""
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
    """Class of the storage of a root, which decides the number of its readers."""

    SPINNING = "spinning disk"
    SOLID = "solid-state disk"
    NETWORK = "network or FUSE mount"
    OBJECT_STORE = "object store"
    UNKNOWN = "of unknown kind"


READERS: dict[DeviceClass, Callable[[], int]] = {
    DeviceClass.SPINNING: lambda: READERS_ON_SPINNING_DISK,
    DeviceClass.SOLID: cpu_count,
    DeviceClass.NETWORK: lambda: cpu_count() * READERS_PER_CPU_ON_NETWORK,
    DeviceClass.OBJECT_STORE: cpu_count,  # each has many requests in flight
    DeviceClass.UNKNOWN: cpu_count,
}
"""Number of processes that read, by class."""


def worker_count(config: ScanConfig, roots: Iterable[RootDescription]) -> int:
    """Returns the number of workers: from the user, else for the slowest device class among the roots.

    Never more than the limit of open files allows.

    Raises:
        HostError: the limit allows no worker.
    """
    by_storage = {(root.is_bucket, root.fs_type, root.source, root.device): root for root in roots}
    classes = set(map(device_class, by_storage.values()))
    wanted = config.workers or min((READERS[each]() for each in classes), default=cpu_count())
    room = workers_with_descriptors(raise_open_file_limit(), len(config.lists))
    if room < 1:
        raise HostError("the limit of open files is too low", hint="raise it to 64 or more: ulimit -n 64")
    return min(wanted, room)


def workers_with_descriptors(limit: int | None, lists: int) -> int:
    """Returns how many workers a limit of open files allows; 0: no scan is possible."""
    if limit is None:
        return MAX_WORKERS
    left = limit - lists * DESCRIPTORS_PER_LIST
    if left < LEAST_DESCRIPTORS:
        return 0
    return max(1, (left - DESCRIPTORS_OF_A_SCAN) // DESCRIPTORS_PER_WORKER)


def device_class(root: RootDescription) -> DeviceClass:
    """Returns the device class of a root."""
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
        return DeviceClass.UNKNOWN  # the walk reports what is wrong with it
    if rotational is None:
        return DeviceClass.UNKNOWN
    return DeviceClass.SPINNING if rotational else DeviceClass.SOLID
