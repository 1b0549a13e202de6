"""Readers of 7z, cab, lha, xar, lz4 and compress files, through libarchive.

The library skips some things in silence. They are looked for here: data behind the end of an archive, parts of a split
cabinet, an end that is missing, an archive in which the library finds nothing.

Source: 7zFormat.txt; [MS-CAB] 2.1; libarchive, ``archive_read_data_block(3)``.
"""

import ctypes
import errno
import locale
import struct
from collections.abc import Iterator

import msgspec

from hashaudit.content.containers import libarchive
from hashaudit.content.containers.archive_ends import has_more, has_wrong_checksum, lz4_end, xar_end
from hashaudit.content.containers.interface import (
    CHUNK_BYTES,
    ContainerError,
    Found,
    MemberContent,
    RandomReader,
    RandomSource,
    Trouble,
)
from hashaudit.content.containers.libarchive import END, FATAL, OK, WARN
from hashaudit.content.containers.member_source import MemorySource
from hashaudit.content.containers.seven_zip_encryption import DecryptedArchive, SevenZipPasswords, decrypted_archives
from hashaudit.content.containers.sniff import SEARCHED_BYTES, find_appended
from hashaudit.content.containers.zip_encryption import NO_PASSWORD_OR_DAMAGED
from hashaudit.model.containers import ContainerKind
from hashaudit.model.faults import FaultCode

DAMAGED = "the archive is damaged; members may be missing"
DAMAGED_MEMBER = "the content of the member is damaged"
ENCRYPTED = "the member is encrypted"
DIRECTORY_ENCRYPTED = "the central directory is encrypted"
UNSUPPORTED = "this form of the archive is not supported"
ENDS_EARLY = "the archive ends early"
TRAILING = "other data follows the end of the archive"
OTHER_VOLUME = "the member begins in another volume of a split archive"
MEMORY = "more memory was needed than --max-memory allows"
WRONG_SIZE = "the size of the member does not agree with its content"
LEFT_OUT = "a member is not read, and so those behind it are not"

XAR_HEADER_BYTES = 28

MOST_SKIPPED_BYTES = 1 << 30
"""Content of a member that nobody wants, which has to be unpacked to reach the next one."""

MAX_FAILURES = 1000
"""Damaged headers, and blocks without data, after which nothing more is expected."""

UTF8_LOCALES = ("C.UTF-8", "C.utf8", "en_US.UTF-8")


