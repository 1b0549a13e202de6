"""Bars over time: the places and heights of a chart, from a number for each of several runs."""

from collections.abc import Sequence

import msgspec

WIDTH = 720
HEIGHT = 120
"""Height of the plot, in units of the drawing."""

MAX_GAP_SLOTS = 4
"""Places that a gap takes at most. A longer one has the same width, so that the runs stay visible."""

_LABELS = 5
"""Dates below a chart, at most."""

_LEAST_HEIGHT = 2.0
"""Least height of a part that is not zero, so that one finding beside a million is seen."""


class Bar(msgspec.Struct, frozen=True, kw_only=True):
    """One run of a chart, before it has a place."""

    parts: tuple[tuple[str, int], ...]
    """Style and count, from the base upwards."""
    text: str
    """Description of the bar, safe to show."""
    date: str
    is_marked: bool = False
    """The file does not verify, so the counts are only what it states."""
    gap_slots: int = 0
    """Empty places before the bar."""


class Part(msgspec.Struct, frozen=True):
    """A rectangle of a bar."""

    style: str
    y: float
    height: float


class PlacedBar(msgspec.Struct, frozen=True):
    """A bar with its place."""

    x: float
    width: float
    parts: tuple[Part, ...]
    top: float
    text: str
    is_marked: bool


class Chart(msgspec.Struct, frozen=True, kw_only=True):
    """A drawing of :data:`WIDTH` by :data:`HEIGHT`."""

    title: str
    most: int
    """Count of the highest bar."""
    bars: tuple[PlacedBar, ...]
    gaps: tuple[tuple[float, float], ...]
    """Left side and width of each gap."""
    dates: tuple[tuple[float, str], ...]


def draw_chart(title: str, bars: Sequence[Bar]) -> Chart:
    """Returns the chart of some runs, in their order.

    Args:
        title: of the chart.
        bars: at least one.
    """
    slots = sum(1 + bar.gap_slots for bar in bars)
    slot = min(WIDTH / max(slots, 1), WIDTH / 8)
    most = max(sum(count for _, count in bar.parts) for bar in bars)
    placed, gaps, centres = [], [], []
    at = 0.0
    for bar in bars:
        if bar.gap_slots:
            gaps.append((round(at, 2), round(slot * bar.gap_slots, 2)))
            at += slot * bar.gap_slots
        parts = _parts(bar, most)
        top = min((part.y for part in parts), default=float(HEIGHT))
        placed.append(PlacedBar(round(at + 0.12 * slot, 2), round(0.76 * slot, 2), parts, top, bar.text, bar.is_marked))
        centres.append((round(at + slot / 2, 2), bar.date))
        at += slot
    return Chart(title=title, most=most, bars=tuple(placed), gaps=tuple(gaps), dates=_some(centres))


def _parts(bar: Bar, most: int) -> tuple[Part, ...]:
    parts = []
    y = float(HEIGHT)
    for style, count in bar.parts:
        if count:
            height = max(HEIGHT * count / most, _LEAST_HEIGHT)
            y = max(y - height, 0.0)
            parts.append(Part(style, round(y, 2), round(height, 2)))
    return tuple(parts)


def _some(centres: list[tuple[float, str]]) -> tuple[tuple[float, str], ...]:
    """Returns the first, the last and some dates between, far enough apart to be read."""
    least = WIDTH / _LABELS
    some = [centres[0]]
    for one in centres[1:-1]:
        if one[0] - some[-1][0] >= least and centres[-1][0] - one[0] >= least:
            some.append(one)
    if len(centres) > 1 and centres[-1][0] - some[-1][0] >= least / 2:
        some.append(centres[-1])
    return tuple(some)
