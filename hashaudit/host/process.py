"""What a process can ask of the kernel about itself.

Source: prctl(2), PR_SET_PDEATHSIG(2const), PR_SET_NO_NEW_PRIVS(2const), getrlimit(2).
"""

import ctypes
import importlib.util
import math
import os
import signal
from typing import Any

HAS_RESOURCE_LIMITS: bool = importlib.util.find_spec("resource") is not None
"""Windows has none."""
if HAS_RESOURCE_LIMITS:
    import resource

THREADS = "/proc/self/task"

_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38

_MANY_OPEN_FILES = 10_240
"""macOS refuses to lift the soft limit to an unlimited hard one; this much it grants (OPEN_MAX of its limits.h)."""


def die_with_parent(parent_pid: int) -> bool:
    """Lets the kernel kill this process as soon as its parent is gone, and says whether that is in force.

    A parent that is gone already cannot be noticed by the kernel any more, so this process then ends itself by the same
    signal. The signal follows the parent's thread that made this process; make it from one that lives as long.
    """
    in_force = _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL) if hasattr(signal, "SIGKILL") else False
    if in_force and os.getppid() != parent_pid:
        os.kill(os.getpid(), signal.SIGKILL)
    return in_force


def forbid_new_privileges() -> bool:
    """Makes set-uid programs and file capabilities void for this process and its children; says whether it worked."""
    return _prctl(_PR_SET_NO_NEW_PRIVS, 1)


def forbid_core_dumps() -> bool:
    """Keeps what was read out of core files; says whether it worked."""
    return set_limit("RLIMIT_CORE", 0)


def set_limit(name: str, value: int) -> bool:
    """Sets a limit of getrlimit(2), the hard one too, so that it cannot be lifted; says whether it is in force.

    A hard limit that is lower already stays.
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
    """Lifts the soft limit of open files as far as it goes; gives the one in force, ``None`` where there is none."""
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
    """Whether this process is known to have no thread but this one."""
    try:
        return len(os.listdir(THREADS)) == 1
    except OSError:
        return False


def has_prctl() -> bool:
    """Whether this system has prctl(2)."""
    return _library_function("prctl") is not None


def _prctl(option: int, value: int) -> bool:
    prctl = _library_function("prctl")
    if prctl is None:
        return False
    prctl.argtypes = (ctypes.c_int, ctypes.c_ulong, ctypes.c_ulong, ctypes.c_ulong, ctypes.c_ulong)
    return bool(prctl(option, value, 0, 0, 0) == 0)


def _library_function(name: str) -> Any:
    try:
        return getattr(ctypes.CDLL(None), name)
    except (AttributeError, OSError, TypeError):  # no such function; no C library; Windows takes no None
        return None
