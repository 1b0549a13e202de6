"""Checks whether a Dask worker gives the same results as this machine: the same programs in the same versions."""

import platform

from hashaudit import __version__, installed_versions

_OPTIONAL_PACKAGES = ("pillow-heif",)
"""Without it, images are reported as not decodable that are decoded elsewhere."""

_ABSENT = "none"


def fingerprint() -> dict[str, str]:
    """Returns the versions that must agree, by name. For Python the minor version, because patches change no result."""
    found = {name: value for name, value in installed_versions.deciding().items() if name != "python"}
    found["hashaudit"] = __version__
    found["python"] = ".".join(platform.python_version_tuple()[:2])
    return found | {name: installed_versions.of_package(name) or _ABSENT for name in _OPTIONAL_PACKAGES}


def difference(here: dict[str, str], there: dict[str, str]) -> str | None:
    """Returns the differences between two fingerprints as text, or ``None`` if they agree."""
    names = sorted(name for name in {*here, *there} if here.get(name) != there.get(name))
    reported = (f"{name} {there.get(name, _ABSENT)} there and {here.get(name, _ABSENT)} here" for name in names)
    return ", ".join(reported) or None
