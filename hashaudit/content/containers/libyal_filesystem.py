"""The readers of XFS and APFS, through libfsxfs and libfsapfs of the extra ``libyal``.

Files are read in the order of their directories, without deleted ones. Extended attributes, such as the resource forks
of macOS, are members like alternate streams.

Source: libyal, ``pyfsxfs`` and ``pyfsapfs``.
"""

import stat
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pyfsapfs
import pyfsxfs

from hashaudit.content.containers.interface import (
    CHUNK_BYTES,
    Found,
    MemberContent,
    RandomSource,
    Trouble,
)
from hashaudit.content.containers.libyal_values import DAMAGED_MEMBER, LIBYAL_ERRORS, name_bytes
from hashaudit.content.containers.member_source import MemorySource, ReadInOrder, chunks_of
from hashaudit.content.containers.source_file import SourceFile
from hashaudit.model.faults import FaultCode

DAMAGED = "the file system is damaged; members may be missing"
ENCRYPTED = "a partition is encrypted"

MAX_DEPTH = 128
MAX_NAMES = 4_000_000
"""Files of which the number is kept, so that each is read once."""
MOST_ATTRIBUTES = 10_000

Entry = Any
"""A file or directory; both libraries give them in the same form."""


def read_xfs(source: RandomSource) -> Iterator[Found]:
    """Reads the files of an XFS file system."""
    file, volume = SourceFile(source), pyfsxfs.volume()
    walk = _Walk(file, lambda entry: int(entry.get_inode_number()))
    try:
        volume.open_file_object(file)
        root = volume.get_root_directory()
    except LIBYAL_ERRORS:
        yield walk.trouble()
        return
    yield from walk.files(root, b"")


def read_apfs(source: RandomSource, passwords: Sequence[bytes] = ()) -> Iterator[Found]:
    """Reads the files of all volumes of an APFS container. The first part of a path is the name of the volume.

    Args:
        source: the bytes of the container.
        passwords: tried on encrypted volumes.
    """
    file, container = SourceFile(source), pyfsapfs.container()
    walk = _Walk(file, lambda entry: int(entry.get_identifier()))
    try:
        container.open_file_object(file)
        count = container.get_number_of_volumes()
    except LIBYAL_ERRORS:
        yield walk.trouble()
        return
    for number in range(count):
        try:
            volume = container.get_volume(number)
            if volume.is_locked() and not _unlocked(volume, passwords):
                yield Trouble(FaultCode.ENCRYPTED, ENCRYPTED)
                continue
            name = name_bytes(volume.get_name())
            root = volume.get_root_directory()
        except LIBYAL_ERRORS:
            yield walk.trouble()
            continue
        walk.visited.clear()
        yield from walk.files(root, name + b"/")


def _unlocked(volume: Any, passwords: Sequence[bytes]) -> bool:  # it comes without types
    for word in passwords:
        volume.set_password(word.decode("utf-8", "replace"))
        if volume.unlock():
            return True
    return False


class _Walk:
    def __init__(self, file: SourceFile, number_of: Callable[[Entry], int]) -> None:
        self._file = file
        self._number_of = number_of
        self._index = 0
        self.visited: set[int] = set()

    def trouble(self) -> Trouble:
        """Returns the fault of what cannot be read."""
        error = self._file.take_error(DAMAGED)
        return Trouble(error.code, error.message)

    def files(self, root: Entry, above: bytes) -> Iterator[Found]:
        """Yields the files below a directory."""
        waiting = [(root, above, 0)]
        while waiting:
            directory, path, depth = waiting.pop()
            try:
                count = directory.get_number_of_sub_file_entries()
            except LIBYAL_ERRORS:
                yield self.trouble()
                continue
            inner: list[tuple[Entry, bytes, int]] = []
            for number in range(count):
                try:
                    entry = directory.get_sub_file_entry(number)
                    name, identity, kind = name_bytes(entry.get_name()), self._number_of(entry), entry.get_file_mode()
                except LIBYAL_ERRORS:
                    yield self.trouble()
                    continue
                if identity in self.visited:
                    continue
                if len(self.visited) >= MAX_NAMES or depth >= MAX_DEPTH:
                    yield Trouble(FaultCode.DAMAGED, DAMAGED)
                    return
                self.visited.add(identity)
                if stat.S_ISDIR(kind):
                    inner.append((entry, path + name + b"/", depth + 1))
                elif stat.S_ISREG(kind):
                    yield from self._contents(entry, path + name)
            waiting += reversed(inner)

    def _contents(self, entry: Entry, path: bytes) -> Iterator[Found]:
        try:
            yield self._member(path, entry)
            for number in range(min(MOST_ATTRIBUTES, entry.get_number_of_extended_attributes())):
                attribute = entry.get_extended_attribute(number)
                yield self._member(path + b":" + name_bytes(attribute.get_name()), attribute)
        except LIBYAL_ERRORS:
            yield self.trouble()

    def _member(self, name: bytes, content: Any) -> MemberContent:  # it comes without types
        source = _Content(content, int(content.get_size()), self._file)
        self._index += 1
        chunks = chunks_of(source, 0, source.size, DAMAGED_MEMBER)
        return MemberContent(self._index - 1, name, chunks, source.size, random=source)


class _Content(ReadInOrder):
    """The content of a file or an attribute at any position."""

    def __init__(self, content: Any, size: int, file: SourceFile) -> None:  # it comes without types
        self._content = content
        self._file = file
        self.size = size

    def read_at(self, offset: int, count: int) -> bytes:
        """Returns the bytes at a position."""
        count = min(count, self.size - offset, CHUNK_BYTES)
        if count <= 0 or offset < 0:
            return b""
        self._file.error = None
        try:
            data: bytes = self._content.read_buffer_at_offset(count, offset)
        except LIBYAL_ERRORS:
            raise self._file.take_error(DAMAGED_MEMBER) from None
        return data


def warm_up() -> None:
    """Opens what has no file system, so that the libraries have loaded all of themselves."""
    for reader in (read_xfs, read_apfs):
        list(reader(MemorySource(bytes(1 << 16))))
