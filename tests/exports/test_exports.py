"""Every export format is what its field's own validator accepts, for hostile names and labels too."""

import csv
import hashlib
import io
import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from browser import MODULES
from findings_lab import RUN_ID, fault, match, record, write_run
from hashaudit.exports.csv_export import CsvExport
from hashaudit.exports.cybertip_export import GAP, INCIDENT_TYPES, Incident
from hashaudit.exports.export_registry import EXPORTERS, ExportFormat, mapping_of
from hashaudit.exports.interface import Exporter, Field, fields_of
from hashaudit.exports.write_export import ExportResult, exported_runs, write_drafts, write_export
from hashaudit.lists.interface import ListSpec
from hashaudit.lists.load import load_lists
from hashaudit.model.results import AlgorithmName, Caveat, Match, MatchType, Role
from hashaudit.record.schema import Acceptance, FindingRecord, PerceptualHash
from hashaudit.triage.findings_input import FindingsInput, VerifiedInput, verify_input
from reports_lab import HOSTILE, KEY, hostile_file

DATA = Path(__file__).parents[1] / "data" / "exports"
CONTENT = b"content"
OTHER_RUN = RUN_ID[:-1] + "8"


def rich_finding() -> FindingRecord:
    """A finding with an exact and a near match, all kinds of digests and a perceptual hash."""
    near = Match(1, "line 9", AlgorithmName("pdq"), MatchType.NEAR, Role.DENY, {"category": "B1"}, 12, 31)
    made = record(b"dir/b.jpg", matches=[match(category="2", name='a [b] "c" \\ d|e=f'), near], faults=[fault()])
    assert isinstance(made, FindingRecord)
    digests = {name: hashlib.new(name, CONTENT).hexdigest() for name in ("md5", "sha1", "sha256", "sha512")}
    named = {AlgorithmName(name): value for name, value in (digests | {"blake3": "ef" * 32}).items()}
    pdq = PerceptualHash(
        algorithm=AlgorithmName("pdq"),
        value="0f" * 32,
        quality=90,
        frame=0,
        variant="original",
        trimmed=False,
        truncated=False,
    )
    return msgspec.structs.replace(
        made,
        digests=named,
        perceptual=(pdq,),
        needs_confirmation=(Caveat.MD5_ONLY,),
        faults=made.faults,
        accepted=Acceptance(reason='own "sample" [1]', by="A. Person", until="2026-12-31"),
    )


@pytest.fixture
def files(tmp_path: Path) -> list[VerifiedInput]:
    """A file with hostile findings, and one with a rich finding and a clean file."""
    write_run(tmp_path / "rich", [[rich_finding(), record(b"clean")]], signer=KEY, lists=True, run_id=OTHER_RUN)
    paths = [hostile_file(tmp_path / "hostile"), tmp_path / "rich"]
    return [verify_input(FindingsInput(path=str(path).encode(), trust=KEY.public_key)) for path in paths]


FINDINGS = len(HOSTILE) + 2


def exported(files: list[VerifiedInput], exporter: Exporter) -> tuple[bytes, ExportResult]:
    written: list[bytes] = []
    result = write_export(exporter, files, exported_runs(files, any_signer=False), written.append)
    return b"".join(written), result


def form(files: list[VerifiedInput], name: ExportFormat) -> bytes:
    return exported(files, EXPORTERS[name]())[0]


@pytest.mark.parametrize("name", EXPORTERS)
def test_every_format_is_repeatable_and_counts_what_it_loses(files: list[VerifiedInput], name: ExportFormat) -> None:
    data, result = exported(files, EXPORTERS[name]())
    assert exported(files, EXPORTERS[name]()) == (data, result)
    assert set(result.lost).isdisjoint(mapping_of(name))
    assert Field.FAULT_RECORDS in result.lost or Field.FAULT_RECORDS in mapping_of(name)
    if name in {ExportFormat.SYSLOG, ExportFormat.CEF, ExportFormat.DFXML}:
        assert b"\x1b" not in data


def test_fields_of_a_record_are_complete() -> None:
    found = set(fields_of(rich_finding()))
    missing = {Field.CASE, Field.EXACT_PATH, Field.MEMBER, Field.KNOWN, Field.FAULT_RECORDS, Field.FILE_RECORDS}
    missing |= {Field.DIFFERENCES}
    assert found == set(Field) - missing


