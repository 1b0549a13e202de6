"""The user's configuration directory for hashaudit."""

import os


def config_directory() -> str | None:
    """Returns the directory (XDG Base Directory Specification 0.8), or ``None`` if the user has no home directory."""
    base = os.environ.get("XDG_CONFIG_HOME", "")
    if not os.path.isabs(base):  # the specification says to ignore a relative path
        base = os.path.join(os.path.expanduser("~"), ".config")
    if not os.path.isabs(base) or base == "/.config":
        return None
    return os.path.join(base, "hashaudit")
