"""The paths that a sandboxed process may read, so that some files below them stay unreadable.

Landlock grants rights below a directory and cannot take any back. To hide a file, this grants everything beside it
instead: each name in each directory between the readable one and the file. A name that appears there afterwards is
unreadable until the process is replaced (docs/adr/0090-hide-secrets-from-workers.md).
"""

import os
from collections.abc import Iterable, Iterator

from hashaudit.errors import HostError
from hashaudit.host.mount_table import MountTable, read_mount_table
from hashaudit.model.location import is_below

MAX_NAMES_BESIDE = 200_000
"""Names beside hidden files. Each is a rule in the kernel, which takes some 20 us and keeps an inode in memory."""


class Access:
    """The paths that a process may read: some with everything below them, and names beside hidden files.

    Raises:
        HostError: there are too many names beside the hidden files.
    """

    def __init__(self, readable: Iterable[bytes], hidden: Iterable[bytes], table: MountTable | None = None) -> None:
        """Lists the directories that hold a hidden file.

        Args:
            readable: absolute paths without links.
            hidden: absolute paths without links; those that do not exist are ignored.
            table: the mounts of this process; by default as they are now.
        """
        present = frozenset(path for path in hidden if os.path.lexists(path))
        self.whole: list[bytes] = []
        """Paths that may be read with everything below them."""
        self.beside: list[bytes] = []
        """Names beside hidden files. Links are not among them: a rule would apply to their target."""
        self._known: dict[bytes, dict[bytes, int]] = {}
        if present:
            table = read_mount_table() if table is None else table
            self._points = frozenset(mount.point for mount in table.mounts)
            present = frozenset(alias for path in present for alias in _aliases(table, path))
        for path in readable:
            if any(is_below(secret, path) for secret in present):
                self._divide(path.rstrip(b"/") or b"/", present)
            else:
                self.whole.append(path)

    def is_new(self, path: bytes) -> bool:
        """Returns whether a path was not there when this was created, beside a hidden file, but is there now."""
        above = path
        while (parent := os.path.dirname(above)) != above:
            names = self._known.get(parent)
            if names is not None:
                return _inode_differs(above, names.get(os.path.basename(above)))
            above = parent
        return False

    def _divide(self, directory: bytes, hidden: frozenset[bytes]) -> None:
        """Grants everything in a directory except hidden files."""
        if directory in hidden:
            return
        names = self._known[directory] = {}
        for name, inode, is_link in _names(directory):
            path = os.path.join(directory, name)
            # The number in a listing is that of the directory below a mount point.
            names[name] = 0 if path in self._points else inode
            if any(is_below(secret, path) for secret in hidden):
                self._divide(path, hidden)
            elif not is_link:
                self.beside.append(path)
                if len(self.beside) > MAX_NAMES_BESIDE:
                    raise HostError(
                        f"cannot hide the signing key and lists from workers; more than {MAX_NAMES_BESIDE} files beside"
                        " them",
                        hint="move the key and the lists to a directory of their own, or out of the ROOTs",
                    )


def _names(directory: bytes) -> Iterator[tuple[bytes, int, bool]]:
    try:
        with os.scandir(directory) as entries:
            for entry in entries:
                yield entry.name, entry.inode(), entry.is_symlink()
    except OSError:  # what cannot be listed stays unreadable, and its files are faults
        return


def _inode_differs(path: bytes, inode: int | None) -> bool:
    try:
        now = os.lstat(path).st_ino
    except OSError:
        return False
    return inode is None or inode not in {0, now}


def _aliases(table: MountTable, path: bytes) -> Iterator[bytes]:
    """Yields a path and the other paths of the same file that bind mounts give it."""
    yield path
    try:
        status = os.lstat(path)
    except OSError:
        return
    for alias in table.aliases(path):
        try:
            other = os.lstat(alias)
        except OSError:
            continue
        if (other.st_dev, other.st_ino) == (status.st_dev, status.st_ino):
            yield alias
