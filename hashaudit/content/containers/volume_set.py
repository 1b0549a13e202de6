"""Images and archives that are split over several files, their volumes, which lie beside one another.

Only the names of volumes say which belong together. Each name of a set follows from that of its first volume.

Source: libewf, "Expert Witness Compression Format (EWF)", section 2.2; PKWARE APPNOTE 8.3.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import count

from hashaudit.content.containers.appended_archives import SEARCHED_BYTES, TAIL_BYTES, appended_start
from hashaudit.content.containers.interface import RandomSource
from hashaudit.content.containers.member_source import Beside, FileSource, ReadInOrder
from hashaudit.content.containers.rar_blocks import has_volumes
from hashaudit.model.containers import ContainerKind

MAX_VOLUMES = 100_000
MOST_MISSING = 20
"""Volumes in a row that may be missing before a set is taken to end there."""

_EWF_NAME = re.compile(rb"(.*\.[ELS]x?)01", re.DOTALL | re.IGNORECASE)
_EWF_LATER = re.compile(rb"(.*\.)([ELS-Z]x?)(\d\d|[A-Z]{2})", re.DOTALL | re.IGNORECASE)
_NUMBERED = re.compile(rb"(.*\.)(0{2,}[01])", re.DOTALL)
_ZIP_NAME = re.compile(rb"(.*\.)([zZ])[iI][pP]", re.DOTALL)
_ZIP_LATER = re.compile(rb"(.*\.)([zZ])(\d{2,5})", re.DOTALL)

_RAR_PART = re.compile(rb"(.*\.part)(\d{1,5})(\.(?:rar|exe))", re.DOTALL | re.IGNORECASE)
_RAR_OLD = re.compile(rb"(.*\.)([r-zR-Z])(\d\d|ar|AR)", re.DOTALL)

_LETTERS = 26
_NUMBERS = 99
"""Volumes of an image with a number in their name; those behind them have letters."""


class VolumeSet(ReadInOrder):
    """The contents of volumes behind one another.

    Args:
        volumes: in their order.
        missing: suffix of the volume behind them, which is not there; ``None``: they may be all.
    """

    def __init__(self, volumes: Sequence[RandomSource], missing: bytes | None = None) -> None:
        self.volumes = volumes
        """In their order."""
        self.missing = missing
        self.behind_gaps: set[int] = set()
        """Positions in :attr:`volumes` of those behind a missing one."""
        self.has_gap = False
        """True if volumes behind the missing one are there."""
        self.starts: list[int] = []
        """Position of each volume."""
        self.size = 0
        for volume in volumes:
            self.starts.append(self.size)
            self.size += volume.size

    def read_at(self, offset: int, count: int) -> bytes:
        """Returns the bytes at a position."""
        count = min(count, self.size - offset)
        if count <= 0 or offset < 0:
            return b""
        parts = []
        while count > 0:
            number = bisect_right(self.starts, offset) - 1
            within = offset - self.starts[number]
            data = self.volumes[number].read_at(within, min(count, self.volumes[number].size - within))
            if not data:
                break
            parts.append(data)
            offset += len(data)
            count -= len(data)
        return parts[0] if len(parts) == 1 else b"".join(parts)


def missing_volume_text(suffix: bytes | None) -> str:
    """Returns the message of the fault for a volume that is not there."""
    name = (suffix or b"").decode("ascii", "replace")
    return f"the volume {name} is not beside the others" if name else "a part of the image is in another file"


def with_volumes(kind: ContainerKind, source: RandomSource) -> RandomSource:
    """Returns a file together with the other volumes of its set, if it is the first of one.

    Args:
        kind: what the first volume is.
        source: the file.
    """
    beside = source.beside if isinstance(source, FileSource) else None
    if beside is None:
        return source
    if kind is ContainerKind.ZIP and (found := _ZIP_NAME.fullmatch(beside.name)) is not None:
        return _split_zip(source, beside, found[1] + found[2])
    if kind is ContainerKind.RAR:
        return _split_rar(source, beside)
    names = _names(kind, beside.name)
    if names is None:
        return source
    volumes, missing = [source], None
    for name in names:
        volume = beside.open(name) if len(volumes) < MAX_VOLUMES else None
        if volume is None or (kind is ContainerKind.EWF and not _is_ewf(volume, len(volumes) + 1)):
            missing = _suffix(name)
            break
        volumes.append(volume)
    joined = VolumeSet(volumes, missing)
    joined.has_gap = any(beside.open(name) is not None for name, _ in zip(names, range(MOST_MISSING), strict=False))
    return joined


def is_later_volume(kind: ContainerKind, source: RandomSource) -> bool:
    """Returns whether a file is a volume that is read with the first of its set, which lies beside it."""
    beside = source.beside if isinstance(source, FileSource) else None
    if beside is None:
        return False
    if kind is ContainerKind.EWF and (found := _EWF_LATER.fullmatch(beside.name)) is not None:
        number = int.from_bytes(source.read_at(9, 2), "little")
        for letter in _first_letters(found[2]) if number > 1 else ():
            if _ewf_name(found[1] + letter, number) == beside.name:
                first = beside.open(found[1] + letter + b"01")
                return first is not None and _is_ewf(first, 1)
        return False
    if kind is ContainerKind.RAR:
        return _is_later_rar(source, beside)
    if kind is ContainerKind.ZIP and (found := _ZIP_LATER.fullmatch(beside.name)) is not None:
        last = beside.open(found[1] + (b"zip" if found[2] == b"z" else b"ZIP"))
        return last is not None and 0 < int(found[3]) <= _disk_of(last)
    return False


def _split_rar(source: RandomSource, beside: Beside) -> RandomSource:
    """Returns a rar archive with the volumes behind it. Those behind a missing one are read too."""
    if not _is_first_rar(beside.name) or not _is_rar_volume(source):
        return source
    volumes, missing, behind_gaps, absent = [source], None, set[int](), 0
    name = _next_rar(beside.name)
    while name is not None and absent <= MOST_MISSING and len(volumes) < MAX_VOLUMES:
        volume = beside.open(name)
        if volume is None or not _is_rar_volume(volume):
            absent += 1
            missing = missing or name
        else:
            if absent:
                behind_gaps.add(len(volumes))
            absent = 0
            volumes.append(volume)
        name = _next_rar(name)
    joined = VolumeSet(volumes, None if missing is None else _rar_suffix(missing))
    joined.behind_gaps, joined.has_gap = behind_gaps, bool(behind_gaps)
    return joined


def _is_later_rar(source: RandomSource, beside: Beside) -> bool:
    if _is_first_rar(beside.name) or not _is_rar_volume(source):
        return False
    if (found := _RAR_PART.fullmatch(beside.name)) is not None:
        number = b"%0*d" % (len(found[2]), 1)
        names = [found[1] + number + suffix for suffix in (found[3], b".exe", b".EXE")]
    elif (found := _RAR_OLD.fullmatch(beside.name)) is not None:
        names = [found[1] + (b"rar" if found[2].islower() else b"RAR")]
    else:
        return False
    return any((first := beside.open(name)) is not None and _is_rar_volume(first) for name in names)


def _is_first_rar(name: bytes) -> bool:
    if (found := _RAR_PART.fullmatch(name)) is not None:
        return int(found[2]) == 1
    found = _RAR_OLD.fullmatch(name)
    return found is not None and not found[3].isdigit()


def _is_rar_volume(source: RandomSource) -> bool:
    start = 0
    if not source.read_at(0, 7).startswith(b"Rar!\x1a\x07"):
        found = appended_start(source.read_at, min(source.size, SEARCHED_BYTES), ContainerKind.RAR)
        if found is None:
            return False
        start = found
    return has_volumes(source, start)


def _rar_suffix(name: bytes) -> bytes:
    return _suffix(name if _RAR_PART.fullmatch(name) is None else name[: name.rfind(b".")])


def missing_rar(source: RandomSource) -> bytes | None:
    """Returns the suffix of the volume behind one of rar, if it is not beside it; ``None``: it is, or may be."""
    beside = source.beside if isinstance(source, FileSource) else None
    name = None if beside is None else _next_rar(beside.name)
    if beside is None or name is None or beside.open(name) is not None:
        return None
    return _rar_suffix(name)


def _next_rar(name: bytes) -> bytes | None:
    """Returns the name of the next volume: ``.part2.rar`` behind ``.part1.rar``, or ``.r00`` behind ``.rar``."""
    if (found := _RAR_PART.fullmatch(name)) is not None:
        # Only the first one may be a program.
        suffix = found[3] if found[3].lower() == b".rar" else b".rar" if found[3].islower() else b".RAR"
        return found[1] + b"%0*d" % (len(found[2]), int(found[2]) + 1) + suffix
    if (found := _RAR_OLD.fullmatch(name)) is None:
        return None
    letter, number = found[2], found[3]
    if not number.isdigit():
        return found[1] + letter + b"00" if letter in b"rR" else None
    following = int(number) + 1
    return found[1] + (letter + b"%02d" % following if following < 100 else bytes((letter[0] + 1,)) + b"00")


def names_beside(name: bytes, others: Callable[[], Sequence[bytes]]) -> Iterator[bytes]:
    """Yields the names of the other volumes of a set that are there.

    Args:
        name: of a file, perhaps the first volume of a set.
        others: returns the names in its directory.
    """
    following = _next_rar(name)
    if following is not None:
        present, lacking = frozenset(others()), 0
        while following is not None and lacking <= MOST_MISSING:
            lacking = 0 if following in present else lacking + 1
            if following in present:
                yield following
            following = _next_rar(following)
        return
    for kind in (ContainerKind.EWF, ContainerKind.PARTITIONS, ContainerKind.ZIP):
        names = _names(kind, name)
        if names is not None:
            there = frozenset(others())
            absent = 0
            for other in names:
                absent = 0 if other in there else absent + 1
                if absent > MOST_MISSING:
                    return
                if other in there:
                    yield other
            return


def _names(kind: ContainerKind, name: bytes) -> Iterator[bytes] | None:
    """Returns the names of the volumes behind the first; ``None``: the name is not that of a first volume."""
    if kind is ContainerKind.EWF:
        return _ewf_names(name) if _EWF_NAME.fullmatch(name) else None
    if kind is ContainerKind.ZIP and (of_zip := _ZIP_NAME.fullmatch(name)) is not None:
        stem = of_zip[1] + of_zip[2]
        return (b"%s%02d" % (stem, number) for number in range(1, MAX_VOLUMES))
    numbered = _NUMBERED.fullmatch(name)
    if numbered is None:
        return None
    stem, digits = numbered[1], numbered[2]
    return (stem + b"%0*d" % (len(digits), number) for number in count(int(digits) + 1))


def _ewf_names(first: bytes) -> Iterator[bytes]:
    stem = first[:-2]
    for number in count(2):
        name = _ewf_name(stem, number)
        if name is None:
            return
        yield name


def _ewf_name(stem: bytes, number: int) -> bytes | None:
    """Returns the name of a volume: ``.E01`` to ``.E99``, ``.EAA`` to ``.EZZ``, ``.FAA`` and so on."""
    if number <= _NUMBERS:
        return stem + b"%02d" % number
    first, rest = divmod(number - _NUMBERS - 1, _LETTERS * _LETTERS)
    at = -2 if stem[-1:] in b"xX" else -1
    letter = stem[at] + first
    if letter > (0x7A if stem[at] >= 0x61 else 0x5A):
        return None
    base = 0x61 if stem[at] >= 0x61 else 0x41
    pair = bytes((base + rest // _LETTERS, base + rest % _LETTERS))
    return stem[:at] + bytes((letter,)) + (stem[at + 1 :] if at == -2 else b"") + pair


def _first_letters(letter: bytes) -> list[bytes]:
    """Returns the letters with which the first volume of an image may begin its suffix."""
    words = (b"E", b"L", b"S") if letter[:1].isupper() else (b"e", b"l", b"s")
    return [word + letter[1:] for word in words if word <= letter[:1]][::-1]


def _is_ewf(source: RandomSource, number: int) -> bool:
    head = source.read_at(0, 13)
    return head.startswith((b"EVF\x09\x0d\x0a\xff\x00", b"LVF\x09\x0d\x0a\xff\x00")) and head[9:11] == number.to_bytes(
        2, "little"
    )


def _split_zip(source: RandomSource, beside: Beside, stem: bytes) -> RandomSource:
    """Returns a zip with the volumes before it, which is the last, as many as its end record states (4.3.16)."""
    disk = _disk_of(source)
    if not disk:
        return source
    volumes = []
    for number in range(1, disk + 1):
        name = b"%s%02d" % (stem, number)
        volume = beside.open(name)
        if volume is None:
            alone = VolumeSet([source], _suffix(name))
            alone.has_gap = True
            return alone
        volumes.append(volume)
    return VolumeSet([*volumes, source])


def _disk_of(source: RandomSource) -> int:
    """Returns the number of the volume that holds a zip's end record, from 0."""
    tail = source.read_at(max(0, source.size - TAIL_BYTES), TAIL_BYTES)
    at = tail.rfind(b"PK\x05\x06")
    disk = int.from_bytes(tail[at + 4 : at + 6], "little") if at >= 0 else 0
    locator = tail[at - 20 : at] if at >= 20 else b""
    if disk == 0xFFFF and locator.startswith(b"PK\x06\x07"):
        disk = int.from_bytes(locator[16:20], "little") - 1
    return disk if disk < MAX_VOLUMES else 0


def _suffix(name: bytes) -> bytes:
    return name[name.rfind(b".") :]
