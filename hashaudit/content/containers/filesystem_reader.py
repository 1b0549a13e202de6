"""The reader of file systems in images: NTFS, FAT, exFAT, ext and HFS+, through The Sleuth Kit of the extra ``images``.

Deleted files are members too, as far as the file system still says where their content is. On NTFS, ext and HFS+ all
files are read in the order of their numbers, because files of a deleted directory are in no tree. On FAT, which has no
numbers, names come from directories alone.

Source: The Sleuth Kit, ``tsk_fs.h``; for files that Windows compresses by itself, [MS-FSCC] 2.1.2.1.
"""

import functools
import itertools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec
import pytsk3

from hashaudit.content.containers.interface import (
    ContainerError,
    Found,
    MemberContent,
    MemberRange,
    RandomSource,
    Trouble,
)
from hashaudit.content.containers.member_source import MemorySource, ReadInOrder, chunks_of
from hashaudit.model.container_parts import MAX_PARTS
from hashaudit.model.faults import FaultCode

DAMAGED = "the file system is damaged; members may be missing"
UNSUPPORTED = "the file system is not supported; members may be missing"
ENDS_EARLY = "the image ends before the file system does"
DAMAGED_MEMBER = "the content of the member is damaged"
ENCRYPTED = "the member is encrypted by the system"
COMPRESSED = "the member is compressed by the system, and its digest is of the compressed form"

ORPHANS = b"$OrphanFiles"
"""Directory of the members without a name, as in The Sleuth Kit."""

LEAST_BYTES_OF_FILE = 128
"""Least bytes that a file system takes for a file, even an empty one; a larger count of files is damaged."""

MAX_DEPTH = 128
MAX_NAMES = 4_000_000
"""Names that are kept; the files of others are members without their path."""

_FAT = frozenset(
    (pytsk3.TSK_FS_TYPE_FAT12, pytsk3.TSK_FS_TYPE_FAT16, pytsk3.TSK_FS_TYPE_FAT32, pytsk3.TSK_FS_TYPE_EXFAT)
)
_EXT = frozenset((pytsk3.TSK_FS_TYPE_EXT2, pytsk3.TSK_FS_TYPE_EXT3, pytsk3.TSK_FS_TYPE_EXT4))
LEAST_FILES = 512
"""Numbers of one range, at least."""

_RESIZE_INODE = 7
"""Number of the blocks of an ext file system into which its tables can grow; its size is not that of content."""
_VIRTUAL = frozenset((int(pytsk3.TSK_FS_META_TYPE_VIRT), int(pytsk3.TSK_FS_META_TYPE_VIRT_DIR)))
"""Types of the files that The Sleuth Kit adds to a file system."""
_NTFS = frozenset((pytsk3.TSK_FS_TYPE_NTFS,))
_DATA = int(pytsk3.TSK_FS_ATTR_TYPE_NTFS_DATA)
_WOF = b"WofCompressedData"
_BAD_CLUSTERS = b"$Bad"
_OWN_NAMES = frozenset((None, b"", b"$Data"))
_NO_NAMES = frozenset((b".", b".."))
# The library's constants are objects, which are slower to compare than numbers.
_NO_KIND = -1
_REGULAR, _DIRECTORY = int(pytsk3.TSK_FS_META_TYPE_REG), int(pytsk3.TSK_FS_META_TYPE_DIR)
_DIRECTORY_NAME = int(pytsk3.TSK_FS_NAME_TYPE_DIR)
_UNALLOCATED_NAME = int(pytsk3.TSK_FS_NAME_FLAG_UNALLOC)
_UNALLOCATED = int(pytsk3.TSK_FS_META_FLAG_UNALLOC)
_ERRORS = (OSError, RuntimeError)
"""Raised by the library: the second if the image cannot be read."""


class _Image(pytsk3.Img_Info):  # type: ignore[misc] # it comes without types
    """A source as The Sleuth Kit reads it."""

    def __init__(self, source: RandomSource) -> None:
        self._source = source
        self.error: ContainerError | None = None
        super().__init__(url="", type=pytsk3.TSK_IMG_TYPE_EXTERNAL)

    def close(self) -> None:
        """Does nothing: the source belongs to others."""

    def read(self, offset: int, size: int) -> bytes:
        """Returns bytes."""
        try:
            data = self._source.read_at(offset, size)
        except ContainerError as error:
            self.error = error
            raise OSError from error  # the library makes a RuntimeError of it
        return data

    def get_size(self) -> int:
        """Returns the length in bytes."""
        return self._source.size


