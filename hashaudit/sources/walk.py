"""The walk of a tree: depth first, a folder's files before its folders, both in the order of their names' bytes.

An error with one name is an item of the walk. What cannot be an entry is counted with its reason and never opened.

A place in the walk of a root is the item that is visited in each folder on the way, which compares as the walk goes. A
walk that starts at a place passes over all before it; without followed links, the folders before it are not even
opened. With them they are walked in silence, because a later link may lead to a folder that was walked before.
"""

import stat
from collections.abc import Callable, Iterator
from os import stat_result

from hashaudit.host.files import is_link, stat_of
from hashaudit.host.os_errors import fault_of
from hashaudit.model.entry import Consistency, Entry
from hashaudit.model.faults import Fault, FaultCode, PathFault, Skipped, SkipReason, Stage
from hashaudit.model.location import Location
from hashaudit.retry import retry_on_mount
from hashaudit.sources.directory import Folder, open_folder
from hashaudit.sources.directory_stack import DirectoryStack, Frame
from hashaudit.sources.filesystems import Filesystems
from hashaudit.sources.filters import Filters, FolderRoot, Identity
from hashaudit.sources.roots import reason_to_skip
from hashaudit.sources.sort_names import ExternalSort

MAX_PATH_BYTES = 1 << 20
"""Of a folder that is entered. No tree that serves a purpose comes near, and a path in all its escapes has to fit into
a line of the findings file."""

Place = tuple[bytes, ...]
"""Of the walk of one root."""

_REPLACED = Fault(Stage.WALK, FaultCode.FILE_REPLACED, "the folder was replaced before it was opened")
_TOO_DEEP = Fault(
    Stage.WALK, FaultCode.NAME_TOO_LONG, f"its path is longer than {MAX_PATH_BYTES} bytes: what is below is unseen"
)
_MOVED = Fault(Stage.WALK, FaultCode.FILE_REPLACED, "the directory was moved during the walk; the rest of it is unseen")
_BROKEN_LINK = Fault(Stage.WALK, FaultCode.BROKEN_LINK, "the link leads nowhere")


