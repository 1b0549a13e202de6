"""An incident of segments: the findings are there and verify, and records of other segments are not disclosed."""

from pathlib import Path

import pytest

from findings_lab import finding, record, signing_key, unlisted_folder, write_run
from hashaudit.errors import FindingsError
from hashaudit.incidents.incident_log import Action, append_log
from hashaudit.incidents.new_incident import IncidentFacts, NewIncident, create_incident
from hashaudit.incidents.verify_incident import verify_incident
from hashaudit.record.schema import FindingRecord
from hashaudit.triage.findings_input import FindingsInput, verify_input

KEY = signing_key()
OTHER = signing_key(2)
NOW = "2026-01-01T00:00:00Z"


def scan(path: Path) -> Path:
    segments = [
        *([record(b"first")], [finding(b"found")], [record(b"private"), unlisted_folder()]),
        *([finding(b"also found")], [record(b"private too")]),
    ]
    return write_run(path, segments, signer=KEY)


def create(folder: Path, source: Path, stated: NewIncident) -> IncidentFacts:
    file = verify_input(FindingsInput(path=str(source).encode(), trust=KEY.public_key))
    return create_incident(str(folder), stated, [file], KEY, KEY.public_key, now=NOW)


def test_segments_disclose_findings_and_no_other_records(tmp_path: Path) -> None:
    facts = create(tmp_path / "i", scan(tmp_path / "f.jsonl"), NewIncident(segments=True, legal_basis="law 7"))
    assert (facts.findings, facts.legal_basis) == (2, "law 7")
    (one,) = facts.files
    assert (one.name, one.is_extract) == ("f.extract.jsonl", True)
    copy = tmp_path / "i" / "findings" / one.name
    for path in (tmp_path / "i").rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert b"private" not in content, path
            assert b"/srv/secret" not in content, path
    page = (tmp_path / "i" / "report.html").read_text()
    assert "The records of these entries are not in this extract." in page
    assert "hashaudit verify --extract f.extract.jsonl" in page
    assert "f.extract.jsonl.sig" not in page
    assert "1 directory could not be listed completely" in page
    whole = verify_input(FindingsInput(path=bytes(copy), trust=KEY.public_key))
    extract = verify_input(FindingsInput(path=bytes(copy), trust=KEY.public_key, extract=True))
    assert (whole.is_verified, extract.is_verified) == (False, True)
    assert sum(isinstance(item.record, FindingRecord) for item in extract.records()) == 2
    check = verify_incident(str(tmp_path / "i"), KEY.public_key)
    assert (check.problems, check.incident, check.fingerprint) == ((), facts.incident, KEY.fingerprint)
    assert verify_incident(str(tmp_path / "i"), OTHER.public_key).problems


def test_parts_of_two_incidents_do_not_pass_for_one(tmp_path: Path) -> None:
    source = scan(tmp_path / "f.jsonl")
    for name in ("a", "b"):
        create(tmp_path / name, source, NewIncident())
    own = (tmp_path / "a" / "log.jsonl").read_bytes()
    (tmp_path / "a" / "log.jsonl").write_bytes((tmp_path / "b" / "log.jsonl").read_bytes())
    problems = verify_incident(str(tmp_path / "a"), KEY.public_key).problems
    assert "log.jsonl belongs to another incident" in problems
    (tmp_path / "a" / "log.jsonl").unlink()
    facts = _id(tmp_path / "a")
    append_log(str(tmp_path / "a"), facts, Action.NOTE, "begun again", signer=KEY, trust=KEY.public_key)
    problems = verify_incident(str(tmp_path / "a"), KEY.public_key).problems
    assert problems == ("log.jsonl begins with other checksums than SHA256SUMS",)
    (tmp_path / "a" / "log.jsonl").write_bytes(own)
    assert verify_incident(str(tmp_path / "a"), KEY.public_key).problems == ()
    signature = (tmp_path / "b" / "SHA256SUMS.sig").read_bytes()
    (tmp_path / "a" / "SHA256SUMS.sig").write_bytes(signature)
    assert len(verify_incident(str(tmp_path / "a"), KEY.public_key).problems) == 1


def _id(folder: Path) -> str:
    text = (folder / "incident.json").read_text()
    return text.split('"incident": "')[1].split('"')[0]


def test_names_in_the_facts_cannot_lead_out_of_the_directory(tmp_path: Path) -> None:
    create(tmp_path / "i", scan(tmp_path / "f.jsonl"), NewIncident())
    facts = tmp_path / "i" / "incident.json"
    whole = facts.read_text()
    for name in ("..%2Ff.jsonl", "../f.jsonl", "..", "", "%00"):
        facts.write_text(whole.replace('"f.jsonl"', f'"{name}"'))
        with pytest.raises(FindingsError, match="not the name of a file"):
            verify_incident(str(tmp_path / "i"), KEY.public_key)
    for text in ("", "{}", '{"v":1}', whole.replace('"files"', '"folios"')):
        facts.write_text(text)
        with pytest.raises(FindingsError, match="not the directory of an incident"):
            verify_incident(str(tmp_path / "i"), KEY.public_key)


def test_what_does_not_verify_gets_no_incident(tmp_path: Path) -> None:
    source = scan(tmp_path / "f.jsonl")
    source.write_bytes(source.read_bytes().replace(b'"size":10', b'"size":11'))
    for stated in (NewIncident(), NewIncident(segments=True)):
        with pytest.raises(FindingsError, match="not verified"):
            create(tmp_path / "i", source, stated)
    assert not (tmp_path / "i").exists()
