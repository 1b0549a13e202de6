"""Takes all access to files from this process but reading below given places.

Source: landlock(7), the kernel's Documentation/userspace-api/landlock.rst and linux/landlock.h.
"""

import contextlib
import ctypes
import os
import stat
import struct
import sys
from collections.abc import Iterable

from hashaudit.host.files import HANDLE_FLAGS, open_directory

NEWEST_ABI = 7
"""The last one whose rights are known here. A newer kernel keeps its promise of this one."""

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
"""The same numbers on all machines but Alpha, which has no landlock."""

_CREATE_RULESET_VERSION = 1
_RULE_PATH_BENEATH = 1

_READ_FILE = 1 << 2
_READ_DIR = 1 << 3

_FILE_RIGHTS = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}
"""ABI -> all rights on files that it knows: 13 of them; then linking to elsewhere, truncating, ioctl on devices."""
_NETWORK_ABI, _NETWORK_RIGHTS = 4, 0b11
"""Binding and connecting of TCP."""
_SCOPE_ABI, _SCOPES = 6, 0b11
"""Abstract Unix sockets and signals that lead out of the process."""


def abi() -> int:
    """The version that this kernel has in force, as far as it is known here; 0: none. Nothing is applied."""
    if sys.platform != "linux":
        return 0
    return min(max(_call(_CREATE_RULESET, None, 0, _CREATE_RULESET_VERSION), 0), NEWEST_ABI)


def restrict(readable: Iterable[bytes], *, network: bool) -> int:
    """Leaves this process only reading below ``readable``, for the rest of its life.

    What is open already stays usable. The process must have given up new privileges before, and have one thread: others
    would stay free.

    Args:
        readable: folders and files. What is not there, or cannot be looked up, is passed over.
        network: TCP connections may be made.

    Returns:
        The version in force; 0: none.
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
        return version if _call(_RESTRICT_SELF, ruleset, 0) == 0 else 0
    finally:
        os.close(ruleset)


def _allow(ruleset: int, path: bytes) -> None:
    try:
        # As a folder, an automounted one is mounted first, so that the rule is about what is examined.
        place = open_directory(path)
    except NotADirectoryError:
        place = os.open(path, HANDLE_FLAGS & ~os.O_DIRECTORY)
    try:
        rights = _READ_FILE | _READ_DIR if stat.S_ISDIR(os.fstat(place).st_mode) else _READ_FILE
        _call(_ADD_RULE, ruleset, _RULE_PATH_BENEATH, struct.pack("=Qi", rights, place), 0)
    finally:
        os.close(place)


def _call(number: int, *arguments: int | bytes | None) -> int:
    try:
        syscall = ctypes.CDLL(None, use_errno=True).syscall
    except (AttributeError, OSError, TypeError):  # no such function; no C library
        return -1
    syscall.restype = ctypes.c_long
    passed = [ctypes.c_long(word) if isinstance(word, int) else ctypes.c_char_p(word) for word in arguments]
    return int(syscall(ctypes.c_long(number), *passed))
