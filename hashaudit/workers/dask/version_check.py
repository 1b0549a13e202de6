"""Whether a Dask worker would find what this machine would: the same programs in the same versions."""

import platform

from hashaudit import __version__, installed_versions

_OPTIONAL_PACKAGES = ("pillow-heif",)
"""Where it is missing, pictures are told as not decodable that are decoded elsewhere."""

_ABSENT = "none"


def fingerprint() -> dict[str, str]:
    """The versions that have to agree, by name. Of Python the minor version: patches change no result."""
    found = {name: value for name, value in installed_versions.deciding().items() if name != "python"}
    found["hashaudit"] = __version__
    found["python"] = ".".join(platform.python_version_tuple()[:2])
    return found | {name: installed_versions.of_package(name) or _ABSENT for name in _OPTIONAL_PACKAGES}


def difference(here: dict[str, str], there: dict[str, str]) -> str | None:
    """How two fingerprints differ, for people; ``None`` when they agree."""
    names = sorted(name for name in {*here, *there} if here.get(name) != there.get(name))
    reported = (f"{name} {there.get(name, _ABSENT)} there and {here.get(name, _ABSENT)} here" for name in names)
    return ", ".join(reported) or None
