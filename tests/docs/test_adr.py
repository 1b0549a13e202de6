"""The decision records have one form, are indexed, and every reference to one names a file that exists."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ADR = ROOT / "docs" / "adr"
RECORDS = sorted(ADR.glob("[0-9]*.md"))
SEARCHED = ("hashaudit", "cli", "tests", "docs", "benchmarks")
STATUS = r"accepted|superseded by \[\d{4}\]\(\d{4}-[a-z0-9-]+\.md\)"
FORM = re.compile(
    rf"# (?P<number>\d{{4}}) (?P<title>[^\n]+)\n\nStatus: (?P<status>{STATUS})\n\nDate: (?P<date>\d{{4}}-\d\d-\d\d)\n\n"
)
SECTIONS = ["Context", "Decision", "Alternatives", "Consequences"]
REFERENCE = re.compile(r"\badr/(\d{4}[\w.-]*)")


def _texts() -> list[Path]:
    found = [path for top in SEARCHED for kind in ("py", "md") for path in (ROOT / top).rglob(f"*.{kind}")]
    return sorted([*found, *ROOT.glob("*.md")])


def _unknown(text: str) -> list[str]:
    names = {record.name for record in RECORDS}
    return [name for name in REFERENCE.findall(text) if name.rstrip(".") not in names]


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.stem)
def test_a_record_has_title_status_date_and_sections(record: Path) -> None:
    text = record.read_text()
    head = FORM.match(text)
    assert head is not None
    assert record.name.startswith(f"{head['number']}-")
    parts = re.split(r"^## (.+)\n", text[head.end() :], flags=re.MULTILINE)
    assert parts[0] == ""
    assert parts[1::2] == SECTIONS
    assert all(part.strip() for part in parts[2::2])


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.stem)
def test_a_record_is_in_the_index_as_it_says(record: Path) -> None:
    head = FORM.match(record.read_text())
    assert head is not None
    row = f"| [{head['number']}]({record.name}) | {head['title']} | {head['status']} | {head['date']} |"
    assert row in (ADR / "README.md").read_text().splitlines()


def test_numbers_are_unique_and_the_index_lists_nothing_else() -> None:
    numbers = [record.name[:4] for record in RECORDS]
    assert len(set(numbers)) == len(numbers) >= 43
    assert re.findall(r"^\| \[(\d{4})\]", (ADR / "README.md").read_text(), flags=re.MULTILINE) == numbers


def test_every_reference_names_a_record() -> None:
    unknown = {str(path.relative_to(ROOT)): _unknown(path.read_text(encoding="utf-8")) for path in _texts()}
    assert {path: names for path, names in unknown.items() if names} == {}


def test_links_from_and_to_records_lead_somewhere() -> None:
    links = [
        (page, link)
        for page in _texts()
        if page.suffix == ".md"
        for link in re.findall(r"\]\(([^)#:]+)", page.read_text(encoding="utf-8"))
        if page.parent == ADR or f"{ADR.name}/" in link
    ]
    assert len(links) > len(RECORDS)
    assert [(page.name, link) for page, link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("name", ["0007-the-cage.md", "0007", "0007-landlock-and-seccomp-in-workers"])
def test_a_reference_to_no_record_is_found(name: str) -> None:
    assert _unknown(f"see docs/{ADR.name}/{name}.") == [name + "."]


def test_a_reference_may_end_a_sentence() -> None:
    assert _unknown(f"See {ADR.name}/{RECORDS[0].name}.") == []
