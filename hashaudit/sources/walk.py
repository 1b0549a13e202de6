"""Walks a tree depth first, the files of a directory before its subdirectories, both in byte order of their names.

An error with one name is an item of the walk. Anything that is not a file is counted with its reason and never opened.

A place in the walk of a root is the current item of each directory on the way; places compare in the order of the walk.
A walk that starts at a place skips everything before it; without followed links, it does not even open the directories
before it. With followed links it walks them silently, because a later link may lead to one of them.
"""

import os
import stat
from collections.abc import Callable, Iterator
from os import stat_result

from hashaudit.host.files import PATH_MAX_BYTES, is_link, stat_of
from hashaudit.host.os_errors import fault_of
from hashaudit.model.entry import Consistency, Entry
from hashaudit.model.faults import Fault, FaultCode, PathFault, Skipped, SkipReason, Stage
from hashaudit.model.location import Location
from hashaudit.retry import retry_on_mount
from hashaudit.sources.directory import Directory, open_directory
from hashaudit.sources.directory_stack import DirectoryStack, Frame
from hashaudit.sources.filesystems import Filesystems
from hashaudit.sources.filters import DirectoryRoot, Filters, Identity
from hashaudit.sources.roots import reason_to_skip
from hashaudit.sources.sort_names import ExternalSort

MAX_PATH_BYTES = 1 << 20
"""Longest path of a directory that is entered. No real tree comes near, and a fully escaped path has to fit into a line
of the findings file."""

Place = tuple[bytes, ...]
"""Cursor in the walk of one root."""

_REPLACED = Fault(Stage.WALK, FaultCode.FILE_REPLACED, "the directory was replaced before it was opened")
_TOO_DEEP = Fault(
    Stage.WALK, FaultCode.NAME_TOO_LONG, f"its path is longer than {MAX_PATH_BYTES} bytes; everything below is unseen"
)
_MOVED = Fault(Stage.WALK, FaultCode.FILE_REPLACED, "the directory was moved during the walk; the rest of it is unseen")
_LOOP = Fault(
    Stage.WALK,
    FaultCode.LINK_LOOP,
    "the link leads back to a directory above it, whose entries a pattern with a slash may want by this path",
)
_BROKEN_LINK = Fault(Stage.WALK, FaultCode.BROKEN_LINK, "the link target does not exist")


