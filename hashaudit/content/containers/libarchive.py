"""Calls libarchive through ctypes, from a shared library that a package of the extra ``archives`` ships.

The package's own Python modules are not imported. Without it the system's library is used.

Source: libarchive, ``archive.h`` and ``archive_entry.h`` of version 3.
"""

import ctypes
import functools
import glob
import importlib.util
import os
from typing import Any

PACKAGE = "archive_r"
"""Name of the module beside which the shared library lies."""

SYSTEM_LIBRARY = "libarchive.so.13"

OK, END, WARN, FAILED, FATAL = 0, 1, -20, -25, -30
"""Results of its functions."""

REGULAR, NO_TYPE = 0o100000, 0

_POINTER = ctypes.c_void_p
READ_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_ssize_t, _POINTER, _POINTER, ctypes.POINTER(_POINTER))
SEEK_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int64, _POINTER, _POINTER, ctypes.c_int64, ctypes.c_int)
SKIP_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int64, _POINTER, _POINTER, ctypes.c_int64)

_SIGNATURES: dict[str, tuple[Any, list[Any]]] = {
    "archive_version_details": (ctypes.c_char_p, []),
    "archive_read_new": (_POINTER, []),
    "archive_read_free": (ctypes.c_int, [_POINTER]),
    "archive_read_support_format_7zip": (ctypes.c_int, [_POINTER]),
    "archive_read_support_format_cab": (ctypes.c_int, [_POINTER]),
    "archive_read_support_format_lha": (ctypes.c_int, [_POINTER]),
    "archive_read_support_format_xar": (ctypes.c_int, [_POINTER]),
    "archive_read_support_format_raw": (ctypes.c_int, [_POINTER]),
    "archive_read_support_filter_lz4": (ctypes.c_int, [_POINTER]),
    "archive_read_support_filter_compress": (ctypes.c_int, [_POINTER]),
    "archive_read_set_read_callback": (ctypes.c_int, [_POINTER, READ_CALLBACK]),
    "archive_read_set_seek_callback": (ctypes.c_int, [_POINTER, SEEK_CALLBACK]),
    "archive_read_set_skip_callback": (ctypes.c_int, [_POINTER, SKIP_CALLBACK]),
    "archive_read_set_callback_data": (ctypes.c_int, [_POINTER, _POINTER]),
    "archive_read_open1": (ctypes.c_int, [_POINTER]),
    "archive_read_next_header2": (ctypes.c_int, [_POINTER, _POINTER]),
    "archive_read_data_block": (
        ctypes.c_int,
        [_POINTER, ctypes.POINTER(_POINTER), ctypes.POINTER(ctypes.c_size_t), ctypes.POINTER(ctypes.c_int64)],
    ),
    "archive_read_has_encrypted_entries": (ctypes.c_int, [_POINTER]),
    "archive_filter_code": (ctypes.c_int, [_POINTER, ctypes.c_int]),
    "archive_errno": (ctypes.c_int, [_POINTER]),
    "archive_error_string": (ctypes.c_char_p, [_POINTER]),
    "archive_entry_new": (_POINTER, []),
    "archive_entry_free": (None, [_POINTER]),
    "archive_entry_pathname": (ctypes.c_char_p, [_POINTER]),
    "archive_entry_pathname_w": (ctypes.c_wchar_p, [_POINTER]),
    "archive_entry_hardlink": (ctypes.c_char_p, [_POINTER]),
    "archive_entry_filetype": (ctypes.c_uint, [_POINTER]),
    "archive_entry_size": (ctypes.c_int64, [_POINTER]),
    "archive_entry_size_is_set": (ctypes.c_int, [_POINTER]),
    "archive_entry_is_encrypted": (ctypes.c_int, [_POINTER]),
}


@functools.cache
def load_library() -> ctypes.CDLL | None:
    """Returns the library with the types of its functions; ``None``: there is none."""
    for path in (*_packaged(), SYSTEM_LIBRARY):
        try:
            library = ctypes.CDLL(path)
            for name, (result, arguments) in _SIGNATURES.items():
                function = getattr(library, name)
                function.restype, function.argtypes = result, arguments
        except (OSError, AttributeError):
            continue
        return library
    return None


def has_library() -> bool:
    """Returns whether a library can be loaded."""
    return load_library() is not None


def _packaged() -> list[str]:
    """Returns the paths of libraries that the package ships, as its build tools place them."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        return []
    beside = glob.escape(os.path.dirname(spec.origin))
    return sorted(glob.glob(os.path.join(beside, f"{PACKAGE}*.libs", "libarchive-*.so*")))
