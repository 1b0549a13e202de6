"""How much memory a process may take, and how much it holds.

Source: getrlimit(2) for RLIMIT_AS, proc_pid_statm(5). Elsewhere than on Linux nothing is limited: macOS does not keep
RLIMIT_AS.
"""

import mmap
import os

from hashaudit.host.process import HAS_RESOURCE_LIMITS, set_limit

STATM = "/proc/self/statm"


def can_limit() -> bool:
    """Whether a limit can be set here."""
    return HAS_RESOURCE_LIMITS and os.access(STATM, os.R_OK)


class AddressSpace:
    """The address space of this process, which is what a limit can be set on.

    What is in use when this is made (libraries, mapped lists) is not counted against anything. It is looked up through
    a descriptor that is opened now, for later this process may not open files any more.
    """

    def __init__(self) -> None:
        try:
            self._statm: int | None = os.open(STATM, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            self._statm = None
        self._before_bytes = self._used_bytes()

    def limit(self, more_bytes: int) -> bool:
        """Makes the kernel refuse more than ``more_bytes`` beyond what was in use; says if that is in force."""
        return self._statm is not None and set_limit("RLIMIT_AS", self._before_bytes + more_bytes)

    def is_measurable(self) -> bool:
        """Whether its size can be, or never could: not so once someone has closed what is not theirs."""
        try:
            return self._used_bytes() > 0 or self._statm is None
        except (OSError, IndexError, ValueError):
            return False

    def grown_bytes(self) -> int:
        """How much more is in use; 0 where it cannot be told."""
        return self._used_bytes() - self._before_bytes

    def _used_bytes(self) -> int:
        if self._statm is None:
            return 0
        return int(os.pread(self._statm, 64, 0).split()[0]) * mmap.PAGESIZE
