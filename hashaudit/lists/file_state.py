"""State of a file, to detect that it changed or was replaced before it is opened again."""

import os
from typing import Self

import msgspec

from hashaudit.model.times import TimeNs, time_ns


class FileState(msgspec.Struct, frozen=True, array_like=True):
    """The metadata that changes when the name refers to another file, or the file gets other content."""

    device: int
    inode: int
    size_bytes: int
    mtime_ns: TimeNs

    @classmethod
    def of(cls, status: os.stat_result) -> Self:
        """Returns the state from the result of ``stat``."""
        return cls(status.st_dev, status.st_ino, status.st_size, time_ns(status.st_mtime_ns))
