"""Verification of the pieces of perceptual hashes, so that no search can miss a hash."""

import numpy as np

from hashaudit.lists.index.arrays import CHUNK_ROWS
from hashaudit.lists.index.index_layout import ROW_BYTES
from hashaudit.lists.index.lookup import DigestSection, Image
from hashaudit.lists.index.near.near_layout import PieceSections
from hashaudit.lists.index.near.pieces import Keys, keys_of


def verify_pieces(image: Image, section: DigestSection, sections: PieceSections) -> None:
    """Checks each table against the hashes. Takes four bytes of memory for each hash.

    Raises:
        ListError: a search could miss a hash.
    """
    with memoryview(image) as view, view[section.digests.offset :][: section.digests.size] as hashes:
        for piece in range(sections.pieces.count):
            _verify_piece(image, section, sections, piece, keys_of(hashes, section.width_bytes, sections.pieces, piece))


def _verify_piece(image: Image, section: DigestSection, sections: PieceSections, piece: int, keys: Keys) -> None:
    slots, count = sections.pieces.slots, section.count
    table = np.frombuffer(image, "<u4", slots, sections.buckets.offset + piece * slots * ROW_BYTES)
    if table[0] or not np.array_equal(np.diff(table), np.bincount(keys, minlength=slots - 1)):
        raise section.damaged("buckets")
    members = np.frombuffer(image, "<u4", count, sections.members.offset + piece * count * ROW_BYTES)
    last = -1
    for begin in range(0, count, CHUNK_ROWS):
        chunk = members[begin : begin + CHUNK_ROWS]
        if int(chunk.max()) >= count:
            raise section.damaged("members")
        # They ascend by key, then position, so each hash occurs once and where the table says.
        both = (keys[chunk].astype(np.int64) << 32) | chunk
        if int(both[0]) <= last or (both[1:] <= both[:-1]).any():
            raise section.damaged("members")
        last = int(both[-1])
