"""Lists of known hashes as hashdeep and md5deep take them: every entry with the name that the list gives it.

Unlike a manifest, a list may have lines without a hash, whose numbers are reported. Source: the manuals of hashdeep 4.4
and md5deep 4.4, which name the formats.
"""

from collections.abc import Iterator
from itertools import chain
from typing import BinaryIO

from hashaudit.errors import ListError
from hashaudit.lists.formats.encase import ENCASE_HEADER_BYTES, ENCASE_RECORD_BYTES, Encase
from hashaudit.lists.manifests.checksum_manifest import checksum_entry
from hashaudit.lists.manifests.hashdeep_manifest import HashdeepManifest, hashdeep_columns, hashdeep_entry
from hashaudit.lists.manifests.manifest_entry import ManifestEntry
from hashaudit.lists.manifests.table_manifest import TableManifest
from hashaudit.lists.syntax.lines import chunks_of, numbered_lines, stream_of, with_head
from hashaudit.model.results import AlgorithmName

MD5 = AlgorithmName("md5")

_ILOOK = (b"V1Hash,", b"V3Hash,", b"V4Hash,")
"""Beginnings of the files of iLook."""

_SIZE_COLUMN = 12
"""Characters of the size and what follows it, which ``md5deep -z`` writes before a hash."""


def parse_known(stream: BinaryIO, algorithm: AlgorithmName | None) -> Iterator[ManifestEntry | int]:
    """Yields the entries of a list, and the numbers of lines without one.

    Args:
        stream: the list, as UTF-8 without a byte-order mark.
        algorithm: that of md5deep's family; ``None`` for a list of hashdeep, which names its algorithms.

    Raises:
        ListError: the list is not of a known format, or is damaged as a whole.
    """
    head, stream = with_head(stream)
    if HashdeepManifest().recognises(head):
        return _hashdeep(stream)
    if algorithm is None:
        raise ListError(
            "not a file of hashdeep", hint="make it with hashdeep, or with hashaudit hash --format hashdeep"
        )
    if algorithm == MD5 and Encase().recognises(head):
        return _encase(stream)
    ilook = next((name for name in _ILOOK if head.startswith(name)), None)
    if ilook is not None:
        # Their column of MD5 has the name of the version.
        head, stream = with_head(stream_of(chain((b"MD5",), chunks_of(_without(stream, len(ilook) - 1)))))
    if TableManifest().recognises(head):
        return (entry for entry in TableManifest().parse(stream, algorithm) if algorithm in entry.digests)
    return _lines(stream, algorithm)


def _without(stream: BinaryIO, count: int) -> BinaryIO:
    stream.read(count)
    return stream


def _hashdeep(stream: BinaryIO) -> Iterator[ManifestEntry | int]:
    columns: list[str] = []
    for number, line, _ in numbered_lines(stream):
        if number == 2:
            columns = hashdeep_columns(line or b"")
        elif number > 2 and line is None:
            yield number
        elif number > 2 and line is not None and not line.startswith(b"#"):
            try:
                yield hashdeep_entry(number, line, columns, takes_pieces=True)
            except ListError:
                yield number
    if not columns:
        raise ListError("hashdeep's line of column names is missing")


def _lines(stream: BinaryIO, algorithm: AlgorithmName) -> Iterator[ManifestEntry | int]:
    has_entries = False
    for number, line, _ in numbered_lines(stream):
        entry = None if line is None else _line_entry(number, line, algorithm)
        has_entries |= entry is not None
        yield number if entry is None else entry
    if not has_entries:
        raise ListError("no hash in the file", hint=f"a line needs a hash of {algorithm}, a space and a name")


def _line_entry(number: int, line: bytes, algorithm: AlgorithmName) -> ManifestEntry | None:
    without_size = line[_SIZE_COLUMN:] if line[:10].replace(b" ", b"").isdigit() else line
    for text in (line, without_size):
        try:
            entry = checksum_entry(number, text, None, escaping=True, takes_pieces=True)
        except ListError:
            continue
        if algorithm in entry.digests:
            return entry
    return None


def _encase(stream: BinaryIO) -> Iterator[ManifestEntry | int]:
    """Yields the records of EnCase, which have no names: MD5 and two zero bytes."""
    if len(stream.read(ENCASE_HEADER_BYTES)) != ENCASE_HEADER_BYTES:
        raise ListError("the file is truncated inside its header", hint="get the file again")
    number = 0
    while record := stream.read(ENCASE_RECORD_BYTES):
        number += 1
        is_whole = len(record) == ENCASE_RECORD_BYTES and record.endswith(b"\0\0")
        yield ManifestEntry(b"", {MD5: record[:-2]}) if is_whole else number
