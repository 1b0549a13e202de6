r"""Text from files and lists for a page: everything that could mislead becomes a visible escape.

Control characters, bidirectional overrides, invisible format characters, unusual spaces, unassigned code points and
bytes that are not UTF-8 are escaped as for a terminal. The escapes are kept apart from the text, because a name may
hold the same characters as an escape: a page shows them in another style.
"""

from hashaudit.model.counted import counted
from hashaudit.model.paths import for_terminal

MAX_CHARACTERS = 4096
"""Characters of one text that are shown. A label or name of any length stays in the findings file."""

MAX_LABEL_CHARACTERS = 500
"""Characters of a label of a list, which stands in a narrow column."""

Shown = str | list[str]
"""Text to show: plain, or text and escapes in turn, beginning with text."""


def shown(text: str, limit: int = MAX_CHARACTERS) -> Shown:
    """Returns a text with its escapes apart, cut after ``limit`` characters."""
    if len(text) > limit:
        rest = f" (and {counted(len(text) - limit, 'more character')})"
        cut = shown(text[:limit])
        return [cut, rest] if isinstance(cut, str) else [*cut, *([rest] if len(cut) % 2 else ["", rest])]
    if text.isprintable():
        return text
    parts = [""]
    for one in text:
        is_escaped = not one.isprintable()
        if is_escaped is (len(parts) % 2 == 1):
            parts.append("")
        parts[-1] += for_terminal(one.encode(errors="surrogateescape")) if is_escaped else one
    return parts


def shown_bytes(path: bytes) -> Shown:
    """Returns a path with its escapes apart."""
    return shown(path.decode(errors="surrogateescape"))


def plain(text: Shown) -> str:
    """Returns a shown text as one text."""
    return text if isinstance(text, str) else "".join(text)