def test_csv_is_read_back_whole(files: list[VerifiedInput]) -> None:
    data = form(files, ExportFormat.CSV)
    rows = list(csv.DictReader(io.StringIO(data.decode(), newline=""), strict=True))
    assert len(rows) == FINDINGS + 1
    assert [row["path"].removeprefix("/srv/") for row in rows[: len(HOSTILE)]] == HOSTILE
    assert [json.loads(row["labels"])["comment"] for row in rows[: len(HOSTILE)]] == HOSTILE
    assert rows[-1]["distance"] == "12"
    assert [row["accepted"] for row in rows[-2:]] == ['own "sample" [1]'] * 2
    assert {row["accepted"] for row in rows[:-2]} == {""}
    assert b"\r\n" in data
    safe, _ = exported(files, CsvExport(spreadsheet_safe=True))
    cells = [cell for row in csv.reader(io.StringIO(safe.decode(), newline="")) for cell in row if cell]
    assert all(cell[0] not in "=+-@\t\r" for cell in cells)


def test_stix(files: list[VerifiedInput]) -> None:
    validator = pytest.importorskip("stix2validator", reason="needs stix2-validator")
    data = form(files, ExportFormat.STIX)
    result = validator.validate_instance(json.loads(data), validator.ValidationOptions(version="2.1"))
    assert result.is_valid, [str(error) for error in result.errors]
    kinds = [one["type"] for one in json.loads(data)["objects"]]
    assert kinds.count("observed-data") == FINDINGS
    assert kinds.count("sighting") == FINDINGS + 1


@pytest.mark.filterwarnings("ignore")
def test_misp(files: list[VerifiedInput]) -> None:
    pymisp = pytest.importorskip("pymisp", reason="needs pymisp")
    event = pymisp.MISPEvent()
    event.from_dict(**json.loads(form(files, ExportFormat.MISP))["Event"])
    assert len(event.objects) == FINDINGS
    rich = event.objects[-1]
    assert {one.object_relation for one in rich.attributes} == {
        *("filename", "fullpath", "size-in-bytes", "md5", "sha1", "sha256", "sha512")
    }
    assert [len(one.sightings) for one in rich.attributes if one.object_relation == "sha256"] == [1]


def test_ocsf(files: list[VerifiedInput]) -> None:
    ocsf = pytest.importorskip("ocsf_json_schema", reason="needs ocsf-json-schema")
    jsonschema = pytest.importorskip("jsonschema", reason="needs jsonschema")
    schema = ocsf.OcsfJsonSchemaEmbedded(ocsf.get_ocsf_schema("1.6.0")).get_class_schema("detection_finding")
    validator = jsonschema.validators.validator_for(schema)(schema)
    events = [json.loads(line) for line in form(files, ExportFormat.OCSF).splitlines()]
    assert len(events) == FINDINGS
    assert [error.message for event in (events[0], events[-1]) for error in validator.iter_errors(event)] == []
    assert [event["status_id"] for event in (events[0], events[-1])] == [1, 3]
    del events[0]["finding_info"]
    assert list(validator.iter_errors(events[0]))


def ecs_fields() -> dict[str, Any]:
    """Type, form and allowed values of each field, as the package of Elastic's fields has them."""
    node = shutil.which("node")
    if node is None or not (MODULES / "@elastic" / "ecs").is_dir():
        pytest.skip(f"needs node and @elastic/ecs in {MODULES}: npm install @elastic/ecs")
    script = "const {EcsFlat} = require(process.argv[1]); process.stdout.write(JSON.stringify(EcsFlat))"
    path = MODULES / "@elastic" / "ecs" / "build" / "commonjs" / "ecs_flat.js"
    fields: dict[str, Any] = json.loads(
        subprocess.run([node, "-e", script, path], capture_output=True, check=True).stdout
    )
    return fields


ECS_TYPES: dict[str, Callable[[Any], object]] = {
    "date": lambda value: re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", value),
    "long": lambda value: isinstance(value, int) or value.isdigit(),
    **dict.fromkeys(("keyword", "match_only_text", "wildcard", "text"), lambda value: isinstance(value, str)),
}


