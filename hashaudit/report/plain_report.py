"""Writes a report as Markdown or as plain text, for tickets and mail."""

import re
from collections.abc import Iterator

from hashaudit.report.catalogue import CATALOGUES, LIMITS, Language
from hashaudit.report.finding_rows import CAVEAT_NAMES
from hashaudit.report.page_templates import size_text
from hashaudit.report.report_values import FindingRow, Report
from hashaudit.report.visible_text import Shown, plain

MAX_PLAIN_FAULTS = 200
"""Faults that the text lists. More are counted."""

MAX_PLAIN_FINDINGS = 200
"""Findings that the text lists, as for a ticket. More are counted."""

MAX_PLAIN_DIFFERENCES = 200
"""Differences from a manifest that the text lists. More are counted."""

_BACKTICKS = re.compile("`+")


class _Markdown:
    """Headings, items and data as Markdown. Data is code, so that nothing in it is markup, a link or a mention."""

    def heading(self, text: str, level: int) -> str:
        return f"{'#' * level} {text}\n"

    def item(self, text: str) -> str:
        return f"- {text}"

    def data(self, text: Shown) -> str:
        whole = plain(text)
        # A code span is fenced by more backticks than it holds in a row (CommonMark 0.31, section 6.1).
        fence = "`" * (1 + max((len(run) for run in _BACKTICKS.findall(whole)), default=0))
        pad = " " if whole.startswith("`") or whole.endswith("`") or not whole.strip() else ""
        return f"{fence}{pad}{whole}{pad}{fence}"

    def strong(self, text: str) -> str:
        return f"**{text}**"


class _Text:
    """The same as plain text."""

    def heading(self, text: str, level: int) -> str:
        return f"{text}\n{('=' if level == 1 else '-') * len(text)}\n"

    def item(self, text: str) -> str:
        return f"  - {text}"

    def data(self, text: Shown) -> str:
        return plain(text)

    def strong(self, text: str) -> str:
        return text


def render_markdown(report: Report, language: Language = Language.ENGLISH) -> str:
    """Returns a report as Markdown."""
    return "\n".join(_lines(report, _Markdown(), CATALOGUES[language])) + "\n"


def render_text(report: Report, language: Language = Language.ENGLISH) -> str:
    """Returns a report as plain text."""
    return "\n".join(_lines(report, _Text(), CATALOGUES[language])) + "\n"


def _lines(report: Report, form: _Markdown | _Text, texts: dict[str, str]) -> Iterator[str]:
    yield from _head(report, form, texts)
    yield from _accounting(report, form, texts)
    if report.is_series:
        yield from _series(report, form, texts)
    if report.by_list:
        yield form.heading(texts["by_list"], 2)
        for bar in report.by_list:
            note = f" {form.data(bar.note)}" if bar.note else ""
            yield form.item(f"{form.data(bar.label)}{note}: {bar.count:,}")
        yield ""
    if report.rows:
        yield form.heading(texts["findings"], 2)
        listed = report.rows[:MAX_PLAIN_FINDINGS]
        yield from (form.item(_finding(row, report, form)) for row in listed)
        yield from _rest(report.findings - len(listed), form, texts)
    if report.differences:
        yield form.heading(texts["differences"], 2)
        for difference in report.differences[:MAX_PLAIN_DIFFERENCES]:
            before = f" (from {form.data(difference.before)})" if difference.before else ""
            mark = "" if difference.is_proven else f"; {texts['not_proven']}"
            yield form.item(f"{difference.outcome}: {form.data(difference.path)}{before}{mark}")
        rest = max(0, len(report.differences) - MAX_PLAIN_DIFFERENCES) + report.differences_omitted
        yield from _rest(rest, form, texts)
    if report.faults:
        yield form.heading(texts["faults"], 2)
        for fault in report.faults[:MAX_PLAIN_FAULTS]:
            yield form.item(f"{form.data(fault.path)}: {fault.code}. {fault.action}")
        yield from _rest(max(0, len(report.faults) - MAX_PLAIN_FAULTS) + report.faults_omitted, form, texts)
    yield from _foot(report, form, texts)


def _rest(number: int, form: _Markdown | _Text, texts: dict[str, str]) -> Iterator[str]:
    if number > 0:
        yield form.item(texts["more_rows"].format(number=f"{number:,}"))
    yield ""


