"""Writing an index's bytes: sections one after the other, the header last, the file under its name when it is whole."""

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
    """Lays sections out in a seekable stream."""

    def __init__(self, target: BinaryIO) -> None:
        self._target = target
        self._sections: list[Section] = []
        self._offset = HEADER_BYTES
        target.seek(HEADER_BYTES)

    @contextmanager
    def section(self, name: str) -> Iterator["SectionWriter"]:
        """Begins the next section; what is written to the value it gives is its content."""
        self._target.write(bytes(aligned(self._offset) - self._offset))
        writer = SectionWriter(self._target)
        yield writer
        offset = aligned(self._offset)
        self._sections.append(Section(name, offset, writer.size, writer.checksum()))
        self._offset = offset + writer.size

    def copy(self, name: str, source: BinaryIO) -> None:
        """Makes a section of the whole content of a temporary file."""
        source.seek(0)
        with self.section(name) as writer:
            while chunk := source.read(_COPY_BYTES):
                writer.write(chunk)

    def read_back(self, name: str, chunk_bytes: int) -> Iterator[bytes]:
        """The content of a section that has been written, in chunks. The target must be readable.

        What is written meanwhile is not disturbed.
        """
        place, left = next((section.offset, section.size) for section in self._sections if section.name == name)
        while left:
            end = self._target.tell()
            self._target.seek(place)
            chunk = self._target.read(min(left, chunk_bytes))
            self._target.seek(end)
            place += len(chunk)
            left -= len(chunk)
            yield chunk

    def finish(self, rows: int) -> None:
        """Writes the header."""
        self._target.seek(0)
        self._target.write(encode_header(rows, tuple(self._sections)))
        self._target.seek(self._offset)


class SectionWriter:
    """Takes the bytes of one section."""

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
        """Of all that was written."""
        return self._hash.digest()


@contextmanager
def new_file(path: str) -> Iterator[BinaryIO]:
    """A file, mode 0600, that takes the name ``path`` when the block ends well and leaves nothing when it does not.

    Raises:
        ListError: the file cannot be made, written or renamed.
    """
    folder = os.path.dirname(path) or "."
    try:
        # mkstemp makes it 0600 and exclusively; in the same folder, so that renaming is atomic.
        descriptor, temporary = tempfile.mkstemp(prefix=".hashaudit-", suffix=".partial", dir=folder)
    except OSError as error:
        raise ListError(f"{path}: cannot be written: {error.strerror}") from error
    try:
        with os.fdopen(descriptor, "w+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        _sync_folder(folder)
    except OSError as error:
        raise ListError(f"{path}: cannot be written: {error.strerror}") from error
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)


def _sync_folder(folder: str) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
