"""The messages between the parent and a worker.

The worker trusts the parent, but not the other way round: a worker decodes hostile files and may be compromised. The
parent therefore decodes answers against these types and checks them against its request.
"""

import errno

import msgspec

from hashaudit.cache.fingerprints import Fingerprints
from hashaudit.cache.values import NO_PLAIN_VALUES, CachedGroup, CachedValue, PlainValues
from hashaudit.content.containers.inside_budget import InsideLimits
from hashaudit.content.containers.member_filter import MemberPatterns
from hashaudit.host.sandbox.sandbox import Sandbox
from hashaudit.lazy import lazy
from hashaudit.lists.index.handle import IndexHandle
from hashaudit.lists.known_filter import FilterHandle
from hashaudit.model.container_parts import Part
from hashaudit.model.containers import ContainerKind
from hashaudit.model.entry import Consistency, Entry, State
from hashaudit.model.faults import FaultCode
from hashaudit.model.file_pieces import PieceConfig
from hashaudit.model.file_run import FileRun
from hashaudit.model.location import BucketRef, DirectoryRef, Location, Member
from hashaudit.model.results import AlgorithmName, EntryResult, MemberResult
from hashaudit.objectstores.interface import StoreOptions


class PerceptualConfig(msgspec.Struct, frozen=True, array_like=True):
    """Settings for perceptual hashes."""

    algorithms: tuple[AlgorithmName, ...]
    max_distances: dict[AlgorithmName, int]
    """Inclusive. An algorithm that is not named uses its own threshold."""
    min_quality: int
    """PDQ quality below which a match is marked ``low_quality``."""
    max_frames: int
    variants: str
    decode_timeout_s: float
    hashers: tuple[str, ...]
    """Plug-ins that the user named, as ``module:callable``."""


class InsideConfig(msgspec.Struct, frozen=True, array_like=True):
    """Settings for containers."""

    kinds: frozenset[ContainerKind]
    """Kinds to open. A worker opens those for which it has a reader."""
    limits: InsideLimits
    opens_known: bool
    """Open also containers that a known list names as a whole."""
    passwords: tuple[bytes, ...] = ()
    """They are tried on encrypted members."""
    reports_missing: bool = False
    """Each container of these kinds that has no reader is a fault."""
    patterns: MemberPatterns | None = None
    """Members to include and exclude; ``None``: all are examined."""
    rasters: bool = False
    """Images in documents that are not files by themselves are members, also if no image is decoded."""
    is_deferred: bool = False
    """Load no reader: the first container is left to a worker that has them."""


class WorkerConfig(msgspec.Struct, frozen=True, array_like=True):
    """The settings that every worker receives once, before its first batch."""

    algorithms: tuple[AlgorithmName, ...]
    report_all: bool
    """Report an :class:`EntryResult` for each file, not only for those with a finding or a fault."""
    indexes: tuple[IndexHandle, ...]
    """The compiled lists."""
    perceptual: PerceptualConfig | None = None
    """``None``: images are not decoded."""
    filters: tuple[FilterHandle, ...] = ()
    """Filters of known files."""
    sandbox: Sandbox | None = None
    """Restrictions that apply once everything is loaded; ``None``: none."""
    stores: StoreOptions | None = None
    """``None``: only local files are examined, and no network is needed."""
    schemes: tuple[str, ...] = ()
    """URL schemes of the object stores in use."""
    recipes: Fingerprints | None = None
    """Fingerprints of the cached values; ``None``: there is no cache."""
    inside: InsideConfig | None = None
    """``None``: containers are not opened."""
    pieces: PieceConfig | None = None
    """``None``: files are hashed as a whole only. Excludes ``inside``."""


