"""Walks a tree depth first, the files of a directory before its subdirectories, both in byte order of their names.

An error with one name is an item of the walk. Anything that is not a file is counted with its reason and never opened.

A place in the walk of a root is the current item of each directory on the way; places compare in the order of the walk.
A walk that starts at a place skips everything before it; without followed links, it does not even open the directories
before it. With followed links it walks them silently, because a later link may lead to one of them.

After the walk, directories that have changed since they were listed are listed again, and what is new in them is walked
(docs/adr/0026-list-changed-directories-again.md).
"""

import contextlib
import os
import stat
import time
from array import array
from collections.abc import Callable, Iterable, Iterator
from os import stat_result

from hashaudit.host.files import PATH_MAX_BYTES, is_link, stat_of
from hashaudit.host.long_paths import LongPaths
from hashaudit.host.os_errors import fault_of
from hashaudit.model.entry import NOT_READY, Consistency, Entry, Stat
from hashaudit.model.faults import Fault, FaultCode, PathFault, Skipped, SkipReason, Stage
from hashaudit.model.file_run import FileRun
from hashaudit.model.location import Location, join_path
from hashaudit.model.times import COARSE_NS, LAST_NS, uncertain_left_ns
from hashaudit.retry import retry_on_mount
from hashaudit.sources.directory import Directory, NameNotes, open_directory, open_for_lookup
from hashaudit.sources.directory_stack import Above, DirectoryStack, Frame
from hashaudit.sources.filesystems import Filesystems
from hashaudit.sources.filters import DirectoryRoot, Filters, Identity
from hashaudit.sources.interface import Item
from hashaudit.sources.roots import reason_to_skip
from hashaudit.sources.sort_names import DIRECTORY, OTHER, ExternalSort
from hashaudit.sources.visited_directories import (
    FAULTY,
    UNKNOWN,
    Listed,
    Visited,
    VisitedDirectories,
    state_of,
    times_of,
)

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
_KEPT_CHANGING = Fault(
    Stage.WALK, FaultCode.CHANGED_WHILE_WALKED, "the directory kept changing; names that were added may be unseen"
)
_MOUNTED_OVER = Fault(
    Stage.WALK,
    FaultCode.CHANGED_WHILE_WALKED,
    "the directory was replaced after it was listed: by a mount, an unmount or another directory",
)
_NOT_REMEMBERED = Fault(
    Stage.WALK,
    FaultCode.CHANGED_WHILE_WALKED,
    "the temporary directory is full; directories that changed after they were listed are unknown",
)
_BROKEN_LINK = Fault(Stage.WALK, FaultCode.BROKEN_LINK, "the link target does not exist")


_TYPE = 0o170000
"""The bits of a mode that hold the type, S_IFMT of inode(7)."""

FULL_ROUNDS = 2
"""Times that all directories are checked for changes. The later rounds check those that changed in the round before."""

MAX_ROUNDS = 6
"""Rounds after which a directory that still changes is a fault."""

CONTROL_S = 0.2
"""Time after which the caller regains control, for requests to stop, pause or report."""

CHECKS_AT_ONCE = 256
"""Directories checked before the caller regains control."""


