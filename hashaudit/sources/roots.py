"""Resolves the roots that the user named."""

import errno
import os
import stat
from collections import OrderedDict
from typing import NamedTuple, Self

from hashaudit.errors import UsageError
from hashaudit.host.files import is_link, stat_of
from hashaudit.host.mount_table import Mount, MountTable
from hashaudit.host.os_errors import fault_of
from hashaudit.model.entry import Entry
from hashaudit.model.faults import Fault, FaultCode, PathFault, Skipped, SkipReason, Stage
from hashaudit.model.location import DirectoryRef, Location, join_path
from hashaudit.model.paths import for_terminal
from hashaudit.sources.directory import Directory, open_for_lookup
from hashaudit.sources.filesystems import PSEUDO_TYPES, Filesystems
from hashaudit.sources.filters import DirectoryRoot
from hashaudit.sources.interface import RootDescription

MAX_OPEN_PARENTS = 32
"""Directories of roots that stay open. The names of a list mostly come directory by directory."""


def reason_to_skip(mode: int) -> SkipReason:
    """Returns why something that is neither a regular file nor a directory is skipped."""
    if stat.S_ISFIFO(mode):
        return SkipReason.FIFO
    if stat.S_ISSOCK(mode):
        return SkipReason.SOCKET
    return SkipReason.DEVICE


class _Parent(NamedTuple):
    """A directory that holds roots."""

    ref: DirectoryRef
    """Its path without links, and its numbers."""
    directory: Directory


class RootReader:
    """Reads what roots are. Those in one directory cost one look-up of it: a list may name millions.

    A directory that is replaced meanwhile is the old one for this reader. A worker rejects its files then. A context
    manager.
    """

    def __init__(self) -> None:
        self._parents: OrderedDict[bytes, _Parent] = OrderedDict()
        self._mounts: dict[tuple[DirectoryRef, int], tuple[Mount | None, str]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        while self._parents:
            self._parents.popitem()[1].directory.close()

    def real_path(self, given: bytes) -> bytes:
        """Returns the absolute path of a root without links, as far as it can be resolved."""
        found = self._without_link(given)
        return os.path.realpath(given) if found is None else found[0]

    def resolve(
        self, given: bytes, filesystems: Filesystems, number: int = 0
    ) -> DirectoryRoot | Entry | PathFault | Skipped:
        """Returns what a root is. Links are followed, because the user named it; a file is an entry at once.

        Args:
            given: as the user named it.
            filesystems: the filesystems of this machine.
            number: its position among the roots of the scan, from 0.
        """
        try:
            path, parent, status = self._examine(given)
            if stat.S_ISDIR(status.st_mode):
                status = _mounted(path)
                return DirectoryRoot(path, status.st_dev, status.st_ino, number)
        except OSError as error:
            if error.errno == errno.ENOENT and os.path.islink(given):
                fault = Fault(Stage.WALK, FaultCode.BROKEN_LINK, "the link target of ROOT does not exist")
            else:
                fault = fault_of(error, Stage.WALK, "examine ROOT")
            return PathFault(_absolute(given), fault, root=number)
        if not stat.S_ISREG(status.st_mode):
            return Skipped(path, reason_to_skip(status.st_mode))
        kind = filesystems.of(status.st_dev, lambda: path)
        location = Location(parent, os.path.basename(path), root=number)
        return Entry(location, stat_of(status), kind.consistency)

    def describe(self, given: bytes, table: MountTable, *, takes_any: bool = False) -> RootDescription:
        """Returns the description of a root for the run header.

        Args:
            given: as the user named it.
            table: the mounts of this machine, the same for all roots.
            takes_any: describe also what has no content to examine.

        Raises:
            UsageError: the root is neither a directory nor a file, so it has no content to examine.
        """
        try:
            path, parent, status = self._examine(given)
        except OSError:
            return RootDescription(given, _absolute(given))
        is_directory = stat.S_ISDIR(status.st_mode)
        if not takes_any and not is_directory and not stat.S_ISREG(status.st_mode):
            kind = reason_to_skip(status.st_mode)
            raise UsageError(
                f"cannot scan ROOT: '{for_terminal(given)}'; it is a {kind}",
                hint="name a directory or a file, such as a mount point or a disk image",
            )
        mount, options = self._mount_of(path, parent, status, table)
        if mount is None:
            return RootDescription(given, path, device=status.st_dev, inode=status.st_ino)
        pseudo: set[bytes] = set()
        if is_directory:
            below = [one for one in table.below(path) if one.fs_type in PSEUDO_TYPES]
            pseudo = {one.point for one in below if one.device != status.st_dev}
        return RootDescription(
            given,
            path,
            mount.fs_type,
            mount.source,
            options,
            tuple(sorted(pseudo)),
            mount.point,
            device=status.st_dev,
            inode=status.st_ino,
        )

    def _mount_of(
        self, path: bytes, parent: DirectoryRef, status: os.stat_result, table: MountTable
    ) -> tuple[Mount | None, str]:
        """Returns the mount of a root and its options: for most, that of its directory."""
        if path in table.points:
            return _with_options(table.at(path, status.st_dev))
        key = (parent, status.st_dev)
        found = self._mounts.get(key)
        if found is None:
            found = self._mounts[key] = _with_options(table.at(path, status.st_dev))
            if len(self._mounts) > MAX_OPEN_PARENTS:
                self._mounts.pop(next(iter(self._mounts)))
        return found

    def _examine(self, given: bytes) -> tuple[bytes, DirectoryRef, os.stat_result]:
        """Returns the absolute path without links, the parent directory, and the status."""
        found = self._without_link(given)
        if found is not None:
            return found
        path = os.path.realpath(given)
        parent, name = os.path.split(path)
        directory = open_for_lookup(parent)
        try:
            status = directory.status()
            return path, DirectoryRef(parent, status.st_dev, status.st_ino), directory.stat(name or b".", follow=True)
        finally:
            directory.close()

    def _without_link(self, given: bytes) -> tuple[bytes, DirectoryRef, os.stat_result] | None:
        """Returns the same for a name that is not a link; ``None`` for any other, and if something prevents it."""
        above, name = os.path.split(given)
        if not name or name in {b".", b".."}:
            return None
        try:
            parent = self._parents.get(above) or self._open(above)
            status = parent.directory.stat(name)
        except OSError:
            return None
        return None if is_link(status) else (join_path(parent.ref.path, name), parent.ref, status)

    def _open(self, above: bytes) -> _Parent:
        path = os.path.realpath(above or b".")
        directory = open_for_lookup(path)
        try:
            status = directory.status()
        except OSError:
            directory.close()
            raise
        parent = self._parents[above] = _Parent(DirectoryRef(path, status.st_dev, status.st_ino), directory)
        if len(self._parents) > MAX_OPEN_PARENTS:
            self._parents.popitem(last=False)[1].directory.close()
        return parent


def _with_options(mount: Mount | None) -> tuple[Mount | None, str]:
    if mount is None:
        return None, ""
    return mount, ",".join(dict.fromkeys(filter(None, f"{mount.options},{mount.super_options}".split(","))))


def _mounted(path: bytes) -> os.stat_result:
    """Returns the status of an opened directory, because opening may mount something over it."""
    directory = open_for_lookup(path)
    try:
        return directory.status()
    finally:
        directory.close()


def _absolute(given: bytes) -> bytes:
    """Returns an absolute path without resolving it.

    A root that cannot be examined cannot be resolved, and ``..`` may mislead.
    """
    try:
        return os.path.join(os.getcwdb(), given)
    except OSError:  # the current directory is gone
        return given
