"""Tests the seccomp filter in an interpreter of classic BPF for both machines, and applied to a process."""

import errno
import os
import re
import struct
import subprocess
import sys

import pytest

from hashaudit.host.sandbox import seccomp
from hashaudit.host.sandbox.syscalls import ABSENT, CHECKED, NETWORK, NEWEST, REFUSED

PID = 4242
ALLOW = 0x7FFF0000
KILL = 0x80000000
REFUSE = 0x00050000 | errno.EPERM
UNKNOWN = 0x00050000 | errno.ENOSYS

HEADERS = {
    "x86_64": ("/usr/include/x86_64-linux-gnu/asm/unistd_64.h", "/usr/include/asm/unistd_64.h"),
    "aarch64": ("/usr/include/asm-generic/unistd.h",),
}
"""The kernel's headers with the numbers of system calls. aarch64 has the generic numbers."""

machines = pytest.mark.parametrize("name", seccomp.MACHINES)


def answer(
    code: bytes, number: int, arguments: tuple[int, ...] = (), arch: int | None = None, name: str = "x86_64"
) -> int:
    """Returns the filter's result for a call."""
    arch = seccomp.MACHINES[name].arch if arch is None else arch
    data = struct.pack("<IIQ6Q", number & 0xFFFFFFFF, arch, 0, *(arguments + (0,) * 6)[:6])
    program = list(struct.iter_unpack("=HBBI", code))
    accumulator = at = 0
    while True:
        operation, true, false, value = program[at]
        at += 1
        match operation:
            case 0x20:
                (accumulator,) = struct.unpack_from("<I", data, value)
            case 0x54:
                accumulator &= value
            case 0x15:
                at += true if accumulator == value else false
            case 0x25:
                at += true if accumulator > value else false
            case 0x35:
                at += true if accumulator >= value else false
            case 0x06:
                return int(value)
            case _:
                raise AssertionError(f"unknown operation {operation:#x}")


def number_of(call: str, name: str) -> int | None:
    return (REFUSED | ABSENT | CHECKED)[call][seccomp.MACHINES[name].column]


@machines
def test_listed_calls_are_refused_and_others_up_to_the_newest_allowed(name: str) -> None:
    code = seccomp.program(seccomp.MACHINES[name], PID, network=False)
    refused = {number_of(call, name) for call in REFUSED}
    absent = {number_of(call, name) for call in ABSENT}
    checked = {number_of(call, name) for call in CHECKED}
    for number in range(NEWEST + 1):
        if number not in checked:
            expected = REFUSE if number in refused else UNKNOWN if number in absent else ALLOW
            assert answer(code, number, name=name) == expected, number


@machines
def test_newer_calls_and_other_instruction_sets_are_refused(name: str) -> None:
    code = seccomp.program(seccomp.MACHINES[name], PID, network=False)
    assert answer(code, NEWEST + 1, name=name) == UNKNOWN
    assert answer(code, 0, arch=0x40000003, name=name) == KILL  # i386
    assert answer(code, 0x40000000, name=name) == (KILL if name == "x86_64" else UNKNOWN)
    assert answer(code, -1, name=name) == (KILL if name == "x86_64" else UNKNOWN)


THREAD = 0x003D0F00
"""The flags with which the C library creates a thread."""

ARGUMENTS: list[tuple[str, tuple[int, ...], bool]] = [
    ("clone", (THREAD,), True),
    ("clone", (0x1200011,), False),  # fork
    ("clone", (0x4111,), False),  # vfork
    ("clone", (THREAD | 0x20000,), False),  # a mount namespace
    ("clone", (THREAD | 0x10000000,), False),  # a user namespace
    ("openat", (0, 0, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK), True),
    ("openat", (0, 0, 0o10000000 | 0o200000), True),  # O_PATH | O_DIRECTORY
    ("openat", (0, 0, 1), False),
    ("openat", (0, 0, 2), False),
    ("openat", (0, 0, 3), False),
    ("openat", (0, 0, 0o100), False),
    ("openat", (0, 0, 0o1000), False),
    ("open", (0, 0), True),
    ("open", (0, 1), False),
    ("kill", (PID, 9), True),
    ("kill", (PID - 1, 9), False),
    ("kill", (0, 9), False),
    ("kill", (0xFFFFFFFF, 9), False),
    ("tgkill", (PID, PID, 6), True),
    ("tgkill", (1, PID, 6), False),
    ("ioctl", (0, 0x5401), True),
    ("ioctl", (0, 0x5412), False),  # TIOCSTI
    ("ioctl", (0, 0x40086602), False),  # FS_IOC_SETFLAGS
    ("ioctl", (0, 1 << 32 | 0x5412), False),
    ("fcntl", (0, 3), True),
    ("fcntl", (0, 8), False),  # F_SETOWN
    ("fcntl", (0, 6), False),  # F_SETLK
    ("fcntl", (0, 37), False),  # F_OFD_SETLK
    ("prctl", (15,), True),
    ("prctl", (1,), False),  # PR_SET_PDEATHSIG
    ("prctl", (4,), False),  # PR_SET_DUMPABLE
    ("prlimit64", (0, 9, 0), True),
    ("prlimit64", (0, 9, 0x7F0000000000), False),
    ("prlimit64", (0, 9, 1), False),
]


