"""The compression methods of zip members, and the decoder of each.

Source: PKWARE APPNOTE 6.3.10, 4.4.5 and 5.8.
"""

from collections.abc import Iterator

from hashaudit.content.containers import compressed_stream
from hashaudit.content.containers.compressed_stream import Decoder
from hashaudit.content.containers.interface import ContainerError
from hashaudit.content.containers.zip_central_directory import Entry
from hashaudit.model.faults import FaultCode

UNSUPPORTED = "compression method {} is not supported"
INSTALL = "; install hashaudit[archives]"

METHODS = frozenset((0, 1, 2, 3, 4, 5, 6, 8, 9, 10, 12, 14, 16, 18, 19, 20, 93, 94, 95, 96, 97, 98, 99))
"""Every method that has a meaning."""


def decoder_of(entry: Entry) -> Decoder | None:  # noqa: PLR0911 # one case a method
    """Returns the decoder of a member's method (4.4.5); ``None``: it is stored.

    Raises:
        ContainerError: the method is not supported.
    """
    match entry.method:
        case 0:
            return None
        case 8:
            return compressed_stream.raw_deflate()
        case 9 if (found := compressed_stream.deflate64()) is not None:
            return found
        case 9:
            raise ContainerError(FaultCode.UNSUPPORTED, UNSUPPORTED.format(9) + INSTALL)
        case 12:
            return compressed_stream.bzip2()
        case 14:
            return _Lzma()
        case 20 | 93:
            return compressed_stream.zstd()
        case 95:
            return compressed_stream.xz()
        case _:
            raise ContainerError(FaultCode.UNSUPPORTED, UNSUPPORTED.format(entry.method))


class _Lzma:
    """LZMA in a zip: version, length of the properties, properties, data (5.8.8)."""

    def __init__(self) -> None:
        self._head = b""
        self._decoder: Decoder | None = None

    @property
    def eof(self) -> bool:
        return self._decoder is not None and self._decoder.eof

    @property
    def unused_data(self) -> bytes:
        return b"" if self._decoder is None else self._decoder.unused_data

    def unpack(self, data: bytes) -> Iterator[bytes]:
        if self._decoder is None:
            self._head += data
            if len(self._head) < 9:
                return
            if self._head[2:4] != b"\x05\x00":
                raise ContainerError(FaultCode.DAMAGED, compressed_stream.WRONG_DATA)
            self._decoder = compressed_stream.lzma_raw(self._head[4:9])
            data, self._head = self._head[9:], b""
        yield from self._decoder.unpack(data)


def may_lack_end(entry: Entry) -> bool:
    """Returns whether the end of the member's data is not marked: LZMA without an end marker (4.4.4, bit 1)."""
    return entry.method == 14 and not entry.flags & 2
