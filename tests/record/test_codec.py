"""Lines out as ASCII, and in only if every field is as the specification says."""

import json
import re
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from findings_lab import (
    LIST_NAMES,
    START_NS,
    entry,
    examination,
    fault,
    finding,
    header,
    match,
    record,
    stat,
    unlisted_folder,
)
from hashaudit.errors import FindingsError
from hashaudit.model.faults import SkipReason
from hashaudit.record import convert, schema
from hashaudit.record.codec import MAX_LINE_BYTES, decode_body, decode_line, encode_body, encode_line
from hashaudit.record.fields import large
from hashaudit.record.header import RunHeader
from hashaudit.record.schema import Checkpoint, FaultRecord, FileRecord, FindingRecord, Line, Record, Totals

TOTALS = Totals(
    seen=3,
    examined=2,
    clean=1,
    known=0,
    matched=1,
    faulted=0,
    skipped={SkipReason.FIFO: 1},
    pending=0,
    directories=1,
    directories_faulted=0,
    bytes=20,
    faults={},
    file_lines=1,
)
BODY = schema.CheckpointBody(
    v=1,
    run_id=header(None).run_id,
    first=1,
    last=3,
    segment_sha256="0" * 64,
    prev_checkpoint_sha256=None,
    time="2026-11-21T17:44:56Z",
    totals=TOTALS,
    final=False,
)


def numbered(line: Record) -> Record:
    return msgspec.structs.replace(line, seq=1)


def every_kind() -> list[Line]:
    changed = msgspec.structs.replace(examination(faults=[fault()], matches=[match()]), changed_from=stat(9))
    with_change = convert.of_result(entry(), changed, START_NS, LIST_NAMES, record_all=False)
    assert with_change is not None
    return [
        numbered(header("SHA256:abc")),
        numbered(finding(b"\xff\xfe")),
        numbered(with_change),
        numbered(record(b"fault", faults=[fault(), fault()])),
        numbered(unlisted_folder()),
        numbered(record("ünïcödé \U0001f512 \u202e".encode())),
        Checkpoint(body=encode_body(BODY), sshsig=None),
    ]


@pytest.mark.parametrize("line", every_kind(), ids=lambda line: type(line).__name__)
def test_every_kind_comes_back_as_it_went(line: Line) -> None:
    raw = encode_line(line)
    assert raw.isascii()
    assert raw.endswith(b"\n")
    assert raw.count(b"\n") == 1
    assert decode_line(raw[:-1]) == line


@pytest.mark.parametrize("line", every_kind(), ids=lambda line: type(line).__name__)
def test_numbers_are_safe_and_whole(line: Line) -> None:
    def numbers(value: Any) -> list[int | float]:
        if isinstance(value, dict):
            return [number for item in value.values() for number in numbers(item)]
        if isinstance(value, list):
            return [number for item in value for number in numbers(item)]
        return [value] if isinstance(value, int | float) and not isinstance(value, bool) else []

    found = numbers(json.loads(encode_line(line)))
    assert all(isinstance(number, int) and abs(number) <= 2**53 for number in found)


def test_the_order_of_fields_begins_with_kind_and_number() -> None:
    for line in every_kind()[:-1]:
        assert list(json.loads(encode_line(line)))[:2] == ["kind", "seq"]


def test_text_outside_ascii_is_escaped_as_rfc_8259_says() -> None:
    raw = encode_line(msgspec.structs.replace(header(None), note="é\U0001f512\u202e\x7f\x1b"))
    assert b'"note":"\\u00e9\\ud83d\\udd12\\u202e\x7f\\u001b"' in raw


def test_lone_surrogates_are_written_out() -> None:
    line = msgspec.structs.replace(header(None), seq=1, argv=("\udcff", "é"), versions={"\udc80": "1"})
    decoded = decode_line(encode_line(line)[:-1])
    assert isinstance(decoded, RunHeader)
    assert decoded.argv == ("\\udcff", "é")
    assert decoded.versions == {"\\udc80": "1"}


@given(st.text(st.characters()), st.binary())
def test_any_text_and_any_name_can_be_written_and_read(text: str, name: bytes) -> None:
    line = numbered(record(name.replace(b"/", b"").replace(b"\0", b"") or b"x", matches=[match(label=text)]))
    raw = encode_line(line)
    assert raw.isascii()
    decoded = decode_line(raw[:-1])
    assert isinstance(decoded, FindingRecord)
    assert isinstance(line, FindingRecord)
    assert decoded.entry == line.entry
    if not re.search("[\ud800-\udfff]", text):
        assert decoded == line


@pytest.mark.parametrize(("number", "shown"), [(0, 0), (2**53, 2**53), (2**53 + 1, "9007199254740993")])
def test_large_numbers_are_text(number: int, shown: int | str) -> None:
    assert large(number) == shown


