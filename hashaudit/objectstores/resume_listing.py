"""Going on with a listing behind a key, for stores that list from the beginning only."""

from collections.abc import Iterable, Iterator

from hashaudit.model.faults import FaultCode
from hashaudit.objectstores.interface import ListedObject, StoreError


def after_key(key: bytes, pages: Iterable[list[ListedObject]]) -> Iterator[list[ListedObject]]:
    """Leaves out how a listing begins: its keys up to one, as long as they rise.

    A store may have an order of its own, such as folder by folder. What stands behind the first key that is out of
    order is given whatever it is, because the key to go on behind was met before any that is.

    Raises:
        StoreError: the order is the store's own and the key is gone, so that what came before it cannot be told.
    """
    last = b""
    passing, met = True, False
    for page in pages:
        left = []
        for item in page:
            rises = item.key >= last
            last = item.key
            met = met or last == key
            passing = passing and rises and last <= key
            if not rises and not met:
                said = "the key that the run had come to is gone, and the store's order does not tell what followed it"
                raise StoreError(FaultCode.NOT_FOUND, said)
            if not passing:
                left.append(item)
        yield left
