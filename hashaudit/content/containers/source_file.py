"""A source as the file object that libraries in C read."""

from hashaudit.content.containers.interface import CHUNK_BYTES, ContainerError, RandomSource
from hashaudit.model.faults import FaultCode


class SourceFile:
    """A file object that reads a source. It keeps the error of the source, which the library does not pass on."""

    def __init__(self, source: RandomSource) -> None:
        self._source = source
        self._at = 0
        self.error: ContainerError | None = None
        """The last error of the source."""

    def read(self, size: int = -1) -> bytes:
        """Returns the next bytes."""
        size = self._source.size - self._at if size < 0 else size
        parts: list[bytes] = []
        while size > 0:
            try:
                data = self._source.read_at(self._at, min(size, CHUNK_BYTES))
            except ContainerError as error:
                self.error = error
                raise OSError from error
            if not data:
                break
            parts.append(data)
            self._at += len(data)
            size -= len(data)
        return b"".join(parts)

    def take_error(self, damage: str) -> ContainerError:
        """Returns why a library could not read: the error of the source, or else damage, in the given words."""
        error, self.error = self.error, None
        return error or ContainerError(FaultCode.DAMAGED, damage)

    def seek(self, offset: int, whence: int = 0) -> int:
        """Moves to a position."""
        self._at = max(0, offset + (0, self._at, self._source.size)[whence])
        return self._at

    def tell(self) -> int:
        """Returns the position."""
        return self._at

    def get_size(self) -> int:
        """Returns the length in bytes."""
        return self._source.size
