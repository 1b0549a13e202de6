"""Writer for the three sections of one algorithm of a small list. The bytes are those of ``digest_sections``."""

import struct
from array import array
from collections.abc import MutableSequence
from itertools import accumulate
from operator import itemgetter

from hashaudit.lists.index import index_layout
from hashaudit.lists.index.digest_records import DigestRecords
from hashaudit.lists.index.duplicates import Duplicates
from hashaudit.lists.index.index_writer import ImageWriter
from hashaudit.lists.index.prefix_bits import LEADING_BYTES, prefix_bits
from hashaudit.model.results import AlgorithmName

_Record = tuple[bytes, int]


def write_small_sections(
    writer: ImageWriter, algorithm: AlgorithmName, records: DigestRecords, positions: MutableSequence[int] | None
) -> int:
    """Writes the sections for digests, rows and prefixes.

    Args:
        writer: receives the sections.
        algorithm: part of the sections' names.
        records: the records, none of which is in a temporary file.
        positions: receives, by row, the position of the row's digest plus one.

    Returns:
        Number of digests.
    """
    every = _split(records)
    bits = prefix_bits(len(every))
    kept = _without_duplicates(sorted(every, key=itemgetter(0)), records.duplicates)
    counts = array("I", bytes(4 * ((1 << bits) + 1)))
    shift, of_bytes = 8 * LEADING_BYTES - bits, int.from_bytes
    for slot in [1 + (of_bytes(digest[:LEADING_BYTES]) >> shift) for digest, _ in kept]:
        counts[slot] += 1
    if positions is not None:
        for position, (_, row) in enumerate(kept, 1):
            positions[row] = position
    with writer.section(index_layout.DIGESTS + algorithm) as section:
        section.write(b"".join(digest for digest, _ in kept))
    with writer.section(index_layout.ROWS + algorithm) as section:
        section.write(index_layout.little_endian(array("I", [row for _, row in kept])))
    with writer.section(index_layout.PREFIXES + algorithm) as section:
        section.write(index_layout.little_endian(array("I", accumulate(counts))))
    return len(kept)


def _split(records: DigestRecords) -> list[_Record]:
    return list(struct.iter_unpack(f"<{records.width_bytes}sI", records.pending))


def _without_duplicates(records: list[_Record], duplicates: Duplicates) -> list[_Record]:
    """Returns the records without those of duplicate entries.

    Args:
        records: sorted by digest, then row.
        duplicates: receives the rows of the others.
    """
    if len({digest for digest, _ in records}) == len(records):
        return records
    kept: list[_Record] = []
    previous = b""
    seen: set[tuple[int, int]] = set()
    for digest, row in records:
        if digest != previous:
            previous, seen = digest, set()
        entry = duplicates.list_and_fingerprint(row)
        if entry in seen:
            duplicates.drop([row])
        else:
            seen.add(entry)
            kept.append((digest, row))
    return kept
