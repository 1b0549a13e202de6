"""What the user named to be examined, made definite."""

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
from hashaudit.sources.filters import FolderRoot
from hashaudit.sources.interface import RootDescription


def reason_to_skip(mode: int) -> SkipReason:
    """Why something that is neither a regular file nor a folder is not opened."""
    if stat.S_ISFIFO(mode):
        return SkipReason.FIFO
    if stat.S_ISSOCK(mode):
        return SkipReason.SOCKET
    return SkipReason.DEVICE


def resolve(given: bytes, kinds: Filesystems, number: int = 0) -> FolderRoot | Entry | PathFault | Skipped:
    """Returns what a root is. Links are followed, because the user named it; a file is an entry at once.

    Args:
        given: as the user named it.
        kinds: the filesystems of this machine.
        number: its position among the roots of the scan, from 0.
    """
    try:
        path, parent, status = _examine(given)
        if stat.S_ISDIR(status.st_mode):
            status = _mounted(path)
            return FolderRoot(path, status.st_dev, status.st_ino, number)
    except OSError as error:
        if error.errno == errno.ENOENT and os.path.islink(given):
            fault = Fault(Stage.WALK, FaultCode.BROKEN_LINK, "ROOT is a link that leads nowhere")
        else:
            fault = fault_of(error, Stage.WALK, "examine ROOT")
        return PathFault(_absolute(given), fault, root=number)
    if not stat.S_ISREG(status.st_mode):
        return Skipped(path, reason_to_skip(status.st_mode))
    kind = kinds.of(status.st_dev, lambda: path)
    location = Location(parent, os.path.basename(path), root=number)
    return Entry(location, stat_of(status), kind.consistency)


def describe(given: bytes, table: MountTable) -> RootDescription:
    """What the run header says of a root.

    Raises:
        UsageError: it is there and is neither a folder nor a file, so that nothing could be said of its content.
    """
    try:
        path, _, status = _examine(given)
    except OSError:
        return RootDescription(given, _absolute(given))
    if not stat.S_ISDIR(status.st_mode) and not stat.S_ISREG(status.st_mode):
        kind = reason_to_skip(status.st_mode)
        raise UsageError(
            f"ROOT {for_terminal(given)} is a {kind}: name a folder or a file, such as a mount or an image"
        )
    mount = table.at(path, status.st_dev)
    if mount is None:
        return RootDescription(given, path)
    pseudo = {
        below.point for below in table.below(path) if below.fs_type in PSEUDO_TYPES and below.device != status.st_dev
    }
    options = ",".join(dict.fromkeys(filter(None, f"{mount.options},{mount.super_options}".split(","))))
    return RootDescription(given, path, mount.fs_type, mount.source, options, tuple(sorted(pseudo)))


def _examine(given: bytes) -> tuple[bytes, DirectoryRef, os.stat_result]:
    """Absolute path without links, the folder that it is in, and what it is."""
    path = os.path.realpath(given)
    above, name = os.path.split(path)
    folder = open_for_lookup(above)
    try:
        parent = folder.status()
        return path, DirectoryRef(above, parent.st_dev, parent.st_ino), folder.stat(name or b".", follow=True)
    finally:
        folder.close()


def _mounted(path: bytes) -> os.stat_result:
    """A folder as it is once it is opened, which may mount something over it."""
    folder = open_for_lookup(path)
    try:
        return folder.status()
    finally:
        folder.close()


def _absolute(given: bytes) -> bytes:
    """As given, only absolute: what cannot be examined cannot be resolved, and ``..`` may not be what it seems."""
    try:
        return os.path.join(os.getcwdb(), given)
    except OSError:  # the current folder is gone
        return given
