"""Writes a report as one self-contained HTML page.

The page loads nothing and works without scripts. Text of files and lists is only in text nodes and in one block of
JSON, which the script reads with ``textContent``.
"""

import base64
import gzip
from collections.abc import Iterator

import msgspec
from markupsafe import Markup

from hashaudit.model.audit_outcome import DIFFERENCES
from hashaudit.report.catalogue import CATALOGUES, LIMITS, Language
from hashaudit.report.finding_rows import CAVEAT_NAMES
from hashaudit.report.page_templates import csp_hash, page_environment, template_file
from hashaudit.report.report_values import DETAILS, MAX_STATIC_DETAILS, Report, Trust

PACKED_FROM_ROWS = 10_000
"""Rows from which on they are compressed: a page of 100,000 rows has 52 MB otherwise, and 16 MB packed."""


def render_page(report: Report, language: Language = Language.ENGLISH) -> Iterator[bytes]:
    """Yields the page in pieces.

    Args:
        report: what it shows.
        language: the language of its texts.
    """
    template = page_environment().get_template("page.jinja")
    style, script = template_file("page.css"), template_file("page.js")
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
        style_hash=csp_hash(style),
        script_hash=csp_hash(script),
        worst=max((run.trust for run in report.runs), key=list(Trust).index),
        not_shown=sum(run.not_shown for run in report.runs),
        detailed=MAX_STATIC_DETAILS,
        is_audit=any(run.is_audit for run in current),
        looked_for=any(run.looked_for for run in current),
        differing=sum(bar.count for run in current for bar in run.audit if bar.label in DIFFERENCES),
        pending=sum(run.pending for run in current),
        is_partial=not all(run.has_end for run in current),
        is_extract=any(run.is_extract for run in report.runs),
        has_totals=any(run.has_totals for run in current),
        has_settings=any(run.settings for run in current),
        seen=sum(run.seen for run in current),
        examined=sum(run.examined for run in current),
        unexamined=sum(run.unexamined + run.directories_faulted + run.guards_faulted for run in current),
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
