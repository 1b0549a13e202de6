"""Processors, disks and the clock of this machine.

Source: sched(7) for affinity, the kernel's cgroup-v2 documentation for ``cpu.max``, its block layer's
Documentation/ABI/stable/sysfs-block for ``rotational``, adjtimex(2) for the clock.
"""

import ctypes
import math
import os
import re
from collections.abc import Iterator

SYSFS_BLOCK = "/sys/dev/block"
MEMINFO = "/proc/meminfo"
CGROUP_OF_SELF = "/proc/self/cgroup"
CGROUP_ROOT = "/sys/fs/cgroup"

_TIME_ERROR = 5
"""What adjtimex(2) returns while the clock is not synchronised."""

_TIMEX_BYTES = 512
"""Over twice ``sizeof(struct timex)`` on any Linux; all zero it asks and sets nothing."""

_VIRTUAL_BUS = re.compile(r"/(virtio|vbd-|VMBUS|vmbus)")
"""In the sysfs path of disks of QEMU/KVM, Xen and Hyper-V."""


def cpu_count() -> int:
    """How many processors this process may keep busy, at least 1, by its affinity and its control groups' quota."""
    affinity = getattr(os, "sched_getaffinity", None)
    count = len(affinity(0)) if affinity is not None else os.cpu_count() or 1
    quota = _cgroup_quota()
    return max(1, count if quota is None else min(count, math.ceil(quota)))


def is_rotational(device: int) -> bool | None:
    """Whether a device (``st_dev``) is a spinning disk; ``None`` where the system does not tell.

    A virtual disk says that it spins unless its host was told to say otherwise, so from one only "no" is an answer.
    """
    if not hasattr(os, "major"):
        return None
    block = f"{SYSFS_BLOCK}/{os.major(device)}:{os.minor(device)}"
    for queue in ("queue", "../queue"):  # a partition has none of its own; its disk has
        answer = (_read(f"{block}/{queue}/rotational") or "").strip()
        if answer:
            virtual = _VIRTUAL_BUS.search(os.path.realpath(block)) is not None
            return None if answer == "1" and virtual else answer == "1"
    return None


def clock_is_synchronised() -> bool | None:
    """Whether the kernel counts its clock as disciplined by a time source; ``None`` where it does not tell."""
    try:
        adjtimex = ctypes.CDLL(None).adjtimex
    except (AttributeError, OSError, TypeError):  # no such function; no C library; Windows takes no None
        return None
    state = adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
    return None if state < 0 else bool(state != _TIME_ERROR)


def available_memory_bytes() -> int | None:
    """What could be had without swapping (proc_meminfo(5), MemAvailable); ``None`` where the system does not tell."""
    for line in (_read(MEMINFO) or "").splitlines():
        name, _, amount = line.partition(":")
        if name == "MemAvailable":
            return int(amount.split()[0]) << 10
    return None


def memory_limit_bytes() -> int | None:
    """The tightest limit of this process's control groups (version 2); ``None`` without one."""
    limits = [int(text) for text in _cgroup_files("memory.max") if text.isdigit()]
    return min(limits, default=None)


def _cgroup_quota() -> float | None:
    """Processors that the tightest of this process's control groups (version 2) grants; ``None`` without a limit."""
    quotas = []
    for text in _cgroup_files("cpu.max"):
        limit, _, period = text.partition(" ")
        if limit.isdigit() and period.isdigit() and int(period) > 0:
            quotas.append(int(limit) / int(period))
    return min(quotas, default=None)


def _cgroup_files(name: str) -> Iterator[str]:
    """What a file says in each of this process's control groups (version 2), from the innermost up."""
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
