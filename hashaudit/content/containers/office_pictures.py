"""Finds images and embedded objects in the streams of Word, Excel and PowerPoint documents by their record headers.

Source: [MS-ODRAW] 2.2.23 to 2.2.31 (OfficeArtBlip records), [MS-PPT] 2.10.34 (ExOleObjStg), [MS-XLS] 2.4.171
(MsoDrawingGroup) and 2.4.58 (Continue).
"""

import re
import struct
from array import array
from bisect import bisect_right
from collections.abc import Iterator

from hashaudit.content.containers import compressed_stream
from hashaudit.content.containers.byte_search import ByteSearch
from hashaudit.content.containers.compressed_stream import ENDS_EARLY, unpacked
from hashaudit.content.containers.interface import ContainerError, RandomSource
from hashaudit.content.containers.member_source import ReadInOrder, chunks_of
from hashaudit.model.faults import FaultCode

_BITMAP, _METAFILE = 17, 50
"""Bytes between the record header and the data, with one identifier; a second one has 16 more."""

_FORMS: dict[bytes, tuple[bytes, int]] = {}
for _instance, _type, _suffix, _skip in (
    (0x3D4, 0xF01A, b"emf", _METAFILE),
    (0x216, 0xF01B, b"wmf", _METAFILE),
    (0x542, 0xF01C, b"pict", _METAFILE),
    (0x46A, 0xF01D, b"jpg", _BITMAP),
    (0x6E2, 0xF01D, b"jpg", _BITMAP),
    (0x46A, 0xF02A, b"jpg", _BITMAP),
    (0x6E2, 0xF02A, b"jpg", _BITMAP),
    (0x6E0, 0xF01E, b"png", _BITMAP),
    (0x7A8, 0xF01F, b"dib", _BITMAP),
    (0x6E4, 0xF029, b"tif", _BITMAP),
):
    for _more in (0, 1):
        _key = struct.pack("<HH", (_instance + _more) << 4, _type)
        _FORMS[_key] = (_suffix, _skip + 16 * _more)
_RECORD = re.compile(b"|".join(map(re.escape, _FORMS)))
_OBJECT = re.compile(rb"[\x00\x10]\x00\x11\x10")
_HEADER_BYTES = 8
_DRAWING_GROUP, _CONTINUE = 0xEB, 0x3C


def find_pictures(view: RandomSource) -> Iterator[tuple[bytes, Iterator[bytes]]]:
    """Yields suffix and content of each image in a stream."""
    search = ByteSearch(view)
    at = 0
    while (found := search.search(_RECORD, at, view.size, _HEADER_BYTES)) is not None:
        start = search.origin + found.start()
        header = search.slice(start, start + _HEADER_BYTES)
        suffix, skip = _FORMS[header[:4]]
        (length,) = struct.unpack_from("<I", header.ljust(_HEADER_BYTES, b"\0"), 4)
        end = start + _HEADER_BYTES + length
        at = start + 1
        if length <= skip or end > view.size:
            if length > skip and start + _HEADER_BYTES + skip < view.size and length < 1 << 28:
                yield suffix, _cut(view, start + _HEADER_BYTES + skip)
            continue
        data_at = start + _HEADER_BYTES + skip
        is_packed = skip in {_METAFILE, _METAFILE + 16} and search.slice(data_at - 2, data_at - 1) == b"\0"
        yield suffix, (_inflated(view, data_at, end) if is_packed else chunks_of(view, data_at, end, ENDS_EARLY))
        at = end


def find_objects(view: RandomSource) -> Iterator[Iterator[bytes]]:
    """Yields the content of each embedded object of a PowerPoint document: a compound file."""
    search = ByteSearch(view)
    at = 0
    while (found := search.search(_OBJECT, at, view.size, 20)) is not None:
        start = search.origin + found.start()
        head = search.slice(start, start + 20)
        (length,) = struct.unpack_from("<I", head.ljust(20, b"\0"), 4)
        end = min(start + _HEADER_BYTES + length, view.size)
        at = start + 1
        if head[0] and head[12:13] == b"\x78" and length > 6:
            yield _inflated(view, start + 12, end)
            at = end
        elif not head[0] and head[8:16] == b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1":
            yield chunks_of(view, start + _HEADER_BYTES, end, ENDS_EARLY)
            at = end


class DrawingGroup(ReadInOrder):
    """The drawings of an Excel workbook, joined from the records that they are cut into."""

    def __init__(self, view: RandomSource) -> None:
        self._view = view
        self._starts, self._places = array("Q"), array("Q")
        self.size = 0
        at, is_within = 0, False
        search = ByteSearch(view)
        while at + 4 <= view.size:
            kind, length = struct.unpack("<HH", search.slice(at, at + 4).ljust(4, b"\0"))
            is_within = kind == _DRAWING_GROUP or (is_within and kind == _CONTINUE)
            if is_within and length:
                self._starts.append(self.size)
                self._places.append(at + 4)
                self.size += length
            at += 4 + length

    def read_at(self, offset: int, count: int) -> bytes:
        """Returns the bytes at a position."""
        parts = []
        end = min(offset + count, self.size)
        while offset < end:
            number = bisect_right(self._starts, offset) - 1
            part_end = self._starts[number + 1] if number + 1 < len(self._starts) else self.size
            wanted = min(end, part_end) - offset
            data = self._view.read_at(self._places[number] + offset - self._starts[number], wanted)
            parts.append(data)
            if len(data) < wanted:
                break
            offset += wanted
        return b"".join(parts)


def _cut(view: RandomSource, start: int) -> Iterator[bytes]:
    yield from chunks_of(view, start, view.size, ENDS_EARLY)
    raise ContainerError(FaultCode.DAMAGED, ENDS_EARLY)


def _inflated(view: RandomSource, start: int, end: int) -> Iterator[bytes]:
    decoder = compressed_stream.zlib_wrapped()
    for data in chunks_of(view, start, end, ENDS_EARLY):
        yield from unpacked(decoder, data)
        if decoder.eof:
            return
    raise ContainerError(FaultCode.DAMAGED, ENDS_EARLY)
