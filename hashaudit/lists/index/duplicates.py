"""Detection of duplicate entries of one list, while digests are sorted.

Two entries are duplicates if their list, digests, size, labels, role and own id are equal. A position (``line N``,
``row N``) is not an own id. Entries that share a digest and differ in anything else are all accepted.
"""

import hashlib
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from itertools import pairwise

import msgspec

from hashaudit.lists.interface import ListEntry
from hashaudit.model.results import Role

BARE = 0
"""Fingerprint of an entry that has one digest and no attributes."""

_FINGERPRINT_BYTES = 8
"""Size of a fingerprint. Only entries of one list that share a digest are compared, so a forged collision can at
most lose an entry of the forger's own list."""

_MANY_ROWS = 1 << 16

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
    """The fingerprints of the entries of all lists, and the rows of dropped duplicates."""

    def __init__(self) -> None:
        self.firsts: list[int] = []
        """First row of each list."""
        self._fingerprints: list[array[int]] = []
        self._dropped = array("I")

    def begin_list(self, first_row: int) -> None:
        """Begins the list whose rows start here."""
        self.firsts.append(first_row)
        self._fingerprints.append(array("Q"))

    def add(self, row: int, value: int) -> None:
        """Records the fingerprint of a row of the current list; rows without one are :data:`BARE`."""
        current = self._fingerprints[-1]
        missing = row - self.firsts[-1] - len(current)
        if missing:
            current.frombytes(bytes(missing * current.itemsize))
        current.append(value)

    def fingerprints(self, number: int) -> "array[int]":
        """Returns the fingerprints of the first rows of a list. The other rows are :data:`BARE`."""
        return self._fingerprints[number]

    def list_and_fingerprint(self, row: int) -> tuple[int, int]:
        """Returns the position of the row's list, and the row's fingerprint."""
        number = bisect_right(self.firsts, row) - 1
        known, index = self._fingerprints[number], row - self.firsts[number]
        return number, known[index] if index < len(known) else BARE

    def drop(self, rows: Iterable[int]) -> None:
        """Counts rows as duplicates. A row with several digests is dropped once for each."""
        self._dropped.extend(rows)

    def dropped_by_list(self) -> list[int]:
        """Returns the number of dropped rows of each list."""
        if len(self._dropped) > _MANY_ROWS:
            import numpy as np  # noqa: PLC0415 # start-up: numpy is slow to import, and saves memory for many rows

            rows = array("I", np.unique(np.frombuffer(self._dropped, np.uint32)).tobytes())
        else:
            rows = array("I", sorted(set(self._dropped)))
        bounds = [bisect_left(rows, first) for first in self.firsts]
        return [end - begin for begin, end in pairwise([*bounds, len(rows)])]
