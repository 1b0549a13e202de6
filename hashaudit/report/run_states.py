"""Says in a few words what is unusual about the runs of a series."""

from hashaudit.errors import FindingsError
from hashaudit.record import timestamps
from hashaudit.report.run_history import GAP_FACTOR, HistoryRun, Series

_DAY_S = 86_400


def pause_text(seconds: float) -> str:
    """Returns a duration in the unit that keeps it short: ``3.5 days``, ``6.0 hours`` or ``20 minutes``."""
    if seconds >= 2 * _DAY_S:
        return f"{seconds / _DAY_S:.1f} days"
    return f"{seconds / 3600:.1f} hours" if seconds >= 7200 else f"{seconds / 60:.0f} minutes"


def run_states(run: HistoryRun) -> tuple[tuple[str, str], ...]:
    """Returns what is unusual about a run, each as a style of a mark and text; ``ok`` if nothing is."""
    states: list[tuple[str, str]] = []
    if not run.verified:
        states.append(("exact", run.trust.replace("_", " ").upper()))
    if not run.complete:
        states.append(("exact", "INCOMPLETE"))
    if run.repeats:
        states.append(("warn", "copy of a run"))
    if run.gap_before:
        states.append(("warn", "gap before"))
    if run.overlaps:
        states.append(("warn", "overlaps"))
    if run.lists_changed:
        states.append(("near", "other lists"))
    return tuple(states) or (("plain", "ok"),)


def overdue(series: Series, now: str) -> str:
    """Returns a statement that the next run of a series is overdue; empty if it is not, or if that is unknown.

    Args:
        series: the series.
        now: the time now, as a time of a record.
    """
    starts = [run.start for run in series.runs if run.pause_s is not None]
    if series.usual_pause_s is None or not starts:
        return ""
    try:
        pause_s = timestamps.to_seconds(now) - timestamps.to_seconds(starts[-1])
    except FindingsError:
        return ""
    if pause_s <= GAP_FACTOR * series.usual_pause_s:
        return ""
    usual = pause_text(series.usual_pause_s)
    return f"The last run began {pause_text(pause_s)} ago, and the usual pause is {usual}: runs are missing here."
