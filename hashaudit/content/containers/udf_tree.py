"""Finds the files of a UDF file system, as on DVDs and in images that Windows and macOS burn.

Source: ECMA-167 (third edition) 3/10 and 4/14; OSTA UDF 2.60, 2.2.8 to 2.2.13 (kinds of partitions).
"""

import struct
from collections.abc import Iterator

import msgspec

from hashaudit.content.containers.interface import ContainerError, Found, MemberContent, RandomSource, Trouble
from hashaudit.content.containers.member_source import chunks_of
from hashaudit.model.faults import FaultCode

DAMAGED = "the file system is damaged; members may be missing"
UNSUPPORTED = "the file system is not supported; members may be missing"
ENDS_EARLY = "the archive ends early"

BLOCKS = (2048, 512, 1024, 4096)
MAX_DEPTH = 128
MAX_FILES = 4_000_000
MAX_EXTENTS = 1_000_000
MAX_DIRECTORY_BYTES = 64 << 20
_ANCHOR_AT = 256
_ANCHOR, _PARTITION, _VOLUME, _TERMINATOR = 2, 5, 6, 8
_FILE_SET, _NAME, _MORE_EXTENTS, _FILE, _LARGE_FILE = 256, 257, 258, 261, 266
_DIRECTORY, _CONTENTS = 4, frozenset((0, 5, 249))
"""File types: of a directory, and of what has content."""
_DELETED, _PARENT = 4, 8
_HOLE = -1

Extents = list[tuple[int, int]]


class UdfFile(msgspec.Struct):
    """A file, as extents of the image in bytes; those at -1 are zeros."""

    name: bytes
    extents: Extents


class _Partition(msgspec.Struct):
    start: int
    """Position in bytes."""
    blocks: Extents | None = None
    """Extents of the file in which the blocks of this partition are; ``None``: they are in the image itself."""


class _Node(msgspec.Struct):
    type: int
    size: int
    extents: Extents


def read_udf(source: RandomSource) -> Iterator[Found]:
    """Reads all files of a UDF file system."""
    tree = UdfTree(source)
    for number, file in enumerate(tree.files()):
        size = sum(length for _, length in file.extents)
        yield MemberContent(number, file.name, content_of(source, file.extents), size)
    if tree.trouble is not None:
        yield tree.trouble


def content_of(source: RandomSource, extents: Extents) -> Iterator[bytes]:
    """Yields what lies at places of an image."""
    for position, length in extents:
        if position == _HOLE:
            yield from (bytes(min(1 << 18, length - at)) for at in range(0, length, 1 << 18))
        else:
            yield from chunks_of(source, position, position + length, ENDS_EARLY)


