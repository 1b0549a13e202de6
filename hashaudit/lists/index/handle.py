"""How an index gets to another process: as bytes if it is small, as the name of a file to map if it is not."""

import os

import msgspec

from hashaudit.errors import ListError
from hashaudit.lists.index.index_reader import ListIndex


class IndexHandle(msgspec.Struct, frozen=True, array_like=True):
    """One compiled index of a run."""

    list_numbers: tuple[int, ...]
    """The number of each of its lists in the run header."""
    checksum: bytes
    """Of the header: a file that was replaced since is not taken for this one."""
    content: bytes | None = None
    path: bytes | None = None
    """Absolute."""

    def open(self) -> ListIndex:
        """Opens it for lookups.

        Raises:
            ListError: the file cannot be read, or is not the one that was meant.
        """
        if self.content is not None:
            return ListIndex.from_bytes(self.content, self.list_numbers)
        path = os.fsdecode(self.path or b"")
        index = ListIndex.open(path, self.list_numbers)
        if index.header.checksum != self.checksum:
            raise ListError(f"{path}: the compiled index has been replaced while it was in use; start again")
        return index