class _Stream(msgspec.Struct):
    """One content of a file: the file's own, or an alternate stream."""

    number: int
    name: bytes
    size: int
    type: int
    id: int
    is_deleted: bool
    is_encrypted: bool = False
    is_compressed: bool = False
    """Its content is that of another stream, which Windows compresses by itself."""


def read_filesystem(source: RandomSource) -> Iterator[Found]:
    """Reads all files, with alternate streams and deleted ones."""
    files = FilesystemRanges(source)
    yield from files.read(MemberRange(*files.bounds()))


class FilesystemRanges:
    """A file system, whose files are counted by their numbers; those of FAT by the order of their numbers.

    Args:
        source: the bytes of the file system.
    """

    is_relative = True

    def __init__(self, source: RandomSource) -> None:
        self._image = _Image(source)
        self._reader: _Reader | None = None
        self._trouble: Trouble | None = None
        self.passed = 0
        """Numbers that the last call of :meth:`read` has passed so far."""
        try:
            system = pytsk3.FS_Info(self._image)
        except _ERRORS as error:
            is_known = "Cannot determine" not in str(error) and "upported" not in str(error)
            self._trouble = Trouble(
                *((FaultCode.DAMAGED, DAMAGED) if is_known else (FaultCode.UNSUPPORTED, UNSUPPORTED))
            )
            return
        if system.info.last_block_act < system.info.last_block:
            self._trouble = Trouble(FaultCode.DAMAGED, ENDS_EARLY)
        self._reader = _Reader(system, self._image)

    def bounds(self) -> tuple[int, int]:
        """Returns the first number, and that behind the last."""
        return (0, 0) if self._reader is None else self._reader.bounds()

    def ranges(self, part_bytes: int) -> Sequence[MemberRange]:
        """Returns ranges of numbers. Where their content lies is not known before they are read.

        Raises:
            ContainerError: the file system cannot be read.
        """
        first, end = self.bounds()
        if self._reader is None or first == end:
            raise ContainerError(FaultCode.DAMAGED, DAMAGED)
        count = min(MAX_PARTS, -(-self._image.get_size() // part_bytes), -(-(end - first) // LEAST_FILES))
        cuts = [first + (end - first) * number // count for number in range(count + 1)]
        return [MemberRange(one, other) for one, other in itertools.pairwise(cuts)]

    def read(self, wanted: MemberRange) -> Iterator[Found]:
        """Yields the files of a range."""
        self.passed = 0
        if self._trouble is not None:
            yield self._trouble
        reader = self._reader
        if reader is None:
            return
        index = 0
        for file in reader.files(wanted.first, wanted.end):
            self.passed = reader.number - wanted.first
            for stream in reader.streams(file):
                content = _FileSource(file.file, stream, self._image)
                yield MemberContent(
                    index, stream.name, content.pieces(), stream.size, random=content, deleted=stream.is_deleted
                )
                index += 1
        self.passed = reader.number - wanted.first
        if reader.is_damaged:
            yield Trouble(FaultCode.DAMAGED, DAMAGED)


class _File(NamedTuple):
    """A file that is open in the library."""

    file: "pytsk3.File"
    meta: "pytsk3.TSK_FS_META"
    number: int
    path: bytes


class _Reader:
    def __init__(self, system: "pytsk3.FS_Info", image: _Image) -> None:
        self._system = system
        self._image = image
        self._is_ntfs = system.info.ftype in _NTFS
        self.is_damaged = False
        self.number = 0
        """Position behind the last one that was passed."""

    def bounds(self) -> tuple[int, int]:
        """Returns the first position, and that behind the last."""
        info = self._system.info
        if info.ftype in _FAT:
            return 0, len(self._by_number)
        last = min(info.last_inum, self._image.get_size() // LEAST_BYTES_OF_FILE)
        return info.first_inum, last + 1

    @functools.cached_property
    def _by_number(self) -> list[int]:
        return sorted(self._names)

    @functools.cached_property
    def _names(self) -> dict[int, bytes]:
        """The path of each file by its number: that of a name in use, else of a deleted one."""
        in_use: dict[int, bytes] = {}
        deleted: dict[int, bytes] = {}
        waiting = [(self._system.info.root_inum, b"", 0)]
        visited: set[int] = set()
        while waiting:
            number, path, depth = waiting.pop()
            if number in visited or depth > MAX_DEPTH or len(in_use) + len(deleted) > MAX_NAMES:
                continue
            visited.add(number)
            try:
                entries = list(self._system.open_dir(inode=number))
            except _ERRORS:
                self.is_damaged = self.is_damaged or number not in deleted
                continue
            for entry in entries:
                # Each access to a field of the library's structures costs as much as ten of Python's own.
                info = entry.info
                name = info.name
                text = None if name is None else name.name
                if text is None or text in _NO_NAMES:
                    continue
                meta = info.meta
                kind = _NO_KIND if meta is None else int(meta.type)
                if kind in _VIRTUAL:
                    continue
                address, full = name.meta_addr, path + text
                is_deleted = int(name.flags) & _UNALLOCATED_NAME
                (deleted if is_deleted else in_use).setdefault(address, full)
                if kind == _DIRECTORY or int(name.type) == _DIRECTORY_NAME:
                    waiting.append((address, full + b"/", depth + 1))
        return deleted | in_use

    def files(self, first: int, end: int) -> Iterator["_File"]:
        """Yields the files from one position to before another. Those of FAT are numbered by their names alone."""
        names, info = self._names, self._system.info
        is_fat, is_ext = info.ftype in _FAT, info.ftype in _EXT
        self.is_damaged = self.is_damaged or (not is_fat and self.bounds()[1] <= info.last_inum)
        self.number = first
        while self.number < end:
            number = self._by_number[self.number] if is_fat else self.number
            self.number += 1
            if not (is_ext and number == _RESIZE_INODE) and (file := self._opened(number, names.get(number))):
                yield file

    def _opened(self, number: int, path: bytes | None) -> "_File | None":
        self._image.error = None
        try:
            file = self._system.open_meta(number)
            meta = file.info.meta
        except _ERRORS:
            if self._image.error is not None:
                raise self._image.error from None
            self.is_damaged = self.is_damaged or path is not None
            return None
        if meta is None:
            return None
        kind = int(meta.type)
        if kind in _VIRTUAL or (kind != _REGULAR and not self._is_ntfs):
            return None
        return _File(file, meta, number, path if path is not None else b"%s/%d" % (ORPHANS, number))

    def streams(self, opened: "_File") -> Iterator[_Stream]:
        """Yields the contents of a file."""
        meta, path, number = opened.meta, opened.path, opened.number
        is_deleted = bool(int(meta.flags) & _UNALLOCATED)
        if not self._is_ntfs:
            size = meta.size
            if size or not is_deleted:
                yield _Stream(number, path, size, 0, 0, is_deleted=is_deleted)
            return
        file = opened.file
        # All at once, because a file has one position in its attributes, which reading moves.
        try:
            attributes = [attribute.info for attribute in file]
        except _ERRORS:
            if self._image.error is not None:
                raise self._image.error from None
            self.is_damaged = True
            return
        found: list[tuple[_Stream, bool]] = []
        is_compressed = False
        for info in attributes:
            if int(info.type) != _DATA:
                continue
            name, size = info.name, info.size
            is_own = name in _OWN_NAMES
            is_compressed = is_compressed or name == _WOF
            if (name == _BAD_CLUSTERS and path == b"$BadClus") or (is_deleted and not size):
                continue
            is_encrypted = is_own and bool(int(info.flags) & pytsk3.TSK_FS_ATTR_ENC)
            stream_path = path if is_own else path + b":" + name
            stream = _Stream(
                number, stream_path, size, _DATA, info.id, is_deleted=is_deleted, is_encrypted=is_encrypted
            )
            found.append((stream, is_own))
        for stream, is_own in found:
            stream.is_compressed = is_own and is_compressed
            yield stream


class _FileSource(ReadInOrder):
    """The content of a file at any position."""

    def __init__(self, file: "pytsk3.File", stream: _Stream, image: _Image) -> None:
        self._file = file
        self._stream = stream
        self._image = image
        self.size = stream.size

    def read_at(self, offset: int, count: int) -> bytes:
        """Returns the bytes at a position."""
        count = min(count, self.size - offset)
        if count <= 0 or offset < 0:
            return b""
        self._image.error = None
        try:
            if self._stream.type:
                data: bytes = self._file.read_random(offset, count, self._stream.type, self._stream.id)
            else:
                data = self._file.read_random(offset, count)
        except _ERRORS:
            if self._image.error is not None:
                raise self._image.error from None
            raise ContainerError(FaultCode.DAMAGED, DAMAGED_MEMBER) from None
        return data

    def pieces(self) -> Iterator[bytes]:
        """Yields the whole content."""
        yield from chunks_of(self, 0, self.size, DAMAGED_MEMBER)
        if self._stream.is_compressed:
            raise ContainerError(FaultCode.UNSUPPORTED, COMPRESSED)
        if self._stream.is_encrypted:
            raise ContainerError(FaultCode.ENCRYPTED, ENCRYPTED, is_complete=True)


def warm_up() -> None:
    """Opens what has no file system, so that the library has loaded all of itself."""
    list(read_filesystem(MemorySource(bytes(1 << 16))))
