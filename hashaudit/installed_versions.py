"""The versions of what can change what a run computes or signs."""

import functools
import os
import platform
import sys

DECIDING_PACKAGES = ("blake3", "cryptography", "imagehash", "msgspec", "numpy", "pillow")
"""Packages whose version can change what a run computes or signs."""

UNKNOWN = "unknown"

_INFORMATION = ".dist-info"
"""End of the name of a directory that records an installed package, after its name, a hyphen and its version.

Source: Python packaging user guide, "Recording installed projects", section "The .dist-info directory".
"""


def deciding() -> dict[str, str]:
    """Python and each deciding package, by name."""
    found = {"python": platform.python_version(), "implementation": sys.implementation.name}
    return found | {package: of_package(package) or UNKNOWN for package in DECIDING_PACKAGES}


def of_package(name: str) -> str | None:
    """The version of an installed package; ``None`` if it is not installed."""
    if (found := _recorded().get(_normal(name))) is not None:
        return found
    # Start-up: it takes longer to import and to read its files than to list the directories.
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415 # as above

    try:
        return version(name)
    except PackageNotFoundError:
        return None


@functools.cache
def _recorded() -> dict[str, str]:
    """Returns the version by the package's name, for the first record of each package on Python's path."""
    found: dict[str, str] = {}
    for directory in sys.path:
        try:
            names = os.listdir(directory or ".")
        except OSError:
            # A zip file, or a directory that does not exist.
            continue
        for name in names:
            if name.endswith(_INFORMATION):
                package, _, version = name.removesuffix(_INFORMATION).partition("-")
                found.setdefault(_normal(package), version)
    return found


def _normal(name: str) -> str:
    # Records have no other hyphens, and names of packages no two marks in a row.
    return name.replace("_", "-").replace(".", "-").lower()
