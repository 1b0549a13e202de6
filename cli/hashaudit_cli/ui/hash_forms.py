"""The forms in which the hashes of files are written: as a hash list, as JSON lines, as a table."""

import csv
import io
import json
import os
from abc import ABC, abstractmethod
from typing import Any

import msgspec

from hashaudit.lists.syntax.checksum_lines import escaped_name
from hashaudit.model import paths
from hashaudit.model.file_pieces import Piece
from hashaudit.model.member_path import member_path
from hashaudit.record.schema import FileRecord, PerceptualHash


class HashedFile(msgspec.Struct, frozen=True):
    """A file, or standard input, with its hashes."""

    file: bytes
    """Path of the file as it is written: absolute, or as the user gave it."""
    size: int | None
    """Bytes."""
    digests: dict[str, str]
    perceptual: tuple[PerceptualHash, ...] = ()
    record: FileRecord | None = None
    """``None`` for standard input."""
    members: tuple[bytes, ...] = ()
    """Names on the way to a member of a container."""

    @property
    def path(self) -> bytes:
        """The path with the members: ``a.zip!/b``."""
        return member_path(self.file, self.members)


class HashForm(ABC):
    """A form of output. By default it has nothing before, between and behind the files."""

    def header(self) -> bytes:
        """Returns the bytes before the first file."""
        return b""

    @abstractmethod
    def lines(self, file: HashedFile) -> bytes:
        """Returns the bytes for one file.

        Raises:
            OutputError: the form cannot hold the file's path.
        """

    @abstractmethod
    def piece_lines(self, file: HashedFile, piece: Piece) -> bytes:
        """Returns the bytes for one piece of a file, whose digests ``file`` has.

        Raises:
            OutputError: the form cannot hold the file's path.
        """

    def after_pieces(self, file: HashedFile) -> bytes:  # noqa: ARG002 # most forms write pieces alone
        """Returns the bytes behind the last piece of a file, whose own digests ``file`` has."""
        return b""

    def footer(self) -> bytes:
        """Returns the bytes behind the last file."""
        return b""


def piece_mark(piece: Piece) -> bytes:
    """Returns what hashdeep writes behind the name of a file for a piece of it."""
    return b" offset %d-%d" % (piece.offset, max(piece.offset, piece.offset + piece.length - 1))


class NameLines(HashForm):
    """A form with a line for each digest, which has the name of the file as coreutils writes it.

    Args:
        ends_with_nul: NUL ends each line, and names are not escaped, as with ``sha256sum -z``.
    """

    def __init__(self, *, ends_with_nul: bool = False) -> None:
        self._end = b"\0" if ends_with_nul else b"\n"

    def lines(self, file: HashedFile) -> bytes:
        """Returns one line for each hash."""
        return self._lines(file, b"")

    def piece_lines(self, file: HashedFile, piece: Piece) -> bytes:
        """Returns one line for each digest."""
        return self._lines(file, piece_mark(piece))

    @abstractmethod
    def line(self, algorithm: str, value: bytes, name: bytes) -> bytes:
        """Returns one line without its end."""

    def _lines(self, file: HashedFile, mark: bytes) -> bytes:
        name = file.path if self._end == b"\0" else escaped_name(file.path)
        escape = b"\\" if name != file.path else b""
        hashes = [*file.digests.items(), *((item.algorithm, item.value) for item in file.perceptual)]
        return b"".join(
            escape + self.line(algorithm, value.encode(), name + mark) + self._end for algorithm, value in hashes
        )


class TaggedLines(NameLines):
    """``SHA256 (name) = hex``, as coreutils writes it with ``--tag``: a list that ``lists build`` reads."""

    def line(self, algorithm: str, value: bytes, name: bytes) -> bytes:
        """Returns one line without its end."""
        return b"%s (%s) = %s" % (algorithm.upper().encode(), name, value)


class ChecksumLines(NameLines):
    """``hex  name``, as sha256sum writes it. ``sha256sum -c`` reads it."""

    def line(self, algorithm: str, value: bytes, name: bytes) -> bytes:  # noqa: ARG002 # its length says which
        """Returns one line without its end."""
        return b"%s  %s" % (value, name)


class JsonLines(HashForm):
    """One JSON object for each file, with the field names of the findings file."""

    def lines(self, file: HashedFile) -> bytes:
        """One line."""
        fields: dict[str, Any] = {} if file.record is None else msgspec.to_builtins(file.record)
        for name in ("kind", "seq", "time"):
            fields.pop(name, None)
        fields["entry"] = _entry(file, fields.get("entry", {}))
        fields.setdefault("state", {"type": "stream", "size": file.size})
        return _json(fields | {"digests": file.digests})

    def piece_lines(self, file: HashedFile, piece: Piece) -> bytes:
        """One line."""
        return _json({"entry": _entry(file, {}), "piece": piece._asdict(), "digests": file.digests})


def _entry(file: HashedFile, fields: dict[str, Any]) -> dict[str, Any]:
    # The members have exact names of their own in the fields.
    path, path_uri = paths.to_text(file.file)
    fields = {name: value for name, value in fields.items() if name != "path_uri"} | {"path": path}
    return fields if path_uri is None else fields | {"path_uri": path_uri}


def _json(value: dict[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode() + b"\n"


class Table(HashForm):
    """CSV with a header: one row for each file and frame, one column for each hash; or one row for each piece.

    Args:
        names: the hashes.
        pieces: the rows are of pieces.
    """

    def __init__(self, names: tuple[str, ...], *, pieces: bool = False) -> None:
        self._names = names
        self._about = ("offset", "length") if pieces else ("size", "frame", "quality")

    def header(self) -> bytes:
        """The columns."""
        return _row(["path", *self._about, *self._names])

    def lines(self, file: HashedFile) -> bytes:
        """Returns one row, or one for each frame of an image."""
        frames: dict[int, dict[str, str]] = {}
        quality: dict[int, int] = {}
        for item in file.perceptual:
            frames.setdefault(item.frame, {})[item.algorithm] = item.value
            if item.quality is not None:
                quality[item.frame] = item.quality
        size = "" if file.size is None else str(file.size)
        return b"".join(
            self._line(file, [size, str(frame), str(quality.get(frame, ""))], file.digests | values)
            for frame, values in (frames or {0: {}}).items()
        )

    def piece_lines(self, file: HashedFile, piece: Piece) -> bytes:
        """One row."""
        return self._line(file, [str(piece.offset), str(piece.length)], file.digests)

    def _line(self, file: HashedFile, about: list[str], found: dict[str, str]) -> bytes:
        return _row([os.fsdecode(file.path), *about, *(found.get(name, "") for name in self._names)])


def _row(fields: list[str]) -> bytes:
    text = io.StringIO()
    # Before version 3.13, csv quotes only what is part of the line end.
    csv.writer(text, lineterminator="\r\n").writerow(fields)
    return text.getvalue().removesuffix("\r\n").encode(errors="surrogateescape") + b"\n"
