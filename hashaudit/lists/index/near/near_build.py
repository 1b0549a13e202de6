"""Writing the two sections by which near hashes are found: for each piece, which hashes hold which value of it."""

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

from hashaudit.lists.index import index_layout
from hashaudit.lists.index.columns import spool
from hashaudit.lists.index.index_writer import ImageWriter
from hashaudit.lists.index.near.near_layout import Pieces
from hashaudit.lists.index.near.pieces import Keys, choose_pieces, keys_of
from hashaudit.model.results import AlgorithmName

_CHUNK_HASHES = 1 << 20
"""Hashes that are worked on at once: tens of megabytes."""

Positions = npt.NDArray[np.uint32]


def write_pieces(
    writer: ImageWriter, algorithm: AlgorithmName, width_bytes: int, count: int, folder: str | None
) -> None:
    """Writes the sections of an algorithm whose hashes have been written, if there are enough of them.

    Holds four bytes for each hash.

    Args:
        writer: has the section of hashes, and takes these.
        algorithm: names the sections.
        width_bytes: of a hash.
        count: of hashes.
        folder: for temporary files.
    """
    pieces = choose_pieces(width_bytes, count)
    if pieces is None:
        return

    with spool(folder) as members_file:
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
    """Where the hashes of each value begin, and their number."""
    starts = np.zeros(pieces.slots, np.uint32)
    for keys in chunks:
        # One place further on: the sums then are where each value begins.
        starts[1:] += np.bincount(keys, minlength=pieces.slots - 1).astype(np.uint32)
    return np.cumsum(starts, dtype=np.uint32)


def _members(chunks: Iterable[Keys], starts: Keys) -> Positions:
    """The positions of the hashes by value, ascending among those of one value."""
    members = np.empty(starts[-1], np.uint32)
    free = starts[:-1].copy()
    position = 0
    for keys in chunks:
        # Numbers that hold both sort many times faster than keys are sorted for their order.
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
