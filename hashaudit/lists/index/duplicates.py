"""Detection of duplicate entries of one list, while digests are sorted.

Two entries are duplicates if their list, digests, size, labels, role and own id are equal. A position (``line N``,
``row N``) is not an own id. Entries that share a digest and differ in anything else are all accepted.
"""

import hashlib
from array import array

import msgspec
import numpy as np
import numpy.typing as npt

from hashaudit.lists.index.sort import Records
from hashaudit.lists.interface import ListEntry
from hashaudit.model.results import Role

BARE = 0
"""Fingerprint of an entry that has one digest and no attributes."""

_FINGERPRINT_BYTES = 8
"""Size of a fingerprint. Only entries of one list that share a digest are compared, so a forged collision can at
most lose an entry of the forger's own list."""

_ENCODER = msgspec.msgpack.Encoder(order="sorted")


def fingerprint(entry: ListEntry, own_id: str | None, role: Role) -> int:
    """Returns a fingerprint of everything in an entry except its position in the list."""
    values = (own_id, entry.digests, entry.size, entry.labels, role, entry.unsupported)
    try:
        raw = _ENCODER.encode(values)
    except UnicodeEncodeError:
        # Reached only for a label that was not valid text in its list. It is rare, so the order of labels may matter
        # here.
        raw = repr(values).encode("ascii", "backslashreplace")
    digest = hashlib.blake2b(raw, digest_size=_FINGERPRINT_BYTES).digest()
    return int.from_bytes(digest, "little") or 1


class Duplicates:
    """Filter that drops records of duplicates and collects their rows."""

    def __init__(self) -> None:
        self._firsts: list[int] = []
        self._fingerprints: list[npt.NDArray[np.uint64] | None] = []
        self._current = array("Q")
        self._dropped: list[npt.NDArray[np.uint32]] = []

    def begin_list(self, first_row: int) -> None:
        """Begins the list whose rows start here."""
        self.end_list()
        self._firsts.append(first_row)
        self._fingerprints.append(None)

    def end_list(self) -> None:
        """Ends the current list."""
        if self._current:
            self._fingerprints[-1] = np.array(self._current, dtype=np.uint64)
            del self._current[:]

    def add(self, row: int, value: int) -> None:
        """Records the fingerprint of a row of the current list; rows without one are :data:`BARE`."""
        missing = row - self._firsts[-1] - len(self._current)
        if missing:
            self._current.frombytes(bytes(missing * self._current.itemsize))
        self._current.append(value)

    def __call__(self, records: Records, tied: npt.NDArray[np.bool_]) -> Records:
        """See :class:`hashaudit.lists.index.sort.DuplicateFilter`."""
        if not tied.any():
            return records
        members = np.zeros(len(records), np.bool_)
        members[1:] |= tied
        members[:-1] |= tied
        where = np.flatnonzero(members)
        group_starts = np.concatenate([[True], ~tied])
        groups = np.cumsum(group_starts)[where]
        rows = records["row"][where]
        lists = np.searchsorted(np.array(self._firsts), rows, side="right") - 1
        prints = self._fingerprints_of(rows, lists)
        # The sort is stable: among equals, rows stay in order, and so do lists.
        order = np.lexsort((prints, groups))
        columns = (groups[order], lists[order], prints[order])
        repeated = np.logical_and.reduce([column[1:] == column[:-1] for column in columns])
        repeats = where[order[1:][repeated]]
        if not len(repeats):
            return records
        self._dropped.append(records["row"][repeats])
        keep = np.ones(len(records), np.bool_)
        keep[repeats] = False
        return records[keep]

    def _fingerprints_of(self, rows: npt.NDArray[np.uint32], lists: npt.NDArray[np.intp]) -> npt.NDArray[np.uint64]:
        prints = np.zeros(len(rows), np.uint64)
        for number in np.unique(lists):
            known = self._fingerprints_of_list(int(number))
            if known is not None:
                here = lists == number
                index = rows[here].astype(np.int64) - self._firsts[number]
                inside = index < len(known)
                prints[here] = np.where(inside, known[np.minimum(index, len(known) - 1)], BARE)
        return prints

    def _fingerprints_of_list(self, number: int) -> npt.NDArray[np.uint64] | None:
        if number == len(self._firsts) - 1 and self._current:
            return np.array(self._current, dtype=np.uint64)
        return self._fingerprints[number]

    def dropped_by_list(self) -> list[int]:
        """Returns the number of dropped rows of each list."""
        rows = np.unique(np.concatenate(self._dropped)) if self._dropped else np.zeros(0, np.uint32)
        bounds = np.searchsorted(rows, [*self._firsts, np.iinfo(np.int64).max])
        return [int(count) for count in np.diff(bounds)]