class _Archive:
    """One archive that is read from a source by callbacks."""

    def __init__(self, source: RandomSource, start: int, end: int, supports: tuple[str, ...]) -> None:
        library = libarchive.load_library()
        if library is None:
            raise ContainerError(FaultCode.READER_MISSING, "no library")
        self._library = library
        self._source = source
        self._start, self._end, self._position = start, end, start
        self._buffer = b""
        self.error: Exception | None = None
        """Raised by the source in a callback, which cannot raise through the library."""
        self._callbacks = (
            libarchive.READ_CALLBACK(self._read),
            libarchive.SEEK_CALLBACK(self._seek),
            libarchive.SKIP_CALLBACK(self._skip),
        )
        self._handle = ctypes.c_void_p(library.archive_read_new())
        self._entry = ctypes.c_void_p(library.archive_entry_new())
        for name in supports:
            if getattr(library, f"archive_read_support_{name}")(self._handle) != OK:
                raise ContainerError(FaultCode.UNSUPPORTED, UNSUPPORTED)
        library.archive_read_set_read_callback(self._handle, self._callbacks[0])
        library.archive_read_set_seek_callback(self._handle, self._callbacks[1])
        library.archive_read_set_skip_callback(self._handle, self._callbacks[2])
        library.archive_read_set_callback_data(self._handle, None)

    def close(self) -> None:
        """Frees the memory of the library."""
        self._library.archive_read_free(self._handle)
        self._library.archive_entry_free(self._entry)

    def open(self) -> int:
        """Reads the start of the archive."""
        return self._checked(self._library.archive_read_open1(self._handle))

    def next_header(self) -> int:
        """Reads the header of the next entry."""
        return self._checked(self._library.archive_read_next_header2(self._handle, self._entry))

    def blocks(self) -> Iterator[tuple[int, int, bytes]]:
        """Yields result, offset and data of each block of the present entry, the last with a result that ends it."""
        data, size, offset = ctypes.c_void_p(), ctypes.c_size_t(), ctypes.c_int64()
        result, empty = OK, 0
        while result == OK:
            size.value = 0
            result = self._checked(
                self._library.archive_read_data_block(
                    self._handle, ctypes.byref(data), ctypes.byref(size), ctypes.byref(offset)
                )
            )
            block = ctypes.string_at(data.value, size.value) if data.value and size.value and result != END else b""
            empty = 0 if block else empty + 1
            if empty > MAX_FAILURES:
                result = FATAL
            yield result, offset.value, block

    @property
    def name(self) -> bytes:
        """The name of the present entry, in UTF-8 if the format has characters and not bytes."""
        name: bytes | None = self._library.archive_entry_pathname(self._entry)
        if name is not None:
            return name
        characters: str | None = self._library.archive_entry_pathname_w(self._entry)
        return b"" if characters is None else characters.encode("utf-8", "surrogatepass")

    @property
    def size(self) -> int | None:
        """The size that the header of the present entry states."""
        is_set = self._library.archive_entry_size_is_set(self._entry)
        return max(0, int(self._library.archive_entry_size(self._entry))) if is_set else None

    @property
    def is_file(self) -> bool:
        """True if the present entry has content of its own."""
        kind = self._library.archive_entry_filetype(self._entry)
        is_link = self._library.archive_entry_hardlink(self._entry) is not None
        return kind in {libarchive.REGULAR, libarchive.NO_TYPE} and not is_link

    @property
    def is_encrypted(self) -> bool:
        """True if the content of the present entry is encrypted."""
        return bool(self._library.archive_entry_is_encrypted(self._entry))

    @property
    def is_filtered(self) -> bool:
        """True if the archive is unpacked as a whole."""
        return bool(self._library.archive_filter_code(self._handle, 0))

    def fault(self, *, of_member: bool) -> tuple[FaultCode, str]:
        """Returns the reason of the last result that is an error."""
        text = (self._library.archive_error_string(self._handle) or b"").decode("ascii", "replace").lower()
        if self._library.archive_errno(self._handle) == errno.ENOMEM:
            return FaultCode.OUT_OF_MEMORY, MEMORY
        if "encrypted" in text or "passphrase" in text:
            return FaultCode.ENCRYPTED, ENCRYPTED if of_member else DIRECTORY_ENCRYPTED
        if "unsupported" in text or "not supported" in text:
            return FaultCode.UNSUPPORTED, UNSUPPORTED
        return FaultCode.DAMAGED, DAMAGED_MEMBER if of_member else DAMAGED

    @property
    def unread_bytes(self) -> int:
        """Bytes of the source that the library has not asked for."""
        return self._end - self._position

    def _checked(self, result: int) -> int:
        if self.error is not None:
            raise self.error
        return result

    def _read(self, _archive: object, _data: object, buffer: "ctypes._Pointer[ctypes.c_void_p]") -> int:
        try:
            self._buffer = self._source.read_at(self._position, min(CHUNK_BYTES, self._end - self._position))
        except Exception as error:  # noqa: BLE001 # raised by _checked
            self.error = error
            return FATAL
        self._position += len(self._buffer)
        buffer[0] = ctypes.cast(ctypes.c_char_p(self._buffer), ctypes.c_void_p)
        return len(self._buffer)

    def _seek(self, _archive: object, _data: object, offset: int, whence: int) -> int:
        base = {0: self._start, 1: self._position, 2: self._end}.get(whence, self._start)
        if not self._start <= base + offset <= self._end:
            return FATAL
        self._position = base + offset
        return self._position - self._start

    def _skip(self, _archive: object, _data: object, count: int) -> int:
        skipped = max(0, min(count, self._end - self._position))
        self._position += skipped
        return skipped


