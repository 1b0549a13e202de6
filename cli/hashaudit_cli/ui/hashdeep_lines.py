"""hashdeep's form of manifests. It has exact paths, or refuses a path."""

from collections.abc import Sequence

from hashaudit.errors import OutputError
from hashaudit.model.file_pieces import Piece
from hashaudit.model.results import AlgorithmName
from hashaudit_cli.ui.hash_forms import HashedFile, HashForm, piece_mark
from hashaudit_cli.ui.terminal import quote

HASHDEEP_ALGORITHMS = ("md5", "sha1", "sha256")
"""Columns of hashdeep that are computed here, in its order."""


def hashdeep_columns(algorithms: Sequence[str]) -> bytes:
    """Returns the two lines at the beginning: the format's name and the columns."""
    columns = ",".join(("size", *algorithms, "filename"))
    return f"%%%% HASHDEEP-1.0\n%%%% {columns}\n".encode()


class HashdeepLines(HashForm):
    """hashdeep's format, version 1.0 (its ``FILEFORMAT`` document). It cannot hold a name with a line end."""

    def __init__(self, algorithms: Sequence[AlgorithmName]) -> None:
        self._algorithms = [name for name in HASHDEEP_ALGORITHMS if name in algorithms]

    def header(self) -> bytes:
        """The format's name and the columns."""
        return hashdeep_columns(self._algorithms)

    def lines(self, file: HashedFile) -> bytes:
        """One line.

        Raises:
            OutputError: the name has a line end.
        """
        return self._line(file, "" if file.size is None else str(file.size), b"")

    def piece_lines(self, file: HashedFile, piece: Piece) -> bytes:
        """One line.

        Raises:
            OutputError: the name has a line end.
        """
        return self._line(file, str(piece.length), piece_mark(piece))

    def _line(self, file: HashedFile, size: str, mark: bytes) -> bytes:
        if b"\n" in file.path or b"\r" in file.path:
            raise OutputError(
                f"cannot write a path in hashdeep's format: '{quote(file.path)}'; it has a line end",
                hint="use --format sums, csv, dfxml or jsonl",
            )
        digests = (file.digests[name] for name in self._algorithms)
        return ",".join((size, *digests)).encode() + b"," + file.path + mark + b"\n"
