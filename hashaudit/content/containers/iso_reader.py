"""The reader of ISO 9660 images, with all of their trees.

An image holds several trees of names for the same data: with short names, with those of Rock Ridge, and with those of
Joliet. A file may be in one of them alone, so each is read, and data that has been given is not given again.

Source: ECMA-119 (4th edition) 8.4, 9.1; SUSP 1.12; RRIP 1.12; Joliet specification; El Torito specification 1.0;
ECMA-167 2/9 (the sequence that announces UDF).
"""

import struct
from collections.abc import Iterator
from itertools import chain

import msgspec

from hashaudit.content.containers.archive_ends import has_more
from hashaudit.content.containers.interface import (
    CHUNK_BYTES,
    ContainerError,
    Found,
    MemberContent,
    RandomSource,
    Trouble,
)
from hashaudit.content.containers.udf_tree import UdfTree, content_of
from hashaudit.model.faults import FaultCode

SECTOR = 2048
FIRST_DESCRIPTOR = 16
MAX_DESCRIPTORS = 64
MAX_DIRECTORY_BYTES = 64 << 20
MAX_CONTINUATIONS = 64
"""Areas of further fields of one entry."""

ENDS_EARLY = "the archive ends early"
DAMAGED = "the archive is damaged; members may be missing"
COMPRESSED = "the member is compressed for zisofs, and its digest is of the compressed form"

_BOOT, _PRIMARY, _OTHER, _LAST = 0, 1, 2, 255
_JOLIET = (b"%/@", b"%/C", b"%/E")
_FLOPPIES = {1: 1200 << 10, 2: 1440 << 10, 3: 2880 << 10}
"""Bytes of an image for the emulation of a floppy disk."""

_SECTOR_OF_CD = 512


SESSION_SECTORS = 16
"""Sessions begin at multiples of it in images that xorriso makes."""
MAX_SEARCHED_SECTORS = 1 << 20
"""Sectors behind the first session in which others are looked for, 2 GiB."""
MAX_SESSIONS = 100


class _Tree(msgspec.Struct, frozen=True):
    extent: int
    size: int
    block_bytes: int
    is_joliet: bool


class _File(msgspec.Struct):
    name: bytes
    extents: list[tuple[int, int]]
    """Positions and lengths in bytes."""
    is_compressed: bool = False


class _Entry(msgspec.Struct, frozen=True):
    name: bytes
    position: int
    size: int
    flags: int
    is_link: bool
    is_compressed: bool


class _Descriptors(msgspec.Struct):
    trees: list[_Tree] = []
    catalog: int | None = None
    """Sector of the list of boot images."""
    end: int = 0
    has_udf: bool = False
    is_whole: bool = False


def read_iso(source: RandomSource) -> Iterator[Found]:
    """Reads all files of all trees, then boot images and data behind the image that no tree names."""
    found = _descriptors(source)
    if not found.is_whole:
        yield Trouble(FaultCode.DAMAGED, DAMAGED)
    reader = _Iso(source)
    number = 0
    seen: set[tuple[int, int]] = set()
    known: list[list[tuple[int, int]]] = []
    others = _other_sessions(source, found)
    trees = [tree for session in (found, *others) for tree in _in_order(reader, session.trees)]
    for tree_number, tree in enumerate(trees):
        for file in reader.files(tree):
            is_seen = all(extent in seen or not extent[1] for extent in file.extents)
            if tree_number and is_seen:
                continue
            seen.update(extent for extent in file.extents if extent[1])
            known.append(file.extents)
            size = sum(length for _, length in file.extents)
            yield MemberContent(number, file.name, reader.content(file), size)
            number += 1
        if reader.is_damaged:
            reader.is_damaged = False
            yield Trouble(FaultCode.DAMAGED, DAMAGED)
    if found.has_udf:
        for one in _udf_members(source, known, number):
            number += isinstance(one, MemberContent)
            yield one
    starts = {position for position, _ in seen}
    for name, position, size in _boot_images(source, found.catalog):
        if position not in starts:
            yield MemberContent(number, name, reader.content(_File(name, [(position, size)])), size)
            number += 1
    end = found.end if not others else max(found.end, *(position + size for position, size in seen))
    if found.trees and end < source.size and has_more(source, end):
        rest = _File(b"", [(end, source.size - end)])
        yield MemberContent(number, b"", reader.content(rest), rest.extents[0][1])


