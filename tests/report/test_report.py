"""A report: what it says of each state of a file, what it adds up to, what it hides, and that nothing in it acts."""

import base64
import hashlib
import json
import re
from pathlib import Path

import msgspec
import pytest

from findings_lab import (
    FakeClock,
    fault,
    finding,
    four_segments,
    header,
    match,
    record,
    signing_key,
    unlisted_folder,
    write_run,
)
from hashaudit.model.faults import FaultCode
from hashaudit.record.header import Root, RootType
from hashaudit.record.output import Output
from hashaudit.record.schema import Acceptance, EndReason, FindingRecord
from hashaudit.record.writer import FindingsWriter
from hashaudit.report import build_report as building
from hashaudit.report.html_page import render_page
from hashaudit.report.plain_report import render_markdown, render_text
from hashaudit.report.redaction import Redact, Redaction
from hashaudit.report.report_values import Report, Trust
from reports_lab import HOSTILE, KEY, Page, hostile_file, report_of


def page_of(report: Report) -> str:
    return b"".join(render_page(report)).decode()


def test_the_outcome_and_the_account_of_a_file(tmp_path: Path) -> None:
    four_segments(tmp_path / "f", KEY)
    report = report_of(tmp_path / "f")
    assert report.is_trusted
    assert report.warning == ""
    assert report.sentences == (
        "Nothing was looked for: the scan had no deny list.",
        "2 entries or members were not fully examined.",
        "1 directory could not be listed completely: entries below may be unseen.",
    )
    (run,) = report.runs
    assert sum(bar.count for bar in run.accounting) == run.seen
    assert report.findings == len(report.rows) == len(report.row_json) == 9
    assert len(report.faults) == 4
    assert "clean" not in page_of(report).lower()


def with_list(path: Path, *, found: bool = False, faulted: bool = False, finish: bool = True) -> Path:
    """A file of a scan that had a deny list."""
    lines = [record(b"a"), *([finding()] if found else []), *([record(b"x", faults=[fault()])] if faulted else [])]
    write_run(path, [lines], signer=KEY, finish=finish, lists=True)
    return path


@pytest.mark.parametrize(
    ("has", "outcome", "first"),
    [
        ((False, False, True), "none", "No file matches what was looked for, and every entry was examined or skipped"),
        ((False, True, True), "incomplete", "No match is recorded, but not everything was examined."),
        ((True, False, True), "findings", "1 file matches what was looked for."),
        ((True, True, True), "findings", "At least 1 file matches what was looked for."),
        ((False, False, False), "incomplete", "No match is recorded, but not everything was examined."),
    ],
)
def test_every_outcome_in_words(tmp_path: Path, has: tuple[bool, bool, bool], outcome: str, first: str) -> None:
    found, faulted, finish = has
    report = report_of(with_list(tmp_path / "f", found=found, faulted=faulted, finish=finish))
    assert report.outcome == outcome
    assert report.sentences[0].startswith(first)
    assert report.is_trusted is finish
    assert ("NOT VERIFIED" in page_of(report)) is not finish


def test_every_state_of_trust(tmp_path: Path) -> None:
    lines = four_segments(tmp_path / "f", KEY)
    assert report_of(tmp_path / "f").runs[0].trust is Trust.VERIFIED
    for trust in (None, signing_key(2).public_key):
        unknown = report_of(tmp_path / "f", trust=trust)
        assert unknown.runs[0].trust is Trust.SIGNER_UNKNOWN
        assert unknown.findings == 9
        assert unknown.outcome == "findings"
    (tmp_path / "cut").write_bytes(b"".join(lines[:18]))
    cut = report_of(tmp_path / "cut")
    assert (cut.runs[0].trust, cut.findings, cut.runs[0].not_shown) == (Trust.INTERRUPTED, 8, 2)
    (tmp_path / "bad").write_bytes(b"".join([*lines[:7], lines[7].replace(b'"size":10', b'"size":11'), *lines[8:]]))
    bad = report_of(tmp_path / "bad")
    assert (bad.runs[0].trust, bad.findings, bad.runs[0].not_shown) == (Trust.DAMAGED, 7, 4)
    page = page_of(bad)
    assert "4 records are not shown here" in page
    assert page.index("NOT VERIFIED") < page.index('id="verdict"')
    everything = report_of(tmp_path / "bad", unverified=True)
    assert everything.findings == 9
    assert [row.is_proven for row in everything.rows].count(False) == 2
    assert page_of(everything).count(">not proven</span>") == 3
    four_segments(tmp_path / "unsigned", None)
    unsigned = report_of(tmp_path / "unsigned", trust=None)
    assert (unsigned.runs[0].trust, unsigned.findings) == (Trust.UNSIGNED, 0)
    assert "No proven record names a match" not in unsigned.sentences[0]


