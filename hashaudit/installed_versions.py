"""The versions of what can change what a run computes or signs."""

import platform
import sys
from importlib.metadata import PackageNotFoundError, version

DECIDING_PACKAGES = ("blake3", "cryptography", "imagehash", "msgspec", "numpy", "pillow")
"""Packages whose version can change what a run computes or signs."""

UNKNOWN = "unknown"


def deciding() -> dict[str, str]:
    """Python and each deciding package, by name."""
    found = {"python": platform.python_version(), "implementation": sys.implementation.name}
    return found | {package: of_package(package) or UNKNOWN for package in DECIDING_PACKAGES}


def of_package(name: str) -> str | None:
    """The version of an installed package; ``None`` if it is not installed."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None
