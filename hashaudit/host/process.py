"""Limits and settings that a process requests from the kernel for itself.

Source: prctl(2), PR_SET_PDEATHSIG(2const), PR_SET_DUMPABLE(2const), PR_SET_NO_NEW_PRIVS(2const),
PR_SET_CHILD_SUBREAPER(2const), PR_SET_NAME(2const), getrlimit(2).
"""

import ctypes
import math
import os
import signal

from hashaudit.host.c_library import c_function

HAS_RESOURCE_LIMITS = True
"""The system has getrlimit(2). Windows does not."""
try:
    import resource
except ImportError:
    HAS_RESOURCE_LIMITS = False

THREADS = "/proc/self/task"

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_SET_NO_NEW_PRIVS = 38
_PR_SET_NAME = 15
_PR_SET_CHILD_SUBREAPER = 36
_PR_GET_CHILD_SUBREAPER = 37

_MANY_OPEN_FILES = 10_240
"""macOS refuses to raise the soft limit to an unlimited hard limit; it grants this many (OPEN_MAX of its limits.h)."""


def die_with_parent(parent_pid: int) -> bool:
    """Makes the kernel kill this process when its parent ends. Returns whether that is active.

    The kernel does not notice a parent that has already ended, so in that case this process kills itself. The signal
    follows the parent's thread that created this process, so that thread must live as long as the parent.
    """
    is_active = _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL) if hasattr(signal, "SIGKILL") else False
    if is_active and os.getppid() != parent_pid:
        os.kill(os.getpid(), signal.SIGKILL)
    return is_active


def forbid_new_privileges() -> bool:
    """Disables set-uid programs and file capabilities for this process and its children. Returns whether it worked."""
    return _prctl(_PR_SET_NO_NEW_PRIVS, 1)


def forbid_core_dumps() -> bool:
    """Disables core files, which would contain file content. Returns whether it worked."""
    return set_limit("RLIMIT_CORE", 0)


def forbid_inspection() -> bool:
    """Keeps the memory of this process from other processes of its user; returns whether that is in force.

    The kernel then writes no core and attaches no debugger. A limit of the core's size does not bind a handler that
    ``core_pattern`` pipes cores to (core(5)), and this does. Programs that this process starts are not bound by it.
    """
    return _prctl(_PR_SET_DUMPABLE, 0)


def set_limit(name: str, value: int) -> bool:
    """Sets a soft and hard limit of getrlimit(2), so that it cannot be raised again. Returns whether it is active.

    A lower hard limit stays.
    """
    if not HAS_RESOURCE_LIMITS:
        return False
    try:
        number = getattr(resource, name)
        _, hard = resource.getrlimit(number)
        value = value if _amount(value) <= _amount(hard) else hard
        resource.setrlimit(number, (value, value))
    except (AttributeError, OSError, ValueError):
        return False
    return True


def raise_open_file_limit() -> int | None:
    """Raises the soft limit of open files as far as possible. Returns the active limit; ``None`` without a limit."""
    if not HAS_RESOURCE_LIMITS:
        return None
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for wanted in (hard, _MANY_OPEN_FILES):
        if not _amount(soft) < _amount(wanted) <= _amount(hard):
            continue
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        except (OSError, ValueError):
            continue
        soft = wanted
    return None if soft == resource.RLIM_INFINITY else soft


def _amount(limit: int) -> float:
    return math.inf if limit == resource.RLIM_INFINITY else limit


def has_one_thread() -> bool:
    """Returns whether this process certainly has a single thread."""
    try:
        return len(os.listdir(THREADS)) == 1
    except OSError:
        return False


def adopt_orphans(*, is_active: bool) -> bool:
    """Makes this process the parent of its descendants whose parent ends, or ends that. Returns whether it worked."""
    return _prctl(_PR_SET_CHILD_SUBREAPER, int(is_active))


def is_adopting_orphans() -> bool | None:
    """Returns whether :func:`adopt_orphans` is active; ``None`` if the system does not have it."""
    prctl = c_function("prctl")
    if prctl is None:
        return None
    value = ctypes.c_int(0)
    prctl.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_ulong, ctypes.c_ulong, ctypes.c_ulong)
    return bool(value.value) if prctl(_PR_GET_CHILD_SUBREAPER, ctypes.byref(value), 0, 0, 0) == 0 else None


def name_process(name: str) -> None:
    """Names this process for ps(1), where the system can; at most 15 bytes."""
    prctl = c_function("prctl")
    if prctl is not None:
        prctl.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_ulong, ctypes.c_ulong, ctypes.c_ulong)
        prctl(_PR_SET_NAME, name.encode(), 0, 0, 0)


def has_prctl() -> bool:
    """Returns whether this system has prctl(2)."""
    return c_function("prctl") is not None


def _prctl(option: int, value: int) -> bool:
    prctl = c_function("prctl")
    if prctl is None:
        return False
    prctl.argtypes = (ctypes.c_int, ctypes.c_ulong, ctypes.c_ulong, ctypes.c_ulong, ctypes.c_ulong)
    return bool(prctl(option, value, 0, 0, 0) == 0)
