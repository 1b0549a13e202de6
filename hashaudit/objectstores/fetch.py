"""Reading a small object that is no subject of examination: a list that lies in a bucket."""

import time

import msgspec

from hashaudit.model.entry import BucketRef, ObjectEntry, ObjectState
from hashaudit.model.faults import FaultCode
from hashaudit.objectstores.interface import OverwrittenError, Store, StoreError

MAX_WHOLE_BYTES = 512 << 20
"""Held in memory while it is used."""

ATTEMPTS = 4
BACKOFF_S = 0.5
"""Before the second attempt, doubled before each further one."""


def fetch_object(store: Store, bucket: BucketRef, key: bytes) -> bytes:
    """The content of an object.

    Raises:
        StoreError: it is not to be had, or too large.
    """
    attempt = 1
    while True:
        try:
            return _read(store, ObjectEntry(bucket, key, ObjectState(0, "", 0)))
        except OverwrittenError as error:
            raise StoreError(FaultCode.CHANGED_WHILE_READ, "overwritten while it was read") from error
        except StoreError as error:
            if not error.passing or attempt == ATTEMPTS:
                raise
        time.sleep(BACKOFF_S * 2 ** (attempt - 1))
        attempt += 1


def _read(store: Store, entry: ObjectEntry) -> bytes:
    state = store.head(entry).state
    if state.size > MAX_WHOLE_BYTES:
        raise StoreError(FaultCode.TOO_MANY_BYTES, f"larger than {MAX_WHOLE_BYTES} bytes")
    reply = store.get(msgspec.structs.replace(entry, state=state), None)
    chunks = []
    try:
        while chunk := reply.read(state.size):
            chunks.append(chunk)
    finally:
        reply.close()
    data = b"".join(chunks)
    if len(data) != state.size:
        raise StoreError(FaultCode.IO_ERROR, "the store's answer ended early", passing=True)
    return data
