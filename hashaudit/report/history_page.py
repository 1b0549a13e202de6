"""Writes a history of scans as one self-contained HTML page, without scripts: charts as inline SVG, and tables."""

from collections.abc import Iterator, Sequence

import msgspec
from markupsafe import Markup

from hashaudit.model.counted import counted
from hashaudit.report.catalogue import CATALOGUES, Language
from hashaudit.report.page_templates import csp_hash, page_environment, size_text, template_file
from hashaudit.report.report_values import Trust
from hashaudit.report.run_history import History, HistoryRun, ListUse, Series
from hashaudit.report.run_states import overdue, pause_text, run_states
from hashaudit.report.time_chart import HEIGHT, MAX_GAP_SLOTS, WIDTH, Bar, Chart, draw_chart
from hashaudit.report.visible_text import shown

MAX_CHART_RUNS = 180
"""Runs of one chart: half a year of daily scans. The latest ones."""

MAX_TABLE_RUNS = 2_000
"""Runs of one table. The latest ones; ``--json`` has all."""


class ListPeriod(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a list, and the runs that used it."""

    used: ListUse
    first: str
    last: str
    runs: int


class SeriesView(msgspec.Struct, frozen=True, kw_only=True):
    """A series with what the page draws of it."""

    series: Series
    charts: tuple[Chart, ...]
    rows: tuple[HistoryRun, ...]
    """Latest first."""
    rows_omitted: int
    chart_runs: int
    lists: tuple[ListPeriod, ...]
    late: str
    """States that the next run is overdue; empty if it is not, or if that is unknown."""


def render_history(
    history: History, *, made: str, tool: str, marking: str = "", language: Language = Language.ENGLISH
) -> Iterator[bytes]:
    """Yields the page in pieces.

    Args:
        history: what it shows.
        made: when the page is made, as a time of a record.
        tool: name and version of this program.
        marking: text above and below the page.
        language: the language of its texts.
    """
    style = template_file("page.css") + template_file("history.css")
    runs = [run for series in history.series for run in series.runs]
    views = tuple(_view(series, made) for series in history.series)
    stream = (
        page_environment()
        .get_template("history.jinja")
        .generate(
            run_states=run_states,
            pause_text=pause_text,
            t=CATALOGUES[language],
            tool=tool,
            marking=shown(marking),
            made=f"{made[:19].replace('T', ' ')} UTC",
            style=Markup(style),  # noqa: S704 # a file of this package
            style_hash=csp_hash(style),
            views=views,
            skipped=history.skipped,
            redacted=history.redacted,
            sentences=tuple(_sentences(runs, views)),
            is_whole=bool(runs) and all(run.verified for run in runs),
            unverified=sum(not run.verified for run in runs),
            runs=len(runs),
            gaps=sum(run.gap_before for run in runs) + sum(bool(view.late) for view in views),
            overlaps=sum(run.overlaps for run in runs),
            latest=_latest(history.series),
            width=WIDTH,
            height=HEIGHT,
        )
    )
    for piece in stream:
        yield piece.encode(errors="backslashreplace")


def _latest(series: Sequence[Series]) -> tuple[HistoryRun, ...]:
    """Returns the last run of each series that is not a copy."""
    return tuple(next(run for run in reversed(one.runs) if not run.repeats) for one in series)


def _sentences(runs: Sequence[HistoryRun], views: Sequence[SeriesView]) -> Iterator[str]:
    number = len(runs)
    verified = sum(run.verified for run in runs)
    if not runs:
        yield "No findings file was read, so nothing is known about any scan."
        return
    yield (
        f"{'The findings file' if number == 1 else f'All {number:,} findings files'} of this history "
        f"{'verifies' if number == 1 else 'verify'}."
        if verified == number
        else f"{counted(number - verified, 'file does', 'files do')} not verify, of {number:,}."
    )
    yield from (_latest_sentence(latest) for latest in _latest([view.series for view in views]))
    gaps = sum(run.gap_before for run in runs)
    if gaps:
        yield f"{counted(gaps, 'pause is', 'pauses are')} unusually long: runs may be missing there."
    yield from (view.late for view in views if view.late)
    overlapping = sum(run.overlaps for run in runs)
    if overlapping:
        yield f"{counted(overlapping, 'run', 'runs')} began before an earlier one had ended."


def _latest_sentence(latest: HistoryRun) -> str:
    is_whole = latest.complete and latest.verified and not latest.not_examined
    states = "has" if latest.trust != Trust.DAMAGED else "does not verify and states"
    started = f"{latest.start[:16].replace('T', ' ')} UTC"
    found = counted(latest.findings, "finding")
    if latest.accepted:
        found += f", {latest.accepted:,} of them accepted"
    parts = [f"The latest run, of {started}, {states} {'' if is_whole else 'at least '}{found}"]
    if latest.not_examined:
        names = ("entry, member, directory or guard", "entries, members, directories or guards")
        number = counted(latest.not_examined, *names)
        parts.append(f"not fully examined: {number}")
    parts += [] if latest.complete else ["it did not run to its end"]
    return f"{'; '.join(parts)}."


def _view(series: Series, made: str) -> SeriesView:
    drawn = [run for run in series.runs if not run.repeats][-MAX_CHART_RUNS:]
    rows = series.runs[-MAX_TABLE_RUNS:]
    return SeriesView(
        series=series,
        charts=tuple(_charts(drawn, series.usual_pause_s)),
        rows=tuple(reversed(rows)),
        rows_omitted=len(series.runs) - len(rows),
        chart_runs=len(drawn),
        lists=tuple(_periods(series.runs)),
        late=overdue(series, made),
    )


def _charts(runs: Sequence[HistoryRun], usual_s: float | None) -> Iterator[Chart]:
    slots = [_gap_slots(run, usual_s) for run in runs]

    def chart(title: str, parts: Sequence[tuple[tuple[str, int], ...]], texts: Sequence[str]) -> Chart:
        return draw_chart(
            title,
            [
                Bar(
                    parts=part,
                    text=f"{run.start[:16].replace('T', ' ')}: {text}{'' if run.verified else ' (not verified)'}",
                    date=run.start[:10],
                    is_marked=not run.verified,
                    gap_slots=gap,
                )
                for run, part, text, gap in zip(runs, parts, texts, slots, strict=True)
            ],
        )

    yield chart("findings", [_finding_parts(run) for run in runs], [_finding_text(run) for run in runs])
    unexamined = [run.not_examined for run in runs]
    yield chart(
        "unexamined", [(("amber", one),) for one in unexamined], [f"{one:,} not examined" for one in unexamined]
    )
    entries = [run.entries for run in runs]
    yield chart("entries", [(("grey", one),) for one in entries], [counted(one, "entry", "entries") for one in entries])
    read = [run.bytes_read for run in runs]
    yield chart("bytes", [(("grey", one),) for one in read], [f"{size_text(one)} read" for one in read])


def _finding_parts(run: HistoryRun) -> tuple[tuple[str, int], ...]:
    if run.new is None:
        return (("grey", run.findings),)
    new = min(run.new, run.findings)
    return ("blue", run.findings - new), ("red", new)


def _finding_text(run: HistoryRun) -> str:
    change = "" if run.new is None or run.gone is None else f", {run.new:,} new, {run.gone:,} gone"
    accepted = f", {run.accepted:,} accepted" if run.accepted else ""
    return f"{counted(run.findings, 'finding')}{accepted}{change}"


def _gap_slots(run: HistoryRun, usual_s: float | None) -> int:
    if not run.gap_before or not usual_s or run.pause_s is None:
        return 0
    return min(max(round(run.pause_s / usual_s) - 1, 1), MAX_GAP_SLOTS)


def _periods(runs: Sequence[HistoryRun]) -> Iterator[ListPeriod]:
    """Yields each version of each list with the runs that used it, in the order of the first use."""
    found: dict[tuple[str, str], list[tuple[ListUse, str]]] = {}
    for run in runs:
        if not run.repeats:
            for used in run.lists:
                found.setdefault((used.name, used.sha256), []).append((used, run.start[:10]))
    for uses in found.values():
        yield ListPeriod(used=uses[0][0], first=uses[0][1], last=uses[-1][1], runs=len(uses))
