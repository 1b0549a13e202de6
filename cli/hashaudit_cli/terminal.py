"""Words for people: all of them on standard error, and nothing in them that could steer a terminal."""

import sys

from hashaudit.paths import for_terminal


def say(text: str) -> None:
    """One line on standard error. Names that a list gives, or that stand in a folder, may be in it as they are."""
    if not text.isprintable():
        text = "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)
    print(f"hashaudit: {text}", file=sys.stderr, flush=True)


def say_error(text: str) -> None:
    """One line on standard error that says what went wrong."""
    say(f"error: {text}")


def shown(raw: bytes) -> str:
    """A path as it may be shown on a terminal."""
    return for_terminal(raw)


def counted(number: int, singular: str, plural: str = "") -> str:
    """``1 file``, ``2,000 files``."""
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"


def bytes_shown(number: float) -> str:
    """A number of bytes in the unit that keeps it short: ``1.5 GiB``."""
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if abs(number) < 1024:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1024
    return f"{number:.1f} PiB"
