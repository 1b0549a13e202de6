"""The frame of pages: templates, and filters that make every text of files and lists visible and harmless.

A page loads nothing. Its Content-Security-Policy allows its own style and script by hash (CSP level 3, section 2.3.1,
hash-source), so nothing of the data can stand in a style, a script or an attribute that loads something.
"""

import base64
import functools
import hashlib
import os
import re

import jinja2
from markupsafe import Markup, escape

from hashaudit.model.counted import counted
from hashaudit.report.visible_text import MAX_LABEL_CHARACTERS, Shown, plain, shown

MAX_NAME_CHARACTERS = 40
"""Characters of a name in the table of contents."""

_TEMPLATES = os.path.join(os.path.dirname(__file__), "templates")
_CODE = re.compile(r"`([^`]*)`")


def csp_hash(text: str) -> str:
    """Returns the hash of a style or script for a Content-Security-Policy."""
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")


@functools.cache
def template_file(name: str) -> str:
    """Returns a file of the templates."""
    with open(os.path.join(_TEMPLATES, name), encoding="utf-8") as stream:
        return stream.read()


@functools.cache
def page_environment() -> jinja2.Environment:
    """Returns the templates. Every text is escaped unless a filter of this module made it."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "show": _show,
        "show_path": _show_path,
        "show_line": lambda text: _show(shown(text)),
        "visible": lambda text: plain(shown(text)),
        "flat": plain,
        "code": _code,
        "counted": counted,
        "number": lambda number: f"{number:,}",
        "size": size_text,
        "moment": lambda time: time if time.startswith("@") else f"{time[:16].replace('T', ' ')}",
        "cut": lambda text: plain(shown(text, MAX_LABEL_CHARACTERS)),
        "short": lambda text: text if len(text) <= MAX_NAME_CHARACTERS else f"{text[:MAX_NAME_CHARACTERS]}...",
        "share": _share,
        "percent": _percent,
    }
    return environment


def _show(text: Shown) -> Markup:
    return _marked(text, is_path=False)


def _show_path(text: Shown) -> Markup:
    return _marked(text, is_path=True)


def _marked(text: Shown, *, is_path: bool) -> Markup:
    parts = [text] if isinstance(text, str) else text
    made = []
    for number, part in enumerate(parts):
        safe = str(escape(part))
        if number % 2:
            safe = f'<span class="esc">{safe}</span>'
        elif is_path:
            safe = safe.replace("/", "/<wbr>")
        made.append(safe)
    return Markup("".join(made))  # noqa: S704 # each part is escaped


def _code(text: str) -> Markup:
    """Returns a text of this program with its words in backticks as code."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704 # escaped


def size_text(number: int | None) -> str:
    """Returns a number of bytes in the unit that keeps it short."""
    if number is None:
        return ""
    value = float(number)
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if value < 1024:
            return f"{value:.0f} B" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} PiB"


def _share(count: int, whole: int, scale: int = 100) -> float:
    return round(scale * count / whole, 2) if whole else 0.0


def _percent(count: int, whole: int) -> str:
    if not whole or not count:
        return "0 %"
    share = 100 * count / whole
    return "< 0.1 %" if share < 0.1 else "> 99.9 %" if 99.9 < share < 100 else f"{share:.1f} %"
