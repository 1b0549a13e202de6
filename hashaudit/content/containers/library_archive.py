"""One archive as the library libarchive reads it: its entries, their blocks, and the reasons of errors.

Source: libarchive, ``archive_read_data_block(3)``.
"""

import ctypes
import errno
from collections.abc import Iterator

from hashaudit.content.containers import libarchive
from hashaudit.content.containers.interface import CHUNK_BYTES, ContainerError, RandomSource
from hashaudit.content.containers.libarchive import END, FATAL, OK
from hashaudit.model.faults import FaultCode

DAMAGED = "the archive is damaged; members may be missing"
DAMAGED_MEMBER = "the content of the member is damaged"
ENCRYPTED = "the member is encrypted"
DIRECTORY_ENCRYPTED = "the central directory is encrypted"
UNSUPPORTED = "this form of the archive is not supported"
MEMORY = "more memory was needed than --max-memory allows"

MAX_FAILURES = 1000
"""Damaged headers, and blocks without data, after which nothing more is expected."""


class LibraryArchive:
    """One archive that the library reads from a source by callbacks.

    Args:
        source: the bytes of the file.
        start: where the archive begins.
        end: where it ends.
        supports: the format and filters that the library may expect.

    Raises:
        ContainerError: the library is not there, or does not know one of them.
    """

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
        if "unsupported" in text or "not supported" in text or "codec id" in text:
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
