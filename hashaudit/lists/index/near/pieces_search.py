"""Near search by pieces: a few table accesses, then a full comparison of every candidate.

No value of the image is trusted: numbers are bounded before they are used as offsets.
"""

from itertools import combinations
from math import comb

import msgspec
import numpy as np

from hashaudit.content.perceptual.interface import Metric
from hashaudit.lists.index.lookup import SAMPLES, DigestSection, Image
from hashaudit.lists.index.near.linear_search import NearPairs, Positions, Units, as_units, hamming, joined, scan
from hashaudit.lists.index.near.near_layout import PieceSections
from hashaudit.lists.index.near.pieces import Keys, choose_radii, comparison_ns, keys_of

_MAX_CANDIDATES = 1 << 20
"""Candidates compared at once: some tens of megabytes. A query with more is compared with all hashes instead."""

_CANDIDATE_SHARE = 4
"""Divisor of the number of hashes for the maximum of candidates: a candidate costs a few times as much as a
comparison in sequence, so beyond this share all are compared."""

_PROBES_AT_ONCE = 1 << 12
"""Probes at once, so that arrays stay below 128 KiB. The system allocates and releases larger ones each time, which
costs more than additional numpy calls."""

_MAX_PROBES = 1 << 20
"""Maximum number of table accesses for one query: some tens of megabytes. A radius that needs more is searched by
comparing."""

_HALF_SHARE = 3
"""The first halves are compared first if the radius is at most this part of their bits: random ones differ in half."""

_SAMPLES = 8
"""Hashes looked up in the tables of each piece before the first search, to detect wrong tables."""


class _Probes(msgspec.Struct, frozen=True):
    """The table accesses of a search for each query."""

    pieces: Positions
    """Piece of each access."""
    flips: Positions
    """Bits that are flipped in the piece's value."""
    slots: Positions
    """Offset of the piece's table."""
    members: Positions
    """Offset of the piece's members."""