def check_ecs(fields: dict[str, Any], value: Any, name: str = "") -> None:
    """Checks an object below a name against the fields."""
    field = fields.get(name)
    if isinstance(value, dict):
        for key, item in value.items():
            if name or key != "hashaudit":
                check_ecs(fields, item, f"{name}.{key}" if name else key)
        return
    assert field is not None, f"not a field of ECS: {name}"
    assert isinstance(value, list) is ("array" in field["normalize"] or field["type"] == "nested"), name
    for item in value if isinstance(value, list) else [value]:
        if field["type"] == "nested":
            check_ecs(fields, item, name)
        else:
            assert ECS_TYPES[field["type"]](item), (name, item)
            allowed = {one["name"] for one in field.get("allowed_values") or ()}
            assert not allowed or item in allowed, (name, item)


def test_ecs(files: list[VerifiedInput]) -> None:
    events = [json.loads(line) for line in form(files, ExportFormat.ECS).splitlines()]
    assert len(events) == FINDINGS
    assert {event["event"]["kind"] for event in events} == {"alert"}
    assert {event["hashaudit"]["human_viewed"] for event in events} == {False}
    fields = ecs_fields()
    for event in events:
        check_ecs(fields, event)
    for wrong in ({"file": {"hash": {"blake3": "0"}}}, {"event": {"kind": "hit"}}, {"event": {"category": "file"}}):
        with pytest.raises(AssertionError):
            check_ecs(fields, wrong)