class UdfTree:
    """The directories of a UDF file system.

    Args:
        source: the image.
    """

    def __init__(self, source: RandomSource) -> None:
        self._source = source
        self._block = 0
        self._partitions: list[_Partition] = []
        self.trouble: Trouble | None = None
        """Present if members may be missing."""

    def files(self) -> Iterator[UdfFile]:
        """Yields the files, directory by directory."""
        try:
            root = self._open()
        except (ContainerError, struct.error):
            self._damaged()
            return
        waiting = [(root, b"", 0)]
        visited: set[tuple[int, int]] = set()
        while waiting:
            place, path, depth = waiting.pop()
            if place in visited or depth > MAX_DEPTH or len(visited) > MAX_FILES:
                self._damaged()
                continue
            visited.add(place)
            inner = []
            for name, target, is_directory in self._entries(place):
                if is_directory:
                    inner.append((target, path + name + b"/", depth + 1))
                    continue
                node = self._node(*target)
                if node is not None and node.type in _CONTENTS and target not in visited:
                    visited.add(target)  # a file may have several names
                    yield UdfFile(path + name, node.extents)
            waiting += reversed(inner)

    def _damaged(self, code: FaultCode = FaultCode.DAMAGED) -> None:
        if self.trouble is None:
            self.trouble = Trouble(code, DAMAGED if code is FaultCode.DAMAGED else UNSUPPORTED)

    def _tagged(self, position: int, length: int) -> tuple[int, bytes]:
        """Returns the number and the bytes of a descriptor; 0 if there is none."""
        data = self._source.read_at(position, length)
        if len(data) < length or (sum(data[:4]) + sum(data[5:16])) & 0xFF != data[4]:
            return 0, data
        return int.from_bytes(data[:2], "little"), data

    def _open(self) -> tuple[int, int]:
        """Finds the partitions; returns the place of the root directory."""
        for block in BLOCKS:
            for at in (_ANCHOR_AT * block, self._source.size - block, self._source.size - (_ANCHOR_AT + 1) * block):
                number, data = self._tagged(at, 512) if at >= 0 else (0, b"")
                if number == _ANCHOR:
                    self._block = block
                    for length, location in (struct.unpack_from("<II", data, 16), struct.unpack_from("<II", data, 24)):
                        found = self._volume(location * block, min(length, 1 << 20))
                        if found is not None:
                            return found
        raise ContainerError(FaultCode.DAMAGED, DAMAGED)

    def _volume(self, position: int, length: int) -> tuple[int, int] | None:
        starts: dict[int, int] = {}
        volume = b""
        for at in range(position, position + length, self._block):
            number, data = self._tagged(at, self._block)
            if number == _PARTITION:
                starts[struct.unpack_from("<H", data, 22)[0]] = struct.unpack_from("<I", data, 188)[0]
            elif number == _VOLUME:
                volume = data
            elif number == _TERMINATOR:
                break
        if not volume or struct.unpack_from("<I", volume, 212)[0] != self._block:
            return None
        self._partitions = []
        at = 440
        for _ in range(min(16, struct.unpack_from("<I", volume, 268)[0])):
            row = volume[at : at + max(2, volume[at + 1])]
            self._add_partition(row, starts)
            at += len(row)
        _, block, partition = struct.unpack_from("<IIH", volume, 248)
        number, data = self._tagged(self._place(partition, block), 512)
        if number != _FILE_SET:
            return None
        _, block, partition = struct.unpack_from("<IIH", data, 400)
        return partition, block

    def _add_partition(self, row: bytes, starts: dict[int, int]) -> None:
        """Adds a partition; one whose blocks are in a file is read through that file."""
        name = row[5:28].rstrip(b"\0") if row[0] == 2 else b""
        number = struct.unpack_from("<H", row, 38 if row[0] == 2 else 4)[0]
        partition = _Partition(starts.get(number, 0) * self._block)
        self._partitions.append(partition)
        if name == b"*UDF Metadata Partition":
            # Until it is known, the file that describes it is looked for in the partition around it.
            for location in struct.unpack_from("<II", row, 40):
                node = self._node(len(self._partitions) - 1, location)
                if node is not None:
                    partition.blocks = node.extents
                    return
            self._damaged()
        elif name not in {b"", b"*UDF Sparable Partition"}:
            self._damaged(FaultCode.UNSUPPORTED)

    def _place(self, partition: int, block: int) -> int:
        """Returns the position of a block in the image; that behind its end, if there is none."""
        if partition >= len(self._partitions):
            return self._source.size
        found = self._partitions[partition]
        at = block * self._block
        if found.blocks is None:
            return found.start + at
        for position, length in found.blocks:
            if at < length:
                return position + at if position != _HOLE else self._source.size
            at -= length
        return self._source.size

    def _node(self, partition: int, block: int) -> _Node | None:
        """Returns a file by its place; ``None``: there is none."""
        position = self._place(partition, block)
        number, data = self._tagged(position, self._block)
        if number not in {_FILE, _LARGE_FILE}:
            self._damaged()
            return None
        at = 168 if number == _FILE else 208
        fields_bytes, extents_bytes = struct.unpack_from("<II", data, at)
        (size,), (flags,) = struct.unpack_from("<Q", data, 56), struct.unpack_from("<H", data, 34)
        start = at + 8 + fields_bytes
        if start + extents_bytes > len(data) or size >= 1 << 62:
            self._damaged()
            return None
        if number == _LARGE_FILE and struct.unpack_from("<I", data, 152)[0]:
            self._damaged(FaultCode.UNSUPPORTED)  # it has named streams
        form = flags & 7
        if form == 3:
            return _Node(data[27], size, [(position + start, min(size, extents_bytes))] if size else [])
        if form > 1:
            self._damaged(FaultCode.UNSUPPORTED)
            return None
        extents = self._extents(data[start : start + extents_bytes], partition, size, is_long=form == 1)
        return _Node(data[27], size, extents)

    def _extents(self, data: bytes, partition: int, size: int, *, is_long: bool) -> Extents:
        """Returns the places of a content, with those that lie behind one another joined."""
        found: Extents = []
        left, at, step = size, 0, 16 if is_long else 8
        for _ in range(MAX_EXTENTS):
            if not left or at + step > len(data):
                break
            word, block = struct.unpack_from("<II", data, at)
            number = struct.unpack_from("<H", data, at + 8)[0] if is_long else partition
            at += step
            kind, length = word >> 30, word & 0x3FFFFFFF
            if not length:
                break
            if kind == 3:
                tag, more = self._tagged(self._place(number, block), self._block)
                if tag != _MORE_EXTENTS:
                    self._damaged()
                    break
                data, at = more[24 : 24 + struct.unpack_from("<I", more, 20)[0]], 0
                continue
            length = min(length, left)
            left -= length
            for position, count in self._pieces(number, block, length) if not kind else [(_HOLE, length)]:
                joins = bool(found) and _HOLE not in {position, found[-1][0]} and sum(found[-1]) == position
                found[-1:] = [(found[-1][0], found[-1][1] + count)] if joins else [*found[-1:], (position, count)]
        if left:
            self._damaged()
        return found

    def _pieces(self, partition: int, block: int, length: int) -> Iterator[tuple[int, int]]:
        """Yields the places of an extent: several if its partition is in a file."""
        if partition < len(self._partitions) and self._partitions[partition].blocks is None:
            yield self._place(partition, block), length
            return
        while length > 0:
            count = min(length, self._block)
            yield self._place(partition, block), count
            block += 1
            length -= count

    def _entries(self, place: tuple[int, int]) -> Iterator[tuple[bytes, tuple[int, int], bool]]:
        """Yields name, place and kind of what is in a directory."""
        node = self._node(*place)
        if node is None or node.type != _DIRECTORY:
            self._damaged()
            return
        if node.size > MAX_DIRECTORY_BYTES:
            self._damaged()
        parts: list[bytes] = []
        length = 0
        try:
            for piece in content_of(self._source, node.extents):
                parts.append(piece)
                length += len(piece)
                if length > MAX_DIRECTORY_BYTES:
                    break
        except ContainerError:
            self._damaged()
        data, at = b"".join(parts), 0
        while at + 38 <= len(data):
            head = data[at : at + 38]
            if int.from_bytes(head[:2], "little") != _NAME or (sum(head[:4]) + sum(head[5:16])) & 0xFF != head[4]:
                self._damaged()
                return
            flags, name_bytes, more_bytes = head[18], head[19], struct.unpack_from("<H", head, 36)[0]
            _, block, partition = struct.unpack_from("<IIH", head, 20)
            start = at + 38 + more_bytes
            name = _text(data[start : start + name_bytes])
            at = start + name_bytes
            at += -at % 4
            if not flags & (_DELETED | _PARENT):
                yield name, (partition, block), bool(flags & 2)


def _text(data: bytes) -> bytes:
    """Returns a name in UTF-8; the first byte says whether characters have one byte or two."""
    if data[:1] == b"\x10":
        whole = data[1 : 1 + (len(data) - 1) // 2 * 2]
        return whole.decode("utf-16-be", "surrogatepass").encode("utf-8", "surrogatepass")
    return data[1:].decode("latin-1").encode()