class Walker:
    """Walks directories one after the other. Close it to free temporary space."""

    def __init__(self, filters: Filters, filesystems: Filesystems, *, follow_links: bool, run_files: int = 1) -> None:
        """Creates a walker.

        Args:
            filters: decide what to skip.
            filesystems: the filesystems of this machine.
            follow_links: follow symbolic links.
            run_files: most files that are yielded as one run.
        """
        self.directories_listed = 0
        self._run_files = run_files
        self._filters = filters
        self._filesystems = filesystems
        self._follow_links = follow_links
        self._sorter = ExternalSort()
        self._visited = VisitedDirectories()
        self.lists_again = False
        """True once the walk lists changed directories again."""
        self._given_up: set[int] = set()
        """Numbers of the directories that have a fault because they could not be listed again."""
        self._stack = DirectoryStack(b"")
        self._start: Place | None = None
        self._on_way = 0
        """Directories from the root down, but not the innermost, whose current items are those of the start."""
        self._paths = LongPaths()
        self._root = 0
        self._certain_at_ns = 0

    @property
    def place(self) -> Place:
        """Place of the item yielded last."""
        return self._stack.items()

    def close(self) -> None:
        """Frees temporary space."""
        self._sorter.close()
        self._visited.close()
        self._paths.close()

    def walk(self, root: DirectoryRoot, start: Place = ()) -> Iterator[Item]:
        """Yields everything in a root from a place on. One walk at a time.

        Gives control back within :data:`CONTROL_S` also where directories hold nothing.

        Raises:
            OutputError: temporary space for sorting cannot be written.
        """
        reason = self._filters.begin(root)
        if reason is not None:
            yield Skipped(root.path, reason)
            return
        self._stack = stack = DirectoryStack(root.path)
        self._start, self._on_way = start or None, 0
        self._root = root.number
        try:
            seen = self._enter(root.path, root.identity, root.device, lambda: open_directory(root.path))
            if not isinstance(seen, Frame):
                yield seen
                return
            yield from self._descend(seen)
            given_s = time.monotonic()
            while stack:
                yield from self._resume(stack.innermost)
                if time.monotonic() - given_s > CONTROL_S:
                    yield NOT_READY
                    given_s = time.monotonic()
        finally:
            stack.close()

    def walk_changed(self, roots: Iterable[DirectoryRoot]) -> Iterator[Item]:
        """Yields what has been added to the directories of the walks since they were listed, until nothing changes.

        A file that moves to a new name in each round, just ahead of the checks, can stay unseen.

        Args:
            roots: the roots that were walked.
        """
        self.lists_again = True
        self._start = None
        by_number = {root.number: root for root in roots}
        wanted: set[int] = set()
        new_from = 0
        for count in range(MAX_ROUNDS):
            end = self._visited.end
            changed: set[int] = set()
            for checked, visited in enumerate(self._visited):
                if checked % CHECKS_AT_ONCE == CHECKS_AT_ONCE - 1:
                    yield NOT_READY
                if count >= FULL_ROUNDS and visited.number < new_from and visited.number not in wanted:
                    continue
                if visited.number in self._given_up:
                    continue
                verdict = self._check(by_number[visited.root], visited)
                if isinstance(verdict, Fault):
                    if count == 0 or visited.number >= new_from:
                        yield self._again_fault(by_number[visited.root], visited, verdict)
                elif verdict and count == MAX_ROUNDS - 1:
                    yield self._again_fault(by_number[visited.root], visited, _KEPT_CHANGING)
                elif verdict:
                    changed.add(visited.number)
                    yield from self._walk_again(by_number[visited.root], visited)
            self._paths.close()  # the next round follows each path again
            if not changed:
                break
            wanted, new_from = changed, end
            self._wait_until_certain()
        if self._visited.lost:
            yield from (PathFault(root.path, _NOT_REMEMBERED, directory=True, root=root.number) for root in roots)

    def _check(self, root: DirectoryRoot, visited: Visited) -> Fault | bool:
        """Returns whether a directory has changed since it was listed, or why that is unknown."""
        if visited.state == FAULTY:
            return False
        path = _path_of(root, visited)
        try:
            status = os.stat(path) if len(path) < PATH_MAX_BYTES else self._status(path, visited)
            if (status.st_dev, status.st_ino) != (visited.device, visited.inode):
                status = _status(path)
        except (FileNotFoundError, NotADirectoryError):
            return False  # it was moved or removed, so the directory above has changed
        except OSError as error:
            return fault_of(error, Stage.WALK, "examine the directory again")
        known = self._filesystems.of(status.st_dev, lambda: path)
        if status.st_dev != visited.device and not known.may_automount:
            return _MOUNTED_OVER
        if status.st_ino != visited.inode and known.consistency is Consistency.STABLE:
            # Another directory has its name, which is new in the directory above.
            return False if visited.path else _MOUNTED_OVER
        return times_of(status) != visited.state

    def _walk_again(self, root: DirectoryRoot, visited: Visited) -> Iterator[Item]:
        """Lists a directory again and walks what is new in it."""
        self._filters.go_to(root)
        self._root = root.number
        above = None
        if visited.way:
            last = len(visited.way[-1][0])
            path = root.path if len(visited.way) == 1 else join_path(root.path, visited.path[: -1 - last])
            above = Above(path, visited.way[:-1])
        self._stack = stack = DirectoryStack(root.path, above)
        try:
            frame = self._list_again(root, visited)
            if not isinstance(frame, Frame):
                yield from () if frame is None else (frame,)
                return
            yield from self._descend(frame)
            self._visited.go_to(visited.way)
            own = stack.depth
            while stack.depth >= own:
                for item in self._resume(stack.innermost):
                    if not _is_transient(item):
                        yield item
        finally:
            stack.close()

    def _list_again(self, root: DirectoryRoot, visited: Visited) -> Frame | PathFault | None:
        path = _path_of(root, visited)
        try:
            directory = self._open_again(path, visited)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            fault = fault_of(error, Stage.WALK, "list the directory again")
            return self._again_fault(root, visited, fault)
        frame = None
        try:
            status = directory.status()
            if status.st_dev == visited.device:
                name, link = visited.way[-1] if visited.way else (root.path, None)
                frame = self._frame(name, directory, status, link, visited)
        except OSError as error:
            return self._again_fault(root, visited, fault_of(error, Stage.WALK, "list the directory again"))
        else:
            return frame
        finally:
            if frame is None:
                directory.close()

    def _open_again(self, path: bytes, visited: Visited) -> Directory:
        """Opens a directory by its path, or the same one by what is open of a long path already."""
        if len(path) >= PATH_MAX_BYTES and self._filesystems.of(visited.device, lambda: path).is_stable:
            with contextlib.suppress(OSError):
                directory = open_directory(path, self._paths.open)
                status = directory.status()
                if (status.st_dev, status.st_ino) == (visited.device, visited.inode):
                    return directory
                directory.close()
            self._paths.close()
        return open_directory(path)

    def _status(self, path: bytes, visited: Visited) -> stat_result:
        if self._filesystems.of(visited.device, lambda: path).is_stable:
            with contextlib.suppress(OSError):
                descriptor = self._paths.open(path)
                try:
                    status = os.fstat(descriptor)
                finally:
                    os.close(descriptor)
                if (status.st_dev, status.st_ino) == (visited.device, visited.inode):
                    return status
            self._paths.close()
        return _status(path)

    def _again_fault(self, root: DirectoryRoot, visited: Visited, fault: Fault) -> PathFault:
        self._given_up.add(visited.number)
        return PathFault(_path_of(root, visited), fault, directory=True, root=root.number)

    def _wait_until_certain(self) -> None:
        """Waits until the last change seen gets another time than the next one would."""
        left_ns = self._certain_at_ns - time.time_ns()
        if 0 < left_ns <= 2 * COARSE_NS:
            time.sleep(left_ns / 1e9)

    def _resume(self, frame: Frame) -> Iterator[Item]:
        """Processes the remaining names of a directory, up to the next directory that can be entered."""
        directory = frame.directory
        if directory is None:
            yield PathFault(self._stack.ref().path, _MOVED, directory=True, root=self._root)
        else:
            items = self._plain_runs(frame, directory) if frame.is_plain and self._start is None else frame.items
            for item in items:
                if isinstance(item, FileRun):
                    yield item
                    continue
                frame.at = item
                seen = self._process(frame, directory, item[1:])
                if isinstance(seen, Frame):
                    yield from self._descend(seen)
                    return
                if not self._was_seen_before():
                    yield seen
        self._stack.pop()
        self._on_way = max(0, min(self._on_way, self._stack.depth - 1))

    def _plain_runs(self, frame: Frame, directory: Directory) -> Iterator[FileRun | bytes]:
        """Yields the remaining files that need nothing of their own as runs, and every other item as it is.

        The loop is the inner one of a walk, so it makes one call and one object for a file.
        """
        ref = frame.ref or self._stack.ref()
        state_of_name, own_files, device_above = directory.stat_plain, self._filters.own_files, frame.device
        names: list[bytes] = []
        states: list[Stat] = []

        def run() -> FileRun:
            frame.at = OTHER + names[0]
            found = FileRun(ref, self._root, tuple(names), tuple(states))
            names.clear()
            states.clear()
            return found

        for item in frame.items:
            name = item[1:]
            if item < DIRECTORY:
                try:
                    status = state_of_name(name)
                except OSError:
                    pass  # the examination of the item finds it again and reports it
                else:
                    mode, inode, device, links, uid, gid, size, _, _, _ = status
                    mtime_ns, ctime_ns = status.st_mtime_ns, status.st_ctime_ns
                    if (
                        mode & _TYPE == stat.S_IFREG
                        and links == 1
                        and device == device_above  # a file may be a mount point
                        and (device, inode) not in own_files
                        and -LAST_NS <= mtime_ns <= LAST_NS
                        and -LAST_NS <= ctime_ns <= LAST_NS
                    ):
                        names.append(name)
                        states.append(Stat(mode, device, inode, links, size, mtime_ns, ctime_ns, uid, gid))
                        if len(names) >= self._run_files:
                            yield run()
                        continue
                    frame.status = status
            if names:
                yield run()
            yield item
        if names:
            yield run()

    def _descend(self, frame: Frame) -> Iterator[PathFault]:
        self._stack.push(frame)
        if frame.fault is not None and not self._was_seen_before():
            yield PathFault(self._stack.ref().path, frame.fault, directory=True, root=self._root)

    def _process(self, frame: Frame, directory: Directory, name: bytes) -> Entry | PathFault | Skipped | Frame:
        if self._filters.excludes(name, self._stack.below_root):
            return self._skipped(name, SkipReason.EXCLUDED)
        status, frame.status = frame.status, None
        try:
            if frame.consistency is Consistency.STABLE:
                status = status or directory.stat(name)
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
        reason = self._filters.skip_reason(
            name,
            status,
            frame.other_roots,
            self._stack.below_root,
            lambda: self._link_target(name) if followed else self._stack.real_path_of(name),
        )
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
        if self._is_loop(name, link, status):
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

    def _is_loop(self, name: bytes, link: bytes | None, status: stat_result) -> bool:
        """Returns whether a directory is one in progress, and no rule skips it for that.

        A path that is too long to be resolved still contains links. Then a directory with the numbers of one in
        progress counts as that one. Without ``each_path``, only a followed link is examined: behind it, a directory is
        in progress at most once more.
        """
        if link is None:
            # Without a link above it, it is longer than the path of each directory in progress.
            return (
                self._filters.each_path
                and self._stack.has_links
                and self._stack.real_path_of(name) in self._stack.real_paths()
            )
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

    def _frame(
        self,
        name: bytes,
        directory: Directory,
        status: stat_result,
        link: bytes | None,
        visited: Visited | None = None,
    ) -> Frame:
        def real() -> bytes:
            return self._real_path_of(name, link)

        self._filters.entered(status, lambda: self._path_of(name), real)
        consistency = self._filesystems.of(status.st_dev, lambda: self._path_of(name)).consistency
        now_ns = time.time_ns()
        names = array("q")
        known = None if visited is None else frozenset(self._visited.names_of(visited))
        sorted_items, fault = self._list(directory, consistency, names, known)
        state = FAULTY if fault is not None else state_of(status, now_ns)
        if visited is None:
            listed = Listed((name, link), status.st_dev, status.st_ino, state, names)
            self._visited.add(listed, root=self._root, depth=self._stack.depth)
        elif not self._visited.update(visited, state, names):
            fault = fault or _KEPT_CHANGING
        if state == UNKNOWN:
            self._certain_at_ns = now_ns + uncertain_left_ns(status.st_mtime_ns, status.st_ctime_ns, now_ns)
        if visited is None and not self._before_start():
            self.directories_listed += 1
        other_roots = self._filters.file_roots_in(real)
        is_stable = consistency is Consistency.STABLE
        return Frame(
            name=name,
            directory=directory,
            device=status.st_dev,
            inode=status.st_ino,
            items=sorted_items,
            consistency=consistency,
            is_plain=is_stable and not (other_roots or self._follow_links or self._filters.has_patterns),
            other_roots=other_roots,
            fault=fault,
            real=link,
        )

    def _list(
        self, directory: Directory, consistency: Consistency, names: "array[int]", known: frozenset[int] | None
    ) -> tuple[Iterator[bytes], Fault | None]:
        """Returns the items of a directory, and the fault if they are incomplete. Retries on mounts.

        Args:
            directory: the directory.
            consistency: of its filesystem.
            names: receives the hash of each name.
            known: hashes of the names to omit.
        """
        first = self._first_item()
        note = NameNotes(names, known, has_inodes=consistency is Consistency.STABLE)

        def listed() -> Iterator[bytes]:
            errors: list[OSError] = []
            del names[:]
            items = _items(directory, errors, note, follow=self._follow_links)
            sorted_items = self._sorter.sort(filter(first.__le__, items) if first else items)
            if errors:
                raise _PartlyListedError(errors[0], sorted_items)
            return sorted_items

        try:
            return (listed() if consistency is Consistency.STABLE else retry_on_mount(listed)), None
        except _PartlyListedError as partly:
            return partly.items, fault_of(partly, Stage.WALK, "list the directory")

    def _agreeing(self, start: Place) -> int:
        """Returns the number of directories in progress, from the root down, whose current items are the start's."""
        count = self._stack.common(start, self._on_way)
        self._on_way = max(0, min(count, self._stack.depth - 1))
        return count

    def _before_start(self) -> bool:
        """Returns whether the walk is still before its start."""
        start = self._start
        if start is None:
            return False
        agreeing = self._agreeing(start)
        # As tuples compare.
        if agreeing < len(start) and (agreeing == self._stack.depth or self._stack.at(agreeing) < start[agreeing]):
            return True
        self._start = None
        return False

    def _was_seen_before(self) -> bool:
        """Returns whether the current item was seen before the walk's start.

        A directory on the way to the start was entered then. A problem with it now was not seen, and hides the rest.
        """
        if self._start is None or not self._before_start():
            return False
        depth = self._stack.depth
        if depth and not self._stack.at(depth - 1):
            depth -= 1
        return self._agreeing(self._start) < depth

    def _first_item(self) -> bytes:
        """Returns the first item that a directory in progress has to process; empty: all of them."""
        start = self._start
        if start is None or self._follow_links or self._agreeing(start) < self._stack.depth:
            return b""
        return start[self._stack.depth] if len(start) > self._stack.depth else b""

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


def _items(directory: Directory, errors: list[OSError], note: NameNotes, *, follow: bool) -> Iterator[bytes]:
    """Yields the items that can be listed; the error shows that they are incomplete."""
    try:
        yield from directory.items(follow=follow, note=note)
    except OSError as error:
        errors.append(error)


def _path_of(root: DirectoryRoot, visited: Visited) -> bytes:
    return join_path(root.path, visited.path) if visited.path else root.path


def _status(path: bytes) -> stat_result:
    """Returns the status of a directory. Opening it mounts what is mounted on demand."""
    directory = open_for_lookup(path)
    try:
        return directory.status()
    finally:
        directory.close()


def _is_transient(item: Item) -> bool:
    """Returns whether an item of a changed directory is of no interest: a file of the scan, or one that is gone again.

    Its disappearance changes the directory once more, so that its next place is found.
    """
    if isinstance(item, PathFault):
        return item.fault.code is FaultCode.NOT_FOUND and not item.directory
    return isinstance(item, Skipped) and item.reason is SkipReason.OWN_OUTPUT
