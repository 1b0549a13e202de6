"""Writer for the two sections of near search: for each piece, the hashes by their value in it."""

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

from hashaudit.lists.index import index_layout
from hashaudit.lists.index.index_writer import ImageWriter
from hashaudit.lists.index.near.near_layout import Pieces
from hashaudit.lists.index.near.pieces import Keys, choose_pieces, keys_of
from hashaudit.lists.index.spool import spool
from hashaudit.model.results import AlgorithmName

_CHUNK_HASHES = 1 << 20
"""Hashes processed at once: tens of megabytes."""

Positions = npt.NDArray[np.uint32]


def write_pieces(
    writer: ImageWriter, algorithm: AlgorithmName, width_bytes: int, count: int, directory: str | None
) -> None:
    """Writes the sections of an algorithm whose hashes have been written, if there are enough hashes.

    Holds four bytes for each hash.

    Args:
        writer: contains the section of hashes and receives these sections.
        algorithm: part of the sections' names.
        width_bytes: size of a hash.
        count: number of hashes.
        directory: for temporary files.
    """
    pieces = choose_pieces(width_bytes, count)
    if pieces is None:
        return

    with spool(directory) as members_file:
        with writer.section(index_layout.BUCKETS + algorithm) as buckets:
            for piece in range(pieces.count):

                def keys(piece: int = piece) -> Iterator[Keys]:
                    for chunk in writer.read_back(index_layout.DIGESTS + algorithm, _CHUNK_HASHES * width_bytes):
                        yield keys_of(chunk, width_bytes, pieces, piece)

                starts = _starts(keys(), pieces)
                buckets.write(starts.astype("<u4", copy=False).tobytes())
                members_file.write(_members(keys(), starts).astype("<u4", copy=False).data)
        writer.copy(index_layout.MEMBERS + algorithm, members_file)


def _starts(chunks: Iterable[Keys], pieces: Pieces) -> Keys:
    """Returns the first position of the hashes of each value, and last their number."""
    starts = np.zeros(pieces.slots, np.uint32)
    for keys in chunks:
        # Shifted by one, so that the sums are the first position of each value.
        starts[1:] += np.bincount(keys, minlength=pieces.slots - 1).astype(np.uint32)
    return np.cumsum(starts, dtype=np.uint32)


def _members(chunks: Iterable[Keys], starts: Keys) -> Positions:
    """Returns the positions of the hashes by value, ascending within one value."""
    members = np.empty(starts[-1], np.uint32)
    free = starts[:-1].copy()
    position = 0
    for keys in chunks:
        # Sorting numbers that combine key and position is many times faster than argsort of the keys.
        both = (keys.astype(np.uint64) << np.uint64(32)) | np.arange(position, position + len(keys), dtype=np.uint64)
        both.sort()
        in_order = (both >> np.uint64(32)).astype(np.uint32)
        first = np.flatnonzero(np.concatenate([[True], in_order[1:] != in_order[:-1]]))
        lengths = np.diff(first, append=len(keys))
        ranks = np.arange(len(keys)) - np.repeat(first, lengths)
        members[free[in_order] + ranks] = both.astype(np.uint32)
        free[in_order[first]] += lengths.astype(np.uint32)
        position += len(keys)
    return members