def changed(line: Line, **fields: Any) -> bytes:
    """A line with fields added, replaced or, where the value is ``...``, taken out."""
    value = json.loads(encode_line(line)) | fields
    return json.dumps({name: item for name, item in value.items() if item is not ...}).encode()


def within(line: Line, part: str, **fields: Any) -> bytes:
    """The same in the object that is one field of a line, or in the first of its list."""
    value = json.loads(encode_line(line))[part]
    first = value[0] if isinstance(value, list) else value
    new = {name: item for name, item in (first | fields).items() if item is not ...}
    return changed(line, **{part: [new] if isinstance(value, list) else new})


FINDING = numbered(finding())
FAULT = numbered(record(faults=[fault()]))
FILE = numbered(record())
HEADER = numbered(header(None))
FOLDER = numbered(unlisted_folder())
MATCH = json.loads(encode_line(FINDING))["matches"][0]

INVALID = {
    "unknown kind": changed(FINDING, kind="findings"),
    "no kind": changed(FINDING, kind=...),
    "unknown field": changed(FINDING, extra=1),
    "no number": changed(FINDING, seq=...),
    "number 0": changed(FINDING, seq=0),
    "unknown field within": changed(FINDING, matches=[MATCH | {"x": 1}]),
    "missing field": changed(FINDING, consistency=...),
    "no state": changed(FINDING, state=...),
    "no state of a file": changed(FILE, state=...),
    "null field": within(FINDING, "state", size=None),
    "float": within(FINDING, "state", size=1.5),
    "whole float": within(FINDING, "state", size=1.0),
    "negative": within(FINDING, "state", size=-1),
    "above 2^53": within(FINDING, "state", size=2**53 + 1),
    "number as text with sign": within(FINDING, "state", size="-1"),
    "inode as number": within(FINDING, "state", inode=12),
    "inode with leading zero": within(FINDING, "state", inode="012"),
    "mode as number": within(FINDING, "state", mode=420),
    "mode that is not octal": within(FINDING, "state", mode="0698"),
    "file with the state of an object": within(FINDING, "state", type="object"),
    "no such type of state": within(FINDING, "state", type="member"),
    "state without type": within(FINDING, "state", type=...),
    "entry without root": within(FINDING, "entry", root=...),
    "member without ordinal": within(FINDING, "entry", within=[{"format": "zip", "name": "a"}]),
    "member's unneeded name_uri": within(
        FINDING, "entry", within=[{"format": "zip", "name": "a", "name_uri": "a", "ordinal": 0}]
    ),
    "no such consistency": changed(FINDING, consistency="fine"),
    "digest in upper case": changed(FINDING, digests={"sha256": "AB" * 32}),
    "digest of half a byte": changed(FINDING, digests={"sha256": "abc"}),
    "digest with newline": changed(FINDING, digests={"sha256": "ab\n"}),
    "no such time": within(FINDING, "state", mtime="yesterday"),
    "finding without match": changed(FINDING, matches=[]),
    "finding of known matches": changed(FINDING, matches=[MATCH | {"role": "known"}]),
    "file with a match of role deny": changed(FILE, matches=[MATCH]),
    "fault with a match of role deny": changed(FAULT, matches=[MATCH]),
    "list from 0": changed(FINDING, matches=[MATCH | {"list": MATCH["list"] | {"number": 0}}]),
    "no such role": changed(FINDING, matches=[MATCH | {"role": "denied"}]),
    "viewed": changed(FINDING, human_viewed=True),
    "viewed as number": changed(FINDING, human_viewed=0),
    "unneeded path_uri": within(FINDING, "entry", path_uri="/srv/a.txt"),
    "path_uri of another path": within(FINDING, "entry", path_uri="/srv/%FF"),
    "path_uri not percent-encoded": within(FINDING, "entry", path_uri="%"),
    "no such stage": within(FAULT, "faults", stage="look"),
    "no such code": within(FAULT, "faults", code="error"),
    "fault without a fault": changed(FAULT, faults=[]),
    "file with a fault": changed(FILE, faults=json.loads(encode_line(FAULT))["faults"]),
    "half a state": within(FAULT, "state", size=...),
    "directory with a state": changed(FOLDER, state=json.loads(encode_line(FAULT))["state"]),
    "consistency without identity": changed(FOLDER, consistency="stable"),
    "run id of another version": changed(HEADER, run_id="01890a5d-ac96-474b-bcce-b302099a8057"),
    "setting of another type": changed(HEADER, config={"a": {}}),
    "number as text where it is small": changed(HEADER, uid="0"),
    "checkpoint with number": b'{"kind":"checkpoint","seq":1,"body":"","sshsig":null}',
    "checkpoint without sshsig": b'{"kind":"checkpoint","body":""}',
    "field twice": b'{"kind":"checkpoint","body":"","body":"","sshsig":null}',
    "kind twice": b'{"kind":"checkpoint","kind":"checkpoint","body":"","sshsig":null}',
    "field twice within": changed(FINDING).replace(b'"category"', b'"category": "x", "category"'),
    "field twice, escaped": b'{"kind":"checkpoint","body":"","b\\u006fdy":"","sshsig":null}',
    "not ASCII": '{"kind":"checkpoint","body":"é","sshsig":null}'.encode(),
    "lone surrogate": b'{"kind":"checkpoint","body":"\\udc80","sshsig":null}',
    "NaN": b'{"kind":"checkpoint","body":NaN,"sshsig":null}',
    "array": b"[]",
    "nothing": b"",
    "blank before": b' {"kind":"checkpoint","body":"","sshsig":null}',
    "carriage return after": b'{"kind":"checkpoint","body":"","sshsig":null}\r',
    "two values": b'{"kind":"checkpoint","body":"","sshsig":null}{}',
    "cut": b'{"kind":"checkpoint","body":"","ssh}',
    "nested deeply": b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b',"kind":"checkpoint"}',
    "huge number": changed(FINDING, size=0).replace(b'"size": 0', b'"size": ' + b"9" * 5000),
    "too long": b'{"kind":"checkpoint","body":"' + b" " * MAX_LINE_BYTES + b'","sshsig":null}',
}


