"""Resumes a listing after a key, for stores that can only list from the beginning."""

from collections.abc import Iterable, Iterator

from hashaudit.model.faults import FaultCode
from hashaudit.objectstores.interface import ListedObject, StoreError


def after_key(key: bytes, pages: Iterable[list[ListedObject]]) -> Iterator[list[ListedObject]]:
    """Skips listed keys up to and including ``key``, while keys are ascending.

    A store may have another order, such as directory by directory. All keys from the first one out of order on are
    yielded, because ``key`` itself was listed before it.

    Raises:
        StoreError: the keys are not ascending and ``key`` is gone, so its position in the listing is unknown.
    """
    last = b""
    skipping, found = True, False
    for page in pages:
        rest = []
        for item in page:
            ascends = item.key >= last
            last = item.key
            found = found or last == key
            skipping = skipping and ascends and last <= key
            if not ascends and not found:
                message = "cannot resume the listing: its last key is gone and the store does not list in key order"
                raise StoreError(FaultCode.NOT_FOUND, message)
            if not skipping:
                rest.append(item)
        yield rest