class Walker:
    """Walks directories one after the other. Close it to free temporary space."""

    def __init__(self, filters: Filters, filesystems: Filesystems, *, follow_links: bool) -> None:
        self.directories_listed = 0
        self._filters = filters
        self._filesystems = filesystems
        self._follow_links = follow_links
        self._sorter = ExternalSort()
        self._stack = DirectoryStack(b"")
        self._start: Place | None = None
        self._root = 0

    @property
    def place(self) -> Place:
        """Place of the item yielded last."""
        return self._stack.items()

    def close(self) -> None:
        """Frees temporary space."""
        self._sorter.close()

    def walk(self, root: DirectoryRoot, start: Place = ()) -> Iterator[Entry | PathFault | Skipped]:
        """Yields everything in a root from a place on. One walk at a time.

        Raises:
            OutputError: temporary space for sorting cannot be written.
        """
        reason = self._filters.begin(root)
        if reason is not None:
            yield Skipped(root.path, reason)
            return
        self._stack = stack = DirectoryStack(root.path)
        self._start = start or None
        self._root = root.number
        try:
            seen = self._enter(root.path, root.identity, root.device, lambda: open_directory(root.path))
            if not isinstance(seen, Frame):
                yield seen
                return
            yield from self._descend(seen)
            while stack:
                yield from self._resume(stack.innermost)
        finally:
            stack.close()

    def _resume(self, frame: Frame) -> Iterator[Entry | PathFault | Skipped]:
        """Processes the remaining names of a directory, up to the next directory that can be entered."""
        directory = frame.directory
        if directory is None:
            yield PathFault(self._stack.ref().path, _MOVED, directory=True, root=self._root)
        else:
            for item in frame.items:
                frame.at = item
                seen = self._process(frame, directory, item[1:])
                if isinstance(seen, Frame):
                    yield from self._descend(seen)
                    return
                if not self._was_seen_before():
                    yield seen
        self._stack.pop()

    def _descend(self, frame: Frame) -> Iterator[PathFault]:
        self._stack.push(frame)
        if frame.fault is not None and not self._was_seen_before():
            yield PathFault(self._stack.ref().path, frame.fault, directory=True, root=self._root)

    def _process(self, frame: Frame, directory: Directory, name: bytes) -> Entry | PathFault | Skipped | Frame:
        if self._filters.excludes(name, self._stack.below_root):
            return self._skipped(name, SkipReason.EXCLUDED)
        try:
            if frame.consistency is Consistency.STABLE:
                status = directory.stat(name)
            else:
                status = retry_on_mount(lambda: directory.stat(name))
        except OSError as error:
            return self._fault(name, fault_of(error, Stage.WALK, "examine the entry"))
        if stat.S_ISREG(status.st_mode):
            return self._file(frame, name, status, followed=False)
        if not is_link(status):
            return self._other(frame, directory, name, status, followed=False)
        if not self._follow_links:
            return self._skipped(name, SkipReason.SYMBOLIC_LINK)
        return self._link(frame, directory, name)

    def _link(self, frame: Frame, directory: Directory, name: bytes) -> Entry | PathFault | Skipped | Frame:
        try:
            status = directory.stat(name, follow=True)
        except FileNotFoundError:
            return self._fault(name, _BROKEN_LINK)
        except OSError as error:
            return self._fault(name, fault_of(error, Stage.WALK, "follow the link"))
        if stat.S_ISREG(status.st_mode):
            return self._file(frame, name, status, followed=True)
        return self._other(frame, directory, name, status, followed=True)

    def _file(self, frame: Frame, name: bytes, status: stat_result, *, followed: bool) -> Entry | Skipped:
        reason = self._filters.skip_reason(name, status, frame.other_roots, self._stack.below_root)
        consistency = frame.consistency
        if reason is None and status.st_dev != frame.device:  # a file may be a mount point
            filesystem = self._filesystems.of(status.st_dev, lambda: self._path_of(name))
            consistency = filesystem.consistency
            reason = SkipReason.PSEUDO_FILESYSTEM if filesystem.is_pseudo else None
        if reason is not None:
            return self._skipped(name, reason)
        location = Location(frame.ref or self._stack.ref(), name, None, (), self._root, followed)
        return Entry(location, stat_of(status), consistency)

    def _other(
        self, frame: Frame, directory: Directory, name: bytes, status: stat_result, *, followed: bool
    ) -> PathFault | Skipped | Frame:
        if not stat.S_ISDIR(status.st_mode):
            return self._skipped(name, reason_to_skip(status.st_mode))
        link = self._link_target(name) if followed else None
        reason = self._filters.directory_skip_reason(
            status, frame.device, lambda: self._path_of(name), lambda: self._real_path_of(name, link)
        )
        if reason is not None:
            return self._skipped(name, reason)
        if link is not None and self._is_loop(link, status):
            return self._fault(name, _LOOP, directory=True)
        if len(self._path_of(name)) > MAX_PATH_BYTES:
            return self._fault(name, _TOO_DEEP, directory=True)
        identity = (status.st_dev, status.st_ino)
        if frame.consistency is Consistency.STABLE:
            return self._enter(name, identity, frame.device, lambda: directory.enter(name, follow=followed), link)
        return self._enter(
            name, identity, frame.device, lambda: retry_on_mount(lambda: directory.enter(name, follow=followed)), link
        )

    def _link_target(self, name: bytes) -> bytes:
        return os.path.realpath(self._stack.real_path_of(name))

    def _is_loop(self, link: bytes, status: stat_result) -> bool:
        """Returns whether a followed link leads to a directory in progress, and no rule skips it for that.

        A path that is too long to be resolved still contains links. Then a directory with the numbers of one in
        progress counts as that one.
        """
        if self._filters.matches_paths and link in self._stack.real_paths():
            return True
        return len(link) >= PATH_MAX_BYTES and (status.st_dev, status.st_ino) in self._stack.identities()

    def _enter(
        self,
        name: bytes,
        seen: Identity,
        device_above: int,
        open_it: Callable[[], Directory],
        link: bytes | None = None,
    ) -> PathFault | Skipped | Frame:
        try:
            directory = open_it()
        except OSError as error:
            return self._fault(name, fault_of(error, Stage.WALK, "open the directory"), directory=True)
        frame = None
        try:
            status = directory.status()
            refusal = self._refusal(name, seen, status, device_above, link)
            if refusal is not None:
                return refusal
            frame = self._frame(name, directory, status, link)
        except OSError as error:
            return self._fault(name, fault_of(error, Stage.WALK, "examine the directory"), directory=True)
        else:
            return frame
        finally:
            if frame is None:
                directory.close()

    def _refusal(
        self, name: bytes, seen: Identity, status: stat_result, device_above: int, link: bytes | None
    ) -> PathFault | Skipped | None:
        """Returns why a directory that is open is skipped after all, or ``None``."""
        if (status.st_dev, status.st_ino) == seen:
            return None
        if not self._filesystems.of(seen[0], lambda: self._path_of(name)).may_automount:
            return self._fault(name, _REPLACED, directory=True)
        reason = self._filters.directory_skip_reason(
            status, device_above, lambda: self._path_of(name), lambda: self._real_path_of(name, link)
        )
        return None if reason is None else self._skipped(name, reason)

    def _frame(self, name: bytes, directory: Directory, status: stat_result, link: bytes | None) -> Frame:
        def real() -> bytes:
            return self._real_path_of(name, link)

        self._filters.entered(status, lambda: self._path_of(name), real)
        consistency = self._filesystems.of(status.st_dev, lambda: self._path_of(name)).consistency
        sorted_items, fault = self._list(directory, consistency)
        if not self._before_start():
            self.directories_listed += 1
        return Frame(
            name=name,
            directory=directory,
            device=status.st_dev,
            inode=status.st_ino,
            items=sorted_items,
            consistency=consistency,
            other_roots=self._filters.file_roots_in(real),
            fault=fault,
            real=link,
        )

    def _list(self, directory: Directory, consistency: Consistency) -> tuple[Iterator[bytes], Fault | None]:
        """Returns the items of a directory, and the fault if they are incomplete. Retries on mounts."""
        first = self._first_item()

        def listed() -> Iterator[bytes]:
            errors: list[OSError] = []
            items = _items(directory, errors, follow=self._follow_links)
            sorted_items = _distinct(self._sorter.sort(filter(first.__le__, items) if first else items))
            if errors:
                raise _PartlyListedError(errors[0], sorted_items)
            return sorted_items

        try:
            return (listed() if consistency is Consistency.STABLE else retry_on_mount(listed)), None
        except _PartlyListedError as partly:
            return partly.items, fault_of(partly, Stage.WALK, "list the directory")

    def _before_start(self) -> bool:
        """Returns whether the walk is still before its start."""
        if self._start is None:
            return False
        if self._stack.items() < self._start:
            return True
        self._start = None
        return False

    def _was_seen_before(self) -> bool:
        """Returns whether the current item was seen before the walk's start.

        A directory on the way to the start was entered then. A problem with it now was not seen, and hides the rest.
        """
        if not self._before_start() or self._start is None:
            return False
        way = self._stack.items()
        if way and not way[-1]:
            way = way[:-1]
        return self._start[: len(way)] != way

    def _first_item(self) -> bytes:
        """Returns the first item that a directory in progress has to process; empty: all of them."""
        way = self._stack.items()
        if self._start is None or self._follow_links or self._start[: len(way)] != way:
            return b""
        return self._start[len(way)] if len(self._start) > len(way) else b""

    def _path_of(self, name: bytes) -> bytes:
        return self._stack.path_of(name) if self._stack else name

    def _real_path_of(self, name: bytes, link: bytes | None) -> bytes:
        """Returns the path of a directory without links; ``link``: the target of the link that led to it."""
        if link is not None:
            return link
        return self._stack.real_path_of(name) if self._stack else name

    def _fault(self, name: bytes, fault: Fault, *, directory: bool = False) -> PathFault:
        return PathFault(self._path_of(name), fault, directory, self._root)

    def _skipped(self, name: bytes, reason: SkipReason) -> Skipped:
        return Skipped(self._path_of(name), reason)


class _PartlyListedError(OSError):
    """A directory could not be listed to its end. Never leaves this module."""

    def __init__(self, error: OSError, items: Iterator[bytes]) -> None:
        super().__init__(error.errno, error.strerror)
        self.items = items


def _distinct(items: Iterator[bytes]) -> Iterator[bytes]:
    """Yields each of some sorted items once: on FUSE and NFS a listing may name an entry several times."""
    last = None
    for item in items:
        if item != last:
            yield item
        last = item


def _items(directory: Directory, errors: list[OSError], *, follow: bool) -> Iterator[bytes]:
    """Yields the items that can be listed; the error shows that they are incomplete."""
    try:
        yield from directory.items(follow=follow)
    except OSError as error:
        errors.append(error)
