"""Writer for the bytes of an index.

Sections first, then the header, and the file name only when the file is complete.
"""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

import blake3

from hashaudit.errors import ListError
from hashaudit.lists.index.index_layout import HEADER_BYTES, Section, aligned, encode_header

_COPY_BYTES = 1 << 20


class ImageWriter:
    """Writer of sections into a seekable stream."""

    def __init__(self, target: BinaryIO) -> None:
        self._target = target
        self._sections: list[Section] = []
        self._offset = HEADER_BYTES
        target.seek(HEADER_BYTES)

    @contextmanager
    def section(self, name: str) -> Iterator["SectionWriter"]:
        """Begins the next section; the caller writes its content to the yielded writer."""
        self._target.write(bytes(aligned(self._offset) - self._offset))
        writer = SectionWriter(self._target)
        yield writer
        offset = aligned(self._offset)
        self._sections.append(Section(name, offset, writer.size, writer.checksum()))
        self._offset = offset + writer.size

    def copy(self, name: str, source: BinaryIO) -> None:
        """Writes the whole content of a temporary file as a section."""
        source.seek(0)
        with self.section(name) as writer:
            while chunk := source.read(_COPY_BYTES):
                writer.write(chunk)

    def read_back(self, name: str, chunk_bytes: int) -> Iterator[bytes]:
        """Yields the content of a written section in chunks. The target must be readable.

        Writes between two chunks are not disturbed.
        """
        offset, remaining = next((section.offset, section.size) for section in self._sections if section.name == name)
        while remaining:
            end = self._target.tell()
            self._target.seek(offset)
            chunk = self._target.read(min(remaining, chunk_bytes))
            self._target.seek(end)
            offset += len(chunk)
            remaining -= len(chunk)
            yield chunk

    def finish(self, rows: int) -> None:
        """Writes the header."""
        self._target.seek(0)
        self._target.write(encode_header(rows, tuple(self._sections)))
        self._target.seek(self._offset)


class SectionWriter:
    """Writer of the bytes of one section."""

    def __init__(self, target: BinaryIO) -> None:
        self._target = target
        self._hash = blake3.blake3()
        self.size = 0

    def write(self, data: bytes) -> None:
        """Appends bytes."""
        self._target.write(data)
        self._hash.update(data)
        self.size += len(data)

    def checksum(self) -> bytes:
        """Returns the checksum of all bytes written."""
        return self._hash.digest()


@contextmanager
def new_file(path: str) -> Iterator[BinaryIO]:
    """Yields a file, mode 0600, that gets the name ``path`` only if the block succeeds; a failed block leaves no file.

    Raises:
        ListError: the file cannot be created, written or renamed.
    """
    directory = os.path.dirname(path) or "."
    try:
        # mkstemp creates it exclusively with mode 0600. The same directory makes renaming atomic.
        descriptor, temporary = tempfile.mkstemp(prefix=".hashaudit-", suffix=".partial", dir=directory)
    except OSError as error:
        raise ListError(f"cannot write index: '{path}'; {error.strerror}") from error
    try:
        # With its name, by which the new index can be opened. Nothing is opened again.
        with open(temporary, "r+b", opener=lambda _name, _flags: descriptor) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        _sync_directory(directory)
    except OSError as error:
        raise ListError(f"cannot write index: '{path}'; {error.strerror}") from error
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)


def _sync_directory(directory: str) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
