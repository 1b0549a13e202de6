"""Writes images of PDF documents that are no files by themselves as files, so that they can be decoded.

The data of an image stays as it is where a format takes it so: rows with predictors of PNG become a PNG, CCITT fax and
deflate become a TIFF, and JBIG2 gets its header. Everything else is unpacked into a TIFF.

Source: ISO 32000-2 7.4.4.4, 7.4.6, 7.4.7, 8.6 and 8.9.5; W3C PNG 5; TIFF 6.0; ITU-T T.88 annex D.
"""

import struct
import zlib
from collections.abc import Callable, Iterator

import msgspec

from hashaudit.content.containers.interface import CHUNK_BYTES, ContainerError
from hashaudit.content.containers.pdf_dictionary import Name, Reference, Value, typed
from hashaudit.content.containers.pdf_filters import UNKNOWN_FILTER, decoded
from hashaudit.model.faults import FaultCode

UNSUPPORTED = "this form of the image is not supported"
WRONG_SIZE = "the size of the member does not agree with its content"

FILTERS = {b"CCITTFaxDecode": b".tif", b"CCF": b".tif", b"JBIG2Decode": b".jb2"}
"""Filters that only images have, with the suffix of the file that is written."""
_FLATE = frozenset((b"FlateDecode", b"Fl"))
_COLOURS = {
    b"DeviceGray": 1,
    b"G": 1,
    b"CalGray": 1,
    b"DeviceRGB": 3,
    b"RGB": 3,
    b"CalRGB": 3,
    b"DeviceCMYK": 4,
    b"CMYK": 4,
}
MOST_SIDE = 1 << 24
MOST_PALETTE_BYTES = 4096

Resolve = Callable[[Value], Value]
"""Returns the object that a reference names; of a stream its dictionary."""
Read = Callable[[Value, int], bytes]
"""Returns the unpacked content of the stream that a reference names, at most so many bytes."""


