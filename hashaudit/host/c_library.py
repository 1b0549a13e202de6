"""Functions of the C library that Python's standard library does not have."""

import ctypes
from typing import Any


def c_function(name: str, *, use_errno: bool = False) -> Any:
    """Returns a function of the C library of this process; ``None`` if there is none.

    Args:
        name: of the function.
        use_errno: keep the error number of a call for ``ctypes.get_errno``.
    """
    try:
        return getattr(ctypes.CDLL(None, use_errno=use_errno), name)
    except (AttributeError, OSError, TypeError):  # no such function; no C library; Windows does not accept None
        return None
