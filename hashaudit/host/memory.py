"""Memory of this process: limits and measures its address space, and files in memory.

Source: getrlimit(2) for RLIMIT_AS, proc_pid_statm(5). Nothing is limited on other systems: macOS does not enforce
RLIMIT_AS.
"""

import contextlib
import mmap
import os
from typing import BinaryIO, cast

from hashaudit.host.process import HAS_RESOURCE_LIMITS, set_limit

STATM = "/proc/self/statm"


def physical_bytes() -> int | None:
    """Returns the size of this machine's memory; ``None`` if the system does not report it."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return None


def prefer_large_pages(mapping: mmap.mmap) -> None:
    """Asks the kernel to cache a file that is read at random places in large pages, which need fewer look-ups.

    Where a filesystem has none, and for what is cached already, nothing changes. A file of more than half of the memory
    is left as it is: it may not stay cached, and each access would read 2 MiB.

    Source: madvise(2), MADV_HUGEPAGE.
    """
    memory_bytes = physical_bytes()
    if memory_bytes is None or len(mapping) > memory_bytes // 2:
        return
    with contextlib.suppress(AttributeError, OSError, ValueError):
        mapping.madvise(mmap.MADV_HUGEPAGE)


def can_limit() -> bool:
    """Returns whether this system enforces a limit."""
    return HAS_RESOURCE_LIMITS and os.access(STATM, os.R_OK)


def memory_file(name: str) -> BinaryIO:
    """Returns an empty file that no other process can open, in memory where the system can do that.

    Args:
        name: for people who look at the descriptors of a process.
    """
    # A hardened kernel may refuse (the sysctl vm.memfd_noexec).
    with contextlib.suppress(OSError, AttributeError):
        return open(os.memfd_create(name), "w+b")
    import tempfile  # noqa: PLC0415 # start-up: most systems have such files

    return cast("BinaryIO", tempfile.TemporaryFile(prefix=f"{name}-"))


class AddressSpace:
    """The address space of this process. The kernel has no limit on resident memory.

    Memory in use at construction (libraries, mapped lists) does not count against the limit. The constructor opens the
    descriptor for measuring, because a sandboxed process may not open files.
    """

    def __init__(self) -> None:
        try:
            self._statm: int | None = os.open(STATM, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            self._statm = None
        self._before_bytes = self._used_bytes()

    def __del__(self) -> None:
        if self._statm is not None:
            with contextlib.suppress(OSError):  # a decoder closed it
                os.close(self._statm)

    def limit(self, more_bytes: int) -> bool:
        """Makes the kernel refuse more than ``more_bytes`` beyond the initial use. Returns whether the limit is set."""
        return self._statm is not None and set_limit("RLIMIT_AS", self._before_bytes + more_bytes)

    def is_measurable(self) -> bool:
        """Returns whether memory use can be measured, or never could be.

        False once a decoder has closed this object's descriptor of /proc/self/statm.
        """
        try:
            return self._used_bytes() > 0 or self._statm is None
        except (OSError, IndexError, ValueError):
            return False

    def grown_bytes(self) -> int:
        """Returns the growth since construction; 0 if it cannot be measured."""
        return self._used_bytes() - self._before_bytes

    def _used_bytes(self) -> int:
        if self._statm is None:
            return 0
        return int(os.pread(self._statm, 64, 0).split()[0]) * mmap.PAGESIZE