def test_sarif(files: list[VerifiedInput]) -> None:
    log = json.loads(form(files, ExportFormat.SARIF))
    check_sarif_schema(log)
    assert (log["version"], len(log["runs"])) == ("2.1.0", 2)
    first, second = log["runs"]
    assert len(first["results"]) == FINDINGS - 1
    assert not first["invocations"][0]["executionSuccessful"]
    assert {one["descriptor"]["id"] for one in first["invocations"][0]["toolExecutionNotifications"]} == {
        *("io_error", "permission_denied")
    }
    assert ["suppressions" in one for one in (first["results"][0], second["results"][0])] == [False, True]
    guid = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[1-5][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
    uris = set()
    for result in [*first["results"], *second["results"]]:
        assert guid.fullmatch(result["guid"])
        assert result["level"] in {"error", "warning", "note"}
        assert result["ruleId"] == first["tool"]["driver"]["rules"][0]["id"]
        uris.add(result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"])
    assert all(re.fullmatch(r"file:///[!-~]*", uri) for uri in uris)
    assert "file:///srv/%FF%FE%20raw" in uris


def check_sarif_schema(log: dict[str, Any]) -> None:
    """Checks a log against the schema of OASIS, which a package of matchers ships."""
    jsonschema = pytest.importorskip("jsonschema", reason="needs jsonschema")
    path = MODULES / "@microsoft" / "jest-sarif" / "lib" / "schemas" / "sarif-2.1.0-rtm.5.json"
    if not path.is_file():
        pytest.skip(f"needs @microsoft/jest-sarif in {MODULES}: npm install @microsoft/jest-sarif@1.0.0-beta.0")
    schema = json.loads(path.read_bytes())
    kind = jsonschema.validators.validator_for(schema)
    validator = kind(schema, format_checker=kind.FORMAT_CHECKER)
    assert [error.message for error in validator.iter_errors(log)] == []
    wrong = log | {"runs": [log["runs"][0] | {"results": [{"level": "bad"}]}]}
    assert list(validator.iter_errors(wrong))


SYSLOG = re.compile(
    r"<(?P<pri>[0-9]{1,3})>1 (?P<time>[0-9T:.Z-]+) (?P<host>[!-~]{1,255}) [!-~]{1,48} [!-~]{1,128} [!-~]{1,32} "
    r'\[(?P<id>[!-<>-\\^-~]{1,32})(?P<data>( [!-<>-\\^-~]{1,32}="([^"\\\]]|\\["\\\]]|\\)*")*)\] \ufeff(?P<message>.*)'
)
"""A message of RFC 5424, section 6."""


def test_syslog(files: list[VerifiedInput]) -> None:
    lines = form(files, ExportFormat.SYSLOG).decode().splitlines()
    assert len(lines) == FINDINGS
    for line in lines:
        assert line.isprintable() or line.replace("\ufeff", "").isprintable()
        found = SYSLOG.fullmatch(line)
        assert found is not None, line
        assert int(found["pri"]) in {13 * 8 + 4, 13 * 8 + 5}
        assert ' viewed="false"' in found["data"]


def test_cef(files: list[VerifiedInput]) -> None:
    lines = form(files, ExportFormat.CEF).decode().splitlines()
    assert len(lines) == FINDINGS
    for line in lines:
        assert line.isprintable()
        head = re.split(r"(?<!\\)\|", line, maxsplit=7)
        assert head[0] == "CEF:0"
        assert int(head[6]) in range(11)
        fields = re.split(r" ?(?:^|(?<= ))([A-Za-z0-9]+)(?<!\\)=", head[7])
        assert "filePath" in fields
        assert "fileHash" in fields


def test_dfxml(files: list[VerifiedInput]) -> None:
    etree = pytest.importorskip("lxml.etree", reason="needs lxml")
    document = etree.fromstring(form(files, ExportFormat.DFXML))
    schema = etree.XMLSchema(etree.parse(DATA / "dfxml_order.xsd"))
    schema.assertValid(document)
    space = "{" + document.nsmap[None] + "}"
    assert len(document.findall(f"{space}fileobject")) == FINDINGS + 3
    assert len(document.findall(f".//{space}error")) == 4


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_case(files: list[VerifiedInput], tmp_path: Path) -> None:
    validate = pytest.importorskip("case_utils.case_validate", reason="needs case-utils").validate
    path = tmp_path / "case.json"
    path.write_bytes(form(files, ExportFormat.CASE))
    result = validate([str(path)], allow_infos=True)
    assert result.conforms, result.text
    kinds = [one["@type"] for one in json.loads(path.read_bytes())["@graph"]]
    assert kinds.count("uco-observable:File") == FINDINGS


def test_hash_sets_are_lists_that_find_the_same_files(files: list[VerifiedInput], tmp_path: Path) -> None:
    for name in (ExportFormat.LIST, ExportFormat.VICS):
        path = tmp_path / f"{name}.txt"
        path.write_bytes(form(files, name))
        path.chmod(0o600)
        with load_lists([ListSpec(str(path))]) as lists:
            assert sum(info.kept for info in lists.infos) > 0
    media = json.loads((tmp_path / "vics.txt").read_bytes())["value"]
    assert {one["Category"] for one in media} == {None}
    assert media[-1]["MD5"] == hashlib.md5(CONTENT).hexdigest().upper()


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="needs sha256sum (Debian: coreutils)")
def test_sums_and_hashdeep(files: list[VerifiedInput], tmp_path: Path) -> None:
    data = form(files, ExportFormat.SUMS)
    assert data.count(b"\n") == FINDINGS + 2
    done = subprocess.run(["sha256sum", "-c", "--quiet"], input=data, capture_output=True, check=False, cwd=tmp_path)
    assert b"improperly formatted" not in done.stderr
    assert form(files, ExportFormat.HASHDEEP).splitlines()[:2] == [
        *(b"%%%% HASHDEEP-1.0", b"%%%% size,md5,sha1,sha256,filename")
    ]


def test_cybertip_drafts(files: list[VerifiedInput], tmp_path: Path) -> None:
    etree = pytest.importorskip("lxml.etree", reason="needs lxml")
    schema = etree.XMLSchema(etree.parse(DATA / "cybertip_order.xsd"))
    runs = exported_runs(files, any_signer=False)
    known = Incident(
        incident_type=INCIDENT_TYPES[0],
        incident_time="2026-01-01T00:00:00Z",
        reporter_email="a@example.org",
        platform="x",
    )
    write_drafts(str(tmp_path / "known"), known, files, runs)
    drafts = sorted((tmp_path / "known").iterdir())
    assert len(drafts) == FINDINGS + 1
    for path in drafts:
        assert path.stat().st_mode & 0o777 == 0o600
        schema.assertValid(etree.parse(path))
        text = path.read_text()
        assert "/srv" not in text
        assert ("<fileViewedByEsp>false</fileViewedByEsp>" in text) is (path.name != "report.xml")
    write_drafts(str(tmp_path / "unknown"), Incident(), files, runs)
    report = (tmp_path / "unknown" / "report.xml").read_text()
    assert report.count(GAP) == 3
    assert not schema.validate(etree.parse(tmp_path / "unknown" / "report.xml"))
