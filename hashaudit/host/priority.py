"""Giving way to others: the processor's and the disk's scheduler serve everyone else first.

Source: setpriority(2), ioprio_set(2). Both are inherited by the processes that are started afterwards.
"""

import ctypes
import os
import platform

LEAST_NICE = 19
"""The lowest priority there is (sched(7))."""

_IOPRIO_SET_NUMBERS = {"x86_64": 251, "aarch64": 30, "riscv64": 30, "loongarch64": 30, "ppc64le": 273, "s390x": 282}
"""Of the system call, which the C library has no function for, by machine (the kernel's unistd.h and syscall.tbl)."""

_WHO_PROCESS = 1
_CLASS_IDLE = 3
_CLASS_SHIFT = 13


def lower_priority() -> tuple[str, ...]:
    """Lets others go first from here on; names what is in force: ``processor``, ``disk``."""
    done = {"processor": _lower_processor_priority(), "disk": _lower_disk_priority()}
    return tuple(name for name, in_force in done.items() if in_force)


def _lower_processor_priority() -> bool:
    if not hasattr(os, "setpriority"):
        return False
    try:
        os.setpriority(os.PRIO_PROCESS, 0, LEAST_NICE)
    except OSError:
        return False
    return True


def _lower_disk_priority() -> bool:
    """The idle class: the disk is had when nobody else asks for it. Of effect where its scheduler knows classes."""
    number = _IOPRIO_SET_NUMBERS.get(platform.machine())
    if number is None or platform.system() != "Linux":
        return False
    syscall = ctypes.CDLL(None).syscall
    syscall.argtypes = (ctypes.c_long, ctypes.c_int, ctypes.c_int, ctypes.c_int)
    return bool(syscall(number, _WHO_PROCESS, 0, _CLASS_IDLE << _CLASS_SHIFT) == 0)