class Blame(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A member on which workers ended."""

    member: int
    """Number in the order of the examination, from 0."""
    code: FaultCode
    decode_only: bool
    """Read it, without decoding it as an image."""


class Item(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One entry of a batch. Its group names the directory or bucket."""

    name: bytes
    state: State
    consistency: Consistency
    decode: bool
    """Hash an image perceptually. False once a decoder has crashed a worker on this file."""
    report: bool
    """Report an :class:`EntryResult` even without a finding or a fault."""
    version: str | None
    within: tuple[Member, ...]
    via_symlink: bool
    blames: tuple[Blame, ...] = ()
    """Members that are not examined again."""
    inside: bool = True
    """Open the entry if it is a container. False once opening it has ended too many workers."""
    part: Part | None = None
    """``None``: examine the whole entry."""


class Group(msgspec.Struct, frozen=True, array_like=True, tag=0):
    """Entries of one directory or bucket."""

    container: DirectoryRef | BucketRef
    root: int
    items: tuple[Item, ...]
    cached: CachedGroup | None = None
    """Cached values; ``None``: the cache does not apply to these entries."""

    def __len__(self) -> int:
        return len(self.items)


class CachedRun(msgspec.Struct, frozen=True, array_like=True, tag=2):
    """A run of files with what the cache has of them."""

    files: FileRun
    cached: CachedGroup

    def __len__(self) -> int:
        return len(self.files)


GroupOrRun = Group | FileRun | CachedRun


class WorkBatch(msgspec.Struct, frozen=True, array_like=True):
    """The entries that a worker examines between two answers."""

    number: int
    groups: tuple[GroupOrRun, ...]
    """In the order of the walk; a run for files about which there is nothing to say."""
    has_idle_cores: bool = False
    """Other workers have nothing to do, so this one may use threads."""

    def entries(self) -> list[tuple[Entry, Item]]:
        """Returns the entries in the order in which answers number them."""
        return [(entry_of(group, item), item) for group, item in self.items()]

    def items(self) -> list[tuple[Group, Item]]:
        """Returns the items in the order in which answers number them."""
        return [(group, item) for group in self.full_groups() for item in group.items]

    def full_groups(self) -> list[Group]:
        """Returns the groups, with an item for each file of a run."""
        return list(map(full_group, self.groups))


def full_group(group: GroupOrRun) -> Group:
    """Returns a group with an item for each file of a run."""
    if isinstance(group, Group):
        return group
    run, cached = (group, None) if isinstance(group, FileRun) else (group.files, group.cached)
    items = [
        Item(name, state, Consistency.STABLE, True, False, None, (), False)  # noqa: FBT003 # faster than by name
        for name, state in zip(run.names, run.states, strict=True)
    ]
    return Group(run.container, run.root, tuple(items), cached)


def entry_of(group: Group, item: Item) -> Entry:
    """Returns the entry that an item stands for."""
    location = Location(group.container, item.name, item.version, item.within, group.root, item.via_symlink)
    return Entry(location, item.state, item.consistency)


MAX_MATCHES = 1000
"""In one record. A common file can be on a list a hundred thousand times; the others are counted."""

MAX_LABEL_CHARACTERS = 1 << 20
"""For all labels of one record, so that they fit into a line of the findings file even fully escaped."""


class Ready(msgspec.Struct, frozen=True, array_like=True, tag="ready"):
    """The worker has loaded its configuration, and its digests pass the self-test."""

    sandbox: tuple[str, ...]
    """Sandbox layers in force in this process."""


class Rejected(msgspec.Struct, frozen=True, array_like=True, tag="rejected"):
    """The worker cannot use its configuration. Ends the scan, unless the worker was ready before."""

    reason: str
    hint: str | None = None


class Cached(msgspec.Struct, frozen=True, array_like=True):
    """The share of the cache in one batch."""

    to_keep: tuple[CachedValue, ...] = ()
    """Values of files that were read, for the cache to keep."""
    hits: tuple[int, ...] = ()
    """Items that were not read, because the cache had results of an earlier scan."""
    damaged: int = 0
    """Number of files that were read because their cached values were damaged."""
    plain: PlainValues = NO_PLAIN_VALUES
    """As ``to_keep``, of other items."""


NOTHING_CACHED = Cached()


class Answer(msgspec.Struct, frozen=True, array_like=True, tag="answer"):
    """The answer for one batch.

    Items that are missing from both ``reported`` and ``known`` were examined completely and matched nothing.
    """

    number: int
    known: tuple[int, ...]
    """Items that were examined completely and are only on known-file lists."""
    bytes_read: int
    """Bytes read for all items."""
    reported: tuple[EntryResult, ...]
    cache: Cached = NOTHING_CACHED
    not_begun: int = 0
    """Items at the end of the batch that the worker did not begin, because its answer is already long."""
    needs_readers: bool = False
    """The first of these is a container, for which this worker has not loaded the readers. It examines no more."""


class MemberFrame(msgspec.Struct, frozen=True, array_like=True, tag="members"):
    """Results of members of one item, sent before the answer, so that neither process holds all of them."""

    number: int
    """Number of the batch."""
    item: int
    first: int
    """Number of results of the item that were sent before. 0: what was sent before is void, because the item is
    examined again."""
    results: tuple[MemberResult, ...]


Message = Ready | Rejected | Answer | MemberFrame

ENCODER = msgspec.msgpack.Encoder()
CONFIG_DECODER = lazy(lambda: msgspec.msgpack.Decoder(WorkerConfig))
BATCH_DECODER = lazy(lambda: msgspec.msgpack.Decoder(WorkBatch))
MESSAGE_DECODER: msgspec.msgpack.Decoder[Message] = lazy(lambda: msgspec.msgpack.Decoder(Message))

ITEM_BITS = 20
"""Low bits of a position word that number the item; a batch has fewer than 2**20 items."""

PROGRESS_WORDS = 10
"""Words of the progress memory that a worker shares with its parent, at the indexes below."""

POSITION = 0
"""Batch and item in progress."""
FED_BYTES = 1
"""Bytes of content processed since the worker started, including holes."""
READ_BYTES = 2
"""Bytes read from storage since the worker started."""
ALLOWED_BYTES = 3
"""Written by the parent: the worker waits while :data:`READ_BYTES` is not below it."""
WAITING = 4
"""1 while the worker waits for that."""
BEGUN_BYTES = 5
"""Value of :data:`FED_BYTES` at the start of the current file."""
DECODING = 6
"""1 while the worker decodes, hashes and matches an image."""
BEGUN_NS = 7
"""Start time of the current item on the monotonic clock."""
MEMBER = 8
"""Number of the member in progress inside the current item, from 1; 0: the item itself."""
UNPACKED_BYTES = 9
"""Bytes of content of members since the worker started."""

STATUS_CODES: dict[int, FaultCode] = {
    errno.ENOMEM: FaultCode.OUT_OF_MEMORY,
    errno.EMFILE: FaultCode.TOO_MANY_OPEN_FILES,
    errno.EACCES: FaultCode.PERMISSION_DENIED,
}
"""Exit status of a worker that cannot recover what a file took from it, so that no other file pays for it; or that may
not read a file because it is newer than the worker's sandbox."""


def position_word(batch: int, item: int) -> int:
    """Packs batch and item into one word, which is written atomically."""
    return batch << ITEM_BITS | item


def parse_position(word: int) -> tuple[int, int]:
    """Returns the batch and item of a position word; batch 0 means that no batch has begun."""
    return word >> ITEM_BITS, word & ((1 << ITEM_BITS) - 1)
