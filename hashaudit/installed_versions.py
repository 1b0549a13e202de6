"""The versions of what can change what a run computes or signs."""

import functools
import os
import platform
import re
import sys

DECIDING_PACKAGES = ("blake3", "cryptography", "imagehash", "msgspec", "numpy", "pillow")
"""Packages whose version can change what a run computes or signs."""

UNKNOWN = "unknown"

_INFORMATION = re.compile(r"([A-Za-z0-9._]+)-([A-Za-z0-9.+]+)\.dist-info")
"""The directory that records an installed package.

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
            if (record := _INFORMATION.fullmatch(name)) is not None:
                found.setdefault(_normal(record[1]), record[2])
    return found


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
