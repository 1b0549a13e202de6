"""The interface of an object store, the same for each provider."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import msgspec

from hashaudit.model.entry import ObjectState
from hashaudit.model.faults import FaultCode
from hashaudit.model.location import BucketRef


class StoreOptions(msgspec.Struct, frozen=True, array_like=True):
    """The user's options for requests to object stores. Credentials come from each provider's own chain."""

    endpoint_url: str | None = None
    """URL of the service; ``None``: the provider's default."""
    request_payer: bool = False
    """Accept the charges of requests to requester-pays buckets."""
    path_style: bool = False
    """Name the bucket in the path of URLs, not in the host name. Implied by ``endpoint_url``."""


class StoreError(Exception):
    """A request to a store failed. The message is for people and contains no secret."""

    def __init__(self, code: FaultCode, message: str, *, transient: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.transient = transient
        """The error may be absent at the next attempt."""


class OverwrittenError(Exception):
    """The object is no longer in the requested state."""


class ListedObject(msgspec.Struct, frozen=True):
    """One listed key, or one listed version of a key."""

    key: bytes
    state: ObjectState
    deleted: bool = False
    """The version is a delete marker: it has no content."""


class ObjectRef(msgspec.Struct, frozen=True):
    """An object in one state, to request from a store."""

    bucket: BucketRef
    key: bytes
    state: ObjectState


class Checksum(msgspec.Struct, frozen=True):
    """A store's checksum of the whole content of an object, computed when the object was written."""

    algorithm: str
    """One of :data:`hashaudit.objectstores.checksums.ALGORITHMS`."""
    value: str
    """Base64."""


class Head(msgspec.Struct, frozen=True):
    """The metadata of an object."""

    state: ObjectState
    checksum: Checksum | None


class Response(Protocol):
    """A response that carries an object or a range of one."""

    @property
    def head(self) -> Head:
        """The metadata of the whole object."""
        ...

    def read(self, limit: int) -> bytes:
        """Reads at most ``limit`` bytes. Returns none at the end of the response, which may come too early.

        Raises:
            StoreError: the network or the store failed.
        """
        ...

    def close(self) -> None:
        """Returns the connection to the pool, or closes it if unread bytes are left on it."""
        ...


class ByteRange(msgspec.Struct, frozen=True):
    """A range of bytes of an object."""

    first: int
    """Position of the first byte, from 0."""
    last: int
    """Position of the last byte, inclusive."""


class Answer(msgspec.Struct, frozen=True):
    """The answer to the request for an object or a range of it."""

    head: Head | None
    """Metadata of the whole object; ``None``: no content was sent."""
    chunks: Sequence[bytes | memoryview]
    """The content as far as it has arrived and was not taken before; if it is too long, as far as it was wanted. Views
    are those of a range, and valid until more of it is taken."""
    error: StoreError | OverwrittenError | None
    """The reason why there is no content, or not all of it; ``None``: the response is whole."""
    waited_s: float = 0.0
    """Time from the request to the first byte of the response to a range."""
    took_s: float = 0.0
    """Time from the request to the end of the response to a range."""

    def is_whole(self, size_bytes: int) -> bool:
        """Returns whether the content has arrived, of the stated size."""
        return self.error is None and sum(map(len, self.chunks)) == size_bytes


class BulkSettings(msgspec.Struct, frozen=True):
    """Settings of a :class:`Bulk`."""

    on_bytes: Callable[[int], None]
    """Called with the number of bytes of content that have arrived."""
    connections: int
    """Most connections kept open."""


class Bulk(Protocol):
    """Makes many requests at once, in one thread. Only :meth:`request` and :meth:`wake` are for others."""

    @property
    def active(self) -> int:
        """Number of requests under way."""
        ...

    def request(self, entry: ObjectRef, span: ByteRange | None) -> Any | None:
        """Prepares the request for an object or a range of it. May wait for the network.

        Returns:
            The request; ``None``: :meth:`Store.get` gives the reason why there is none.
        """
        ...

    def start(self, request: Any) -> Any:
        """Sends a request that was prepared, and returns a ticket for it.

        Raises:
            StoreError: it cannot be sent.
        """
        ...

    def take(self, ticket: Any) -> Answer:
        """Returns what has arrived since the last call, so that it need not wait for the end of the response.

        Returns:
            The content; its head is ``None`` until some has arrived.

        Raises:
            OverwrittenError: the object has another state.
            StoreError: the response is not one with this content.
        """
        ...

    def run(self, timeout_s: float) -> list[tuple[Any, Answer]]:
        """Advances all requests and returns the answers to those that ended, each with its ticket.

        Args:
            timeout_s: longest wait for an event, in seconds.
        """
        ...

    def cancel(self, ticket: Any) -> None:
        """Gives up a request, or the content of its answer."""
        ...

    def wake(self) -> None:
        """Ends the wait in :meth:`run`."""
        ...


class Store(Protocol):
    """An object store. May be used by several threads."""

    @property
    def site(self) -> str:
        """The place in which names of buckets are unique: the service, or the URL of an endpoint."""
        ...

    def pages(
        self, bucket: BucketRef, prefix: bytes, after: bytes | None, *, all_versions: bool
    ) -> Iterator[list[ListedObject]]:
        """Yields the keys page by page, in the store's order. Most stores order keys by their bytes.

        Args:
            bucket: the bucket to list.
            prefix: the beginning of the listed keys.
            after: a key; the listing begins after it.
            all_versions: lists each version of each key, newest first, and delete markers.

        Raises:
            StoreError: several attempts failed. The rest of the keys is unknown.
        """
        ...

    def head(self, entry: ObjectRef) -> Head:
        """Returns the current metadata of an object, or of the version that the entry names.

        Raises:
            StoreError: the request failed.
        """
        ...

    def get(self, entry: ObjectRef, span: ByteRange | None) -> Response:
        """Requests an object in the entry's state, or a range of it.

        Raises:
            OverwrittenError: the object has another state.
            StoreError: the request failed.
        """
        ...

    def has_open_upload(self, entry: ObjectRef) -> bool:
        """Returns whether an upload that has begun may still replace an object by one with the same state.

        Raises:
            StoreError: the store does not say.
        """
        ...

    def bulk(self, settings: BulkSettings) -> Bulk | None:
        """Returns what makes many requests in one thread; ``None``: the store has nothing cheaper than :meth:`get`."""
        ...
