"""Hints for mistyped names."""

from collections.abc import Sequence

PROGRAM = "hashaudit"


def see_help(path: Sequence[str]) -> str:
    """Returns the hint that names the help of a command, for example of ``["lists", "build"]``."""
    return f"see '{' '.join((PROGRAM, *path))} --help'"


def closest(given: str, possible: Sequence[str]) -> list[str]:
    """Returns the names that a user may have meant by a mistyped one, best first; none if nothing is close."""
    longer = [name for name in possible if len(given) > 3 and name.startswith(given)]
    if longer:
        return longer
    import difflib  # noqa: PLC0415 # start-up: only a mistake needs it

    return difflib.get_close_matches(given, possible, n=2, cutoff=0.7)


def did_you_mean(names: Sequence[str]) -> str | None:
    """Returns the hint that names what may have been meant; ``None`` if nothing was."""
    return f"did you mean {' or '.join(repr(name) for name in names)}?" if names else None
