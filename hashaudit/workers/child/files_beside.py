"""Opens files beside the one that a worker reads: the further volumes of an image or archive."""

import os
import stat
from collections import OrderedDict
from typing import Self

import msgspec

from hashaudit.content.containers.interface import ContainerError
from hashaudit.content.containers.member_source import FileSource, ReadInOrder, Throttle
from hashaudit.content.read import DirectoryCache
from hashaudit.content.read.directory_cache import ReplacedError
from hashaudit.model.faults import Fault, FaultCode, Stage
from hashaudit.model.location import Location

MAX_OPEN = 32
"""Files that stay open. A set may have thousands of volumes, and is mostly read in their order."""

CHANGED = "a volume of the set changed while it was read"


class FilesBeside:
    """The files beside a file. A context manager that closes them when it exits.

    Args:
        directories: keeps the directory open.
        location: of the file.
        throttle: limits reading.
    """

    def __init__(self, directories: DirectoryCache, location: Location, throttle: Throttle | None) -> None:
        self._directories = directories
        self._location = location
        self.throttle = throttle
        self.name = location.name
        self._open: OrderedDict[bytes, int] = OrderedDict()
        self._states: dict[bytes, os.stat_result] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        for descriptor in self._open.values():
            os.close(descriptor)
        self._open.clear()

    def open(self, name: bytes) -> "_FileBeside | None":
        """Opens a regular file; ``None``: there is none that may be read."""
        try:
            descriptor = self.descriptor(name)
        except ContainerError:
            return None
        return None if descriptor is None else _FileBeside(self, name, self._states[name].st_size)

    def descriptor(self, name: bytes) -> int | None:
        """Returns the descriptor of a file, which is valid until the next call; ``None``: it cannot be read.

        Raises:
            ContainerError: the file is another one than before.
        """
        found = self._open.get(name)
        if found is not None:
            self._open.move_to_end(name)
            return found
        place = msgspec.structs.replace(self._location, name=name, via_symlink=False)
        try:
            descriptor = self._directories.get(place.directory).open(place)
        except (OSError, ReplacedError):
            return None
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            os.close(descriptor)
            return None
        if len(self._open) >= MAX_OPEN:
            _, last = self._open.popitem(last=False)
            os.close(last)
        self._open[name] = descriptor
        if _differ(self._states.setdefault(name, status), status):
            raise ContainerError(FaultCode.DAMAGED, CHANGED)
        return descriptor

    def changes(self) -> tuple[Fault, ...]:
        """Returns a fault if a file that was opened is not in the same state any more."""
        for name, before in self._states.items():
            try:
                descriptor = self.descriptor(name)
            except ContainerError:
                descriptor = None
            if descriptor is None or _differ(before, os.fstat(descriptor)):
                return (Fault(Stage.UNPACK, FaultCode.DAMAGED, CHANGED),)
        return ()


class _FileBeside(ReadInOrder):
    """The content of one file."""

    def __init__(self, files: FilesBeside, name: bytes, size: int) -> None:
        self._files = files
        self._name = name
        self.size = size

    def read_at(self, offset: int, count: int) -> bytes:
        """Returns the bytes at a position."""
        descriptor = self._files.descriptor(self._name)
        if descriptor is None:
            raise ContainerError(FaultCode.DAMAGED, CHANGED)
        return FileSource(descriptor, self.size, self._files.throttle).read_at(offset, count)


def _differ(one: os.stat_result, other: os.stat_result) -> bool:
    return (one.st_dev, one.st_ino, one.st_size, one.st_mtime_ns) != (
        other.st_dev,
        other.st_ino,
        other.st_size,
        other.st_mtime_ns,
    )
