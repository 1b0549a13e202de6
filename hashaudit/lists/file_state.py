"""Tells whether a file that is opened again is the one that was meant, and as it was."""

import os
from typing import Self

import msgspec


class FileState(msgspec.Struct, frozen=True, array_like=True):
    """What changes when another file takes a name, or another content a file."""

    device: int
    inode: int
    size_bytes: int
    mtime_ns: int

    @classmethod
    def of(cls, status: os.stat_result) -> Self:
        """The state that ``stat`` tells."""
        return cls(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
