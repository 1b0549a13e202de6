"""The page of a history: charts that fit, statements about what is unusual, nothing loaded and nothing hostile."""

import re
from pathlib import Path

from findings_lab import RUN_ID, START_NS, FakeClock, finding, record, write_run
from hashaudit.record import timestamps
from hashaudit.report.history_page import render_history
from hashaudit.report.run_history import find_findings_files, read_history
from hashaudit.report.time_chart import HEIGHT, MAX_GAP_SLOTS, WIDTH, Bar, draw_chart
from reports_lab import KEY, Page, hostile_series

HOUR_NS = 3600 * timestamps.NS_PER_S
MADE = "2026-01-01T00:00:00Z"


def page_of(folder: Path, made: str = MADE, marking: str = "") -> Page:
    history = read_history(list(find_findings_files(str(folder))), KEY.public_key, any_signer=False)
    return Page(b"".join(render_history(history, made=made, tool="hashaudit 0", marking=marking)).decode())


def series(folder: Path, *hours: int) -> None:
    for number, hour in enumerate(hours):
        clock = FakeClock()
        clock.wall = START_NS + hour * HOUR_NS
        lines = [record(b"clean"), *(finding(b"%d" % one) for one in range(number))]
        start = timestamps.to_text(clock.wall)
        run_id = f"{RUN_ID[:-2]}{number:02d}"
        write_run(folder / f"{number}", [lines], signer=KEY, clock=clock, start=start, run_id=run_id, lists=True)


def test_bars_of_a_chart_fit_and_a_small_part_is_seen() -> None:
    bars = [
        Bar(parts=(("blue", 1_000_000), ("red", 1)), text="a", date="1"),
        Bar(parts=(("grey", 0),), text="b", date="2", gap_slots=MAX_GAP_SLOTS),
        Bar(parts=(("red", 5),), text="c", date="3", is_marked=True),
    ]
    chart = draw_chart("t", bars)
    assert chart.most == 1_000_001
    assert [len(bar.parts) for bar in chart.bars] == [2, 0, 1]
    for bar in chart.bars:
        assert 0 <= bar.x <= bar.x + bar.width <= WIDTH
        assert all(part.y >= 0 and part.height > 1 for part in bar.parts)
    assert chart.gaps[0][0] >= chart.bars[0].x + chart.bars[0].width
    assert sum(chart.gaps[0]) <= chart.bars[1].x
    assert draw_chart("t", [Bar(parts=(), text="", date="")]).bars[0].top == HEIGHT
    many = draw_chart("t", [Bar(parts=(("red", one),), text="", date=str(one)) for one in range(180)])
    assert many.bars[-1].x + many.bars[-1].width <= WIDTH
    assert 2 < len(many.dates) < 8


def test_the_page_states_gaps_overlaps_copies_and_what_does_not_verify(tmp_path: Path) -> None:
    series(tmp_path, 0, 24, 48, 72, 172, 172)
    text = page_of(tmp_path, made="2020-09-21T00:00:00Z").text
    assert "All 6 findings files of this history verify." in text
    assert "1 pause is unusually long" in text
    assert "1 run began before an earlier one had ended" in text
    assert "runs are missing here" not in text
    assert "has 5 findings." in text
    assert "bad.txt" in text
    assert "The last run began" in page_of(tmp_path, made="2020-10-01T00:00:00Z").text
    (tmp_path / "6").write_bytes((tmp_path / "5").read_bytes())
    (tmp_path / "7").write_bytes((tmp_path / "4").read_bytes()[:-30])
    text = page_of(tmp_path).text
    assert "2 files do not verify" not in text
    assert "1 file does not verify, of 8." in text
    assert "NOT VERIFIED" in text
    assert "copy of a run" in text


def test_nothing_of_the_data_is_markup_and_nothing_is_loaded(tmp_path: Path) -> None:
    hostile_series(tmp_path)
    page = page_of(tmp_path, marking="<b>x</b>")
    names = {name for name, _ in page.tags}
    assert not names & {"script", "img", "iframe", "b", "form", "link", "base"}
    for _, attributes in page.tags:
        assert not {"style", "src", "onclick", "onerror"} & set(attributes)
        assert (attributes.get("href") or "#").startswith("#")
    assert re.search(r"[\x00-\x08\x0b-\x1f\x7f\u202e\u2066]", page.text) is None
    assert "<script>" in page.text


def test_an_empty_history_says_so(tmp_path: Path) -> None:
    assert "No findings file was read, so nothing is known about any scan." in page_of(tmp_path).text
