"""A log of authenticated frames: appended in one write, and read up to the first truncated or altered frame.

The seal of a frame is keyed BLAKE2b (RFC 7693 section 2.9) over a random number of the file, the frame's index and its
content. Frames can therefore be cut off at the end, but not be changed, moved or copied from another file.
"""

import contextlib
import hashlib
import os
import struct
from collections.abc import Iterable, Iterator

from hashaudit.host.files import NOFOLLOW, open_regular

MAGIC = b"hashaudit journal 1\n"
NONCE_BYTES = 16
SEAL_BYTES = 16

_HEADER = struct.Struct("<I16s")
_PLACE = struct.Struct("<Q")
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | NOFOLLOW | getattr(os, "O_CLOEXEC", 0)
_MODE = 0o600


class AuthenticatedLog:
    """Writes frames. Every method that writes raises OSError as the system does."""

    def __init__(self, path: bytes, key: bytes, own_files: set[tuple[int, int]]) -> None:
        """Creates the object; :meth:`replace` creates the file.

        Args:
            path: of the file.
            key: at most 64 bytes.
            own_files: device and inode of files that the walk skips. Contains only the present file's,
                because those of a removed file may be reused.
        """
        self._own_files = own_files
        self._identity: tuple[int, int] | None = None
        self._path = path
        self._key = key
        self._descriptor = -1
        self._nonce = b""
        self._count = 0
        self.size = 0
        """Bytes in the file."""

    def replace(self, frames: Iterable[bytes]) -> None:
        """Replaces the file atomically by a new one with these frames."""
        new = self._path + b".new"
        with contextlib.suppress(FileNotFoundError):
            os.unlink(new)
        descriptor = os.open(new, _NEW, _MODE)
        try:
            nonce = os.urandom(NONCE_BYTES)
            sealed = [MAGIC, nonce]
            for count, frame in enumerate(frames):
                sealed.append(_sealed(self._key, nonce, count, frame))
            _write_all(descriptor, b"".join(sealed))
            os.fsync(descriptor)
            os.replace(new, self._path)
        except OSError:
            os.close(descriptor)
            with contextlib.suppress(OSError):
                os.unlink(new)
            raise
        self.close()
        status = os.fstat(descriptor)
        self._identity = (status.st_dev, status.st_ino)
        self._own_files.add(self._identity)
        self._descriptor, self._nonce, self._count = descriptor, nonce, len(sealed) - 2
        self.size = sum(map(len, sealed))

    def append(self, frames: Iterable[bytes]) -> None:
        """Appends frames in one write."""
        sealed = []
        for frame in frames:
            sealed.append(_sealed(self._key, self._nonce, self._count, frame))
            self._count += 1
        data = b"".join(sealed)
        _write_all(self._descriptor, data)
        self.size += len(data)

    def sync(self) -> None:
        """Waits until everything is on disk."""
        os.fsync(self._descriptor)

    def close(self) -> None:
        """Closes the file; may be called again."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
        if self._identity is not None:
            self._own_files.discard(self._identity)
            self._identity = None

    def remove(self) -> None:
        """Closes and removes the file."""
        self.close()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._path)


def read_frames(path: bytes, key: bytes) -> Iterator[bytes]:
    """Yields the frames that are complete and sealed with the key, up to the first that is not.

    Raises:
        OSError: the file cannot be read.
    """
    with open_regular(path) as file:
        if file.read(len(MAGIC)) != MAGIC:
            return
        nonce = file.read(NONCE_BYTES)
        left = os.fstat(file.fileno()).st_size - len(MAGIC) - NONCE_BYTES
        count = 0
        while left >= _HEADER.size:
            head = file.read(_HEADER.size)
            length, seal = _HEADER.unpack(head) if len(head) == _HEADER.size else (left, b"")
            left -= _HEADER.size + length
            if left < 0:
                return
            frame = file.read(length)
            if _seal(key, nonce, count, frame) != seal:
                return
            yield frame
            count += 1


def _sealed(key: bytes, nonce: bytes, count: int, frame: bytes) -> bytes:
    return _HEADER.pack(len(frame), _seal(key, nonce, count, frame)) + frame


def _seal(key: bytes, nonce: bytes, count: int, frame: bytes) -> bytes:
    state = hashlib.blake2b(nonce, digest_size=SEAL_BYTES, key=key)
    state.update(_PLACE.pack(count))
    state.update(frame)
    return state.digest()


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
