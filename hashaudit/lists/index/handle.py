"""Handle of an index for another process: the bytes of a small index, or the path of a larger one to map."""

import os

import msgspec

from hashaudit.errors import ListError
from hashaudit.lists.index.index_reader import ListIndex


class IndexHandle(msgspec.Struct, frozen=True, array_like=True):
    """One compiled index of a scan."""

    list_numbers: tuple[int, ...]
    """Number of each of its lists in the run header."""
    checksum: bytes
    """Header checksum, which detects a file that was replaced since."""
    content: bytes | None = None
    path: bytes | None = None
    """Absolute path."""

    def open(self) -> ListIndex:
        """Opens the index for lookups.

        Raises:
            ListError: the file cannot be read, or was replaced.
        """
        if self.content is not None:
            return ListIndex.from_bytes(self.content, self.list_numbers)
        path = os.fsdecode(self.path or b"")
        index = ListIndex.open(path, self.list_numbers)
        if index.header.checksum != self.checksum:
            raise ListError(f"compiled index was replaced while it was in use: '{path}'", hint="start again")
        return index
