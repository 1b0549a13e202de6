"""The processors, disks, memory and clock of this machine.

Source: sched(7) for affinity, the kernel's cgroup-v2 documentation for ``cpu.max``, its block layer's
Documentation/ABI/stable/sysfs-block for ``rotational``, adjtimex(2) for the clock.
"""

import ctypes
import math
import os
from collections.abc import Iterator

from hashaudit.host.c_library import c_function
from hashaudit.lazy import lazy_pattern

SYSFS_BLOCK = "/sys/dev/block"
MEMINFO = "/proc/meminfo"
CGROUP_OF_SELF = "/proc/self/cgroup"
CGROUP_ROOT = "/sys/fs/cgroup"

_TIME_ERROR = 5
"""The result of adjtimex(2) while the clock is not synchronised."""

_TIMEX_BYTES = 512
"""Over twice ``sizeof(struct timex)`` on any Linux. A structure of zeros reads the state and sets nothing."""

_VIRTUAL_BUS = lazy_pattern(r"/(virtio|vbd-|VMBUS|vmbus)")
"""Part of the sysfs path of virtual disks of QEMU/KVM, Xen and Hyper-V."""


def cpu_count() -> int:
    """Returns the number of processors this process may use, at least 1, from its affinity and its cgroup quota."""
    affinity = getattr(os, "sched_getaffinity", None)
    count = len(affinity(0)) if affinity is not None else os.cpu_count() or 1
    quota = _cgroup_quota()
    return max(1, count if quota is None else min(count, math.ceil(quota)))


def is_rotational(device: int) -> bool | None:
    """Returns whether a device (``st_dev``) is a spinning disk; ``None`` if that is unknown.

    A virtual disk claims to spin unless its host is configured otherwise, so only its "no" counts.
    """
    if not hasattr(os, "major"):
        return None
    block = f"{SYSFS_BLOCK}/{os.major(device)}:{os.minor(device)}"
    for queue in ("queue", "../queue"):  # a partition has no queue; its disk has one
        answer = (_read(f"{block}/{queue}/rotational") or "").strip()
        if answer:
            virtual = _VIRTUAL_BUS.search(os.path.realpath(block)) is not None
            return None if answer == "1" and virtual else answer == "1"
    return None


def clock_is_synchronised() -> bool | None:
    """Returns whether a time source disciplines the kernel's clock; ``None`` if the system does not report it."""
    adjtimex = c_function("adjtimex")
    if adjtimex is None:
        return None
    state = adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
    return None if state < 0 else bool(state != _TIME_ERROR)


def available_memory_bytes() -> int | None:
    """Returns the memory available without swapping (proc_meminfo(5), MemAvailable); ``None`` if it is unknown."""
    for line in (_read(MEMINFO) or "").splitlines():
        name, _, amount = line.partition(":")
        if name == "MemAvailable":
            return int(amount.split()[0]) << 10
    return None


def memory_limit_bytes() -> int | None:
    """Returns the tightest memory limit of this process's cgroups (version 2); ``None`` without a limit."""
    limits = [int(text) for text in _cgroup_files("memory.max") if text.isdigit()]
    return min(limits, default=None)


def _cgroup_quota() -> float | None:
    """Returns the processors granted by the tightest cgroup (version 2) of this process; ``None`` if unlimited."""
    quotas = []
    for text in _cgroup_files("cpu.max"):
        limit, _, period = text.partition(" ")
        if limit.isdigit() and period.isdigit() and int(period) > 0:
            quotas.append(int(limit) / int(period))
    return min(quotas, default=None)


def _cgroup_files(name: str) -> Iterator[str]:
    """Yields the content of a file in each of this process's cgroups (version 2), from the innermost up."""
    for line in (_read(CGROUP_OF_SELF) or "").splitlines():
        if line.startswith("0::/"):
            group = line.removeprefix("0::").rstrip("/")
            break
    else:
        return
    while True:
        yield (_read(f"{CGROUP_ROOT}{group}/{name}") or "").strip()
        if not group:
            return
        group = group.rpartition("/")[0]


def _read(path: str) -> str | None:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return None
