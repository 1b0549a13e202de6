"""Drops the records of duplicates from many sorted records at once."""

from array import array

import numpy as np
import numpy.typing as npt

from hashaudit.lists.index.duplicates import BARE, Duplicates
from hashaudit.lists.index.sort import Records


def drop_duplicates(duplicates: Duplicates, records: Records, tied: npt.NDArray[np.bool_]) -> Records:
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
    lists = np.searchsorted(np.array(duplicates.firsts), rows, side="right") - 1
    prints = _fingerprints_of(duplicates, rows, lists)
    # The sort is stable: among equals, rows stay in order, and so do lists.
    order = np.lexsort((prints, groups))
    columns = (groups[order], lists[order], prints[order])
    repeated = np.logical_and.reduce([column[1:] == column[:-1] for column in columns])
    repeats = where[order[1:][repeated]]
    if not len(repeats):
        return records
    duplicates.drop(array("I", records["row"][repeats].astype(np.uint32).tobytes()))
    keep = np.ones(len(records), np.bool_)
    keep[repeats] = False
    return records[keep]


def _fingerprints_of(
    duplicates: Duplicates, rows: npt.NDArray[np.uint32], lists: npt.NDArray[np.intp]
) -> npt.NDArray[np.uint64]:
    prints = np.zeros(len(rows), np.uint64)
    for number in np.unique(lists):
        known = duplicates.fingerprints(int(number))
        if len(known):
            here = lists == number
            index = rows[here].astype(np.int64) - duplicates.firsts[number]
            inside = index < len(known)
            values = np.frombuffer(known, np.uint64)
            prints[here] = np.where(inside, values[np.minimum(index, len(values) - 1)], BARE)
    return prints
