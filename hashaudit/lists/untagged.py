"""The algorithm of hashes without a name, from their length.

Sixty-four digits are SHA-256, unless the list shows that they are not.
Cryptographic digests have a random number of bits set; PDQ hashes have exactly half of their 256. One digest in twenty
has that property, so eight in a list, and no other, are not chance (about 1 in 2.5e10).
"""

from collections.abc import Iterable, Iterator

from hashaudit.errors import ListError
from hashaudit.lists.algorithms import (
    BY_HEX_LENGTH,
    LENGTHS_BYTES,
    PDQ_BITS_SET,
    SHA256,
    UNDECIDED,
    is_unsupported,
)
from hashaudit.lists.empty_digests import EMPTY_INPUT_NAMES
from hashaudit.lists.entry_fields import WRONG_FOR_EVERY
from hashaudit.lists.interface import DigestBlock, ListEntry, ListItem
from hashaudit.model.results import AlgorithmName

_LENGTH_BYTES = LENGTHS_BYTES[SHA256]
_MIN_SAMPLES = 8
"""Number of distinct values, all with exactly half of their bits set, that a list of SHA-256 does not have."""

_MAX_SAMPLES = 1_000
"""Number of such values at which the list is not read further."""


def algorithm_of(length_bytes: int, stated: AlgorithmName | None) -> AlgorithmName | None:
    """Returns the algorithm of a bare hash: :data:`UNDECIDED` at 32 bytes, ``None`` for an unknown length.

    Args:
        length_bytes: length of the raw hash.
        stated: algorithm given by the user; then only its length is accepted.
    """
    if stated is not None:
        return stated if LENGTHS_BYTES.get(stated) == length_bytes else None
    return UNDECIDED if length_bytes == _LENGTH_BYTES else BY_HEX_LENGTH.get(2 * length_bytes)


def wrong_length(stated: AlgorithmName | None) -> str:
    """Returns the detail of the reject of a hash for which :func:`algorithm_of` returns ``None``."""
    return f"a hash of another length than {stated} has" if stated else WRONG_FOR_EVERY


def refuse_proved_other(line: int, algorithm: str, raw: bytes | None) -> None:
    """Refuses a list of bare hashes if one of them is the digest of empty input by another algorithm.

    Args:
        line: number of the hash's line.
        algorithm: of the hash according to its length or the user.
        raw: the hash.

    Raises:
        ListError: the hash proves that the list has another algorithm.
    """
    proved = None if raw is None else EMPTY_INPUT_NAMES.get(raw)
    if proved is None or proved == (algorithm or SHA256):
        return
    matched = not is_unsupported(proved) and proved in LENGTHS_BYTES
    raise ListError(
        f"line {line}: the digest of empty input shows that the list has {proved} digests, not {algorithm or SHA256}",
        hint=f"state the algorithm: {proved}=FILE" if matched else f"{proved} is not supported; use another list",
    )


def resolve(items: Iterable[ListItem]) -> Iterator[ListItem]:
    """Replaces :data:`UNDECIDED` in items by SHA-256. Holds items back while all values can be PDQ hashes.

    Raises:
        ListError: the list has eight or more values, and all can be PDQ hashes.
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
        if any(value.bit_count() != PDQ_BITS_SET for value in values):
            yield from _with_algorithm(pending, SHA256)
            yield from _with_algorithm(remaining, SHA256)
            return
        samples.update(values)
        if len(samples) > _MAX_SAMPLES:
            break
    if len(samples) >= _MIN_SAMPLES:
        raise ListError(
            "ambiguous hashes: PDQ or SHA-256? All of 64 digits have 128 bits set, as PDQ hashes have",
            hint="state the algorithm: pdq=FILE or sha256=FILE",
        )
    yield from _with_algorithm(pending, SHA256)


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
