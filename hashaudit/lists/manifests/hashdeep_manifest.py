"""Manifests in hashdeep's format, version 1.0.

Source: the file FILEFORMAT of hashdeep 4.4.
"""

from collections.abc import Iterator
from typing import BinaryIO

from hashaudit.lists.manifests.manifest_entry import ManifestEntry
from hashaudit.lists.manifests.manifest_fields import digests_of, malformed
from hashaudit.lists.syntax.checksum_lines import PIECE_MARK
from hashaudit.lists.syntax.lines import numbered_lines
from hashaudit.model.results import AlgorithmName

_MAGIC = b"%%%% HASHDEEP-1.0"


class HashdeepManifest:
    """Reader of hashdeep's files."""

    name = "hashdeep"

    def recognises(self, head: bytes) -> bool:
        """Returns whether the first line is the format's name."""
        return head.split(b"\n", 1)[0].rstrip(b"\r") == _MAGIC

    def parse(self, stream: BinaryIO, algorithm: AlgorithmName | None) -> Iterator[ManifestEntry]:  # noqa: ARG002 - the header names the algorithms
        """Yields an entry for each record.

        Raises:
            ListError: a line is not a record; see :meth:`ManifestFormat.parse`.
        """
        columns: list[str] = []
        has_entries = False
        for number, line, _ in numbered_lines(stream):
            if line is None:
                raise malformed(number, "a line over the limit")
            if number == 2:
                columns = hashdeep_columns(line)
            elif number > 2 and not (line.startswith(b"#") and not has_entries):
                has_entries = True
                yield hashdeep_entry(number, line, columns)
        if not columns:
            raise malformed(2, "hashdeep's line of column names is missing")


def hashdeep_columns(line: bytes) -> list[str]:
    """Returns the columns that the second line names.

    Raises:
        ListError: they are not a size, hashes and a file name.
    """
    columns = line.removeprefix(b"%%%% ").decode("ascii", "replace").split(",")
    if len(columns) < 3 or columns[0] != "size" or columns[-1] != "filename":
        raise malformed(2, "hashdeep's columns must be size, one or more hashes, filename")
    return columns


def hashdeep_entry(number: int, line: bytes, columns: list[str], *, takes_pieces: bool = False) -> ManifestEntry:
    """Returns the entry of a record.

    Args:
        number: of the line, from 1.
        line: without its end.
        columns: as the second line names them.
        takes_pieces: the hashes of a piece are an entry too, with the mark in its name.

    Raises:
        ListError: the line is not a record.
    """
    fields = line.split(b",", len(columns) - 1)
    if len(fields) != len(columns) or not fields[0].isdigit() or not fields[-1]:
        raise malformed(number, "not a size, hashes and a file name")
    if PIECE_MARK.search(fields[-1]) and not takes_pieces:
        raise malformed(number, "hashes of pieces of a file, not of files")
    digests = digests_of(number, zip(columns[1:-1], fields[1:-1], strict=True))
    return ManifestEntry(fields[-1], digests, int(fields[0]))