def test_nothing_in_a_page_acts(tmp_path: Path) -> None:
    report = report_of(hostile_file(tmp_path / "f"), marking="</style><script>alert(9)</script>")
    source = page_of(report)
    page = Page(source)
    assert [tag for tag, _ in page.tags].count("script") == 3
    assert {tag for tag, _ in page.tags} & {
        "img",
        "iframe",
        "object",
        "embed",
        "link",
        "base",
        "form",
        "video",
    } == set()
    for tag, attributes in page.tags:
        assert not any(name.startswith("on") or name in {"style", "src"} for name in attributes), tag
        assert all(str(value).startswith("#") for name, value in attributes.items() if name == "href")
    for text in HOSTILE[:8]:
        assert text in page.text
    assert "\u202e" not in source
    assert "\u200b" not in source
    assert "\x1b" not in source
    policy = next(str(one["content"]) for tag, one in page.tags if tag == "meta" and "http-equiv" in one)
    style = re.search(r"<style>(.*?)</style>", source, re.DOTALL)
    assert style is not None
    for text, kind in ((style[1], "style"), (page.scripts[-1], "script")):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy
    rows = json.loads(page.scripts[1])
    assert len(rows) == report.findings == len(HOSTILE) + 1
    assert [row[1] for row in rows] == [row.seq for row in report.rows]
    assert "more characters" in page.text


def test_markdown_keeps_data_in_code(tmp_path: Path) -> None:
    report = report_of(hostile_file(tmp_path / "f"))
    text = render_markdown(report)
    outside = re.sub(r"(`+)(?!`).+?(?<!`)\1(?!`)", "", text)
    for harmful in ("<script", "<img", "http://", "@all", "javascript:"):
        assert harmful in text
        assert harmful not in outside
    assert "# hashaudit findings report\n" in text
    assert all(text.count(chr(code)) == 0 for code in (0x1B, 0x202E, 0x0D))
    assert "`" not in re.sub(r"\S*``.*", "", render_text(report_of(_plain(tmp_path))))


def _plain(tmp_path: Path) -> Path:
    four_segments(tmp_path / "plain", KEY)
    return tmp_path / "plain"


@pytest.mark.parametrize(
    ("kind", "hidden", "kept"),
    [
        (Redact.PATHS, ["/srv", "a-file.jpg", "host.example.org/"], ["secret label", "ab" * 32, "line 7"]),
        (Redact.NAMES, ["a-file.jpg"], ["secret label", "ab" * 32, "dir-of-it"]),
        (Redact.LABELS, ["secret label", "line 7"], ["a-file.jpg", "ab" * 32]),
        (Redact.DIGESTS, ["ab" * 32], ["secret label", "a-file.jpg"]),
    ],
)
def test_redaction(tmp_path: Path, kind: Redact, hidden: list[str], kept: list[str]) -> None:
    found = record(b"dir-of-it/a-file.jpg", matches=[match(category="secret label")])
    write_run(tmp_path / "f", [[found, record(b"dir-of-it/a-file.jpg", faults=[fault()])]], signer=KEY)
    report = report_of(tmp_path / "f", redaction=Redaction(frozenset({kind})))
    for text in (page_of(report), render_markdown(report), render_text(report)):
        assert not [one for one in hidden if one in text]
        assert text.count("[hidden]") > 0 or kind is Redact.DIGESTS
    assert not [one for one in kept if one not in page_of(report)]


def test_a_root_that_is_a_file_is_hidden_by_its_name(tmp_path: Path) -> None:
    root = Root(path="/srv/a-file.jpg", type=RootType.FILE)
    made = record(b"a-file.jpg", matches=[match(category="1")])
    write_run(tmp_path / "f", [[made]], signer=KEY, roots=(root,), argv=("hashaudit", "scan", "/srv/a-file.jpg"))
    page = page_of(report_of(tmp_path / "f", redaction=Redaction(frozenset({Redact.NAMES}))))
    assert "a-file" not in page
    assert page.count("[hidden]") >= 3
    assert "a-file.jpg" in page_of(report_of(tmp_path / "f"))


def test_a_series_says_what_is_new_gone_and_unchanged(tmp_path: Path) -> None:
    write_run(tmp_path / "1", [[finding(b"gone"), finding(b"same"), finding(b"broken")]], signer=KEY)
    write_run(tmp_path / "2", [[finding(b"same"), finding(b"new"), record(b"broken", faults=[fault()])]], signer=KEY)
    report = report_of(tmp_path / "1", tmp_path / "2")
    assert report.is_series
    compared = report.comparisons[1]
    assert compared is not None
    assert (compared.new, compared.gone, compared.same) == (1, 2, 1)
    assert [row.state for row in report.rows] == ["same", "new"]
    reasons = {str(path): reason for path, _, reason in compared.gone_rows}
    assert "not fully examined in the later run" in reasons["/srv/broken"]
    assert "no longer there" in reasons["/srv/gone"]
    assert "Since the run before, 1 finding is new." in report.sentences
    assert "Findings of the run before" in page_of(report)
    assert "2 gone" in render_text(report)


