"""The reader of file systems in images: NTFS, FAT, exFAT, ext and HFS+, through The Sleuth Kit of the extra ``images``.

Contents that lie in plain runs of blocks are read straight from there, because the library copies them several times.
Own code reads the usual records of NTFS; the library reads all others.

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
from hashaudit.content.containers.ntfs_records import MftLayout, MftTable
from hashaudit.content.containers.run_content import DAMAGED_MEMBER, HOLE, Run, RunContent, add_run
from hashaudit.model.container_parts import MAX_PARTS
from hashaudit.model.faults import FaultCode

DAMAGED = "the file system is damaged; members may be missing"
UNSUPPORTED = "the file system is not supported; members may be missing"
ENDS_EARLY = "the image ends before the file system does"
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
_DATA, _BITMAP = int(pytsk3.TSK_FS_ATTR_TYPE_NTFS_DATA), int(pytsk3.TSK_FS_ATTR_TYPE_NTFS_BITMAP)
_DEFAULT = int(pytsk3.TSK_FS_ATTR_TYPE_DEFAULT)
_LAST_OF_SYSTEM = 15
"""Number of the last file of NTFS itself; some of them have contents of their own kind."""
_WOF = b"WofCompressedData"
_BAD_CLUSTERS = b"$Bad"
_OWN_NAMES = frozenset((b"", b"$Data"))
_NO_NAMES = frozenset((b".", b".."))
# The library's constants are objects, which are slower to compare than numbers.
_NO_KIND = -1
_REGULAR, _DIRECTORY = int(pytsk3.TSK_FS_META_TYPE_REG), int(pytsk3.TSK_FS_META_TYPE_DIR)
_DIRECTORY_NAME = int(pytsk3.TSK_FS_NAME_TYPE_DIR)
_UNALLOCATED_NAME = int(pytsk3.TSK_FS_NAME_FLAG_UNALLOC)
_UNALLOCATED = int(pytsk3.TSK_FS_META_FLAG_UNALLOC)
_NOT_RESIDENT = int(pytsk3.TSK_FS_ATTR_NONRES)
_IN_RUNS = _NOT_RESIDENT | int(pytsk3.TSK_FS_ATTR_COMP) | int(pytsk3.TSK_FS_ATTR_ENC) | int(pytsk3.TSK_FS_ATTR_RES)
_NO_BLOCKS = int(pytsk3.TSK_FS_ATTR_RUN_FLAG_SPARSE) | int(pytsk3.TSK_FS_ATTR_RUN_FLAG_FILLER)
_ERRORS = (OSError, RuntimeError)
"""Raised by the library: the second if the image cannot be read."""


class _Image(pytsk3.Img_Info):  # type: ignore[misc] # it comes without types
    """A source as The Sleuth Kit reads it."""

    def __init__(self, source: RandomSource) -> None:
        self.source = source
        self.error: ContainerError | None = None
        super().__init__(url="", type=pytsk3.TSK_IMG_TYPE_EXTERNAL)

    def close(self) -> None:
        """Does nothing: the source belongs to others."""

    def read(self, offset: int, size: int) -> bytes:
        """Returns bytes."""
        try:
            data = self.source.read_at(offset, size)
        except ContainerError as error:
            self.error = error
            raise OSError from error  # the library makes a RuntimeError of it
        return data

    def get_size(self) -> int:
        """Returns the length in bytes."""
        return self.source.size


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
        for index, member in enumerate(reader.members(wanted.first, wanted.end)):
            self.passed = reader.number - wanted.first
            member.index = index
            yield member
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
        info = system.info
        self._is_ntfs, self._has_runs = info.ftype in _NTFS, info.ftype in _FAT | _EXT
        self._block_bytes: int = info.block_size
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

    def members(self, first: int, end: int) -> Iterator[MemberContent]:
        """Yields the contents of the files from one position to before another, without their indexes."""
        info = self._system.info
        self.is_damaged = self.is_damaged or (info.ftype not in _FAT and self.bounds()[1] <= info.last_inum)
        yield from (self._of_ntfs if self._is_ntfs else self._of_directories)(first, end)

    def _of_directories(self, first: int, end: int) -> Iterator[MemberContent]:
        """Yields contents by the names in directories. The files of FAT are numbered by their names alone."""
        names, kind = self._names, self._system.info.ftype
        is_fat, is_ext = kind in _FAT, kind in _EXT
        self.number = first
        while self.number < end:
            number = self._by_number[self.number] if is_fat else self.number
            self.number += 1
            path = names.get(number)
            if not (is_ext and number == _RESIZE_INODE) and (
                file := self._opened(number, path, is_used=path is not None)
            ):
                yield from self._members_of(file)

    def _of_ntfs(self, first: int, end: int) -> Iterator[MemberContent]:
        """Yields contents by the table of files."""
        table, disk = self._table, self._image.source
        self.number = first
        while self.number < end:
            number = self.number
            self.number += 1
            record = table.record(number)
            path = None if record is None or not record.is_base else table.path(record)
            streams = None
            if record is not None and record.is_base and number > _LAST_OF_SYSTEM:
                streams = record.streams
            if record is None or streams is None or any(stream.name == _WOF for stream in streams):
                is_used = self._is_allocated(number)
                # The library opens some damaged records as if they were empty.
                self.is_damaged |= is_used and record is None and number > _LAST_OF_SYSTEM
                if (file := self._opened(number, path, is_used=is_used)) is not None:
                    yield from self._members_of(file)
                continue
            is_deleted = not record.is_in_use
            path = _orphan(number) if path is None else path
            for stream in streams:
                if is_deleted and not stream.size:
                    continue
                name = path if stream.name in _OWN_NAMES else path + b":" + stream.name
                if stream.content is not None:
                    resident = MemorySource(stream.content)
                    pieces = iter((stream.content,))
                    yield MemberContent(0, name, pieces, stream.size, random=resident, deleted=is_deleted)
                else:
                    yield _by_runs(
                        name, RunContent(disk, stream.runs, stream.size, stream.written), is_deleted=is_deleted
                    )

    @functools.cached_property
    def _table(self) -> MftTable:
        """The table of files of NTFS.

        Raises:
            ContainerError: it cannot be read.
        """
        own = self._opened(0, b"$MFT", is_used=True)
        content = None if own is None else self._attribute(own, _DATA)
        if content is None:
            raise ContainerError(FaultCode.DAMAGED, DAMAGED)
        boot = self._image.source.read_at(0, 512)
        stated = int.from_bytes(boot[64:65], "little", signed=True)
        record_bytes = stated * self._block_bytes if stated > 0 else 1 << -stated
        layout = MftLayout(record_bytes, self._block_bytes, self._system.info.block_count)

        def read_at(offset: int, count: int) -> bytes:
            try:
                return content.read_at(offset, count)
            except ContainerError:
                if self._image.error is not None:
                    raise
                return b""  # each record is then read by itself

        return MftTable(read_at, content.size // record_bytes, self._image.source, layout)

    def _is_allocated(self, number: int) -> bool:
        """Returns whether a record of NTFS is in use."""
        at, bit = divmod(number, 8)
        return at < len(self._bitmap) and bool(self._bitmap[at] >> bit & 1)

    @functools.cached_property
    def _bitmap(self) -> bytes:
        """Which records of NTFS are in use."""
        own = self._opened(0, b"$MFT", is_used=True)
        content = None if own is None else self._attribute(own, _BITMAP)
        if content is not None:
            try:
                return b"".join(content.pieces())
            except ContainerError:
                if self._image.error is not None:
                    raise
        self.is_damaged = True
        return b""

    def _attribute(self, file: "_File", kind: int) -> "_FileSource | None":
        """Returns the first attribute of a kind without a name."""
        for stream in self._attributes(file):
            if stream.type == kind and stream.name in _OWN_NAMES:
                return _FileSource(file.file, stream, self._image)
        return None

    def _members_of(self, file: "_File") -> Iterator[MemberContent]:
        """Yields the contents of a file that the library opened."""
        for stream in self.streams(file):
            runs = self._runs(file, stream) if self._has_runs else None
            if runs is not None:
                yield _by_runs(stream.name, runs, is_deleted=stream.is_deleted)
                continue
            content = _FileSource(file.file, stream, self._image)
            yield MemberContent(
                0, stream.name, content.pieces(), stream.size, random=content, deleted=stream.is_deleted
            )

    def _runs(self, opened: "_File", stream: _Stream) -> RunContent | None:
        """Returns the content of a file by its runs of blocks; ``None``: the library has to read it."""
        if not stream.size:
            return None
        try:
            [attribute] = [each for each in opened.file if int(each.info.type) == _DEFAULT]
            if int(attribute.info.flags) & _IN_RUNS != _NOT_RESIDENT:
                return None
            runs: list[Run] = []
            blocks, length = 0, self._block_bytes
            for run in attribute:
                marks, count = int(run.flags), run.len
                if run.offset != blocks or marks & ~_NO_BLOCKS:
                    return None
                add_run(runs, HOLE if marks else run.addr * length, count * length)
                blocks += count
        except (*_ERRORS, ValueError):
            return None
        if blocks * length < stream.size:
            return None
        return RunContent(self._image.source, runs, stream.size, stream.size)

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

    def _opened(self, number: int, path: bytes | None, *, is_used: bool) -> "_File | None":
        """Opens a file; ``None``: there is none, or its content is not a member.

        Args:
            number: of the file.
            path: to it; ``None``: unknown.
            is_used: it is damage if the file cannot be opened.
        """
        self._image.error = None
        try:
            file = self._system.open_meta(number)
            meta = file.info.meta
        except _ERRORS:
            if self._image.error is not None:
                raise self._image.error from None
            self.is_damaged = self.is_damaged or is_used
            return None
        if meta is None:
            return None
        kind = int(meta.type)
        if kind in _VIRTUAL or (kind != _REGULAR and not self._is_ntfs):
            return None
        return _File(file, meta, number, path if path is not None else _orphan(number))

    def streams(self, opened: "_File") -> Iterator[_Stream]:
        """Yields the contents of a file."""
        meta, path, number = opened.meta, opened.path, opened.number
        is_deleted = bool(int(meta.flags) & _UNALLOCATED)
        if not self._is_ntfs:
            size = meta.size
            if size or not is_deleted:
                yield _Stream(number, path, size, 0, 0, is_deleted=is_deleted)
            return
        found: list[tuple[_Stream, bool]] = []
        is_compressed = False
        for stream in self._attributes(opened):
            name = stream.name
            if stream.type != _DATA:
                continue
            is_own = name in _OWN_NAMES
            is_compressed = is_compressed or name == _WOF
            if (name == _BAD_CLUSTERS and path == b"$BadClus") or (is_deleted and not stream.size):
                continue
            stream.is_deleted, stream.is_encrypted = is_deleted, stream.is_encrypted and is_own
            stream.name = path if is_own else path + b":" + name
            found.append((stream, is_own))
        for stream, is_own in found:
            stream.is_compressed = is_own and is_compressed
            yield stream

    def _attributes(self, opened: "_File") -> list[_Stream]:
        """Returns all attributes of a file, under their own names."""
        self._image.error = None
        # All at once, because a file has one position in its attributes, which reading moves.
        try:
            attributes = [attribute.info for attribute in opened.file]
        except _ERRORS:
            if self._image.error is not None:
                raise self._image.error from None
            self.is_damaged = True
            return []
        return [
            _Stream(
                opened.number,
                info.name or b"",
                info.size,
                int(info.type),
                info.id,
                is_deleted=False,
                is_encrypted=bool(int(info.flags) & pytsk3.TSK_FS_ATTR_ENC),
            )
            for info in attributes
        ]


def _orphan(number: int) -> bytes:
    return b"%s/%d" % (ORPHANS, number)


def _by_runs(name: bytes, content: RunContent, *, is_deleted: bool) -> MemberContent:
    pieces = content.pieces()
    return MemberContent(0, name, pieces, content.size, random=content, deleted=is_deleted, whole=content.whole)


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
