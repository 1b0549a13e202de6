"""Vectorised lookup of many digests at once."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from hashaudit.lists.index.arrays import digests_of, leading_words_of, prefixes_of
from hashaudit.lists.index.index_reader import Hit, ListIndex
from hashaudit.lists.index.lookup import DigestSection
from hashaudit.lists.index.words import Words, leading_words
from hashaudit.model.results import AlgorithmName

NOWHERE = -1

_CHUNK = 1 << 16
"""Digests looked up at once: their intermediate results fit into the processor's cache."""


def lookup_many(index: ListIndex, algorithm: AlgorithmName, digests: bytes) -> Iterator[tuple[int, tuple[Hit, ...]]]:
    """Looks up concatenated digests.

    Yields:
        For each digest that is on a list: its number, from 0, and all entries that have it.

    Raises:
        ValueError: ``digests`` ends within a digest.
        ListError: the image is damaged.
    """
    section = index.sections.get(algorithm)
    if section is None:
        return
    width = section.width_bytes
    for number in np.flatnonzero(find_many(index, section, digests) != NOWHERE):
        yield int(number), index.lookup(algorithm, digests[number * width : (number + 1) * width])


def find_many(index: ListIndex, section: DigestSection, digests: bytes) -> npt.NDArray[np.int64]:
    """Returns the first position of each digest in its section, :data:`NOWHERE` for those that are not in it.

    Raises:
        ValueError: ``digests`` ends within a digest.
        ListError: the image is damaged.
    """
    width = section.width_bytes
    count, rest = divmod(len(digests), width)
    if rest:
        raise ValueError(f"{len(digests)} bytes are not a whole number of {section.algorithm} digests")
    found = np.full(count, NOWHERE, np.int64)
    for begin in range(0, count, _CHUNK):
        part = digests[begin * width : (begin + _CHUNK) * width]
        found[begin : begin + _CHUNK] = _find_chunk(index, section, part)
    return found


def _find_chunk(index: ListIndex, section: DigestSection, digests: bytes) -> npt.NDArray[np.int64]:
    queries = np.frombuffer(digests, f"S{section.width_bytes}")
    words = leading_words(digests, len(queries), section.width_bytes, section.width_bytes).astype(np.uint64)
    positions = _first_not_less(index, section, words)
    found = np.full(len(queries), NOWHERE, np.int64)
    candidates = np.flatnonzero(positions < section.count)
    stored = digests_of(index, section)
    equal = stored[positions[candidates]] == queries[candidates]
    found[candidates[equal]] = positions[candidates[equal]]
    # Digests that share their first eight bytes and differ do not occur by chance, so one by one is fast enough.
    others = candidates[~equal]
    close = others[leading_words_of(index, section)[positions[others]] == words[others]]
    for number in close:
        width = section.width_bytes
        matches = section.find(digests[number * width : (number + 1) * width])
        found[number] = matches.start if matches else NOWHERE
    return found


def _first_not_less(index: ListIndex, section: DigestSection, words: Words) -> npt.NDArray[np.int64]:
    """Returns, for each word, the first position whose digest's first eight bytes are not less."""
    slots = (words >> np.uint64(64 - section.prefix_bits)).astype(np.int64)
    prefixes = prefixes_of(index, section)
    low = prefixes[slots].astype(np.int64)
    high = prefixes[slots + 1].astype(np.int64)
    if (low > high).any() or (high > section.count).any():
        raise section.damaged("prefix table")
    stored = leading_words_of(index, section)
    active = np.flatnonzero(low < high)
    while len(active):
        middle = (low[active] + high[active]) >> 1
        less = stored[middle] < words[active]
        low[active[less]] = middle[less] + 1
        high[active[~less]] = middle[~less]
        active = active[low[active] < high[active]]
    return low
