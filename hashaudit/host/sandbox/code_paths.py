"""The paths of program code that a sandboxed process may still load."""

import os
import sys

_LIBRARIES = (
    b"/lib",
    b"/lib64",
    b"/usr/lib",
    b"/usr/lib64",
    b"/etc/ld.so.cache",
    b"/etc/localtime",
    b"/usr/share/zoneinfo",
)
"""Shared libraries, and what the C library reads when it is first asked for a time."""


def code_paths() -> tuple[bytes, ...]:
    """Returns absolute paths without links, of Python's code too. Some of them may not exist.

    PYTHONPATH, .pth files and the user's site-packages also hold libraries, which load parts of themselves late.
    """
    # As sysconfig gives them, which takes longer to import than most of this package.
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    platform = os.path.join(sys.exec_prefix, sys.platlibdir, version)
    found = [os.path.dirname(os.__file__), platform, *sys.path]
    return _LIBRARIES + tuple(os.path.realpath(os.fsencode(path)) for path in found if path)
