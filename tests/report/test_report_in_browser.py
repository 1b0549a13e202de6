"""The page in a real browser: it shows the findings file, loads nothing, says nothing, and is accessible."""

from pathlib import Path
from typing import Any

import pytest

from browser import inspect
from findings_lab import finding, four_segments, record, write_run
from hashaudit.model import paths
from hashaudit.record.entry_path import joined_path
from hashaudit.record.schema import FindingRecord
from hashaudit.record.verify.proven_records import FindingsReader
from hashaudit.report.history_page import render_history
from hashaudit.report.html_page import render_page
from hashaudit.report.run_history import find_findings_files, read_history
from reports_lab import HOSTILE, KEY, hostile_file, hostile_series, report_of


def write(path: Path, *files: Path, **options: Any) -> str:
    path.write_bytes(b"".join(render_page(report_of(*files, **options))))
    return str(path)


def see_all(folder: Path) -> dict[str, Any]:
    """All pages, in one start of the browser: each outcome and state, with and without scripts."""
    hostile = hostile_file(folder / "f")
    lines = four_segments(folder / "whole", KEY)
    (folder / "cut").write_bytes(b"".join(lines[:18]))
    (folder / "forged").write_bytes(b"".join(lines).replace(b'"size":10', b'"size":11'))
    none = write_run(folder / "none", [[record(b"a")]], signer=KEY, lists=True)
    earlier = write_run(folder / "earlier", [[finding(b"gone")]], signer=KEY)
    schemes = {"hostile": ["light", "dark"], "forged": ["dark"]}
    made = {
        name: write(folder / f"{name}.html", *files, **options)
        for name, files, options in (
            ("hostile", (hostile,), {"marking": "<b>RESTRICTED</b>"}),
            ("cut", (folder / "cut",), {}),
            ("forged", (folder / "forged",), {"unverified": True}),
            ("none", (none,), {}),
            ("series", (earlier, folder / "whole"), {}),
        )
    }
    (folder / "runs").mkdir()
    hostile_series(folder / "runs")
    history = read_history(list(find_findings_files(str(folder / "runs"))), KEY.public_key, any_signer=False)
    made["history"] = str(folder / "history.html")
    page = render_history(history, made="2026-01-01T00:00:00Z", tool="hashaudit 0", marking="x")
    Path(made["history"]).write_bytes(b"".join(page))
    schemes["history"] = ["light", "dark"]
    pages: list[dict[str, Any]] = [
        {"name": name, "path": path, "axe": name in {*schemes, "series"}, "schemes": schemes.get(name, ["light"])}
        for name, path in made.items()
    ]
    pages.append({"name": "plain", "path": made["hostile"], "scripts": False})
    steps = [{"fill": ["#q", "onerror=alert"]}, {"click": "th button[data-k=path]"}, {"click": "#fbody button"}]
    pages.append({"name": "searched", "path": made["hostile"], "steps": steps})
    return inspect(pages)


@pytest.mark.timeout(300)
@pytest.mark.slow
def test_pages_in_a_real_browser(tmp_path: Path) -> None:
    """One test, because the start of the browser is what takes time."""
    seen = see_all(tmp_path)
    for name, page in seen.items():
        check_that_it_loads_and_says_nothing(name, page)
    check_that_the_text_is_that_of_the_file(seen, tmp_path / "f")
    check_search_sort_and_details(seen)
    check_that_each_state_is_said_at_the_top(seen)


def check_that_it_loads_and_says_nothing(name: str, page: dict[str, Any]) -> None:
    assert all(url.startswith("file://") for url in page["requests"]), name
    assert len(page["requests"]) == len(page["text"]), name
    assert (page["dialogs"], page["console"]) == ([], []), name
    assert all(found == [] for found in page["violations"].values()), (name, page["violations"])


def check_that_the_text_is_that_of_the_file(seen: dict[str, Any], path_of_file: Path) -> None:
    found = [item.record for item in FindingsReader(str(path_of_file), KEY.public_key)]
    findings = [one for one in found if isinstance(one, FindingRecord)]
    for page in (seen["hostile"], seen["plain"]):
        assert len(page["rows"]) == len(findings) == len(HOSTILE) + 1
        for row, one in zip(page["rows"], findings, strict=True):
            path = paths.for_terminal(joined_path(one.entry)[len(b"/srv/") :]).replace("\\\\", "\\")
            assert path[:4000] in row
            assert str(one.seq) in row
        assert "List, entry, labels" in page["text"]["light"]
    assert "<b>RESTRICTED</b>" in seen["hostile"]["text"]["light"]


def check_search_sort_and_details(seen: dict[str, Any]) -> None:
    rows = seen["searched"]["rows"]
    assert len(rows) == 2
    assert "ab" * 32 in rows[1]


def check_that_each_state_is_said_at_the_top(seen: dict[str, Any]) -> None:
    top = {name: next(iter(page["text"].values()))[:1200] for name, page in seen.items()}
    assert "NOT VERIFIED" in top["cut"]
    assert "NOT VERIFIED" in top["forged"]
    assert "NOT VERIFIED" not in top["none"] + top["series"] + top["hostile"] + top["history"]
    assert f"All {len(HOSTILE)} findings files of this history verify." in top["history"]
    assert "No file matches what was looked for, and every entry was examined" in top["none"]
    assert "Since the run before" in top["series"]
