"""Detection of the algorithm of hashes without a name: from their length, and for 64 digits from the list as a whole.

Cryptographic digests have a random number of bits set; PDQ hashes have exactly half of their 256. One digest in twenty
has that property, so eight distinct ones in a row are not chance (about 1 in 2.5e10).
"""

from collections.abc import Iterable, Iterator

from hashaudit.errors import ListError
from hashaudit.lists.algorithms import BY_HEX_LENGTH, LENGTHS_BYTES, PDQ, PDQ_BITS_SET, SHA256, UNDECIDED
from hashaudit.lists.interface import DigestBlock, ListEntry, ListItem
from hashaudit.model.results import AlgorithmName

_LENGTH_BYTES = LENGTHS_BYTES[SHA256]
_MIN_SAMPLES = 8
"""Number of distinct values with exactly half of their bits set that make a list PDQ."""


def algorithm_of(length_bytes: int, stated: AlgorithmName | None) -> AlgorithmName | None:
    """Returns the algorithm of a bare hash: :data:`UNDECIDED` at 32 bytes, ``None`` for an unknown length.

    Args:
        length_bytes: length of the raw hash.
        stated: algorithm given by the user; then only its length is accepted.
    """
    if stated is not None:
        return stated if LENGTHS_BYTES.get(stated) == length_bytes else None
    return UNDECIDED if length_bytes == _LENGTH_BYTES else BY_HEX_LENGTH.get(2 * length_bytes)


def resolve(items: Iterable[ListItem]) -> Iterator[ListItem]:
    """Replaces :data:`UNDECIDED` in items by SHA-256 or PDQ. Holds items back until the list decides which.

    Raises:
        ListError: the list has too few values to decide.
    """
    remaining = iter(items)
    pending: list[ListItem] = []
    samples: set[int] = set()
    for item in remaining:
        values = _undecided(item)
        if not values and not pending:
            yield item
            continue
        pending.append(item)
        for value in values:
            if value.bit_count() != PDQ_BITS_SET:
                yield from _with_algorithm(pending, SHA256)
                yield from _with_algorithm(remaining, SHA256)
                return
            if len(samples) < _MIN_SAMPLES:
                samples.add(value)
    if 0 < len(samples) < _MIN_SAMPLES:
        raise ListError(
            "ambiguous hashes: 64 digits can be SHA-256 or PDQ, and the list has too few to decide",
            hint="specify the algorithm as sha256=FILE or pdq=FILE",
        )
    yield from _with_algorithm(pending, PDQ)


def _undecided(item: ListItem) -> list[int]:
    if isinstance(item, ListEntry) and UNDECIDED in item.digests:
        return [int.from_bytes(item.digests[UNDECIDED])]
    if isinstance(item, DigestBlock) and item.algorithm == UNDECIDED:
        starts = range(0, len(item.digests), _LENGTH_BYTES)
        return [int.from_bytes(item.digests[start : start + _LENGTH_BYTES]) for start in starts]
    return []


def _with_algorithm(items: Iterable[ListItem], algorithm: AlgorithmName) -> Iterator[ListItem]:
    for item in items:
        if isinstance(item, ListEntry):
            if UNDECIDED in item.digests:
                item.digests[algorithm] = item.digests.pop(UNDECIDED)
        elif isinstance(item, DigestBlock) and item.algorithm == UNDECIDED:
            yield DigestBlock(algorithm, item.digests, item.first_line)
            continue
        yield item
