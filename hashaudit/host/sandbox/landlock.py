"""Restricts this process to reading files below given paths.

Source: landlock(7), the kernel's Documentation/userspace-api/landlock.rst and linux/landlock.h.
"""

import contextlib
import ctypes
import functools
import os
import stat
import struct
import sys
from collections.abc import Callable, Iterable
from typing import cast

from hashaudit.host.c_library import c_function
from hashaudit.host.files import HANDLE_FLAGS, open_directory

NEWEST_ABI = 7
"""The newest ABI version whose rights are known here. Newer kernels support it unchanged."""

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
"""Numbers of the system calls, the same on all machines except Alpha, which has no landlock."""

_CREATE_RULESET_VERSION = 1
_RULE_PATH_BENEATH = 1

_READ_FILE = 1 << 2
_READ_DIR = 1 << 3

_WRITE_FILES = 1 << 1 | 1 << 5 | 1 << 8 | 1 << 14
"""Writing, removing, creating and truncating regular files."""

_FILE_RIGHTS = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}
"""All file rights by ABI version: 13 at first; version 2 adds linking across directories, 3 truncating, 5 ioctl on
devices."""
_NETWORK_ABI, _NETWORK_RIGHTS = 4, 0b11
"""Binding and connecting TCP sockets."""
_SCOPE_ABI, _SCOPES = 6, 0b11
"""Connections to abstract Unix sockets and signals to processes outside the sandbox."""


def abi() -> int:
    """Returns this kernel's active ABI version, at most :data:`NEWEST_ABI`; 0 without landlock. Applies nothing."""
    if sys.platform != "linux":
        return 0
    return min(max(_call(_CREATE_RULESET, None, 0, _CREATE_RULESET_VERSION), 0), NEWEST_ABI)


def restrict(
    readable: Iterable[bytes], *, network: bool, names: Iterable[bytes] = (), writable: Iterable[bytes] = ()
) -> int:
    """Permanently restricts this process to reading below ``readable``.

    Open files stay usable. The process must have forbidden new privileges before. It must have one thread, because
    others would stay unrestricted.

    Args:
        readable: directories and files. A path that does not exist or cannot be looked up is skipped.
        network: permits TCP connections.
        names: more files and directories, of which some may be links; those are skipped and not followed. Directories
            in them cannot be listed.
        writable: directories in which the process may also create, write and remove files.

    Returns:
        The active ABI version; 0 without landlock.
    """
    version = abi()
    if not version:
        return 0
    files = _FILE_RIGHTS[max(known for known in _FILE_RIGHTS if known <= version)]
    attributes = struct.pack("=Q", files)
    if version >= _NETWORK_ABI:
        attributes += struct.pack("=Q", 0 if network else _NETWORK_RIGHTS)
    if version >= _SCOPE_ABI:
        attributes += struct.pack("=Q", _SCOPES)
    ruleset = _call(_CREATE_RULESET, attributes, len(attributes), 0)
    if ruleset < 0:
        return 0
    try:
        for path in readable:
            with contextlib.suppress(OSError):
                _allow(ruleset, path)
        for path in writable:
            with contextlib.suppress(OSError):
                _allow(ruleset, path, files & _WRITE_FILES)
        for path in names:
            with contextlib.suppress(OSError):
                _allow_name(ruleset, path)
        return version if _call(_RESTRICT_SELF, ruleset, 0) == 0 else 0
    finally:
        os.close(ruleset)


def _allow(ruleset: int, path: bytes, more: int = 0) -> None:
    try:
        # Opening as a directory triggers an automount, so that the rule applies to the mounted filesystem.
        descriptor = open_directory(path)
    except NotADirectoryError:
        descriptor = os.open(path, HANDLE_FLAGS & ~os.O_DIRECTORY)
    try:
        rights = _READ_FILE | _READ_DIR | more if stat.S_ISDIR(os.fstat(descriptor).st_mode) else _READ_FILE
        _call(_ADD_RULE, ruleset, _RULE_PATH_BENEATH, struct.pack("=Qi", rights, descriptor), 0)
    finally:
        os.close(descriptor)


def _allow_name(ruleset: int, path: bytes) -> None:
    # Without examining it: among many names there may be a dead mount. The right to read files is valid for both kinds.
    descriptor = os.open(path, HANDLE_FLAGS & ~os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        _call(_ADD_RULE, ruleset, _RULE_PATH_BENEATH, struct.pack("=Qi", _READ_FILE, descriptor), 0)
    finally:
        os.close(descriptor)


def _call(number: int, *arguments: int | bytes | None) -> int:
    syscall = _syscall()
    if syscall is None:
        return -1
    passed = [ctypes.c_long(word) if isinstance(word, int) else ctypes.c_char_p(word) for word in arguments]
    return int(syscall(ctypes.c_long(number), *passed))


@functools.cache
def _syscall() -> Callable[..., int] | None:
    syscall = c_function("syscall", use_errno=True)
    if syscall is not None:
        syscall.restype = ctypes.c_long
    return cast("Callable[..., int] | None", syscall)
