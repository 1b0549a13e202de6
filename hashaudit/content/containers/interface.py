"""The types that every reader of a container provides, and what it may read from."""

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import msgspec

from hashaudit.model.containers import ContainerKind
from hashaudit.model.faults import FaultCode

CHUNK_BYTES = 256 * 1024
"""Most bytes of content that a reader gives at once."""

SMALL_BYTES = CHUNK_BYTES
"""Most bytes of a member that a reader may give as a whole."""


class ContainerError(Exception):
    """Something that a reader cannot read, or a checksum that disagrees.

    Args:
        code: the kind of fault.
        message: of a closed set (hashaudit/workers/fault_texts.py); it holds no content.
        is_complete: all bytes of the member were given, so that its digests can be recorded beside the fault.
    """

    def __init__(self, code: FaultCode, message: str, *, is_complete: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.is_complete = is_complete


class MemberContent(msgspec.Struct):
    """One member of a container. Its content has to be read before the next member is requested."""

    index: int
    """Position in the container's own order, from 0."""
    name: bytes
    """Exact bytes."""
    chunks: Iterator[bytes]
    """The content. Raises :class:`ContainerError` where it cannot be read."""
    size: int | None = None
    """Bytes, as the container states them; ``None``: it does not."""
    kind: ContainerKind | None = None
    """The kind of container that it is opened as if its first bytes show none."""
    random: "RandomSource | None" = None
    """The same content at any position, so that a container in it is not held in memory."""
    deleted: bool = False
    """The container says that it was deleted. It is then no fault if the content is not there any more."""
    whole: "Callable[[], bytes | None] | None" = None
    """Returns the whole content of a small member, which ``chunks`` gives too; ``None``: ``chunks`` says what is wrong.

    It makes reading faster.
    """


class Trouble(msgspec.Struct, frozen=True):
    """A fault of the container itself: some of its members may be unseen."""

    code: FaultCode
    message: str


Found = MemberContent | Trouble


class Source(Protocol):
    """The bytes of a container, in their order."""

    def read(self, count: int) -> bytes:
        """Returns the next bytes, at most ``count``; none at the end.

        Raises:
            ContainerError: the container around this one cannot be read.
        """
        ...


class RandomSource(Source, Protocol):
    """The bytes of a container, at any position."""

    @property
    def size(self) -> int:
        """Length in bytes."""
        ...

    def read_at(self, offset: int, count: int) -> bytes:
        """Returns the bytes at a position, fewer at the end.

        Raises:
            ContainerError: they cannot be read.
        """
        ...


class MemberRange(msgspec.Struct, frozen=True, array_like=True):
    """A range of the members of a container."""

    first: int
    """Position in the container's own count."""
    end: int
    """Position behind the last one. An empty range gives what belongs to no other one: faults of the container as a
    whole, members that nothing lists."""
    hint: int = 0
    """Where the reader finds the first position."""


class MemberRanges(Protocol):
    """A container of which any range of members can be read, so that several workers share it."""

    is_relative: bool
    """Indexes of members count from the start of the range, because it is unknown how many are before it."""
    passed: int
    """Positions that the last call of :meth:`read` has passed so far."""

    def ranges(self, part_bytes: int) -> Sequence[MemberRange]:
        """Returns ranges that together are all of the container, in order. They follow from the container alone.

        Args:
            part_bytes: content of the members of one range, about.

        Raises:
            ContainerError: the container is damaged, or cannot be divided.
        """
        ...

    def read(self, wanted: MemberRange) -> Iterator[Found]:
        """Yields the members of a range."""
        ...


RangesReader = Callable[[RandomSource], MemberRanges]
StreamReader = Callable[[Source], Iterator[Found]]
RandomReader = Callable[[RandomSource], Iterator[Found]]
