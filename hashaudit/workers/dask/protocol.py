"""What a run and the sessions that examine for it on a Dask cluster say to each other.

All of it travels as MessagePack inside a :class:`Payload`. Dask pickles what is around it, and whoever can speak to a
Dask scheduler can run code on its cluster in any case (docs/concepts/security-model.md). Nothing that decides a record
is ever unpickled: it is decoded against these types and checked against what was asked.
"""

import msgspec

from hashaudit.model.faults import Fault
from hashaudit.workers.local.watchdog import Deadlines
from hashaudit.workers.protocol import Answer, WorkBatch, WorkerConfig


class Payload(msgspec.Struct, frozen=True):
    """Bytes that show nothing of what they are: logs and the dashboard print arguments of tasks."""

    data: bytes

    def __repr__(self) -> str:
        return f"<{len(self.data)} bytes>"


class RootDirectory(msgspec.Struct, frozen=True, array_like=True):
    """A folder of a root, or what is mounted below one, as the walk sees it."""

    path: bytes
    device: int
    inode: int
    fs_type: str | None
    source: bytes | None


class ListFile(msgspec.Struct, frozen=True, array_like=True):
    """A compiled list or filter that is sent to each host once."""

    digest: str
    """BLAKE3 of its content, lower-case hex; names it."""
    size_bytes: int


class Chunk(msgspec.Struct, frozen=True, array_like=True):
    """Some bytes of such a file."""

    run: str
    file: ListFile
    offset: int
    data: bytes


class WorkerRequest(msgspec.Struct, frozen=True, array_like=True):
    """What a session is told when it is opened."""

    run: str
    """Stands for the run among all that use the cluster."""
    session: str
    config: WorkerConfig
    """Without lists."""
    indexes: tuple[tuple[tuple[int, ...], bytes, str], ...]
    """Of each index: numbers of its lists, the header's checksum, digest of its file."""
    filters: tuple[tuple[int, str], ...]
    """Of each filter: the list's number, digest of its file."""
    root_directories: tuple[RootDirectory, ...]
    """What it must see as the walk does."""
    boot_id: str | None
    """Of the machine that walks."""
    processes: int | None
    """``None``: as many as the Dask worker has threads."""
    deadlines: Deadlines
    max_rate_bytes_per_s: int | None
    """Of this session."""
    low_impact: bool


class Description(msgspec.Struct, frozen=True, array_like=True):
    """What a Dask worker is."""

    versions: dict[str, str]
    """Of what can change a result."""
    host: str
    share: str
    """The same for workers that share their folder for temporary files."""


class Opened(msgspec.Struct, frozen=True, array_like=True, tag="opened"):
    """A session is ready."""

    sandbox: tuple[str, ...]
    processes: int


class Refused(msgspec.Struct, frozen=True, array_like=True, tag="refused"):
    """A session cannot be opened, or not go on."""

    reason: str


class MissingLists(msgspec.Struct, frozen=True, array_like=True, tag="missing_lists"):
    """Lists are not there, or not any more."""


class UnknownSession(msgspec.Struct, frozen=True, array_like=True, tag="unknown_session"):
    """There is no such session here."""


class PartialReply(msgspec.Struct, frozen=True, array_like=True, tag="partial"):
    """Items of a unit that were examined together."""

    items: tuple[int, ...]
    """Their positions in the unit, in the order in which the answer numbers them."""
    answer: Answer
    suspicions: dict[int, Fault]
    """By position in the unit: examined without a decoder, which had ended workers over it."""


class WorkerCrash(msgspec.Struct, frozen=True, array_like=True, tag="crash"):
    """An item that ended worker processes as often as it was tried."""

    item: int
    fault: Fault


class BatchResult(msgspec.Struct, frozen=True, array_like=True):
    """What became of each item of a unit."""

    number: int
    outcomes: tuple[PartialReply | WorkerCrash, ...]


class Count(msgspec.Struct, frozen=True, array_like=True):
    """What a session has done since it was opened."""

    bytes_read: int = 0
    restarts: int = 0


class Busy(msgspec.Struct, frozen=True, array_like=True):
    """What one process of a session is on."""

    batch: int
    item: int
    pid: int
    offset: int
    elapsed_s: float


class Status(msgspec.Struct, frozen=True, array_like=True, tag="status"):
    """What a session is doing."""

    count: Count
    busy: tuple[Busy, ...]


class Examined(msgspec.Struct, frozen=True, array_like=True, tag="examined"):
    """Units are done."""

    batches: tuple[BatchResult, ...]
    status: Status
    """Of the session, just after."""


OpenReply = Opened | Refused | MissingLists
BatchesReply = Examined | UnknownSession | Refused
StatusReply = Status | UnknownSession

Batches = tuple[WorkBatch, ...]


ENCODER = msgspec.msgpack.Encoder()
REQUEST_DECODER = msgspec.msgpack.Decoder(WorkerRequest)
DESCRIPTION_DECODER = msgspec.msgpack.Decoder(Description)
BATCHES_DECODER: msgspec.msgpack.Decoder[Batches] = msgspec.msgpack.Decoder(Batches)
CHUNK_DECODER = msgspec.msgpack.Decoder(Chunk)
OPEN_DECODER: msgspec.msgpack.Decoder[OpenReply] = msgspec.msgpack.Decoder(OpenReply)
EXAMINE_DECODER: msgspec.msgpack.Decoder[BatchesReply] = msgspec.msgpack.Decoder(BatchesReply)
STATUS_DECODER: msgspec.msgpack.Decoder[StatusReply] = msgspec.msgpack.Decoder(StatusReply)


def packed(value: object) -> bytes:
    """A value as it travels."""
    return ENCODER.encode(value)
