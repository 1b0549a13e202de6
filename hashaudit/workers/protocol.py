"""What the parent and a worker say to each other.

The parent's words are trusted by the worker. The worker's are not by the parent: a worker decodes hostile files and may
be taken over, so its answers are decoded against these types and checked against what was asked.
"""

import errno

import msgspec

from hashaudit.cache.fingerprints import Fingerprints
from hashaudit.cache.values import CachedFile, CachedValue
from hashaudit.host.sandbox.sandbox import Sandbox
from hashaudit.lists.index.handle import IndexHandle
from hashaudit.lists.known_filter import FilterImage
from hashaudit.model.entry import BucketRef, Consistency, DirectoryRef, Entry, ObjectEntry, ObjectState, Stat, Subject
from hashaudit.model.faults import FaultCode
from hashaudit.model.results import AlgorithmName, EntryResult
from hashaudit.objectstores.interface import StoreOptions


class PerceptualConfig(msgspec.Struct, frozen=True, array_like=True):
    """What workers do with pictures."""

    algorithms: tuple[AlgorithmName, ...]
    max_distances: dict[AlgorithmName, int]
    """Inclusive; of algorithms that are not named, the algorithm's own threshold."""
    min_quality: int
    """PDQ quality below which a match is marked ``low_quality``."""
    max_frames: int
    variants: str
    decode_timeout_s: float
    hashers: tuple[str, ...]
    """``module:callable`` of plug-ins that the user named."""


class WorkerConfig(msgspec.Struct, frozen=True, array_like=True):
    """What every worker is told once, before its first unit."""

    algorithms: tuple[AlgorithmName, ...]
    report_all: bool
    """Answer with an :class:`EntryResult` for each file, not only for those with something to say."""
    indexes: tuple[IndexHandle, ...]
    """The compiled lists."""
    perceptual: PerceptualConfig | None = None
    """``None``: pictures are not decoded."""
    filters: tuple[FilterImage, ...] = ()
    """Of known files."""
    sandbox: Sandbox | None = None
    """What the worker may still do once all this is loaded; ``None``: whatever its user may."""
    stores: StoreOptions | None = None
    """``None``: nothing but files of this machine is examined, and no network is needed."""
    schemes: tuple[str, ...] = ()
    """Of the stores that are needed."""
    recipes: Fingerprints | None = None
    """By which what is kept in the cache is computed; ``None``: there is no cache."""


class Item(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One file of a unit; its folder is the group's."""

    name: bytes
    stat: Stat
    followed: bool
    consistency: Consistency
    decode: bool
    """Hash it as a picture where it is one; not any more once a decoder has ended a worker over it."""
    report: bool
    """Answer with an :class:`EntryResult` even when there is nothing to say."""
    known: CachedFile | None = None
    """From the cache; ``None``: this file has no part in it."""


class Group(msgspec.Struct, frozen=True, array_like=True, tag=0):
    """Files of one folder."""

    directory: DirectoryRef
    items: tuple[Item, ...]


class ObjectItem(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One object of a unit; its bucket is the group's."""

    key: bytes
    state: ObjectState
    decode: bool
    """As in :class:`Item`."""
    report: bool
    """As in :class:`Item`."""


class BucketGroup(msgspec.Struct, frozen=True, array_like=True, tag=1):
    """Objects of one bucket."""

    bucket: BucketRef
    items: tuple[ObjectItem, ...]


class WorkBatch(msgspec.Struct, frozen=True, array_like=True):
    """What a worker examines between two answers."""

    number: int
    groups: tuple[Group | BucketGroup, ...]

    def entries(self) -> list[tuple[Subject, Item | ObjectItem]]:
        """The entries in the order in which answers number them."""
        return [pair for group in self.groups for pair in _entries(group)]


def _entries(group: Group | BucketGroup) -> list[tuple[Subject, Item | ObjectItem]]:
    if isinstance(group, BucketGroup):
        return [(ObjectEntry(group.bucket, item.key, item.state), item) for item in group.items]
    return [
        (Entry(group.directory, item.name, item.stat, item.followed, item.consistency), item) for item in group.items
    ]


class Ready(msgspec.Struct, frozen=True, array_like=True, tag="ready"):
    """The worker is ready; its plan is loaded and its digests pass the self-test."""

    sandbox: tuple[str, ...]
    """Layers in force in this process."""


class Rejected(msgspec.Struct, frozen=True, array_like=True, tag="rejected"):
    """The worker cannot carry out its plan. Ends the run."""

    reason: str


class Cached(msgspec.Struct, frozen=True, array_like=True):
    """What a unit had to do with the cache."""

    to_keep: tuple[CachedValue, ...] = ()
    """Of files that were read, for the cache to keep."""
    hits: tuple[int, ...] = ()
    """Items that were not read: what the cache had from an earlier run answers for them."""
    damaged: int = 0
    """Files that were read because what the cache had of them was damaged."""


NOTHING_CACHED = Cached()


class Answer(msgspec.Struct, frozen=True, array_like=True, tag="answer"):
    """A unit is done. What of its items is neither told nor known was examined whole and matches nothing."""

    number: int
    known: tuple[int, ...]
    """The items that were examined whole and that only lists of known files hold."""
    bytes_read: int
    """Of all items."""
    reported: tuple[EntryResult, ...]
    cache: Cached = NOTHING_CACHED


Message = Ready | Rejected | Answer

ENCODER = msgspec.msgpack.Encoder()
CONFIG_DECODER = msgspec.msgpack.Decoder(WorkerConfig)
BATCH_DECODER = msgspec.msgpack.Decoder(WorkBatch)
MESSAGE_DECODER: msgspec.msgpack.Decoder[Message] = msgspec.msgpack.Decoder(Message)

ITEM_BITS = 20
"""Low bits of a progress word that number the item; a unit has fewer than 2**20 items."""

PROGRESS_WORDS = 8
"""Words that a worker shares with its parent: they stand at the indexes that follow."""

POSITION = 0
"""Unit and item that the worker is on."""
FED_BYTES = 1
"""Bytes of content gone through since the worker started, holes included."""
READ_BYTES = 2
"""Bytes read from storage since the worker started."""
ALLOWED_BYTES = 3
"""Written by the parent: the worker waits while it has read as many bytes or more."""
WAITING = 4
"""1 while the worker waits for that."""
BEGUN_BYTES = 5
"""What :data:`FED_BYTES` was when the file that the worker is on was begun."""
DECODING = 6
"""1 while what was read is decoded, hashed as a picture and looked for."""
BEGUN_NS = 7
"""When the item that the worker is on was begun, on the monotonic clock."""

STATUS_CODES: dict[int, FaultCode] = {
    errno.ENOMEM: FaultCode.OUT_OF_MEMORY,
    errno.EMFILE: FaultCode.TOO_MANY_OPEN_FILES,
}
"""A worker ends with such a status when what a file took of it does not come back: no other file is to pay for it."""


def position_word(batch: int, item: int) -> int:
    """Packs where a worker is into one word, so that it is stored whole."""
    return batch << ITEM_BITS | item


def parse_position(word: int) -> tuple[int, int]:
    """Unit and item of a progress word; unit 0 means that none was begun."""
    return word >> ITEM_BITS, word & ((1 << ITEM_BITS) - 1)