class PieceTable:
    """The tables of the pieces of one algorithm's hashes."""

    def __init__(self, section: DigestSection, sections: PieceSections, image: Image, stored: Units) -> None:
        """Opens the tables and checks samples of them.

        Args:
            section: the section of the hashes.
            sections: the sections of their pieces.
            image: the whole index.
            stored: the hashes.

        Raises:
            ListError: the tables are damaged.
        """
        self._section = section
        self._pieces = pieces = sections.pieces
        self._stored = stored
        self._starts: Keys = np.frombuffer(image, "<u4", pieces.count * pieces.slots, sections.buckets.offset)
        self._members: Keys = np.frombuffer(image, "<u4", pieces.count * section.count, sections.members.offset)
        units = stored.shape[1]
        self._halves = None if units % 2 else stored.reshape(-1, units // 2)
        """The first and the second half of each hash."""
        self._most_candidates = min(_MAX_CANDIDATES, section.count // _CANDIDATE_SHARE)
        self._plans: dict[int, _Probes | None] = {}
        self._check_samples()

    def search(self, values: bytes, threshold: int) -> NearPairs:
        """Returns all stored hashes within a radius of concatenated queries.

        Raises:
            ListError: the image is damaged.
        """
        if threshold not in self._plans:
            self._plans[threshold] = self._plan(threshold)
        probes = self._plans[threshold]
        width = self._section.width_bytes
        queries = as_units(values, len(values) // width, width)
        if probes is None:
            return scan(self._stored, queries, threshold, Metric.HAMMING)
        keys = np.stack([keys_of(values, width, self._pieces, piece) for piece in range(self._pieces.count)], axis=1)
        step = max(1, _PROBES_AT_ONCE // len(probes.pieces))
        found: list[NearPairs] = []
        crowded: list[int] = []
        for begin in range(0, len(queries), step):
            begins, lengths = self._runs(keys[begin : begin + step], probes)
            for row, total in enumerate(lengths.sum(axis=1, dtype=np.int64).tolist(), begin):
                if total > self._most_candidates:
                    crowded.append(row)
                elif total:
                    candidates = self._candidates(begins[row - begin], lengths[row - begin])
                    found.append(self._compared(queries, row, candidates, threshold))
        if crowded:
            rest = scan(self._stored, queries[crowded], threshold, Metric.HAMMING)
            found.append(msgspec.structs.replace(rest, queries=np.array(crowded)[rest.queries]))
        return joined(found)

    def _plan(self, threshold: int) -> _Probes | None:
        """Returns the table accesses for a radius; ``None`` if comparing with all costs less."""
        pieces, hashes, width_bytes = self._pieces, self._section.count, self._section.width_bytes
        radii, cost_ns = choose_radii(pieces, hashes, min(threshold, 8 * width_bytes))
        count = sum(comb(pieces.bits, flipped) for radius in radii for flipped in range(radius + 1))
        if cost_ns > hashes * comparison_ns(width_bytes) or count > _MAX_PROBES:
            return None
        flips = [_flips(pieces.bits, radius) for radius in radii]
        numbers = np.repeat(np.arange(len(radii)), [len(values) for values in flips])
        return _Probes(numbers, np.concatenate(flips), numbers * pieces.slots, numbers * hashes)

    def _runs(self, keys: Keys, probes: _Probes) -> tuple[Positions, Keys]:
        """Returns the first position and number of the candidates of some queries, by probe."""
        slots = (keys[:, probes.pieces] ^ probes.flips) + probes.slots
        begins, ends = self._starts.take(slots), self._starts.take(slots + 1)
        if (begins > ends).any() or (ends > self._section.count).any():
            raise self._section.damaged("buckets")
        return begins + probes.members, ends - begins

    def _candidates(self, begins: Positions, lengths: Keys) -> Keys:
        nonempty = np.flatnonzero(lengths)
        begins, runs = begins[nonempty], lengths[nonempty].astype(np.int64)
        ends = np.cumsum(runs)
        members = self._members.take(np.repeat(begins - ends + runs, runs) + np.arange(int(ends[-1])))
        if int(members.max()) >= self._section.count:
            raise self._section.damaged("members")
        return members

    def _compared(self, queries: Units, number: int, candidates: Keys, threshold: int) -> NearPairs:
        if self._halves is not None and _HALF_SHARE * threshold <= 4 * self._section.width_bytes:
            # Nearly all candidates are too far in their first half already, and half as many bytes are compared.
            half = queries[number, : queries.shape[1] // 2]
            at = candidates.astype(np.int64) * 2
            candidates = candidates[np.flatnonzero(hamming(self._halves.take(at, axis=0), half) <= threshold)]
        distances = hamming(self._stored.take(candidates, axis=0), queries[number])
        near = np.flatnonzero(distances <= threshold)
        # A hash is a candidate once for each piece that is near.
        positions, first = np.unique(candidates[near], return_index=True)
        return NearPairs(
            np.full(len(first), number), positions.astype(np.int64), distances[near[first]].astype(np.int64)
        )

    def _check_samples(self) -> None:
        pieces, section = self._pieces, self._section
        for piece in range(pieces.count):
            table = self._starts[piece * pieces.slots : (piece + 1) * pieces.slots]
            members = self._members[piece * section.count : (piece + 1) * section.count]
            sampled = table[:: max(1, pieces.slots // SAMPLES)]
            if int(table[0]) or int(table[-1]) != section.count or (sampled[1:] < sampled[:-1]).any():
                raise section.damaged("buckets")
            for position in range(0, section.count, max(1, section.count // _SAMPLES)):
                key = int(keys_of(section.digest(position), section.width_bytes, pieces, piece)[0])
                bucket = members[int(table[key]) : int(table[key + 1])]
                found_at = int(np.searchsorted(bucket, position))
                if found_at >= len(bucket) or int(bucket[found_at]) != position:
                    raise section.damaged("members")


def _flips(bits: int, radius: int) -> Positions:
    """Returns all numbers of ``bits`` bits of which at most ``radius`` are set."""
    bit_sets = (chosen for flipped in range(radius + 1) for chosen in combinations(range(bits), flipped))
    return np.array([sum(1 << bit for bit in chosen) for chosen in bit_sets], np.int64)
