"""docs/reference/findings-format.md says what the code does, field by field, and its commands work as printed."""

import re
from enum import StrEnum
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from findings_lab import DOCUMENTED, allowed_signers, four_segments, shell_says, signing_key
from hashaudit.lists.interface import RejectReason
from hashaudit.model.audit_outcome import AuditOutcome
from hashaudit.model.containers import ContainerKind
from hashaudit.model.entry import Consistency
from hashaudit.model.faults import FaultCode, SkipReason, Stage
from hashaudit.model.results import Caveat, MatchType, Role
from hashaudit.record import chain, codec, header, schema
from hashaudit.record.verify.verify_report import ProblemCode
from hashaudit.signing import signer

KEY = signing_key()
TEXT = DOCUMENTED.read_text()

STRUCTS: dict[str, type[msgspec.Struct]] = {
    "### `run`": header.RunHeader,
    "### Records about entries": schema.EntryRecord,
    "### `finding`": schema.FindingRecord,
    "### `fault`": schema.FaultRecord,
    "### `file`": schema.FileRecord,
    "### `audit`": schema.AuditRecord,
    "### `checkpoint`": schema.Checkpoint,
    "The body:": schema.CheckpointBody,
    "### Root": header.Root,
    "### Resumption": schema.Resumption,
    "### Hash list": header.HashList,
    "### Manifest": header.ManifestSource,
    "### File of acceptances": header.AcceptanceFile,
    "### Acceptance": schema.Acceptance,
    "### Expected file": schema.ExpectedFile,
    "### Found file": schema.FoundFile,
    "### Match": schema.Match,
    "### Perceptual hash": schema.PerceptualHash,
    "### Fault of an entry": schema.Fault,
    "### Entry": schema.Entry,
    "### Member": schema.Member,
    "### Container": schema.Container,
    "### State of a file": schema.FileState,
    "### State of an object": schema.ObjectState,
    "### List entry": schema.ListEntry,
    "## Totals": schema.Totals,
}

SETS: dict[str, type[StrEnum]] = {
    "### Stage": Stage,
    "### Fault code": FaultCode,
    "### Consistency": Consistency,
    "### Confirmation": Caveat,
    "### Reason to skip": SkipReason,
    "### Outcome": AuditOutcome,
    "## What a verifier checks": ProblemCode,
}


SHARED = {field.name for field in msgspec.structs.fields(schema.EntryRecord)}


def fields_of(heading: str) -> list[msgspec.structs.FieldInfo]:
    """Those that are the heading's own: a kind of record does not repeat the shared ones."""
    struct = STRUCTS[heading]
    fields = msgspec.structs.fields(struct)
    if struct is schema.EntryRecord or not issubclass(struct, schema.EntryRecord):
        return list(fields)
    return [field for field in fields if field.name not in SHARED]


def section(heading: str) -> str:
    after = TEXT.partition(f"\n{heading}\n")[2]
    assert after, heading
    return re.split(r"\n(?:#+ |The body:)", after)[0]


@pytest.mark.parametrize("heading", STRUCTS)
def test_every_field_is_specified_in_its_order_with_its_presence(heading: str) -> None:
    rows = re.findall(r"^\| `(\w+)` \| ([^|]+) \| (always|optional) \|", section(heading), re.MULTILINE)
    specified = [(name, presence) for name, _, presence in rows]
    tag_field = STRUCTS[heading].__struct_config__.tag_field
    tag = [(tag_field, "always")] if tag_field == "type" else []
    # seq has a default in the code alone: the writer numbers a record when it takes it.
    expected = [
        (field.encode_name, "always" if field.required or field.name == "seq" else "optional")
        for field in fields_of(heading)
    ]
    assert specified == tag + expected


@pytest.mark.parametrize("heading", STRUCTS)
def test_null_is_said_where_it_stands(heading: str) -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \| always \|", section(heading), re.MULTILINE))
    for field in fields_of(heading):
        if field.required:
            nullable = type(None) in get_args(field.type)
            assert ("null" in rows[field.encode_name]) is nullable, field.name


@pytest.mark.parametrize("heading", SETS)
def test_every_value_of_a_closed_set_is_listed(heading: str) -> None:
    words = set(re.findall(r"`(\w+)`", section(heading)))
    assert {member.value for member in SETS[heading]} <= words
    table = set(re.findall(r"^\| `(\w+)` \|", section(heading), re.MULTILINE))
    assert table in ({member.value for member in SETS[heading]}, set())


def test_what_stands_in_the_text_is_in_the_code() -> None:
    for value in (
        *RejectReason,
        *ContainerKind,
        *schema.EndReason,
        *header.ClockSync,
        *header.RootType,
        *Role,
        *MatchType,
    ):
        assert f"`{value}`" in TEXT
    assert f"after {chain.MAX_SEGMENT_LINES} records or {chain.MAX_SEGMENT_BYTES >> 20} MiB of lines" in TEXT
    assert f"{chain.MAX_AGE_S:.0f} s after the first record, {chain.MAX_FINDING_AGE_S} s after a finding" in TEXT
    assert f"at most {codec.MAX_LINE_BYTES >> 20} MiB" in TEXT
    assert f"`{signer.CHECKPOINT_NAMESPACE}`" in TEXT
    assert f"`{signer.FILE_NAMESPACE}`" in TEXT


def test_links_lead_somewhere() -> None:
    anchors = {
        re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")
        for title in re.findall(r"^#+ (.*)$", TEXT, re.MULTILINE)
    }
    for target in re.findall(r"\]\(([^)]+)\)", TEXT):
        if target.startswith("#"):
            assert target[1:] in anchors
        else:
            assert (DOCUMENTED.parent / target).is_file()


def test_the_commands_for_an_interrupted_file_work_as_printed(tmp_path: Path) -> None:
    path, store = tmp_path / "findings.jsonl", allowed_signers(tmp_path, KEY.public_key)
    lines = four_segments(path, KEY)[:18]
    path.write_bytes(b"".join(lines))
    assert shell_says(path, store, block=1, variables="N=16 M=11") == [True, True]
    assert shell_says(path, store, block=1, variables="N=6 M=0") == [True, True]
    assert shell_says(path, store, block=1, variables="N=16 M=6") == [True, False]
    lines[12] = lines[12].replace(b"line 7", b"line 8")
    path.write_bytes(b"".join(lines))
    assert shell_says(path, store, block=1, variables="N=16 M=11") == [True, False]


def test_the_option_for_a_key_that_has_ended_works_as_printed(tmp_path: Path) -> None:
    path, store = tmp_path / "findings.jsonl", allowed_signers(tmp_path, KEY.public_key, 'valid-before="20210101Z"')
    four_segments(path, KEY)
    option = TEXT.partition("`-O verify-time=")[2].partition("`.")[0]
    assert shell_says(path, store) == [False, True, False]
    assert shell_says(path, store, options=f"-O verify-time={option}") == [True, True, True]