def _head(report: Report, form: _Markdown | _Text, texts: dict[str, str]) -> Iterator[str]:
    if plain(report.marking):
        yield form.strong(form.data(report.marking)) + "\n"
    yield form.heading(texts["brand"], 1)
    yield from (form.data(report.title), "")
    if report.warning:
        yield form.strong(f"{texts['not_verified']}: {report.warning}") + "\n"
    if any(run.is_extract for run in report.runs):
        yield texts["extract"] + "\n"
    for number, sentence in enumerate(report.sentences):
        yield form.strong(sentence) if number == 0 else sentence
    yield f"\n{texts['not_viewed']}\n"


def _accounting(report: Report, form: _Markdown | _Text, texts: dict[str, str]) -> Iterator[str]:
    yield form.heading(texts["accounting"], 2)
    for run in (report.runs[number] for number in report.current):
        ended = f" to {run.end} ({run.duration})" if run.end else ""
        yield f"{form.data(run.file)}: {run.start}{ended}, {run.ended}\n"
        if not run.has_end:
            yield f"{texts['counts_partial']}\n"
        yield from (form.item(f"{plain(bar.label)}: {bar.count:,}") for bar in run.accounting)
        if run.has_totals:
            yield form.item(f"{texts['all_entries']}: {run.seen:,}; {size_text(run.bytes_read)} {texts['tile_read']}")
        yield from (form.item(f"members of containers, {plain(bar.label)}: {bar.count:,}") for bar in run.members)
        for result, bars in ((texts["opened"], run.opened), (texts["not_opened"], run.unopened)):
            yield from (form.item(f"containers {result}, {plain(bar.label)}: {bar.count:,}") for bar in bars)
        yield from (form.item(f"compared with a manifest, {plain(bar.label)}: {bar.count:,}") for bar in run.audit)
        if run.directories_faulted:
            yield form.item(f"{run.directories_faulted:,} {texts['directories_faulted']}")
        if run.guards_faulted:
            yield form.item(f"{run.guards_faulted:,} {texts['guards_faulted']}")
        yield ""


def _series(report: Report, form: _Markdown | _Text, texts: dict[str, str]) -> Iterator[str]:
    yield form.heading(texts["series"], 2)
    for run, compared in zip(report.runs, report.comparisons, strict=True):
        change = "" if compared is None else f", {compared.new:,} new, {compared.gone:,} gone"
        yield form.item(f"{run.start}: {run.matched:,} {texts['tile_findings']}{change}")
    last = report.comparisons[-1]
    for path, lists, reason in last.gone_rows if last else ():
        yield form.item(f"{texts['gone'].lower()}: {form.data(path)} ({form.data(lists)}): {reason}")
    yield ""


def _foot(report: Report, form: _Markdown | _Text, texts: dict[str, str]) -> Iterator[str]:
    yield form.heading(texts["proof"], 2)
    for run in report.runs:
        yield f"{form.data(run.file)}, SHA-256 {run.sha256}\n"
        yield from (form.item(f"{texts[f'point_{point.kind}']}: {point.text}") for point in run.points)
        yield ""
    yield form.heading(texts["limits"], 2)
    yield from (form.item(f"{head} {text}") for head, text in LIMITS)
    yield f"\n{texts['made'].format(tool=report.tool, made=report.made)}"


def _finding(row: FindingRow, report: Report, form: _Markdown | _Text) -> str:
    path = form.data(_join(row.directory, row.name))
    first = row.entries[0]
    labels = "; ".join(f"{plain(name)}: {plain(value)}" for name, value in first.labels)
    parts = [f"{path}: {form.data(report.list_names[first.list_index])} {form.data(first.entry)}, {first.agreement}"]
    parts += [form.data(labels)] if labels else []
    parts += [", ".join(CAVEAT_NAMES[one] for one in CAVEAT_NAMES if one in row.caveats)] if row.caveats else []
    parts += ["accepted"] if row.is_accepted else []
    parts += [row.state] if row.state else []
    parts += ["not proven"] if not row.is_proven else []
    return "; ".join(parts)


def _join(directory: Shown, name: Shown) -> str:
    return plain(directory) + plain(name)
