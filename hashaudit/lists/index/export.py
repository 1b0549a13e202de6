"""Export of the digests of an index in plain text. An index exists to keep them confidential, so only on request."""

from collections.abc import Iterator, Sequence
from typing import BinaryIO

import msgspec

from hashaudit.errors import UsageError
from hashaudit.lists.index.entry_reader import EntryReader
from hashaudit.lists.index.index_reader import ListIndex
from hashaudit.lists.interface import DigestBlock, ListEntry
from hashaudit.model.results import AlgorithmName

HASHDEEP_ALGORITHMS = tuple(AlgorithmName(name) for name in ("md5", "sha1", "sha256"))
"""Columns of hashdeep that are digests here."""


class Exported(msgspec.Struct, frozen=True):
    """Counts of exported and skipped entries."""

    written: int
    skipped: int
    """Entries that the format cannot represent: no such digest, no size, or an id that would break the line."""


def export_plain(index: ListIndex, algorithm: AlgorithmName, target: BinaryIO) -> Exported:
    """Writes one digest per line, in the order of the lists.

    Raises:
        ListError: the index is damaged.
    """
    written = skipped = 0
    for item in _items(index):
        if isinstance(item, DigestBlock):
            count = len(item.digests) // index.sections[item.algorithm].width_bytes
            digests = item.digests if item.algorithm == algorithm else b""
        else:
            count, digests = 1, item.digests.get(algorithm, b"")
        if digests:
            target.write(digests.hex("\n", len(digests) // count).encode("ascii") + b"\n")
            written += count
        else:
            skipped += count
    return Exported(written, skipped)


def export_hashdeep(index: ListIndex, algorithms: Sequence[AlgorithmName], target: BinaryIO) -> Exported:
    """Writes hashdeep's format (its ``FILEFORMAT`` document), with entry ids as file names.

    Args:
        index: the index to export.
        algorithms: the columns. Entries that lack one are skipped, because the format has no empty column.
        target: receives the bytes.

    Raises:
        UsageError: hashdeep has no such column.
        ListError: the index is damaged.
    """
    columns = [name for name in HASHDEEP_ALGORITHMS if name in algorithms]
    if not columns or len(columns) != len(set(algorithms)):
        raise UsageError(f"invalid algorithms for hashdeep; its columns are {', '.join(HASHDEEP_ALGORITHMS)}")
    target.write(b"%%%% HASHDEEP-1.0\n%%%% " + ",".join(("size", *columns, "filename")).encode("ascii") + b"\n")
    written = skipped = 0
    for item in _items(index):
        line = _hashdeep_line(item, columns) if isinstance(item, ListEntry) else None
        if line is not None:
            target.write(line)
            written += 1
        elif isinstance(item, ListEntry):
            skipped += 1
        else:
            skipped += len(item.digests) // index.sections[item.algorithm].width_bytes
    return Exported(written, skipped)


def _items(index: ListIndex) -> Iterator[ListEntry | DigestBlock]:
    reader = EntryReader(index)
    for position in range(len(index.infos)):
        yield from reader.entries(position)


def _hashdeep_line(entry: ListEntry, columns: Sequence[AlgorithmName]) -> bytes | None:
    digests = [entry.digests.get(name) for name in columns]
    if entry.size is None or None in digests or not entry.id.isprintable():
        return None
    fields = (str(entry.size), *(digest.hex() for digest in digests if digest is not None), entry.id)
    return ",".join(fields).encode() + b"\n"