class Walker:
    """Walks folders one after the other. Close it to free temporary space."""

    def __init__(self, rules: Filters, kinds: Filesystems, *, follow_links: bool) -> None:
        self.directories_listed = 0
        self._rules = rules
        self._kinds = kinds
        self._follow_links = follow_links
        self._sorter = ExternalSort()
        self._trail = DirectoryStack(b"")
        self._start: Place | None = None
        self._root = 0

    @property
    def place(self) -> Place:
        """Where the walk of the root is: at what was yielded last."""
        return self._trail.items()

    def close(self) -> None:
        """Frees temporary space."""
        self._sorter.close()

    def walk(self, root: FolderRoot, start: Place = ()) -> Iterator[Entry | PathFault | Skipped]:
        """Yields all that a root holds from a place on. One walk at a time.

        Raises:
            OutputError: temporary space for sorting cannot be written.
        """
        reason = self._rules.begin(root)
        if reason is not None:
            yield Skipped(root.path, reason)
            return
        self._trail = trail = DirectoryStack(root.path)
        self._start = start or None
        self._root = root.number
        try:
            seen = self._enter(root.path, root.identity, root.device, lambda: open_folder(root.path))
            if not isinstance(seen, Frame):
                yield seen
                return
            yield from self._go_down(seen)
            while trail:
                yield from self._go_on(trail.innermost)
        finally:
            trail.close()

    def _go_on(self, level: Frame) -> Iterator[Entry | PathFault | Skipped]:
        """Visits the names that are left in a folder, up to the next folder that can be entered."""
        folder = level.folder
        if folder is None:
            yield PathFault(self._trail.ref().path, _MOVED, directory=True, root=self._root)
        else:
            for item in level.items:
                level.at = item
                seen = self._visit(level, folder, item[1:])
                if isinstance(seen, Frame):
                    yield from self._go_down(seen)
                    return
                if not self._was_met():
                    yield seen
        self._trail.pop()

    def _go_down(self, level: Frame) -> Iterator[PathFault]:
        self._trail.push(level)
        if level.fault is not None and not self._was_met():
            yield PathFault(self._trail.ref().path, level.fault, directory=True, root=self._root)

    def _visit(self, level: Frame, folder: Folder, name: bytes) -> Entry | PathFault | Skipped | Frame:
        if self._rules.excludes(name, self._trail.below_root):
            return self._skipped(name, SkipReason.EXCLUDED)
        try:
            if level.consistency is Consistency.STABLE:
                status = folder.stat(name)
            else:
                status = retry_on_mount(lambda: folder.stat(name))
        except OSError as error:
            return self._fault(name, fault_of(error, Stage.WALK, "examine the entry"))
        if stat.S_ISREG(status.st_mode):
            return self._file(level, name, status, followed=False)
        if not is_link(status):
            return self._other(level, folder, name, status, followed=False)
        if not self._follow_links:
            return self._skipped(name, SkipReason.SYMBOLIC_LINK)
        return self._link(level, folder, name)

    def _link(self, level: Frame, folder: Folder, name: bytes) -> Entry | PathFault | Skipped | Frame:
        try:
            status = folder.stat(name, follow=True)
        except FileNotFoundError:
            return self._fault(name, _BROKEN_LINK)
        except OSError as error:
            return self._fault(name, fault_of(error, Stage.WALK, "follow the link"))
        if stat.S_ISREG(status.st_mode):
            return self._file(level, name, status, followed=True)
        return self._other(level, folder, name, status, followed=True)

    def _file(self, level: Frame, name: bytes, status: stat_result, *, followed: bool) -> Entry | Skipped:
        reason = self._rules.skip_reason(name, status, level.other_roots, self._trail.below_root)
        consistency = level.consistency
        if reason is None and status.st_dev != level.device:  # a file can be mounted on too, and a link leads anywhere
            kind = self._kinds.of(status.st_dev, lambda: self._path_of(name))
            consistency = kind.consistency
            reason = SkipReason.PSEUDO_FILESYSTEM if kind.is_pseudo else None
        if reason is not None:
            return self._skipped(name, reason)
        location = Location(level.ref or self._trail.ref(), name, None, (), self._root, followed)
        return Entry(location, stat_of(status), consistency)

    def _other(
        self, level: Frame, folder: Folder, name: bytes, status: stat_result, *, followed: bool
    ) -> PathFault | Skipped | Frame:
        if not stat.S_ISDIR(status.st_mode):
            return self._skipped(name, reason_to_skip(status.st_mode))
        reason = self._rules.directory_skip_reason(status, level.device, lambda: self._path_of(name))
        if reason is not None:
            return self._skipped(name, reason)
        if len(self._path_of(name)) > MAX_PATH_BYTES:
            return self._fault(name, _TOO_DEEP, directory=True)
        identity = (status.st_dev, status.st_ino)
        if level.consistency is Consistency.STABLE:
            return self._enter(name, identity, level.device, lambda: folder.enter(name, follow=followed))
        return self._enter(
            name, identity, level.device, lambda: retry_on_mount(lambda: folder.enter(name, follow=followed))
        )

    def _enter(
        self, name: bytes, seen: Identity, device_above: int, open_it: Callable[[], Folder]
    ) -> PathFault | Skipped | Frame:
        try:
            folder = open_it()
        except OSError as error:
            return self._fault(name, fault_of(error, Stage.WALK, "open the folder"), directory=True)
        level = None
        try:
            status = folder.status()
            refusal = self._refusal(name, seen, status, device_above)
            if refusal is not None:
                return refusal
            level = self._level(name, folder, status)
        except OSError as error:
            return self._fault(name, fault_of(error, Stage.WALK, "examine the folder"), directory=True)
        else:
            return level
        finally:
            if level is None:
                folder.close()

    def _refusal(
        self, name: bytes, seen: Identity, status: stat_result, device_above: int
    ) -> PathFault | Skipped | None:
        """Why a folder that is open is not walked after all."""
        if (status.st_dev, status.st_ino) == seen:
            return None
        if not self._kinds.of(seen[0], lambda: self._path_of(name)).may_automount:
            return self._fault(name, _REPLACED, directory=True)
        reason = self._rules.directory_skip_reason(status, device_above, lambda: self._path_of(name))
        return None if reason is None else self._skipped(name, reason)

    def _level(self, name: bytes, folder: Folder, status: stat_result) -> Frame:
        self._rules.entered(status)
        consistency = self._kinds.of(status.st_dev, lambda: self._path_of(name)).consistency
        sorted_items, fault = self._list(folder, consistency)
        if not self._before_start():
            self.directories_listed += 1
        return Frame(
            name=name,
            folder=folder,
            device=status.st_dev,
            inode=status.st_ino,
            items=sorted_items,
            consistency=consistency,
            other_roots=self._rules.file_roots_in((status.st_dev, status.st_ino)),
            fault=fault,
        )

    def _list(self, folder: Folder, consistency: Consistency) -> tuple[Iterator[bytes], Fault | None]:
        """The items of a folder, and why they may not be all. What fails on a mount is listed again."""
        first = self._first_item()

        def listed() -> Iterator[bytes]:
            errors: list[OSError] = []
            items = _items(folder, errors, follow=self._follow_links)
            sorted_items = self._sorter.sort(filter(first.__le__, items) if first else items)
            if errors:
                raise _PartlyListedError(errors[0], sorted_items)
            return sorted_items

        try:
            return (listed() if consistency is Consistency.STABLE else retry_on_mount(listed)), None
        except _PartlyListedError as partly:
            return partly.items, fault_of(partly, Stage.WALK, "list the folder")

    def _before_start(self) -> bool:
        """Tells if the walk has not come to its start yet."""
        if self._start is None:
            return False
        if self._trail.items() < self._start:
            return True
        self._start = None
        return False

    def _was_met(self) -> bool:
        """Tells if what is at the present place was met before the walk's start.

        A folder on the way to the start was entered then. What is wrong with it now was not met, and hides the rest.
        """
        if not self._before_start() or self._start is None:
            return False
        way = self._trail.items()
        if way and not way[-1]:
            way = way[:-1]
        return self._start[: len(way)] != way

    def _first_item(self) -> bytes:
        """Before which a folder that is being entered need not be visited; empty: all of it has to be."""
        way = self._trail.items()
        if self._start is None or self._follow_links or self._start[: len(way)] != way:
            return b""
        return self._start[len(way)] if len(self._start) > len(way) else b""

    def _path_of(self, name: bytes) -> bytes:
        return self._trail.path_of(name) if self._trail else name

    def _fault(self, name: bytes, fault: Fault, *, directory: bool = False) -> PathFault:
        return PathFault(self._path_of(name), fault, directory, self._root)

    def _skipped(self, name: bytes, reason: SkipReason) -> Skipped:
        return Skipped(self._path_of(name), reason)


class _PartlyListedError(OSError):
    """A folder could not be listed to its end. Never leaves this module."""

    def __init__(self, error: OSError, items: Iterator[bytes]) -> None:
        super().__init__(error.errno, error.strerror)
        self.items = items


def _items(folder: Folder, errors: list[OSError], *, follow: bool) -> Iterator[bytes]:
    """What can be listed; the error says that it is not all."""
    try:
        yield from folder.items(follow=follow)
    except OSError as error:
        errors.append(error)
