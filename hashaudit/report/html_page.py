"""Writes a report as one self-contained HTML page.

The page loads nothing and works without scripts. Text of files and lists is only in text nodes and in one block of
JSON, which the script reads with ``textContent``. A Content-Security-Policy allows the one style and the one script, by
hash (CSP level 3, section 2.3.1, hash-source).
"""

import base64
import functools
import gzip
import hashlib
import os
import re
from collections.abc import Iterator

import jinja2
import msgspec
from markupsafe import Markup, escape

from hashaudit.report.catalogue import CATALOGUES, LIMITS, Language
from hashaudit.report.finding_rows import CAVEAT_NAMES
from hashaudit.report.report_values import DETAILS, Report, Trust
from hashaudit.report.visible_text import Shown, plain, shown

PACKED_FROM_ROWS = 10_000
"""Rows from which on they are compressed: a page of 100,000 rows has 52 MB otherwise, and 16 MB packed."""

_TEMPLATES = os.path.join(os.path.dirname(__file__), "templates")
_CODE = re.compile(r"`([^`]*)`")


def render_page(report: Report, language: Language = Language.ENGLISH) -> Iterator[bytes]:
    """Yields the page in pieces.

    Args:
        report: what it shows.
        language: the language of its texts.
    """
    template = _environment().get_template("page.jinja")
    style, script = _file("page.css"), _file("page.js")
    current = [report.runs[number] for number in report.current]
    is_packed = len(report.row_json) >= PACKED_FROM_ROWS
    facts = {"lists": report.list_names, "details": DETAILS, "caveats": CAVEAT_NAMES, "many": len(report.runs) > 1}
    stream = template.generate(
        r=report,
        t=CATALOGUES[language],
        limits=LIMITS,
        current=current,
        style=Markup(style),  # noqa: S704 # a file of this package
        script=Markup(script),  # noqa: S704 # as above
        style_hash=_csp_hash(style),
        script_hash=_csp_hash(script),
        worst=max((run.trust for run in report.runs), key=list(Trust).index),
        not_shown=sum(run.not_shown for run in report.runs),
        has_totals=any(run.has_totals for run in current),
        has_settings=any(run.settings for run in current),
        seen=sum(run.seen for run in current),
        examined=sum(run.examined for run in current),
        unexamined=sum(run.unexamined + run.directories_faulted for run in current),
        findings_total=max(report.findings, sum(run.matched for run in current)),
        bytes_read=sum(run.bytes_read for run in current),
        last_comparison=report.comparisons[-1] if report.comparisons else None,
        caveat_names={str(code): name for code, name in CAVEAT_NAMES.items()},
        detail_labels=DETAILS,
        facts=_json_text(msgspec.json.encode(facts)),
        is_packed=is_packed,
        rows=_rows(report, is_packed=is_packed),
    )
    for piece in stream:
        yield piece.encode(errors="backslashreplace")


def _rows(report: Report, *, is_packed: bool) -> Markup:
    whole = b"[" + b",\n".join(report.row_json) + b"]"
    if not is_packed:
        return _json_text(whole)
    # Base64 has no character that HTML treats specially.
    return Markup(base64.b64encode(gzip.compress(whole, 6, mtime=0)).decode("ascii"))  # noqa: S704 # as above


def _json_text(raw: bytes) -> Markup:
    """Returns JSON that nothing in a script element can end or open (HTML, section 4.12.1.3)."""
    for character in b"<>&":
        raw = raw.replace(bytes([character]), b"\\u%04x" % character)
    return Markup(raw.decode())  # noqa: S704 # escaped above


def _csp_hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")


@functools.cache
def _file(name: str) -> str:
    with open(os.path.join(_TEMPLATES, name), encoding="utf-8") as stream:
        return stream.read()


@functools.cache
def _environment() -> jinja2.Environment:
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
        "number": lambda number: f"{number:,}",
        "size": size_text,
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