def test_more_rows_than_a_page_holds_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    four_segments(tmp_path / "f", KEY)
    monkeypatch.setattr(building, "MAX_ROWS", 5)
    monkeypatch.setattr(building, "MAX_STATIC_ROWS", 2)
    monkeypatch.setattr(building, "MAX_FAULT_ROWS", 1)
    monkeypatch.setattr("hashaudit.report.html_page.PACKED_FROM_ROWS", 5)
    report = report_of(tmp_path / "f")
    assert (report.findings, len(report.row_json), len(report.rows), report.rows_omitted) == (9, 5, 2, 4)
    page = page_of(report)
    assert "4 more findings are counted above" in page
    assert 'data-form="gzip"' in page
    assert report.by_list[0].count == 9
    assert msgspec.json.decode(report.row_json[0])[1] == 2


def test_accepted_findings_are_marked_in_every_form(tmp_path: Path) -> None:
    known = finding(b"sample")
    assert isinstance(known, FindingRecord)
    accepted = Acceptance(reason="own <b>sample</b>", by="A. Person", until="2026-12-31")
    lines = [msgspec.structs.replace(known, accepted=accepted), finding(b"other")]
    report = report_of(write_run(tmp_path / "f", [lines], signer=KEY, lists=True))
    assert report.sentences[:2] == (
        "2 files match what was looked for.",
        "1 of them is accepted: the record says by whom and until when.",
    )
    assert [row.is_accepted for row in report.rows] == [True, False]
    page = Page(page_of(report))
    assert "until 2026-12-31, by A. Person: own <b>sample</b>" in page.text
    assert ("select", {"id": "fa"}) in page.tags
    for text in (render_text(report), render_markdown(report)):
        assert sum("accepted" in line and "sample" in line for line in text.splitlines()) == 1


def test_an_interrupted_file_shows_no_zero_as_a_result(tmp_path: Path) -> None:
    whole = write_run(tmp_path / "f", [[record(b"a")], [finding()]], signer=KEY, lists=True)
    (tmp_path / "cut").write_bytes(b"".join(whole.read_bytes().splitlines(keepends=True)[:3]))
    tiles = []
    for path in (whole, tmp_path / "cut"):
        page = page_of(report_of(path))
        found = re.search(r'<dl class="tiles">(.*?)</dl>', page, re.DOTALL)
        assert found is not None
        tiles.append(re.findall(r"<dd>(.*?)</dd>", re.sub(r"\s+|<span.*?>|</span>", " ", found[1])))
        assert ("does not say which entries were not examined" in page) is (path is not whole)
        texts = (page, render_text(report_of(path)))
        assert all(("up to the last signed checkpoint" in one) is (path is not whole) for one in texts)
    assert [[text.strip() for text in one] for one in tiles] == [
        ["1", "1", "0", "2", "0 B"],
        ["unknown", "unknown", "unknown", "at least  1", "unknown"],
    ]


def test_labels_that_are_paths_are_hidden_with_paths_and_names(tmp_path: Path) -> None:
    labels = {"name": "private.jpg", "comment": "seen in /private/place", "category": "kept"}
    path = write_run(tmp_path / "f", [[record(b"a", matches=[match(labels=labels)])]], signer=KEY)
    for kind in (Redact.PATHS, Redact.NAMES):
        report = report_of(path, redaction=Redaction(frozenset({kind})))
        for text in (page_of(report), render_text(report), render_markdown(report)):
            assert "private" not in text
            assert "kept" in text


def test_entries_that_were_not_reached_are_not_called_unproven(tmp_path: Path) -> None:
    with FindingsWriter(
        Output.create(str(tmp_path / "f")), header(KEY.fingerprint, lists=True), signer=KEY, clock=FakeClock().clock()
    ) as writer:
        for _ in range(3):
            writer.tally.add()
        writer.write(record(b"a"))
        writer.finish(EndReason.TIME_LIMIT, 48)
    report = report_of(tmp_path / "f")
    assert report.runs[0].pending == 2
    text = Page(page_of(report)).text
    assert "2 entries were found and not reached before the end. They have no record." in text
    assert "because nothing proves them" not in text


def test_a_forged_day_that_does_not_exist_gets_a_page(tmp_path: Path) -> None:
    path = with_list(tmp_path / "f", found=True)
    path.write_bytes(path.read_bytes().replace(b'"start":"2020-09', b'"start":"2020-19', 1))
    report = report_of(path)
    assert (report.runs[0].trust, report.runs[0].duration) == (Trust.DAMAGED, "unknown")
    assert "NOT VERIFIED" in page_of(report)


def test_guards_are_not_counted_as_directories(tmp_path: Path) -> None:
    for finish in (True, False):  # without the end, there are no totals
        path = tmp_path / str(finish)
        lines = [unlisted_folder(FaultCode.ROOT_EMPTY), unlisted_folder(), unlisted_folder()]
        report = report_of(write_run(path, [lines, [record()]], signer=KEY, finish=finish))
        assert (report.runs[0].directories_faulted, report.runs[0].guards_faulted) == (2, 1)
        assert "1 guard found less than expected: see the faults." in report.sentences
        assert "1 less than a guard expects" in render_text(report)
