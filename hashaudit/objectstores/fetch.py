"""Fetches a small object that is not examined: a hash list in a bucket."""

import msgspec

from hashaudit.model.entry import ObjectState
from hashaudit.model.faults import FaultCode
from hashaudit.model.location import BucketRef
from hashaudit.objectstores.interface import ObjectRef, OverwrittenError, Store, StoreError
from hashaudit.retry import RetryPolicy, retry

MAX_OBJECT_BYTES = 512 << 20
"""Largest object. It is kept in memory while it is in use."""

POLICY = RetryPolicy(attempts=4, backoff_s=0.5)


def fetch_object(store: Store, bucket: BucketRef, key: bytes) -> bytes:
    """Returns the content of an object.

    Raises:
        StoreError: it cannot be read, or is too large.
    """
    entry = ObjectRef(bucket, key, ObjectState(0, "", 0))
    try:
        return retry(
            lambda: _read(store, entry), POLICY, lambda error: isinstance(error, StoreError) and error.transient
        )
    except OverwrittenError as error:
        raise StoreError(FaultCode.CHANGED_WHILE_READ, "overwritten while it was read") from error


def _read(store: Store, entry: ObjectRef) -> bytes:
    state = store.head(entry).state
    if state.size > MAX_OBJECT_BYTES:
        raise StoreError(FaultCode.TOO_MANY_BYTES, f"larger than {MAX_OBJECT_BYTES} bytes")
    response = store.get(msgspec.structs.replace(entry, state=state), None)
    chunks = []
    try:
        while chunk := response.read(state.size):
            chunks.append(chunk)
    finally:
        response.close()
    data = b"".join(chunks)
    if len(data) != state.size:
        raise StoreError(FaultCode.IO_ERROR, "the store's response ended early", transient=True)
    return data
