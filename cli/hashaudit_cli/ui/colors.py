"""Colours of messages: red for what was found or failed, yellow for what needs attention, green for a complete scan.

A colour never carries a meaning alone: the word that it marks is there without it.
"""

import os
import sys
from enum import StrEnum

RESET = "\x1b[0m"

_CODES = {
    "error:": "1;31",
    "finding:": "1;31",
    "fault:": "33",
    "warning:": "33",
    "hint:": "36",
    "Complete:": "32",
    "Incomplete:": "33",
    "Stopped": "33",
    "Aborted:": "1;31",
}
"""Source of the codes: ECMA-48, section 8.3.117 (SGR)."""


class Color(StrEnum):
    """When messages have colours."""

    AUTO = "auto"
    """On a terminal, unless NO_COLOR is set (no-color.org) or the terminal has none."""
    ALWAYS = "always"
    NEVER = "never"


_chosen = [Color.AUTO]


def choose_colors(color: Color) -> None:
    """Sets when messages of this process have colours."""
    _chosen[0] = color


def has_colors() -> bool:
    """Returns whether messages on standard error have colours."""
    if _chosen[0] is not Color.AUTO:
        return _chosen[0] is Color.ALWAYS
    if os.environ.get("NO_COLOR") or os.environ.get("TERM", "dumb") == "dumb":
        return False
    try:
        return sys.stderr.isatty()
    except ValueError:  # closed
        return False


def painted(text: str) -> str:
    """Returns a message with the colour of the word that it begins with, if messages have colours."""
    word = text.partition(" ")[0]
    code = _CODES.get(word)
    return text if code is None or not has_colors() else f"\x1b[{code}m{word}{RESET}{text[len(word) :]}"