def test_the_lines_that_are_made_invalid_are_valid_before() -> None:
    twins: list[tuple[Line, type]] = [(FINDING, FindingRecord), (FAULT, FaultRecord), (FILE, FileRecord)]
    for line, kind in twins:
        assert isinstance(decode_line(changed(line)), kind)
    assert isinstance(decode_line(changed(HEADER)), RunHeader)
    assert isinstance(decode_line(b'{"kind":"checkpoint","body":"","sshsig":null}'), Checkpoint)
    assert isinstance(decode_line(b'{ "sshsig":null,"body":"\\u0061","kind":"checkpoint" }'), Checkpoint)
    assert isinstance(decode_line(changed(FOLDER)), FaultRecord)
    assert b'"category": "test"' in changed(FINDING)


@pytest.mark.parametrize("raw", INVALID.values(), ids=INVALID.keys())
def test_what_the_format_does_not_allow_is_refused(raw: bytes) -> None:
    with pytest.raises(FindingsError) as error:
        decode_line(raw)
    assert str(error.value).isascii()
    assert len(str(error.value)) < 300


def test_a_message_never_carries_control_characters_of_the_line() -> None:
    with pytest.raises(FindingsError) as error:
        decode_line(b'{"kind":"checkpoint","body":"","sshsig":null,"\\u001b[2J\\n\\u202e":1}')
    assert str(error.value).isprintable()
    assert "[2J" in str(error.value)


def test_a_message_does_not_grow_with_the_line() -> None:
    with pytest.raises(FindingsError) as error:
        decode_line(b'{"kind":"checkpoint","body":"","sshsig":null,"' + b"x" * 10_000 + b'":1}')
    assert len(str(error.value)) < 300


@given(st.binary())
def test_no_bytes_crash_the_decoder(raw: bytes) -> None:
    with pytest.raises(FindingsError):
        decode_line(raw)


BODY_INVALID = {
    "unknown field": {"x": 1},
    "final without ending": {"final": True},
    "ending without final": {"exit_code": 0},
    "digest too short": {"segment_sha256": "00"},
    "totals with unknown field": {"totals": json.loads(encode_body(BODY))["totals"] | {"x": 0}},
    "no such reason to skip": {"totals": json.loads(encode_body(BODY))["totals"] | {"skipped": {"x": 0}}},
}


@pytest.mark.parametrize("fields", BODY_INVALID.values(), ids=BODY_INVALID.keys())
def test_a_body_that_the_format_does_not_allow_is_refused(fields: dict[str, Any]) -> None:
    assert decode_body(encode_body(BODY)) == BODY
    with pytest.raises(FindingsError):
        decode_body(json.dumps(json.loads(encode_body(BODY)) | fields))
    with pytest.raises(FindingsError):
        decode_body("é")


@pytest.mark.parametrize(
    ("changes", "equation"),
    [
        ({"examined": 3}, "examined"),
        ({"seen": 4}, "seen"),
        ({"pending": 1}, "seen"),
        ({"file_lines": 2}, "file_lines"),
        ({"skipped": {}}, "seen"),
    ],
)
def test_totals_must_add_up(changes: dict[str, Any], equation: str) -> None:
    assert TOTALS.imbalance() is None
    broken = msgspec.structs.replace(TOTALS, **changes).imbalance()
    assert broken is not None
    assert broken.startswith(equation)
