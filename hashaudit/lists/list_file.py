"""The file of a list, opened only if it is a regular file and hashed in the pass that reads it."""

import hashlib
import io
import os
import stat
from typing import TYPE_CHECKING, BinaryIO, Self

from hashaudit.errors import ListError
from hashaudit.lists import bloom
from hashaudit.lists.file_state import FileState
from hashaudit.lists.index.index_layout import MAGIC, is_index
from hashaudit.lists.interface import OpenedList, ParseOptions
from hashaudit.model.times import TimeNs, time_ns

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_CHUNK_BYTES = 1 << 20

WORLD_READABLE = "the list is world-readable; run chmod o-r on it"


def file_name(path: str) -> str:
    """Returns the last part of a path, also of a directory path that ends with a slash."""
    return os.path.basename(path.rstrip("/")) or path


class ListFile:
    """An open list file. A context manager that closes it."""

    kind = "file"

    def __init__(self, path: str) -> None:
        """Opens a regular file. A FIFO or device is closed at once and never waited for.

        Raises:
            ListError: the file cannot be opened, or is not a regular file.
        """
        self.path = path
        flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
        try:
            self._file = io.FileIO(path, opener=lambda name, _: os.open(name, flags))
            self.status = os.fstat(self._file.fileno())
        except OSError as error:
            raise ListError(f"cannot read list: '{path}'; {error.strerror}") from error
        if not stat.S_ISREG(self.status.st_mode):
            self._file.close()
            raise ListError(f"cannot read list: '{path}'; not a regular file")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

    @property
    def is_index(self) -> bool:
        """True if the file begins as a compiled index."""
        return is_index(os.pread(self._file.fileno(), len(MAGIC), 0))

    @property
    def is_filter(self) -> bool:
        """True if the file begins as a Bloom filter of known files."""
        return bloom.is_bloom_filter(os.pread(self._file.fileno(), bloom.HEADER_BYTES, 0))

    @property
    def size_bytes(self) -> int:
        """Size of the file when it was opened."""
        return self.status.st_size

    @property
    def mtime_ns(self) -> TimeNs:
        """Modification time of the file when it was opened, in nanoseconds since 1970."""
        return time_ns(self.status.st_mtime_ns)

    @property
    def state(self) -> FileState:
        """State of the file when it was opened."""
        return FileState.of(self.status)

    def warnings(self) -> tuple[str, ...]:
        """Returns warnings about the file. A list's entries are confidential."""
        return (WORLD_READABLE,) if self.status.st_mode & stat.S_IROTH else ()

    def sha256(self) -> str:
        """Reads the whole file and returns its digest in hex.

        Raises:
            ListError: the file cannot be read, or changed while it was read.
        """
        with self.hashed() as stream:
            return stream.finish()

    def hashed(self) -> "HashedStream":
        """Returns the content from its beginning. Use one stream at a time."""
        self._file.seek(0)
        return HashedStream(self.path, self._file, self.status)


class HashedStream:
    """A stream over a list that computes the sha256 of the bytes read. A context manager."""

    def __init__(self, path: str, file: io.FileIO, status: os.stat_result) -> None:
        self._path = path
        self._file = file
        self._status = status
        self._raw = _HashedFile(file)
        self.buffered: BinaryIO = io.BufferedReader(self._raw, _CHUNK_BYTES)
        """Stream for a parser, which need not read to the end."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        # The file itself stays open because its stream can be read again.
        self._raw.detach_file()

    def open(self, options: ParseOptions) -> OpenedList:
        """Detects the format and returns the list with its items.

        Raises:
            ListError: same as :func:`hashaudit.lists.open_list.open_stream`.
        """
        from hashaudit.lists.open_list import open_stream  # noqa: PLC0415 # start-up: only the process that parses lists needs the parsers

        return open_stream(self.buffered, options, self._path)

    def finish(self) -> str:
        """Reads the rest of the file and returns the digest in hex.

        Raises:
            ListError: the file cannot be read, or changed while it was read.
        """
        try:
            while self.buffered.read(_CHUNK_BYTES):
                pass
            after = os.fstat(self._file.fileno())
        except OSError as error:
            raise ListError(f"cannot read list: '{self._path}'; {error.strerror}") from error
        size, mtime_ns = self._status.st_size, self._status.st_mtime_ns
        if (after.st_size, after.st_mtime_ns, self._raw.size) != (size, mtime_ns, size):
            raise ListError(
                f"list changed while it was read: '{self._path}'", hint="start again when the list is complete"
            )
        return self._raw.digest.hexdigest()


class _HashedFile(io.RawIOBase):
    def __init__(self, file: io.FileIO) -> None:
        self._file: io.FileIO | None = file
        self.digest = hashlib.sha256()
        self.size = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        if self._file is None:
            raise ValueError("the list has been read")
        with memoryview(buffer).cast("B") as view:
            count = self._file.readinto(view) or 0
            self.digest.update(view[:count])
        self.size += count
        return count

    def detach_file(self) -> None:
        self._file = None