class Raster(msgspec.Struct, frozen=True):
    """An image as its dictionary describes it."""

    width: int
    height: int
    bits: int
    """Bits of each component."""
    components: int
    palette: bytes | None
    """Three bytes a colour."""
    is_inverted: bool
    filters: tuple[bytes, ...]
    parameters: tuple[dict[bytes, Value], ...]
    """The parameters of each filter."""

    @property
    def suffix(self) -> bytes:
        """The usual suffix of the file that is written."""
        last = self.filters[-1] if self.filters else b""
        return FILTERS.get(last) or (b".png" if self._predictor >= 10 else b".tif")

    @property
    def _predictor(self) -> int:
        return typed(self.parameters[-1].get(b"Predictor"), int, 1) if self.parameters else 1

    def file(self, stored: Iterator[bytes], stored_bytes: int | None, read: Read) -> Iterator[bytes]:
        """Yields the image as a file.

        Args:
            stored: the data of the stream.
            stored_bytes: its length; ``None``: it is not known yet.
            read: reads another stream.

        Raises:
            ContainerError: it is damaged, or of a form that is not supported.
        """
        last = self.filters[-1] if self.filters else b""
        if last == b"JBIG2Decode":
            yield from self._jbig2(decoded(stored, self.filters[:-1]), read)
        elif last in FILTERS:
            fax = b"".join(decoded(stored, self.filters[:-1]))
            yield self._tiff_head(len(fax), *self._fax_tags())
            yield fax
        elif self._predictor >= 10:
            yield from self._png(decoded(stored, self.filters[:-1]))
        elif last in _FLATE and len(self.filters) == 1 and stored_bytes is not None:
            yield self._tiff_head(stored_bytes, 8, {317: self._predictor} if self._predictor == 2 else {})
            yield from stored
        elif self._predictor == 1:
            yield from self._plain(decoded(stored, self.filters))
        else:
            raise ContainerError(FaultCode.UNSUPPORTED, UNKNOWN_FILTER)

    def _plain(self, rows: Iterator[bytes]) -> Iterator[bytes]:
        length = (self.width * self.bits * self.components + 7) // 8 * self.height
        yield self._tiff_head(length, 1, {})
        for data in rows:
            yield data[:length]
            length -= min(length, len(data))
        if length:
            raise ContainerError(FaultCode.DAMAGED, WRONG_SIZE)

    def _png(self, packed: Iterator[bytes]) -> Iterator[bytes]:
        parameters = self.parameters[-1]
        stated = tuple(
            typed(parameters.get(key), int, default)
            for key, default in ((b"Columns", 1), (b"Colors", 1), (b"BitsPerComponent", 8))
        )
        of_png = {1: 0, 3: 2}.get(self.components)
        is_alike = stated == (self.width, self.components, self.bits) and self.filters[-1] in _FLATE
        if not is_alike or of_png is None or self.is_inverted or (self.palette is not None and self.bits > 8):
            raise ContainerError(FaultCode.UNSUPPORTED, UNSUPPORTED)
        kind = 3 if self.palette is not None else of_png
        yield b"\x89PNG\r\n\x1a\n"
        yield _png_chunk(b"IHDR", struct.pack(">IIBBBBB", self.width, self.height, self.bits, kind, 0, 0, 0))
        if self.palette is not None:
            yield _png_chunk(b"PLTE", self.palette[: 3 << self.bits])
        for data in packed:
            for at in range(0, len(data), CHUNK_BYTES):
                yield _png_chunk(b"IDAT", data[at : at + CHUNK_BYTES])
        yield _png_chunk(b"IEND", b"")

    def _jbig2(self, data: Iterator[bytes], read: Read) -> Iterator[bytes]:
        yield b"\x97JB2\r\n\x1a\n\x01\0\0\0\x01"
        shared = self.parameters[-1].get(b"JBIG2Globals")
        if shared is not None:
            yield read(shared, CHUNK_BYTES)
        yield from data

    def _fax_tags(self) -> tuple[int, dict[int, int]]:
        parameters = self.parameters[-1]
        k = parameters.get(b"K")
        if parameters.get(b"EncodedByteAlign") is True or self.bits * self.components != 1:
            raise ContainerError(FaultCode.UNSUPPORTED, UNSUPPORTED)
        is_black_one = parameters.get(b"BlackIs1") is True
        number = k if isinstance(k, int | float) else 0
        tags = {262: int(is_black_one != self.is_inverted)}
        return (4, tags) if number < 0 else (3, tags | {292: int(number > 0)})

    def _tiff_head(self, length: int, compression: int, tags: dict[int, int]) -> bytes:
        """Returns the header of a TIFF with one strip, which follows it."""
        colours = {1: 0 if self.is_inverted else 1, 3: 2, 4: 5}.get(self.components)
        if colours is None or (self.is_inverted and self.components > 1) or length >> 32:
            raise ContainerError(FaultCode.UNSUPPORTED, UNSUPPORTED)
        bits = (self.bits,) * self.components
        values: dict[int, tuple[int, tuple[int, ...]]] = {
            256: (4, (self.width,)),
            257: (4, (self.height,)),
            258: (3, bits),
            259: (3, (compression,)),
            262: (3, (3 if self.palette is not None else colours,)),
            273: (4, (0,)),
            277: (3, (self.components,)),
            278: (4, (self.height,)),
            279: (4, (length,)),
        }
        if self.components == 4:
            values[332] = (3, (1,))
        if self.palette is not None:
            shades = self.palette.ljust(3 << self.bits, b"\0")[: 3 << self.bits]
            values[320] = (3, tuple(value * 257 for part in range(3) for value in shades[part::3]))
        values |= {tag: (4 if tag == 292 else 3, (value,)) for tag, value in tags.items()}
        rows_end = 8 + 2 + 12 * len(values) + 4
        sizes = {3: 2, 4: 4}
        more = b""
        # The position of the strip is that of the end of the header, which has to be known first.
        end = rows_end + sum(
            sizes[kind] * len(items) for kind, items in values.values() if sizes[kind] * len(items) > 4
        )
        values[273] = (4, (end,))
        rows = b""
        for tag, (kind, items) in sorted(values.items()):
            packed = struct.pack(f">{len(items)}{'H' if kind == 3 else 'I'}", *items)
            if len(packed) > 4:
                place = rows_end + len(more)
                more += packed
                packed = struct.pack(">I", place)
            rows += struct.pack(">HHI", tag, kind, len(items)) + packed.ljust(4, b"\0")
        return b"MM\0*" + struct.pack(">IH", 8, len(values)) + rows + bytes(4) + more