def _read(archive: _Archive) -> Iterator[Found]:
    """Yields the members of an archive, then a fault if some may be missing."""
    try:
        result = archive.open()
        if result < WARN:
            yield Trouble(*archive.fault(of_member=False))
            return
        count = failures = 0
        while (result := archive.next_header()) != END:
            if result != OK:
                failures += 1
                if failures == 1:
                    yield Trouble(*archive.fault(of_member=False))
                if result == FATAL or failures > MAX_FAILURES:
                    return
                if result < WARN:
                    continue
            if not archive.is_file:
                continue
            state = _State()
            yield MemberContent(count, archive.name, _content(archive, state), archive.size)
            count += 1
            if not state.has_ended and (archive.size or 0) > MOST_SKIPPED_BYTES:
                yield Trouble(FaultCode.LIMIT_REACHED, LEFT_OUT)
                return
            if state.is_fatal:
                yield Trouble(FaultCode.DAMAGED, DAMAGED)
                return
    finally:
        archive.close()


class _State:
    """The reading of one member."""

    has_ended = False
    is_fatal = False


def _content(archive: _Archive, state: _State) -> Iterator[bytes]:
    if archive.is_encrypted:
        # The library would unpack the member's bytes as they are.
        state.has_ended = True
        raise ContainerError(FaultCode.ENCRYPTED, ENCRYPTED)
    at, stated = 0, archive.size
    for result, offset, block in archive.blocks():
        if block:
            if offset < at:
                raise ContainerError(FaultCode.DAMAGED, DAMAGED_MEMBER)
            yield from _zeros(offset - at)
            for start in range(0, len(block), CHUNK_BYTES):
                yield block[start : start + CHUNK_BYTES]
            at = offset + len(block)
        if result not in {OK, END}:
            state.has_ended = True
            state.is_fatal = result == FATAL
            raise ContainerError(*archive.fault(of_member=True), is_complete=result == WARN and at == stated)
    state.has_ended = True
    if stated is not None and at < stated:
        # The library does not look for the end of a member in every format.
        raise ContainerError(FaultCode.DAMAGED, WRONG_SIZE)


def _zeros(count: int) -> Iterator[bytes]:
    while count > 0:
        yield bytes(min(count, CHUNK_BYTES))
        count -= CHUNK_BYTES


def read_7z(source: RandomSource, passwords: SevenZipPasswords | None = None) -> Iterator[Found]:
    """Reads a 7z archive, also one behind a program.

    Args:
        source: the bytes of the file.
        passwords: tried if it is encrypted.
    """
    start = 0
    head = source.read_at(0, 32)
    if not head.startswith(b"7z"):
        found = find_appended(source.read_at(0, SEARCHED_BYTES))
        if found is None or found[0] is not ContainerKind.SEVEN_ZIP:
            yield Trouble(FaultCode.DAMAGED, DAMAGED)
            return
        start = found[1]
        head = source.read_at(start, 32)
    if len(head) < 32:
        yield Trouble(FaultCode.DAMAGED, ENDS_EARLY)
        return
    offset, size = struct.unpack_from("<QQ", head, 12)
    end = start + 32 + offset + size
    if end > source.size:
        yield Trouble(FaultCode.DAMAGED, ENDS_EARLY)
    decrypted = _decrypted(source, start, passwords) if passwords else []
    if decrypted:
        plain = _fitting(decrypted)
        yield from _sure(_read(_Archive(plain, 0, plain.size, ("format_7zip",))))
    else:
        yield from _read(_Archive(source, start, min(end, source.size), ("format_7zip",)))
    yield from _trailing(source, end)


def _decrypted(source: RandomSource, start: int, passwords: SevenZipPasswords) -> list[DecryptedArchive]:
    try:
        return decrypted_archives(source, start, passwords.for_archive())
    except ContainerError as error:
        if error.code is FaultCode.ENCRYPTED:
            raise
        return []  # the library may read more of it


