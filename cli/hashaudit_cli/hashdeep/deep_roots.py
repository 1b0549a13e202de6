"""The files and directories that a command line of hashdeep names, and the names that it writes for them."""

import os
import stat
from collections.abc import Callable, Iterator

import msgspec

from hashaudit.host.files import open_regular
from hashaudit.model.entry import Entry, NotReady
from hashaudit.model.faults import PathFault, Skipped, SkipReason
from hashaudit.sources.interface import Position, RootDescription, Source
from hashaudit.sources.name_list import read_names
from hashaudit.sources.roots import reason_to_skip
from hashaudit_cli.hashdeep.deep_flags import DeepFlags

IS_A_DIRECTORY = "Is a directory"
NOT_READ = "Not a regular file ({}); not read"

_UNREAD = frozenset({SkipReason.FIFO, SkipReason.SOCKET, SkipReason.DEVICE})


class DeepRoot(msgspec.Struct, frozen=True):
    """A file or directory to walk."""

    path: bytes
    name: bytes
    """As it is written."""


def named_roots(flags: DeepFlags) -> Iterator[DeepRoot]:
    """Yields what the command line names: first the files of ``-f``, then those given as words.

    Raises:
        OSError: the list of files cannot be read.
        UsageError: the list of files is not one.
    """
    if flags.list_of_files is not None:
        with open_regular(flags.list_of_files) as file:
            for line in read_names(file):
                name = line.removesuffix(b"\r")
                if name:
                    yield DeepRoot(name, name if flags.is_relative else clean_name(name))
    for given in flags.files:
        name = given if flags.is_relative or given.startswith(b"/") else os.getcwdb() + b"/" + given
        yield DeepRoot(given, name if flags.is_relative else clean_name(name))


def reason_to_omit(root: DeepRoot, flags: DeepFlags) -> str | None:
    """Returns why a root is not walked, or ``None``; ``""`` if ``-o`` leaves it out without a word.

    Raises:
        OSError: it does not exist, or cannot be examined.
    """
    types = flags.file_types
    if types is not None and stat.S_ISLNK(os.lstat(root.path).st_mode) and "l" not in types:
        return ""
    mode = os.stat(root.path).st_mode
    if stat.S_ISDIR(mode):
        return None if flags.is_recursive else IS_A_DIRECTORY
    if not stat.S_ISREG(mode):
        return NOT_READ.format(reason_to_skip(mode))
    return None if types is None or "f" in types else ""


def clean_name(name: bytes) -> bytes:
    """Returns a path without ``//``, ``/./`` and ``/../``, and with its symbolic links: only its text is examined."""
    steps: list[bytes] = []
    first, *others = name.split(b"/")
    for number, step in enumerate(others):
        is_last = number == len(others) - 1
        if not is_last and step in {b"", b"."}:
            continue
        if not is_last and step == b".." and steps:
            steps.pop()
            continue
        steps.append(step)
    return b"/".join((first, *steps))


class WantedFiles:
    """Passes on what a command line wants of a source.

    Args:
        source: walks the roots.
        flags: decide what is wanted.
        report: receives the root number, the path and the message about something that is not read.
        report_larger: receives each file over the limit of size.
    """

    def __init__(
        self,
        source: Source,
        flags: DeepFlags,
        report: Callable[[Skipped], None],
        report_larger: Callable[[Entry], None],
    ) -> None:
        self._source = source
        self._types = flags.file_types
        self._max_bytes = flags.max_bytes
        self._report = report
        self._report_larger = report_larger

    @property
    def position(self) -> Position | None:
        """Position of the item yielded last."""
        return self._source.position

    @property
    def directories_listed(self) -> int:
        """Number of directories listed so far."""
        return self._source.directories_listed

    def describe_roots(self) -> tuple[RootDescription, ...]:
        """Returns the roots as they are now."""
        return self._source.describe_roots()

    def walk(self, start: Position | None = None) -> Iterator[Entry | PathFault | Skipped | NotReady]:
        """Yields what is wanted, and a skip for everything else."""
        for item in self._source.walk(start):
            if isinstance(item, Skipped) and item.reason in _UNREAD:
                self._report(item)
            if isinstance(item, Entry):
                if self._types is not None and "f" not in self._types:
                    yield Skipped(item.path, SkipReason.NOT_INCLUDED)
                    continue
                if self._max_bytes is not None and item.state.size > self._max_bytes:
                    self._report_larger(item)
                    yield Skipped(item.path, SkipReason.NOT_INCLUDED)
                    continue
            yield item
