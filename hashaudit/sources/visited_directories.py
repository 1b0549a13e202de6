"""Remembers the directories that a walk has listed, so that it can find the ones that changed since.

A file that is moved into a directory that was listed before, out of one that was not, is in no listing. Its arrival
changes the times of the directory (docs/adr/0026-list-changed-directories-again.md). The memory is bounded: records go
to a temporary file, some 60 bytes for a directory and 8 for each name.
"""

import os
import struct
from array import array
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import IO, NamedTuple

import msgspec

from hashaudit.model.times import uncertain_left_ns

MAX_IN_MEMORY_BYTES = 4 << 20
"""Records in memory, before they go to a temporary file."""

MAX_CHANGED_NAMES = 4_000_000
"""Names of changed directories in memory, some 32 MB."""

_RECORD = struct.Struct("=IIIiQQqQ")
"""Root, depth, bytes of the name, bytes of the link target or -1, device, inode, state, number of names."""

_PATH = (1 << 32) - 1
"""Depth of a record that holds the directories above the next one, for a walk that did not begin at a root."""

UNKNOWN = 0
"""State of a directory whose times prove nothing."""

FAULTY = -1
"""State of a directory that has a fault, because it could not be listed completely. ``hash`` never returns it."""

Step = tuple[bytes, bytes | None]
"""Name of a directory, and the link target by which it was reached."""


class Listed(NamedTuple):
    """A directory that has just been listed."""

    step: Step
    device: int
    inode: int
    state: int
    """From :func:`state_of`, before it was listed."""
    names: "array[int]"
    """The hash of each name."""


class Visited(msgspec.Struct, frozen=True):
    """A directory that was listed."""

    number: int
    """Identifies its record."""
    root: int
    way: Sequence[Step]
    """The way from the root. Ends with the next directory that is asked for, because copies of the way to each level of
    a deep tree would take the square of its levels."""
    path: bytes
    """The path below the root; empty: the root."""
    device: int
    inode: int
    state: int
    names: int
    """Number of its names."""

    @property
    def steps(self) -> tuple[Step, ...]:
        """The way from the root, to keep."""
        return tuple(self.way)


def times_of(status: os.stat_result) -> int:
    """Returns a hash of the times of a directory."""
    return hash((status.st_mtime_ns, status.st_ctime_ns)) or 1


def state_of(status: os.stat_result, now_ns: int) -> int:
    """Returns the hash of the times of a directory; 0 if a change after ``now_ns`` could leave them as they are."""
    if uncertain_left_ns(status.st_mtime_ns, status.st_ctime_ns, now_ns):
        return UNKNOWN
    return times_of(status)


class VisitedDirectories:
    """The directories of a walk, in its order. Close it to free its temporary file."""

    def __init__(self) -> None:
        self._file: IO[bytes] | None = None
        self._way: Sequence[Step] | None = None
        """The way to the directory below which the next ones are, if that is not noted yet."""
        self._end = 0
        self._changed: dict[int, tuple[int, array[int]]] = {}
        self._changed_names = 0
        self.lost = False
        """True if temporary space could not be written: changes of some directories will not be seen."""

    @property
    def end(self) -> int:
        """The number of the last directory noted is below this, and those noted later are not."""
        return self._end

    def close(self) -> None:
        """Frees the temporary file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def add(self, listed: "Listed", *, root: int, depth: int) -> None:
        """Notes a directory that was listed.

        Args:
            listed: the directory.
            root: number of its root.
            depth: of the directory below the root, which has 0.
        """
        if self.lost:
            return
        if self._way is not None:
            data, self._way = msgspec.msgpack.encode(list(self._way)), None
            self._write(_RECORD.pack(root, _PATH, len(data), -1, 0, 0, 0, 0) + data)
        (name, link), names = listed.step, listed.names
        link_bytes = -1 if link is None else len(link)
        record = _RECORD.pack(root, depth, len(name), link_bytes, listed.device, listed.inode, listed.state, len(names))
        self._write(b"".join((record, name, link or b"", names)))

    def go_to(self, way: Sequence[Step]) -> None:
        """Notes that the next directories are below the one at the end of this way, if there are any."""
        self._way = way

    def update(self, visited: Visited, state: int, names: "array[int]") -> bool:
        """Notes that a directory was listed again; returns whether there was room to do so."""
        self._changed_names += len(names) + 1
        if self._changed_names > MAX_CHANGED_NAMES:
            return False
        self._changed[visited.number] = state, names
        return True

    def names_of(self, visited: Visited) -> "array[int]":
        """Returns the hashes of the names that a directory had when it was listed last."""
        changed = self._changed.get(visited.number)
        if changed is not None:
            return changed[1]
        names = array("q")
        if self._file is not None and visited.names:
            self._file.seek(visited.number)
            names.frombytes(self._file.read(8 * visited.names))
        return names

    def __iter__(self) -> Iterator[Visited]:
        """Yields every directory noted so far. Others may be noted meanwhile, and are not among them."""
        position, end = 0, self._end
        steps: list[Step] = []
        path, ends = b"", [0]  # the length of the path to each level
        while position < end and self._file is not None:
            self._file.seek(position)
            root, depth, name_bytes, link_bytes, device, inode, state, names = _RECORD.unpack(
                self._file.read(_RECORD.size)
            )
            text = self._file.read(name_bytes + max(0, link_bytes))
            position += _RECORD.size + len(text)
            if depth == _PATH:
                steps = [(name, link) for name, link in msgspec.msgpack.decode(text)]
                path = b"/".join([name for name, _ in steps])
                ends = [0, *(end - 1 for end in accumulate([len(name) + 1 for name, _ in steps]))]
                continue
            del steps[max(0, depth - 1) :], ends[max(1, depth) :]
            if depth:
                name = text[:name_bytes]
                steps.append((name, text[name_bytes:] if link_bytes >= 0 else None))
                path = path[: ends[-1]] + b"/" + name if depth > 1 else name
                ends.append(len(path))
            else:
                path = b""
            changed = self._changed.get(position)
            yield Visited(position, root, steps, path, device, inode, changed[0] if changed else state, names)
            position += 8 * names

    def _write(self, data: bytes) -> None:
        try:
            if self._file is None:
                from tempfile import SpooledTemporaryFile  # noqa: PLC0415 # start-up: it loads compressions

                self._file = SpooledTemporaryFile(MAX_IN_MEMORY_BYTES)  # noqa: SIM115 # lives as long as this
            self._file.seek(self._end)
            self._file.write(data)
            self._end += len(data)
        except OSError:
            self.lost = True
