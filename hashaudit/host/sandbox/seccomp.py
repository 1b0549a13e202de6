"""A filter in classic BPF that limits the system calls of a worker.

Source: seccomp(2), the kernel's Documentation/userspace-api/seccomp_filter.rst, linux/filter.h and linux/bpf_common.h.
The calls themselves are in :mod:`hashaudit.host.sandbox.syscalls`.
"""

import ctypes
import errno
import os
import struct
import sys
from collections.abc import Collection

import msgspec

from hashaudit.host.c_library import c_function
from hashaudit.host.sandbox.syscalls import ABSENT, CHECKED, FILES, NETWORK, NEWEST, REFUSED, Numbers

_SET_MODE_FILTER = 1
_GET_ACTION_AVAIL = 2
_FLAG_TSYNC = 1
"""Applies the filter to all threads of the process, also those that a library has started."""

_RET_KILL_PROCESS = 0x80000000
_RET_ERRNO = 0x00050000
_RET_ALLOW = 0x7FFF0000
_ALLOW, _EPERM, _ENOSYS = _RET_ALLOW, _RET_ERRNO | errno.EPERM, _RET_ERRNO | errno.ENOSYS

# BPF_LD | BPF_W | BPF_ABS, BPF_ALU | BPF_AND | BPF_K, BPF_JMP | BPF_JEQ/JGT/JGE | BPF_K, BPF_RET | BPF_K.
_LOAD, _AND, _JEQ, _JGT, _JGE, _RET = 0x20, 0x54, 0x15, 0x25, 0x35, 0x06

_INSTRUCTION = struct.Struct("=HBBI")
_NR_AT, _ARCH_AT, _ARGS_AT = 0, 4, 16
"""Offsets of the fields of ``struct seccomp_data``."""

_X32_BIT = 0x40000000
"""Set in the numbers of the x32 ABI, which would bypass a list of the ordinary numbers."""

_CLONE_THREAD = 0x00010000
_CLONE_NAMESPACES = 0x7E020000
_WRITING = 0o3 | 0o100 | 0o1000
"""O_ACCMODE, O_CREAT and O_TRUNC of Linux; O_RDONLY is 0."""

_IOCTLS = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)
"""TCGETS, TIOCGWINSZ, FIONREAD, FIONBIO, FIONCLEX, FIOCLEX. Others reach drivers, insert terminal input (TIOCSTI) or
change a file's attributes without a descriptor that is open for writing (FS_IOC_SETFLAGS)."""

_PRCTLS = (15, 16, 2, 39, 0x53564D41)
"""PR_SET_NAME, PR_GET_NAME, PR_GET_PDEATHSIG, PR_GET_NO_NEW_PRIVS, PR_SET_VMA. Others could cancel the signal at the
parent's death, or expose this process to other processes."""

_FCNTLS_REFUSED = (6, 7, 8, 10, 15, 37, 38, 1024, 1026)
"""F_SETOWN, F_SETSIG and F_SETOWN_EX send signals to other processes; F_SETLK, F_SETLKW, F_OFD_SETLK, F_OFD_SETLKW,
F_SETLEASE and F_NOTIFY delay or watch their access to files."""

_FAMILIES = (2, 10, 16)
"""AF_INET, AF_INET6 and AF_NETLINK, which resolving a host name needs. Not AF_UNIX: sockets with a path (of docker,
D-Bus, an agent) give more power than a worker has, and landlock does not check them. Without it the C library skips
nscd and systemd-resolved's own socket, and asks the name servers by IP."""


class Machine(msgspec.Struct, frozen=True):
    """The constants of a processor architecture."""

    column: int
    """Index into the tables of system call numbers."""
    arch: int
    """``AUDIT_ARCH_*`` of linux/audit.h."""
    seccomp: int
    """The number of seccomp(2)."""
    x32: bool = False
    """The kernel may also offer the x32 ABI."""


MACHINES: dict[str, Machine] = {
    "x86_64": Machine(0, 0xC000003E, 317, x32=True),
    "aarch64": Machine(1, 0xC00000B7, 277),
}


class Check(msgspec.Struct, frozen=True):
    """The condition on an argument under which a call is allowed."""

    argument: int
    """Position of the argument, from 0."""
    values: tuple[int, ...]
    mask: int = 0xFFFFFFFF
    """Bits of the argument that are compared."""
    among: bool = True
    """The argument must be one of ``values``; if False, it must not be."""
    pointer: bool = False
    """All 64 bits count. The kernel uses only the low 32 of other arguments."""


def this_machine() -> Machine | None:
    """Returns the architecture of this process; ``None`` if there is no filter for it."""
    if sys.platform != "linux" or sys.maxsize < 1 << 32:
        return None
    return MACHINES.get(os.uname().machine)


