"""What a hash is that the list gives no name for: its length says, and at 64 digits the list as a whole.

Cryptographic digests have a random number of bits set; PDQ hashes have exactly half of their 256. A digest looks like
that in one of twenty cases, so eight distinct ones in a row are no chance (about 1 in 2.5e10).
"""

from collections.abc import Iterable, Iterator

from hashaudit.errors import ListError
from hashaudit.lists.algorithms import BY_HEX_LENGTH, LENGTHS_BYTES, PDQ, PDQ_BITS_SET, SHA256, UNDECIDED
from hashaudit.lists.interface import DigestBlock, ListEntry, ListItem
from hashaudit.model.results import AlgorithmName

_LENGTH_BYTES = LENGTHS_BYTES[SHA256]
_WITNESSES = 8
"""Distinct values with exactly half of their bits set that it takes to call a list PDQ."""


def algorithm_of(length_bytes: int, stated: AlgorithmName | None) -> AlgorithmName | None:
    """The algorithm of a bare hash, :data:`UNDECIDED` at 32 bytes, or ``None`` if nothing known has that length.

    Args:
        length_bytes: of the raw hash.
        stated: what the user says that the list holds; then no other length is known.
    """
    if stated is not None:
        return stated if LENGTHS_BYTES.get(stated) == length_bytes else None
    return UNDECIDED if length_bytes == _LENGTH_BYTES else BY_HEX_LENGTH.get(2 * length_bytes)


def resolve(items: Iterable[ListItem]) -> Iterator[ListItem]:
    """Replaces :data:`UNDECIDED` in items by SHA-256 or PDQ, holding them back until it is known which.

    Raises:
        ListError: there are too few values to tell.
    """
    remaining = iter(items)
    held: list[ListItem] = []
    witnesses: set[int] = set()
    for item in remaining:
        values = _undecided(item)
        if not values and not held:
            yield item
            continue
        held.append(item)
        for value in values:
            if value.bit_count() != PDQ_BITS_SET:
                yield from _named(held, SHA256)
                yield from _named(remaining, SHA256)
                return
            if len(witnesses) < _WITNESSES:
                witnesses.add(value)
    if 0 < len(witnesses) < _WITNESSES:
        raise ListError(
            "its hashes of 64 digits may be SHA-256 or PDQ and are too few to tell: state it as sha256=FILE or pdq=FILE"
        )
    yield from _named(held, PDQ)


def _undecided(item: ListItem) -> list[int]:
    if isinstance(item, ListEntry) and UNDECIDED in item.digests:
        return [int.from_bytes(item.digests[UNDECIDED])]
    if isinstance(item, DigestBlock) and item.algorithm == UNDECIDED:
        starts = range(0, len(item.digests), _LENGTH_BYTES)
        return [int.from_bytes(item.digests[start : start + _LENGTH_BYTES]) for start in starts]
    return []


def _named(items: Iterable[ListItem], algorithm: AlgorithmName) -> Iterator[ListItem]:
    for item in items:
        if isinstance(item, ListEntry):
            if UNDECIDED in item.digests:
                item.digests[algorithm] = item.digests.pop(UNDECIDED)
        elif isinstance(item, DigestBlock) and item.algorithm == UNDECIDED:
            yield DigestBlock(algorithm, item.digests, item.first_line)
            continue
        yield item
