"""Records of the table of files (MFT) of NTFS: names, and where contents lie.

The Sleuth Kit takes about twice as long for a record, and does not say how much of a content was ever written. This
module reads the usual records only. All others, such as those of compressed files, are left to it.

Source: "NTFS Documentation" of the Linux-NTFS project, "FILE record" and "Attributes"; the layout in ntfs-3g,
``layout.h``.
"""

import struct
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

from hashaudit.content.containers.interface import RandomSource
from hashaudit.content.containers.run_content import Run, RunContent, add_run

ROOT = 5
"""Number of the root directory."""

MAX_DEPTH = 128
WINDOW_BYTES = 256 * 1024
MOST_WINDOWS = 8
MAX_NAMES = 4_000_000
"""Directories of which the path is kept."""

_HEAD = struct.Struct("<4sHH8xHHHHIIQ")
_ATTRIBUTE = struct.Struct("<IIBBHHHIH")
"""Type, length, form, characters and place of the name, flags, number; of a resident one, size and place."""
_OUTSIDE = struct.Struct("<QQHHIQQQ")
"""First and last cluster, place of the runs, unit of compression, sizes: on disk, of the content, as written."""
_REFERENCE = struct.Struct("<Q")
_PADDING = bytes(_ATTRIBUTE.size)
"""Behind a record, so that the head of an attribute can be read wherever it begins in it."""
_LISTED = struct.Struct("<IHBBQQH")
"""An entry of a list of attributes: type, length, name, first cluster, record, number."""
_IN_USE, _IS_DIRECTORY = 1, 2
_LIST, _NAME, _END = 0x20, 0x30, 0xFFFFFFFF
_CONTENTS = frozenset((_LIST, 0x80))
_NAME_BYTES = 66
_DOS = 2
_NUMBER = (1 << 48) - 1

Reference = int
"""Number of a record in the lower 48 bits, sequence number in the upper 16."""


class MftStream(NamedTuple):
    """The content of a file, or of an alternate stream."""

    name: bytes
    """Empty for the file's own content."""
    size: int
    written: int
    """Bytes that were ever written."""
    content: bytes | None
    """Present if it is in the record."""
    runs: list[Run]


class MftRecord(NamedTuple):
    """A record of which the structure is right."""

    sequence: int
    is_in_use: bool
    is_directory: bool
    is_base: bool
    """It is not the continuation of another record."""
    parent: Reference | None
    """The directory that holds the file under :attr:`name`; ``None``: the record has no name."""
    name: bytes
    """The first name that is not one of DOS, else that of DOS."""
    is_dos: bool
    streams: list[MftStream] | None
    """``None``: they have to be read otherwise."""
    listed: MftStream | None
    """A list of the attributes, if some of them are in other records."""


class MftLayout(NamedTuple):
    """Sizes of a file system."""

    record_bytes: int
    cluster_bytes: int
    clusters: int


def read_record(data: bytes, layout: MftLayout) -> MftRecord | None:
    """Reads one record; ``None``: it is damaged, or was never used."""
    if len(data) < layout.record_bytes or data[:4] != b"FILE":
        return None
    _, fixup_at, fixup_count, sequence, _, at, flags, used, _, base = _HEAD.unpack_from(data)
    whole = _fixed(data, fixup_at, fixup_count - 1)
    if whole is None or not 42 <= at < used <= len(data):
        return None
    parent: Reference | None = None
    name, is_dos = b"", False
    contents: list[tuple[int, MftStream | None]] = []
    while at + 8 <= used:
        kind, length, form, letters, name_at, marks, _, size, content_at = _ATTRIBUTE.unpack_from(whole, at)
        if kind == _END:
            break
        if length < 24 or at + length > used:
            return None
        if kind == _NAME:
            if form or not _NAME_BYTES <= size <= length - content_at:
                return None
            if _NAME_BYTES + 2 * whole[at + content_at + 64] > size:
                return None
            if parent is None or is_dos:
                parent, name, is_dos = _named(whole, at + content_at, parent, name)
        elif kind in _CONTENTS:
            place = (letters, name_at), (form, size, content_at)
            contents.append((kind, None if marks else _stream(whole[at : at + length], *place, layout)))
        at += length
    is_directory = bool(flags & _IS_DIRECTORY)
    listed = next((stream for kind, stream in contents if kind == _LIST), None)
    own = [stream for kind, stream in contents if kind != _LIST and stream is not None]
    streams = own if len(own) == len(contents) else None
    return MftRecord(sequence, bool(flags & _IN_USE), is_directory, base == 0, parent, name, is_dos, streams, listed)


def _named(data: bytes, at: int, before: Reference | None, other: bytes) -> tuple[Reference, bytes, bool]:
    """Returns directory and name of a file, and whether the name is one of DOS; else the ones that it has before."""
    is_dos = data[at + 65] == _DOS
    if is_dos and before is not None:
        return before, other, True
    text = data[at + _NAME_BYTES : at + _NAME_BYTES + 2 * data[at + 64]]
    return _REFERENCE.unpack_from(data, at)[0], _utf8(text), is_dos


def _stream(attribute: bytes, own: tuple[int, int], place: tuple[int, int, int], layout: MftLayout) -> MftStream | None:
    """Returns a content; ``None``: it is not one of the usual ones."""
    (letters, name_at), (form, size, at) = own, place
    end = name_at + 2 * letters
    if end > len(attribute):
        return None
    name = _utf8(attribute[name_at:end]) if letters else b""
    if form:
        return _outside(name, attribute, layout)
    return MftStream(name, size, size, attribute[at : at + size], []) if at + size <= len(attribute) else None


