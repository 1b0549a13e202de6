"""A store whose first request for one object was sent by another client.

So one reader handles the answers of both clients in the same way.
"""

from collections.abc import Iterator

from hashaudit.model.location import BucketRef
from hashaudit.objectstores.interface import (
    Answer,
    Bulk,
    BulkSettings,
    ByteRange,
    Head,
    ListedObject,
    ObjectRef,
    Response,
    Store,
)


class AnsweredStore:
    """Passes on an answer to the first request, and all further requests to a store.

    Implements :class:`hashaudit.objectstores.interface.Store` for the object of the answer.
    """

    def __init__(self, store: Store, answer: Answer) -> None:
        self._store = store
        self._answer: Answer | None = answer

    def pages(
        self, bucket: BucketRef, prefix: bytes, after: bytes | None, *, all_versions: bool
    ) -> Iterator[list[ListedObject]]:
        """See :class:`hashaudit.objectstores.interface.Store`."""
        return self._store.pages(bucket, prefix, after, all_versions=all_versions)

    def head(self, entry: ObjectRef) -> Head:
        """See :class:`hashaudit.objectstores.interface.Store`."""
        return self._store.head(entry)

    def get(self, entry: ObjectRef, span: ByteRange | None) -> Response:
        """See :class:`hashaudit.objectstores.interface.Store`."""
        answer, self._answer = self._answer, None
        if answer is None:
            return self._store.get(entry, span)
        if answer.head is None:
            raise answer.error or AssertionError("an answer has a head or an error")
        return _Received(answer.head, answer)

    @property
    def site(self) -> str:
        """See :class:`hashaudit.objectstores.interface.Store`."""
        return self._store.site

    def has_open_upload(self, entry: ObjectRef) -> bool:
        """See :class:`hashaudit.objectstores.interface.Store`."""
        return self._store.has_open_upload(entry)

    def bulk(self, settings: BulkSettings) -> Bulk | None:
        """See :class:`hashaudit.objectstores.interface.Store`."""
        return self._store.bulk(settings)


class _Received:
    """A response that has arrived already. Implements :class:`hashaudit.objectstores.interface.Response`."""

    def __init__(self, head: Head, answer: Answer) -> None:
        self.head = head
        self._chunks = iter(answer.chunks)
        self._error = answer.error

    def read(self, limit: int) -> bytes:  # noqa: ARG002 # the bytes have been counted when they arrived
        """Returns the next bytes, also if they are more than the limit."""
        data = next(self._chunks, b"")
        if not data and self._error is not None:
            raise self._error
        return bytes(data)

    def close(self) -> None:
        """Does nothing."""