def raster_of(dictionary: dict[bytes, Value], resolve: Resolve, read: Read) -> Raster | None:
    """Returns an image from its dictionary; ``None`` if something in it is unknown."""
    values = {key: resolve(value) for key, value in dictionary.items()}
    width, height = typed(values.get(b"Width"), int, 0), typed(values.get(b"Height"), int, 0)
    is_mask = values.get(b"ImageMask") is True
    filters = _names(values.get(b"Filter"), resolve)
    is_one_bit = is_mask or bool(filters and filters[-1] in FILTERS)
    bits = 1 if is_one_bit else typed(values.get(b"BitsPerComponent"), int, 0)
    space = Name(b"DeviceGray") if is_one_bit else values.get(b"ColorSpace")
    components, palette = _colours(space, resolve, read, 0)
    if not (0 < width < MOST_SIDE and 0 < height < MOST_SIDE) or bits not in {1, 2, 4, 8, 16} or not components:
        return None
    decode = [item for item in typed(values.get(b"Decode"), list, []) if isinstance(item, int | float)]
    is_inverted = bool(decode) and decode[0] > decode[1] if len(decode) > 1 and palette is None else False
    stated = values.get(b"DecodeParms", values.get(b"DP"))
    listed = stated if isinstance(stated, list) else [stated]
    parameters = [typed(resolve(item), dict, {}) for item in listed][: len(filters)]
    parameters += [{}] * (len(filters) - len(parameters))
    resolved = tuple(
        {key: value if key == b"JBIG2Globals" else resolve(value) for key, value in row.items()} for row in parameters
    )
    return Raster(width, height, bits, components, palette, is_inverted, filters, resolved)


def _names(value: Value, resolve: Resolve) -> tuple[bytes, ...]:
    items = [resolve(item) for item in value] if isinstance(value, list) else [value]
    return tuple(item.text for item in items if isinstance(item, Name))


def _colours(space: Value, resolve: Resolve, read: Read, depth: int) -> tuple[int, bytes | None]:
    """Returns the number of components of a colour space, and its palette; 0: it is unknown (8.6)."""
    space = resolve(space)
    if isinstance(space, Name):
        return _COLOURS.get(space.text, 0), None
    if not isinstance(space, list) or not space or depth > 3:
        return 0, None
    family = typed(resolve(space[0]), Name, Name(b"")).text
    if family in _COLOURS:
        return _COLOURS[family], None
    if family == b"ICCBased" and len(space) > 1:
        count = typed(resolve(typed(resolve(space[1]), dict, {}).get(b"N")), int, 0)
        return count if count in {1, 3, 4} else 0, None
    if family in {b"Indexed", b"I"} and len(space) > 3:
        return _indexed(space, resolve, read, depth)
    return 0, None


def _indexed(space: list[Value], resolve: Resolve, read: Read, depth: int) -> tuple[int, bytes | None]:
    count, inner = _colours(space[1], resolve, read, depth + 1)
    lookup = space[3]
    table = read(lookup, MOST_PALETTE_BYTES) if isinstance(lookup, Reference) else typed(lookup, bytes, b"")
    if inner is not None or count not in {1, 3, 4}:
        return 0, None
    if count == 3:
        return 1, table
    rows = [table[at : at + count] for at in range(0, len(table) - count + 1, count)]
    if count == 1:
        return 1, b"".join(row * 3 for row in rows)
    return 1, b"".join(bytes((255 - part) * (255 - row[3]) // 255 for part in row[:3]) for row in rows)


def _png_chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
