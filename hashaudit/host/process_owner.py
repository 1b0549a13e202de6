"""Identifies the process that owns a file, so that another process can check later whether the owner still runs.

Source: proc_pid_stat(5) for the start time of a process, the kernel's Documentation/admin-guide/sysctl/kernel.rst for
``random/boot_id``.
"""

import os
import socket

import msgspec

BOOT_ID = "/proc/sys/kernel/random/boot_id"


class ProcessOwner(msgspec.Struct, frozen=True, array_like=True):
    """The identity of a process."""

    pid: int
    host: str
    boot_id: str | None = None
    """Identifier of the host's current boot; ``None`` if the system has none."""
    started: str | None = None
    """Start time of the process in clock ticks: distinguishes it from a later process with the same pid."""

    def is_gone(self) -> bool:
        """Returns whether the process has certainly ended. False for a process of another host."""
        if self.host != socket.gethostname():
            return False
        if self.boot_id != boot_id():
            return True
        return self.started is not None and self.started != _start_time(self.pid)


def this_process() -> ProcessOwner:
    """Returns the identity of the calling process."""
    pid = os.getpid()
    return ProcessOwner(pid, socket.gethostname(), boot_id(), _start_time(pid))


def boot_id() -> str | None:
    """Returns the identifier of this host's current boot; ``None`` if the system has none."""
    try:
        with open(BOOT_ID, "rb") as file:
            return file.read().decode("ascii").strip()
    except OSError:
        return None


def _start_time(pid: int) -> str | None:
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            # The second field, in brackets, may contain spaces and brackets; the start time is the 22nd field.
            return file.read().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return None
