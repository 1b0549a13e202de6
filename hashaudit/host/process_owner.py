"""Which process holds something, told well enough that another can say later whether it still runs.

Source: proc_pid_stat(5) for the time when a process began, the kernel's Documentation/admin-guide/sysctl/kernel.rst for
``random/boot_id``.
"""

import os
import socket

import msgspec

BOOT_ID = "/proc/sys/kernel/random/boot_id"


class ProcessOwner(msgspec.Struct, frozen=True, array_like=True):
    """A process."""

    pid: int
    host: str
    boot_id: str | None = None
    """Of the system's present run; ``None`` where it does not tell."""
    began: str | None = None
    """When the process began, in the system's own terms: tells it from a later one with the same number."""

    def is_gone(self) -> bool:
        """Whether the process certainly runs no more. Of another machine's nothing is certain."""
        if self.host != socket.gethostname():
            return False
        if self.boot_id != boot_id():
            return True
        return self.began is not None and self.began != _began(self.pid)


def this_process() -> ProcessOwner:
    """The process that calls this."""
    pid = os.getpid()
    return ProcessOwner(pid, socket.gethostname(), boot_id(), _began(pid))


def boot_id() -> str | None:
    """Stands for this machine's present run; ``None`` where the system does not tell."""
    try:
        with open(BOOT_ID, encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return None


def _began(pid: int) -> str | None:
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            # The second field, in brackets, may hold anything; the 22nd is what is asked for.
            return file.read().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return None