def available() -> bool:
    """Returns whether this kernel supports the filter. Applies nothing."""
    machine = this_machine()
    return machine is not None and _seccomp(machine, _GET_ACTION_AVAIL, 0, struct.pack("=I", _RET_ERRNO)) == 0


def apply_filter(*, network: bool, files: bool = False) -> bool:
    """Applies the filter to this process permanently. Returns whether it is active.

    The process must have forbidden new privileges before.

    Args:
        network: permits connections.
        files: permits to create, write and remove files, which another layer limits to a directory.
    """
    machine = this_machine()
    if machine is None:
        return False
    code = program(machine, os.getpid(), network=network, files=files)
    instructions = ctypes.create_string_buffer(code, len(code))
    # struct sock_fprog: the count, padding, the address.
    filter_program = struct.pack("@HP", len(code) // _INSTRUCTION.size, ctypes.addressof(instructions))
    return _seccomp(machine, _SET_MODE_FILTER, _FLAG_TSYNC, filter_program) == 0


def program(machine: Machine, pid: int, *, network: bool, files: bool = False) -> bytes:
    """Returns the filter for the process ``pid``, as an array of ``struct sock_filter``."""
    code = [(_LOAD, 0, 0, _ARCH_AT), (_JEQ, 1, 0, machine.arch), (_RET, 0, 0, _RET_KILL_PROCESS)]
    code.append((_LOAD, 0, 0, _NR_AT))
    if machine.x32:
        code += [(_JGE, 0, 1, _X32_BIT), (_RET, 0, 0, _RET_KILL_PROCESS)]
    code += [(_JGT, 0, 1, NEWEST), (_RET, 0, 0, _ENOSYS)]
    # Calls with checked arguments come first. The kernel caches calls that are allowed by number alone
    # (seccomp_cache_prepare in kernel/seccomp.c) and skips the filter for them.
    permitted = (NETWORK if network else frozenset()) | (FILES if files else frozenset())
    for name, check in _checks(pid, network=network, files=files).items():
        block = _block(check)
        for number in _numbers(machine, {name: (CHECKED | REFUSED)[name]}):
            code += [(_JEQ, 0, len(block), number), *block]
    for number in _numbers(machine, ABSENT):
        code += [(_JEQ, 0, 1, number), (_RET, 0, 0, _ENOSYS)]
    for number in _numbers(machine, REFUSED, but=permitted):
        code += [(_JEQ, 0, 1, number), (_RET, 0, 0, _EPERM)]
    code.append((_RET, 0, 0, _ALLOW))
    return b"".join(_INSTRUCTION.pack(*instruction) for instruction in code)


def _checks(pid: int, *, network: bool, files: bool) -> dict[str, Check]:
    # A process may signal itself, because abort(3) does. Its pid is also the id of its main thread.
    own = Check(0, (pid,))
    of_network = {"socket": Check(0, _FAMILIES)} if network else {}
    reading = {"openat": Check(2, (0,), mask=_WRITING), "open": Check(1, (0,), mask=_WRITING)}
    return (
        of_network
        | ({} if files else reading)
        | {
            "clone": Check(0, (_CLONE_THREAD,), mask=_CLONE_THREAD | _CLONE_NAMESPACES),
            "kill": own,
            "tkill": own,
            "tgkill": own,
            "ioctl": Check(1, _IOCTLS),
            "fcntl": Check(1, _FCNTLS_REFUSED, among=False),
            "prctl": Check(0, _PRCTLS),
            "prlimit64": Check(2, (0,), pointer=True),
        }
    )


def _block(check: Check) -> list[tuple[int, int, int, int]]:
    low = _ARGS_AT + 8 * check.argument
    hit, miss = (_ALLOW, _EPERM) if check.among else (_EPERM, _ALLOW)
    code = []
    if check.pointer:
        code += [(_LOAD, 0, 0, low + 4), (_JEQ, 1, 0, 0), (_RET, 0, 0, _EPERM)]
    code += [(_LOAD, 0, 0, low), (_AND, 0, 0, check.mask)]
    for value in check.values:
        code += [(_JEQ, 0, 1, value), (_RET, 0, 0, hit)]
    return [*code, (_RET, 0, 0, miss)]


def _numbers(machine: Machine, calls: dict[str, Numbers], but: Collection[str] = ()) -> list[int]:
    found = (numbers[machine.column] for name, numbers in calls.items() if name not in but)
    return [number for number in found if number is not None]


def _seccomp(machine: Machine, operation: int, flags: int, argument: bytes) -> int:
    syscall = c_function("syscall", use_errno=True)
    if syscall is None:
        return -1
    syscall.restype = ctypes.c_long
    syscall.argtypes = (ctypes.c_long, ctypes.c_ulong, ctypes.c_ulong, ctypes.c_char_p)
    return int(syscall(machine.seccomp, operation, flags, argument))
