"""What an object store is to the rest of the program, whoever keeps it."""

from collections.abc import Iterator
from typing import Protocol

import msgspec

from hashaudit.model.entry import ObjectState
from hashaudit.model.faults import FaultCode
from hashaudit.model.location import BucketRef


class StoreOptions(msgspec.Struct, frozen=True, array_like=True):
    """How the user wants object stores spoken to. Who asks is left to each store's own chain of credentials."""

    endpoint_url: str | None = None
    """``None``: the store's own."""
    request_payer: bool = False
    """Who asks pays for it, in buckets that want that."""
    path_style: bool = False
    """The bucket stands in the path of URLs, not in the host's name. With ``endpoint_url`` it always does."""


class StoreError(Exception):
    """A store did not give what was asked for. The message is for people and holds no secret."""

    def __init__(self, code: FaultCode, message: str, *, transient: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.transient = transient
        """The error may be absent at the next attempt."""


class OverwrittenError(Exception):
    """The object is not in the state any more that was asked for."""


class ListedObject(msgspec.Struct, frozen=True):
    """One key, or one version of one, as a listing gives it."""

    key: bytes
    state: ObjectState
    deleted: bool = False
    """A delete marker: a version without content."""


class ObjectRef(msgspec.Struct, frozen=True):
    """One object in one state, as a store is asked for it."""

    bucket: BucketRef
    key: bytes
    state: ObjectState


class Checksum(msgspec.Struct, frozen=True):
    """What a store says of the whole content of an object, computed when it was written."""

    algorithm: str
    """One of :data:`hashaudit.objectstores.checksums.ALGORITHMS`."""
    value: str
    """Base64."""


class Head(msgspec.Struct, frozen=True):
    """What a store says of an object without sending it."""

    state: ObjectState
    checksum: Checksum | None


class Response(Protocol):
    """An object, or a span of one, on its way."""

    @property
    def head(self) -> Head:
        """What the store says of the whole object."""
        ...

    def read(self, limit: int) -> bytes:
        """At most so many of the next bytes; none where the answer ends, be it too early.

        Raises:
            StoreError: the network or the store failed.
        """
        ...

    def close(self) -> None:
        """Gives the connection back, or closes it where bytes are left on it."""
        ...


class ByteRange(msgspec.Struct, frozen=True):
    """Which bytes of an object, both inclusive."""

    first: int
    last: int


class Store(Protocol):
    """An object store. May be used by several threads."""

    def pages(
        self, bucket: BucketRef, prefix: bytes, after: bytes | None, *, all_versions: bool
    ) -> Iterator[list[ListedObject]]:
        """Yields the keys page by page, in the store's order, which mostly is that of the keys' bytes.

        Args:
            bucket: where.
            prefix: what keys begin with.
            after: a key; the listing may begin behind it, where the store can.
            all_versions: each version of each key, the newest first, and delete markers.

        Raises:
            StoreError: after the store was asked several times; what was not listed is unseen.
        """
        ...

    def head(self, entry: ObjectRef) -> Head:
        """An object as it is now, or the version that the entry names.

        Raises:
            StoreError: it is not to be had.
        """
        ...

    def get(self, entry: ObjectRef, span: ByteRange | None) -> Response:
        """Asks for an object in the entry's state, whole or in part.

        Raises:
            OverwrittenError: another state took its place.
            StoreError: it is not to be had.
        """
        ...