def _udf_members(source: RandomSource, known: list[list[tuple[int, int]]], number: int) -> Iterator[Found]:
    """Yields the files that only the UDF file system of an image names."""
    tree, joined = UdfTree(source), {extent for extents in map(_joined, known) for extent in extents}
    for file in tree.files():
        if not all(extent in joined for extent in file.extents):
            size = sum(length for _, length in file.extents)
            yield MemberContent(number, file.name, content_of(source, file.extents), size)
            number += 1
    if tree.trouble is not None:
        yield tree.trouble


def _joined(extents: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Returns extents with those that lie behind one another as one."""
    found: list[tuple[int, int]] = []
    for position, length in extents:
        if found and sum(found[-1]) == position:
            found[-1] = found[-1][0], found[-1][1] + length
        else:
            found.append((position, length))
    return found


def _other_sessions(source: RandomSource, main: _Descriptors) -> list[_Descriptors]:
    """Returns the descriptors of other sessions of a disc, whose files the main ones may not name any more.

    Later sessions stand behind the first one. Programs that rewrite a disc keep the earlier ones at multiples of 16.
    """
    if not main.trees:
        return []
    end = min(main.end, source.size) // SECTOR
    inside = range(FIRST_DESCRIPTOR + SESSION_SECTORS, end, SESSION_SECTORS)
    behind = range(max(end, FIRST_DESCRIPTOR + 1), min(source.size // SECTOR, end + MAX_SEARCHED_SECTORS))
    found: list[_Descriptors] = []
    for sector in chain(inside, behind):
        if source.read_at(sector * SECTOR, 6) == b"\x01CD001" and len(found) < MAX_SESSIONS:
            session = _descriptors(source, sector)
            session.trees = [tree for tree in session.trees if _is_of_disc(source, tree, sector)]
            if session.trees:
                found.append(session)
    return found


def _is_of_disc(source: RandomSource, tree: _Tree, sector: int) -> bool:
    """Returns whether the root of a tree is where it says. An image that is a file of the disc has other counts."""
    record = source.read_at(tree.extent * tree.block_bytes, 34)
    is_root = len(record) == 34 and record[0] >= 34 and record[32] == 1 and record[33] == 0
    return (
        tree.extent * tree.block_bytes > sector * SECTOR
        and is_root
        and record[2:6] == tree.extent.to_bytes(4, "little")
    )


def _descriptors(source: RandomSource, first: int = FIRST_DESCRIPTOR) -> _Descriptors:
    found = _Descriptors()
    for sector in range(first, first + MAX_DESCRIPTORS):
        data = source.read_at(sector * SECTOR, SECTOR)
        kind, standard = data[:1], data[1:6]
        if standard in {b"NSR02", b"NSR03"}:
            found.has_udf = True
        elif standard != b"CD001" or len(data) < SECTOR:
            if standard not in {b"BEA01", b"TEA01", b"BOOT2"}:
                break
        elif kind[0] == _BOOT and data[7:].startswith(b"EL TORITO"):
            (found.catalog,) = struct.unpack_from("<I", data, 71)
        elif kind[0] in {_PRIMARY, _OTHER}:
            (blocks,), (block_bytes,) = struct.unpack_from("<I", data, 80), struct.unpack_from("<H", data, 128)
            if block_bytes not in {512, 1024, SECTOR}:
                continue
            extent, size = struct.unpack_from("<I4xI", data, 156 + 2)
            is_joliet = kind[0] == _OTHER and data[88:91] in _JOLIET
            found.trees.append(_Tree(extent, size, block_bytes, is_joliet))
            found.end = max(found.end, blocks * block_bytes)
        elif kind[0] == _LAST:
            found.is_whole = bool(found.trees)
    return found


def _in_order(reader: "_Iso", trees: list[_Tree]) -> list[_Tree]:
    """Returns the trees with the one first that has the names of the files before they were shortened."""
    has_names = bool(trees) and reader.has_rock_ridge(trees[0])
    return sorted(trees, key=lambda tree: not tree.is_joliet) if not has_names else trees


class _Iso:
    def __init__(self, source: RandomSource) -> None:
        self._source = source
        self._skipped = 0
        self.is_damaged = False
        """True if a directory could not be read."""

    def has_rock_ridge(self, tree: _Tree) -> bool:
        """Returns whether the tree has the names of POSIX."""
        data = self._source.read_at(tree.extent * tree.block_bytes, SECTOR)
        if len(data) < 40 or not data[0]:
            return False
        fields = data[33 + data[32] + (data[32] + 1) % 2 : data[0]]
        self._skipped = fields[6] if fields[:2] == b"SP" and len(fields) > 6 else 0
        return fields[:2] == b"SP"

    def files(self, tree: _Tree) -> Iterator[_File]:
        """Yields the files of a tree, by directory."""
        waiting = [(b"", tree.extent * tree.block_bytes, tree.size)]
        visited: set[int] = set()
        while waiting:
            path, position, size = waiting.pop()
            if position in visited:
                continue
            visited.add(position)
            directories = []
            joined: _File | None = None
            for entry in self._entries(tree, position, size):
                name = path + entry.name
                if entry.flags & 2:
                    directories.append((name + b"/", entry.position, entry.size))
                    continue
                if entry.is_link:
                    continue
                if joined is not None and joined.name == name:
                    joined.extents.append((entry.position, entry.size))
                else:
                    joined = _File(name, [(entry.position, entry.size)], entry.is_compressed)
                if not entry.flags & 0x80:
                    yield joined
                    joined = None
            if joined is not None:
                self.is_damaged = True
                yield joined
            waiting += reversed(directories)

    def _entries(self, tree: _Tree, position: int, size: int) -> Iterator[_Entry]:
        data = self._source.read_at(position, min(size, MAX_DIRECTORY_BYTES))
        self.is_damaged = self.is_damaged or len(data) < size
        at = 0
        while at < len(data):
            length = data[at]
            if not length:  # entries do not cross sectors
                at = (at // SECTOR + 1) * SECTOR
                continue
            record = data[at : at + length]
            at += length
            if len(record) < 34 or len(record) < 33 + record[32]:
                self.is_damaged = True
                return
            name = record[33 : 33 + record[32]]
            if name in {b"\0", b"\1"}:
                continue
            (extent,), (content_bytes,) = struct.unpack_from("<I", record, 2), struct.unpack_from("<I", record, 10)
            fields = {}
            if tree.is_joliet:
                name = name[: len(name) & ~1].decode("utf-16-be", "surrogatepass").encode("utf-8", "surrogatepass")
            else:
                fields = self._fields(record[33 + len(name) + (len(name) + 1) % 2 + self._skipped :])
            short = name.removesuffix(b";1").removesuffix(b".")
            mode = fields.get(b"PX", b"")[:4]
            yield _Entry(
                fields.get(b"NM") or short,
                (extent + record[1]) * tree.block_bytes,
                content_bytes,
                record[25],
                is_link=int.from_bytes(mode, "little") & 0o170000 == 0o120000,
                is_compressed=b"ZF" in fields,
            )

    def _fields(self, data: bytes) -> dict[bytes, bytes]:
        """Returns the system-use fields of an entry, with the parts of its name joined."""
        found: dict[bytes, bytes] = {}
        for _ in range(MAX_CONTINUATIONS):
            following = None
            while len(data) >= 4 and 4 <= data[2] <= len(data):
                kind, value = data[:2], data[4 : data[2]]
                if kind == b"NM" and value:
                    if not value[0] & 6:  # not the directory itself, nor the one around it
                        found[kind] = found.get(kind, b"") + value[1:]
                elif kind == b"CE" and len(value) >= 24:
                    following = struct.unpack_from("<I4xI4xI", value)
                elif kind == b"ST":
                    break
                else:
                    found.setdefault(kind, value)
                data = data[data[2] :]
            if following is None:
                break
            sector, offset, length = following
            data = self._source.read_at(sector * SECTOR + offset, min(length, SECTOR))
        return found

    def content(self, file: _File) -> Iterator[bytes]:
        """Yields the content of a file."""
        for position, length in file.extents:
            at = position
            while at < position + length:
                data = self._source.read_at(at, min(CHUNK_BYTES, position + length - at))
                if not data:
                    raise ContainerError(FaultCode.DAMAGED, ENDS_EARLY)
                yield data
                at += len(data)
        if file.is_compressed:
            raise ContainerError(FaultCode.UNSUPPORTED, COMPRESSED, is_complete=True)


def _boot_images(source: RandomSource, catalog: int | None) -> Iterator[tuple[bytes, int, int]]:
    """Yields name, position and length of each boot image (El Torito 2.0 to 2.4)."""
    if catalog is None:
        return
    data = source.read_at(catalog * SECTOR, SECTOR)
    for at in range(32, len(data) - 31, 32):
        media, count, extent = data[at + 1] & 0xF, *struct.unpack_from("<HI", data, at + 6)
        if data[at] != 0x88 or not extent:
            continue
        size = _FLOPPIES.get(media) or count * _SECTOR_OF_CD
        yield b"[BOOT]/%d" % (at // 32), extent * SECTOR, size