@machines
@pytest.mark.parametrize(("call", "arguments", "allowed"), ARGUMENTS)
def test_arguments_decide_checked_calls(name: str, call: str, arguments: tuple[int, ...], allowed: bool) -> None:
    code = seccomp.program(seccomp.MACHINES[name], PID, network=False)
    number = number_of(call, name)
    if number is not None:
        assert answer(code, number, arguments, name=name) == (ALLOW if allowed else REFUSE)


@machines
def test_with_network_only_connections_are_added(name: str) -> None:
    code = seccomp.program(seccomp.MACHINES[name], PID, network=True)
    allowed = {
        call
        for call in REFUSED
        if (number := number_of(call, name)) is not None and answer(code, number, (2,), name=name) == ALLOW
    }
    assert allowed == NETWORK


@machines
@pytest.mark.parametrize(
    ("family", "allowed"), [(2, True), (10, True), (16, True), (1, False), (0, False), (17, False), (40, False)]
)
def test_only_sockets_of_the_internet_are_created(name: str, family: int, allowed: bool) -> None:
    number = number_of("socket", name)
    assert number is not None
    code = seccomp.program(seccomp.MACHINES[name], PID, network=True)
    assert answer(code, number, (family,), name=name) == (ALLOW if allowed else REFUSE)
    code = seccomp.program(seccomp.MACHINES[name], PID, network=False)
    assert answer(code, number, (family,), name=name) == REFUSE


@pytest.mark.skipif(not seccomp.available(), reason="needs a kernel with seccomp, on x86-64 or aarch64")
def test_names_are_resolved_without_unix_sockets() -> None:
    code = """
import socket
from hashaudit.host import process
from hashaudit.host.sandbox import seccomp
assert process.forbid_new_privileges() and seccomp.apply_filter(network=True)
for make in (lambda: socket.socket(socket.AF_UNIX), socket.socketpair):
    try:
        make()
    except PermissionError:
        print("refused")
print(bool(socket.getaddrinfo("localhost", 80)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["refused", "refused", "True"]


@machines
def test_numbers_equal_the_kernels(name: str) -> None:
    path = next(filter(os.path.exists, HEADERS[name]), None)
    if path is None:
        pytest.skip("needs the kernel's headers (linux-libc-dev)")
    with open(path) as file:
        lines = re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", file.read())
    stated = {call: int(number) for call, number in lines}
    checked = 0
    for call in REFUSED | ABSENT | CHECKED:
        number = number_of(call, name)
        if call in stated or number is None:
            assert number == stated.get(call), call
            checked += 1
    assert checked > 130


@pytest.mark.skipif(not seccomp.available(), reason="needs a kernel with seccomp, on x86-64 or aarch64")
def test_the_filter_applies_to_existing_threads() -> None:
    code = """
import os, socket, threading
from hashaudit.host import process
from hashaudit.host.sandbox import seccomp
go, out = threading.Event(), []
def attempt():
    go.wait()
    try:
        socket.socket()
    except PermissionError:
        out.append("refused")
thread = threading.Thread(target=attempt)
thread.start()
assert process.forbid_new_privileges() and seccomp.apply_filter(network=False)
go.set()
thread.join()
print(out)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['refused']"


def test_other_machines_have_no_filter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seccomp, "MACHINES", {})
    assert not seccomp.available()
    assert not seccomp.apply_filter(network=False)
