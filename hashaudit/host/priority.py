"""Lowers the CPU and disk priority of this process, so that others are served first.

Source: setpriority(2), ioprio_set(2). Processes started afterwards inherit both priorities.
"""

import ctypes
import os
import platform

from hashaudit.host.c_library import c_function

LEAST_NICE = 19
"""The lowest CPU priority (sched(7))."""

RESOURCES = ("processor", "disk")
"""Resources whose priority can be lowered."""

_IOPRIO_SET_NUMBERS = {"x86_64": 251, "aarch64": 30, "riscv64": 30, "loongarch64": 30, "ppc64le": 273, "s390x": 282}
"""Number of the system call by machine (the kernel's unistd.h and syscall.tbl). The C library has no wrapper for it."""

_WHO_PROCESS = 1
_CLASS_IDLE = 3
_CLASS_SHIFT = 13


def lower_priority() -> tuple[str, ...]:
    """Lowers both priorities permanently. Returns those of :data:`RESOURCES` whose priority is lowered."""
    lowered = (_lower_processor_priority(), _lower_disk_priority())
    return tuple(name for name, is_lowered in zip(RESOURCES, lowered, strict=True) if is_lowered)


def _lower_processor_priority() -> bool:
    if not hasattr(os, "setpriority"):
        return False
    try:
        os.setpriority(os.PRIO_PROCESS, 0, LEAST_NICE)
    except OSError:
        return False
    return True


def _lower_disk_priority() -> bool:
    """Sets the idle class: the disk serves this process only when it is otherwise idle.

    It has an effect only if the disk's scheduler supports classes.
    """
    number = _IOPRIO_SET_NUMBERS.get(platform.machine())
    syscall = c_function("syscall")
    if number is None or syscall is None or platform.system() != "Linux":
        return False
    syscall.argtypes = (ctypes.c_long, ctypes.c_int, ctypes.c_int, ctypes.c_int)
    return bool(syscall(number, _WHO_PROCESS, 0, _CLASS_IDLE << _CLASS_SHIFT) == 0)
