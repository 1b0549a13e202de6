"""Readers of cab, lha, xar, lz4 and compress files, through libarchive.

What the library skips in silence is looked for here: parts of a split cabinet, checksums, data behind the end.

Source: [MS-CAB] 2.1.
"""

import locale
import struct
from collections.abc import Iterator

import msgspec

from hashaudit.content.containers.archive_ends import has_wrong_checksum, lz4_end, xar_end
from hashaudit.content.containers.interface import (
    ContainerError,
    Found,
    MemberContent,
    RandomReader,
    RandomSource,
    Trouble,
)
from hashaudit.content.containers.library_archive import DAMAGED, DAMAGED_MEMBER, LibraryArchive
from hashaudit.content.containers.library_members import members_of, trailing
from hashaudit.content.containers.member_source import MemorySource
from hashaudit.content.containers.seven_zip_reader import read_7z
from hashaudit.model.containers import ContainerKind
from hashaudit.model.faults import FaultCode

ENDS_EARLY = "the archive ends early"
OTHER_VOLUME = "the member begins in another volume of a split archive"

XAR_HEADER_BYTES = 28

UTF8_LOCALES = ("C.UTF-8", "C.utf8", "en_US.UTF-8")


def read_cab(source: RandomSource) -> Iterator[Found]:
    """Reads a cabinet."""
    head = source.read_at(0, 60).ljust(60, b"\0")
    (end,) = struct.unpack_from("<I", head, 8)
    (flags,) = struct.unpack_from("<H", head, 30)
    if end > source.size:
        yield Trouble(FaultCode.DAMAGED, ENDS_EARLY)
    if flags & 3:
        yield Trouble(FaultCode.INCOMPLETE, OTHER_VOLUME)
    archive = LibraryArchive(source, 0, min(end, source.size), ("format_cab",))
    is_doubtful = has_wrong_checksum(source)
    for found in members_of(archive):
        if is_doubtful and isinstance(found, MemberContent):
            found.chunks = _doubted(found.chunks)
        yield found
    if flags & 4 and head[36:40] == b"\x14\0\0\0":
        # A signature may follow: the reserved field has its place and length (osslsigncode, cab.c).
        at, count = struct.unpack_from("<II", head, 44)
        end = at + count if at == end else end
    yield from trailing(source, end)


def _doubted(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yields content, and then the fault that some block of the archive is damaged."""
    yield from chunks
    raise ContainerError(FaultCode.DAMAGED, DAMAGED_MEMBER, is_complete=True)


def read_xar(source: RandomSource) -> Iterator[Found]:
    """Reads a xar archive."""
    yield from members_of(LibraryArchive(source, 0, source.size, ("format_xar",)))
    end = xar_end(source)
    if end is not None and end > source.size:
        yield Trouble(FaultCode.DAMAGED, ENDS_EARLY)
    # libarchive itself writes the first bytes of the table once more behind the data.
    rest = b"" if end is None else source.read_at(end, XAR_HEADER_BYTES)
    if end is not None and rest != source.read_at(XAR_HEADER_BYTES, len(rest)):
        yield from trailing(source, end)


def _reader(*supports: str) -> RandomReader:
    def read(source: RandomSource) -> Iterator[Found]:
        yield from members_of(LibraryArchive(source, 0, source.size, supports))

    return read


def read_lz4(source: RandomSource) -> Iterator[Found]:
    """Reads an lz4 file. The frames behind one another are one content."""
    is_damaged: list[bool] = []

    def noted(chunks: Iterator[bytes]) -> Iterator[bytes]:
        try:
            yield from chunks
        except ContainerError:
            is_damaged.append(True)
            raise

    for found in _stream_reader("filter_lz4")(source):
        if isinstance(found, MemberContent):
            found.chunks = noted(found.chunks)
        else:
            is_damaged.append(True)
        yield found
    if not is_damaged:
        yield from trailing(source, lz4_end(source))


def _stream_reader(support: str) -> RandomReader:
    def read(source: RandomSource) -> Iterator[Found]:
        archive = LibraryArchive(source, 0, source.size, (support, "format_raw"))
        for found in members_of(archive):
            if isinstance(found, MemberContent) and not archive.is_filtered:
                # Without the right first bytes, the library gives the file as it is.
                yield Trouble(FaultCode.DAMAGED, DAMAGED)
                return
            # The library calls what it unpacks "data".
            yield msgspec.structs.replace(found, name=b"") if isinstance(found, MemberContent) else found

    return read


READERS: dict[ContainerKind, RandomReader] = {
    ContainerKind.SEVEN_ZIP: read_7z,
    ContainerKind.CAB: read_cab,
    ContainerKind.LHA: _reader("format_lha"),
    ContainerKind.XAR: read_xar,
    ContainerKind.LZ4: read_lz4,
    ContainerKind.COMPRESS: _stream_reader("filter_compress"),
}


def prepare() -> None:
    """Lets the library convert names of UTF-16 to UTF-8, and load its tables."""
    for name in UTF8_LOCALES:
        try:
            locale.setlocale(locale.LC_CTYPE, name)
        except locale.Error:
            continue
        break
    for kind, reader in READERS.items():
        list(reader(MemorySource(kind.value.encode() * 10)))