def _fitting(archives: list[DecryptedArchive]) -> DecryptedArchive:
    """Returns the archive as the first password shows it with which the first member agrees with its checksum."""
    for archive in archives if len(archives) > 1 else ():
        for found in _read(_Archive(archive, 0, archive.size, ("format_7zip",))):
            if isinstance(found, Trouble):
                break
            if not found.size:
                continue
            try:
                for _ in found.chunks:
                    pass
            except ContainerError:
                break
            return archive
    return archives[0]


def _sure(members: Iterator[Found]) -> Iterator[Found]:
    """Yields members. Until one of them agrees with its checksum, damage may be a wrong password."""
    proof: list[int] = []

    def content(chunks: Iterator[bytes]) -> Iterator[bytes]:
        count = 0
        try:
            for data in chunks:
                count += len(data)
                yield data
        except ContainerError as error:
            if proof or error.code is not FaultCode.DAMAGED:
                raise
            raise ContainerError(FaultCode.ENCRYPTED, NO_PASSWORD_OR_DAMAGED) from None
        proof[:] = proof or [count] * (count > 0)

    for found in members:
        if isinstance(found, MemberContent):
            found.chunks = content(found.chunks)
            yield found
        elif proof or found.code is not FaultCode.DAMAGED:
            yield found
        else:
            yield Trouble(FaultCode.ENCRYPTED, NO_PASSWORD_OR_DAMAGED)


def read_cab(source: RandomSource) -> Iterator[Found]:
    """Reads a cabinet."""
    head = source.read_at(0, 60).ljust(60, b"\0")
    (end,) = struct.unpack_from("<I", head, 8)
    (flags,) = struct.unpack_from("<H", head, 30)
    if end > source.size:
        yield Trouble(FaultCode.DAMAGED, ENDS_EARLY)
    if flags & 3:
        yield Trouble(FaultCode.INCOMPLETE, OTHER_VOLUME)
    archive = _Archive(source, 0, min(end, source.size), ("format_cab",))
    is_doubtful = has_wrong_checksum(source)
    for found in _read(archive):
        if is_doubtful and isinstance(found, MemberContent):
            found.chunks = _doubted(found.chunks)
        yield found
    if flags & 4 and head[36:40] == b"\x14\0\0\0":
        # A signature may follow: the reserved field has its place and length (osslsigncode, cab.c).
        at, count = struct.unpack_from("<II", head, 44)
        end = at + count if at == end else end
    yield from _trailing(source, end)


def _doubted(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yields content, and then the fault that some block of the archive is damaged."""
    yield from chunks
    raise ContainerError(FaultCode.DAMAGED, DAMAGED_MEMBER, is_complete=True)


def read_xar(source: RandomSource) -> Iterator[Found]:
    """Reads a xar archive."""
    yield from _read(_Archive(source, 0, source.size, ("format_xar",)))
    end = xar_end(source)
    if end is not None and end > source.size:
        yield Trouble(FaultCode.DAMAGED, ENDS_EARLY)
    # libarchive itself writes the first bytes of the table once more behind the data.
    rest = b"" if end is None else source.read_at(end, XAR_HEADER_BYTES)
    if end is not None and rest != source.read_at(XAR_HEADER_BYTES, len(rest)):
        yield from _trailing(source, end)


def _reader(*supports: str) -> RandomReader:
    def read(source: RandomSource) -> Iterator[Found]:
        yield from _read(_Archive(source, 0, source.size, supports))

    return read


def read_lz4(source: RandomSource) -> Iterator[Found]:
    """Reads an lz4 file. The frames behind one another are one content."""
    yield from _stream_reader("filter_lz4")(source)
    yield from _trailing(source, lz4_end(source))


def _stream_reader(support: str) -> RandomReader:
    def read(source: RandomSource) -> Iterator[Found]:
        archive = _Archive(source, 0, source.size, (support, "format_raw"))
        for found in _read(archive):
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


def _trailing(source: RandomSource, end: int) -> Iterator[Trouble]:
    if has_more(source, end):
        yield Trouble(FaultCode.TRAILING_DATA, TRAILING)


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
