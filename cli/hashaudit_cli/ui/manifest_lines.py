"""Forms of manifests: hashdeep and checksum files. Each has exact paths, or refuses a path."""

from collections.abc import Sequence

from hashaudit.errors import OutputError
from hashaudit.lists.syntax.checksum_lines import escaped_name
from hashaudit.model import paths
from hashaudit.model.results import AlgorithmName
from hashaudit.record.schema import FileRecord
from hashaudit_cli.ui.terminal import quote

HASHDEEP_ALGORITHMS = ("md5", "sha1", "sha256")
"""Columns of hashdeep that are computed here, in its order."""


class HashdeepLines:
    """hashdeep's format, version 1.0 (its ``FILEFORMAT`` document). It cannot hold a name with a line end."""

    def __init__(self, algorithms: Sequence[AlgorithmName]) -> None:
        self._algorithms = [name for name in HASHDEEP_ALGORITHMS if name in algorithms]

    def header(self) -> bytes:
        """The format's name and the columns."""
        columns = ",".join(("size", *self._algorithms, "filename"))
        return f"%%%% HASHDEEP-1.0\n%%%% {columns}\n".encode()

    def lines(self, record: FileRecord) -> bytes:
        """One line.

        Raises:
            OutputError: the name has a line end.
        """
        path = paths.from_text(record.entry.path, record.entry.path_uri)
        if b"\n" in path or b"\r" in path:
            raise OutputError(
                f"cannot write a path in hashdeep's format: '{quote(path)}'; it has a line end",
                hint="use --format sums, dfxml or jsonl",
            )
        size = "" if record.state is None else str(record.state.size)
        digests = (record.digests[AlgorithmName(name)] for name in self._algorithms)
        return ",".join((size, *digests)).encode() + b"," + path + b"\n"

    def footer(self) -> bytes:
        """Nothing."""
        return b""


class ChecksumLines:
    """``hex  name``, as sha256sum writes it. ``sha256sum -c`` reads it."""

    def header(self) -> bytes:
        """Nothing."""
        return b""

    def lines(self, record: FileRecord) -> bytes:
        """One line for each digest."""
        raw = paths.from_text(record.entry.path, record.entry.path_uri)
        name = escaped_name(raw)
        mark = b"\\" if name != raw else b""
        return b"".join(b"%s%s  %s\n" % (mark, value.encode(), name) for value in record.digests.values())

    def footer(self) -> bytes:
        """Nothing."""
        return b""