def _utf8(text: bytes) -> bytes:
    """Returns a name in UTF-8. NTFS allows halves of surrogate pairs, which are kept."""
    return text[: len(text) & ~1].decode("utf-16-le", "surrogatepass").encode("utf-8", "surrogatepass")


def _fixed(data: bytes, at: int, count: int) -> bytes | None:
    """Returns a record with the last two bytes of each sector, which the update sequence holds; ``None``: damaged."""
    stride = len(data) // count if count > 0 else 0
    if stride < 256 or stride * count != len(data) or at + 2 * (count + 1) > stride - 2:
        return None
    mark = data[at : at + 2]
    parts: list[bytes] = []
    start = 0
    for number in range(1, count + 1):
        end = number * stride
        if data[end - 2 : end] != mark:
            return None
        parts += (data[start : end - 2], data[at + 2 * number : at + 2 * number + 2])
        start = end
    parts.append(_PADDING)
    return b"".join(parts)


def _outside(name: bytes, attribute: bytes, layout: MftLayout) -> MftStream | None:
    """Returns a stream that lies in clusters; ``None``: it is not one of the usual ones."""
    if len(attribute) < 64:
        return None
    first, last, at, _, _, _, size, written = _OUTSIDE.unpack_from(attribute, 16)
    if first or written > size:
        return None
    runs: list[Run] = []
    clusters = cluster = 0
    cluster_bytes, most = layout.cluster_bytes, layout.clusters
    end = len(attribute)
    while at < end and (head := attribute[at]):
        of_length, of_place = head & 15, head >> 4
        middle = at + 1 + of_length
        at = middle + of_place
        if not (of_length and of_place) or at > end:
            return None  # a hole
        count = int.from_bytes(attribute[middle - of_length : middle], "little")
        cluster += int.from_bytes(attribute[middle:at], "little", signed=True)
        if count == 0 or cluster <= 0 or cluster + count > most:
            return None
        add_run(runs, cluster * cluster_bytes, count * cluster_bytes)
        clusters += count
    if clusters != (last + 1) & ((1 << 64) - 1) or clusters * cluster_bytes < size:
        return None
    return MftStream(name, size, written, None, runs)


class MftTable:
    """The table of files.

    Args:
        read_at: reads the table at a position.
        count: records in it.
        disk: the bytes of the file system.
        layout: its sizes.
    """

    def __init__(self, read_at: Callable[[int, int], bytes], count: int, disk: RandomSource, layout: MftLayout) -> None:
        self._read_at = read_at
        self._count = count
        self._disk = disk
        self._layout = layout
        self._per_window = max(1, WINDOW_BYTES // layout.record_bytes)
        self._windows: OrderedDict[int, bytes] = OrderedDict()
        self._directories: dict[Reference, bytes | None] = {}

    def record(self, number: int) -> MftRecord | None:
        """Returns a record; ``None``: it is damaged, was never used, or cannot be read."""
        if not 0 <= number < self._count:
            return None
        at, within = divmod(number, self._per_window)
        window = self._windows.get(at)
        length = self._layout.record_bytes
        if window is None:
            window = self._read_at(at * self._per_window * length, self._per_window * length)
            self._windows[at] = window
            if len(self._windows) > MOST_WINDOWS:
                self._windows.popitem(last=False)
        else:
            self._windows.move_to_end(at)
        return read_record(window[within * length : (within + 1) * length], self._layout)

    def path(self, record: MftRecord) -> bytes | None:
        """Returns the path of a file; ``None``: it has no name, or its directory is not there any more."""
        parent, name = record.parent, record.name
        if record.listed is not None and (parent is None or record.is_dos):
            parent, name = self._name_elsewhere(record.listed, parent, name)
        if parent is None:
            return None
        above = self._directory(parent)
        return None if above is None else above + name

    def _directory(self, reference: Reference) -> bytes | None:
        """Returns the path of a directory, with a slash at its end."""
        passed: list[tuple[Reference, bytes]] = []
        path: bytes | None = None
        while len(passed) < MAX_DEPTH:
            if reference & _NUMBER == ROOT:
                path = b""
                break
            if reference in self._directories:
                path = self._directories[reference]
                break
            record = self.record(reference & _NUMBER)
            if record is None or record.parent is None or not _is_directory(record, reference >> 48):
                passed.append((reference, b""))
                break
            passed.append((reference, record.name))
            reference = record.parent
        if len(self._directories) > MAX_NAMES:
            self._directories.clear()
        for each, name in reversed(passed):
            path = self._directories[each] = None if path is None else path + name + b"/"
        return path

    def _name_elsewhere(
        self, listed: MftStream, parent: Reference | None, name: bytes
    ) -> tuple[Reference | None, bytes]:
        """Returns the first name that is not one of DOS, in the records of a list; else the given one."""
        data = listed.content
        if data is None:
            data = RunContent(self._disk, listed.runs, listed.size, listed.written).whole() or b""
        at = 0
        while at + _LISTED.size <= len(data):
            kind, length, _, _, _, reference, _ = _LISTED.unpack_from(data, at)
            if length < _LISTED.size:
                break
            other = self.record(reference & _NUMBER) if kind == _NAME else None
            if other is not None and other.parent is not None and (parent is None or not other.is_dos):
                parent, name = other.parent, other.name
                if not other.is_dos:
                    break
            at += length
        return parent, name


def _is_directory(record: MftRecord, sequence: int) -> bool:
    """Returns whether a record is the directory that had a sequence number, which grows when it is deleted."""
    stated = record.sequence if record.is_in_use else record.sequence - 1
    return record.is_directory and record.is_base and stated & 0xFFFF == sequence
