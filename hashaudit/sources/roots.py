"""Resolves the roots that the user named."""

import errno
import os
import stat

from hashaudit.errors import UsageError
from hashaudit.host.files import stat_of
from hashaudit.host.mount_table import MountTable
from hashaudit.host.os_errors import fault_of
from hashaudit.model.entry import Entry
from hashaudit.model.faults import Fault, FaultCode, PathFault, Skipped, SkipReason, Stage
from hashaudit.model.location import DirectoryRef, Location
from hashaudit.model.paths import for_terminal
from hashaudit.sources.directory import open_for_lookup
from hashaudit.sources.filesystems import PSEUDO_TYPES, Filesystems
from hashaudit.sources.filters import DirectoryRoot
from hashaudit.sources.interface import RootDescription


def reason_to_skip(mode: int) -> SkipReason:
    """Returns why something that is neither a regular file nor a directory is skipped."""
    if stat.S_ISFIFO(mode):
        return SkipReason.FIFO
    if stat.S_ISSOCK(mode):
        return SkipReason.SOCKET
    return SkipReason.DEVICE


def resolve(given: bytes, filesystems: Filesystems, number: int = 0) -> DirectoryRoot | Entry | PathFault | Skipped:
    """Returns what a root is. Links are followed, because the user named it; a file is an entry at once.

    Args:
        given: as the user named it.
        filesystems: the filesystems of this machine.
        number: its position among the roots of the scan, from 0.
    """
    try:
        path, parent, status = _examine(given)
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


def describe(given: bytes, table: MountTable, *, takes_any: bool = False) -> RootDescription:
    """Returns the description of a root for the run header.

    Args:
        given: as the user named it.
        table: the mounts of this machine.
        takes_any: describe also what has no content to examine.

    Raises:
        UsageError: the root is neither a directory nor a file, so it has no content to examine.
    """
    try:
        path, _, status = _examine(given)
    except OSError:
        return RootDescription(given, _absolute(given))
    if not takes_any and not stat.S_ISDIR(status.st_mode) and not stat.S_ISREG(status.st_mode):
        kind = reason_to_skip(status.st_mode)
        raise UsageError(
            f"cannot scan ROOT: '{for_terminal(given)}'; it is a {kind}",
            hint="name a directory or a file, such as a mount point or a disk image",
        )
    mount = table.at(path, status.st_dev)
    if mount is None:
        return RootDescription(given, path, device=status.st_dev, inode=status.st_ino)
    pseudo = {
        below.point for below in table.below(path) if below.fs_type in PSEUDO_TYPES and below.device != status.st_dev
    }
    options = ",".join(dict.fromkeys(filter(None, f"{mount.options},{mount.super_options}".split(","))))
    left_out = tuple(sorted(pseudo))
    return RootDescription(
        given,
        path,
        mount.fs_type,
        mount.source,
        options,
        left_out,
        mount.point,
        device=status.st_dev,
        inode=status.st_ino,
    )


def _examine(given: bytes) -> tuple[bytes, DirectoryRef, os.stat_result]:
    """Returns the absolute path without links, the parent directory, and the status."""
    path = os.path.realpath(given)
    parent, name = os.path.split(path)
    directory = open_for_lookup(parent)
    try:
        status = directory.status()
        return path, DirectoryRef(parent, status.st_dev, status.st_ino), directory.stat(name or b".", follow=True)
    finally:
        directory.close()


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
