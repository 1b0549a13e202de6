"""The messages between a scan and its sessions on a Dask cluster.

They travel as MessagePack inside a :class:`Payload`. Dask pickles the rest, and anyone who can reach a Dask scheduler
can run code on its cluster anyway (docs/concepts/security-model.md). Nothing that decides a record is ever unpickled:
it is decoded against these types and checked against the request.
"""

import msgspec

from hashaudit.model.faults import Fault
from hashaudit.workers.local.watchdog import Deadlines
from hashaudit.workers.protocol import Answer, WorkBatch, WorkerConfig


class Payload(msgspec.Struct, frozen=True):
    """Bytes with an opaque representation, because logs and the dashboard print the arguments of tasks."""

    data: bytes

    def __repr__(self) -> str:
        return f"<{len(self.data)} bytes>"


class RootDirectory(msgspec.Struct, frozen=True, array_like=True):
    """A directory root, or a mount below a root, as the walk sees it."""

    path: bytes
    device: int
    inode: int
    fs_type: str | None
    source: bytes | None


class ListFile(msgspec.Struct, frozen=True, array_like=True):
    """A compiled list or filter that is sent to each host once."""

    digest: str
    """BLAKE3 of its content in lower-case hex; its name."""
    size_bytes: int


class Chunk(msgspec.Struct, frozen=True, array_like=True):
    """A part of such a file."""

    run: str
    file: ListFile
    offset: int
    data: bytes


class WorkerRequest(msgspec.Struct, frozen=True, array_like=True):
    """The settings of a session."""

    run: str
    """Identifies the scan among all that use the cluster."""
    session: str
    config: WorkerConfig
    """Without lists."""
    indexes: tuple[tuple[tuple[int, ...], bytes, str], ...]
    """Numbers of the lists, checksum of the header and digest of the file, for each index."""
    filters: tuple[tuple[int, str], ...]
    """Number of the list and digest of the file, for each filter."""
    root_directories: tuple[RootDirectory, ...]
    """Directories that the worker must see as the walk does."""
    boot_id: str | None
    """Boot of the machine that walks."""
    processes: int | None
    """``None``: as many as the Dask worker has threads."""
    deadlines: Deadlines
    max_rate_bytes_per_s: int | None
    """Read rate of this session."""
    low_impact: bool


class Description(msgspec.Struct, frozen=True, array_like=True):
    """Properties of a Dask worker."""

    versions: dict[str, str]
    """Versions of everything that can change a result."""
    host: str
    share: str
    """Equal for workers with a common directory for temporary files."""


class Opened(msgspec.Struct, frozen=True, array_like=True, tag="opened"):
    """A session is ready."""

    sandbox: tuple[str, ...]
    processes: int


class Refused(msgspec.Struct, frozen=True, array_like=True, tag="refused"):
    """A session cannot be opened, or has ended."""

    reason: str


class MissingLists(msgspec.Struct, frozen=True, array_like=True, tag="missing_lists"):
    """Lists are missing."""


class UnknownSession(msgspec.Struct, frozen=True, array_like=True, tag="unknown_session"):
    """The session does not exist here."""


class PartialReply(msgspec.Struct, frozen=True, array_like=True, tag="partial"):
    """Items of a batch that were examined together."""

    items: tuple[int, ...]
    """Their positions in the batch, in the order in which the answer numbers them."""
    answer: Answer
    suspicions: dict[int, Fault]
    """By position in the batch: examined without decoding or opening, after that crashed workers."""
    members: dict[int, tuple[bytes, ...]] = {}
    """Encoded results of members, by the positions of their containers in the answer."""


class WorkerCrash(msgspec.Struct, frozen=True, array_like=True, tag="crash"):
    """An item whose worker process crashed or stalled on every attempt."""

    item: int
    fault: Fault


class BatchResult(msgspec.Struct, frozen=True, array_like=True):
    """The outcome for each item of a batch."""

    number: int
    outcomes: tuple[PartialReply | WorkerCrash, ...]


class Count(msgspec.Struct, frozen=True, array_like=True):
    """Counts of a session since it was opened."""

    bytes_read: int = 0
    restarts: int = 0


class Busy(msgspec.Struct, frozen=True, array_like=True):
    """The current item of one process of a session."""

    batch: int
    item: int
    pid: int
    offset: int
    elapsed_s: float


class Status(msgspec.Struct, frozen=True, array_like=True, tag="status"):
    """The status of a session."""

    count: Count
    busy: tuple[Busy, ...]


class Examined(msgspec.Struct, frozen=True, array_like=True, tag="examined"):
    """Batches are done."""

    batches: tuple[BatchResult, ...]
    status: Status
    """Status of the session just after."""


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
    """Encodes a message."""
    return ENCODER.encode(value)
