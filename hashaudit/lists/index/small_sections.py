"""Writer for the three sections of one algorithm of a small list. The bytes are those of ``digest_sections``."""

import sys
from array import array
from collections.abc import MutableSequence
from itertools import accumulate

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
    kept = _without_duplicates(sorted(every, key=lambda record: record[0]), records.duplicates)
    counts = array("I", bytes(4 * ((1 << bits) + 1)))
    for position, (digest, row) in enumerate(kept):
        counts[1 + (int.from_bytes(digest[:LEADING_BYTES]) >> (8 * LEADING_BYTES - bits))] += 1
        if positions is not None:
            positions[row] = position + 1
    with writer.section(index_layout.DIGESTS + algorithm) as section:
        section.write(b"".join(digest for digest, _ in kept))
    with writer.section(index_layout.ROWS + algorithm) as section:
        section.write(little_endian(array("I", [row for _, row in kept])))
    with writer.section(index_layout.PREFIXES + algorithm) as section:
        section.write(little_endian(array("I", accumulate(counts))))
    return len(kept)


def little_endian(values: "array[int]") -> bytes:
    """Returns the bytes of numbers of 4 bytes as they are stored."""
    if sys.byteorder == "big":
        values.byteswap()
    return values.tobytes()


def _split(records: DigestRecords) -> list[_Record]:
    width, size = records.width_bytes, records.width_bytes + index_layout.ROW_BYTES
    raw = bytes(records.pending)
    return [
        (raw[start : start + width], int.from_bytes(raw[start + width : start + size], "little"))
        for start in range(0, len(raw), size)
    ]


def _without_duplicates(records: list[_Record], duplicates: Duplicates) -> list[_Record]:
    """Returns the records without those of duplicate entries.

    Args:
        records: sorted by digest, then row.
        duplicates: receives the rows of the others.
    """
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
