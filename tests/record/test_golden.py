"""The findings file of a made-up scan, byte by byte: any change of the format shows here.

``UPDATE_GOLDEN=1 pytest tests/record/test_golden.py`` writes the golden files again after an intended change.
"""

import os
from pathlib import Path

import msgspec

from findings_lab import (
    LIST_NAMES,
    START_NS,
    FakeClock,
    Writable,
    allowed_signers,
    entry,
    examination,
    fault,
    finding,
    match,
    record,
    shell_says,
    signing_key,
    stat,
    unlisted_folder,
    write_run,
)
from hashaudit.model.containers import ContainerKind, ContainerResult
from hashaudit.model.entry import Consistency, Entry, ObjectState
from hashaudit.model.faults import FaultCode
from hashaudit.model.location import BucketRef, Location, Member
from hashaudit.model.results import AlgorithmName, Caveat, EntryResult, NoHash, PerceptualHash, Role
from hashaudit.record import convert, schema
from hashaudit.record.codec import decode_line, encode_line
from hashaudit.record.schema import FaultRecord, FileRecord, FindingRecord

GOLDEN = Path(__file__).parent / "golden" / "findings.jsonl"
SIDECAR = GOLDEN.with_name("findings.jsonl.sig")
KEY = signing_key(7)
OPENED = ContainerResult(ContainerKind.ZIP, True, 1, 2, 3, 4, {"gz": 1}, {"pdf": 2})
SAME = ContainerResult(ContainerKind.ZIP, same_as=0)


def of(at: Entry, result: EntryResult) -> Writable:
    made = convert.of_result(at, result, START_NS, LIST_NAMES, record_all=True)
    assert made is not None
    return made


def everything() -> list[Writable]:
    """A record of every kind, and every optional field at least once."""
    here = entry(b"a.zip")
    members = (Member("zip", b"b.tar", 0), Member("tar", b"\xff.jpg", 3))
    inside = msgspec.structs.replace(here, location=msgspec.structs.replace(here.location, within=members))
    linked = msgspec.structs.replace(here, location=msgspec.structs.replace(here.location, name=b"l", via_symlink=True))
    changed = msgspec.structs.replace(
        examination(matches=[match(name="x"), match(Role.KNOWN)], faults=[fault(FaultCode.CHANGED_WHILE_READ)]),
        consistency=Consistency.CHANGED_WHILE_READ,
        needs_confirmation=(Caveat.CHANGED_WHILE_READ,),
        changed_from=stat(11),
        perceptual=(PerceptualHash(AlgorithmName("pdq"), "ab" * 32, quality=100),),
        matches_omitted=2,
    )
    appended = msgspec.structs.replace(examination(), consistency=Consistency.APPENDED_WHILE_READ)
    born = examination(state=msgspec.structs.replace(stat(), birth_ns=START_NS - 1))
    state = ObjectState(10, "etag", START_NS, "v1", "STANDARD")
    stored = Entry(Location(BucketRef("s3", "bucket"), b"a//\xff", "v1", root=1), state, Consistency.VERSION_PINNED)
    pinned = msgspec.structs.replace(examination(), stat=state, consistency=Consistency.VERSION_PINNED)
    cached = msgspec.structs.replace(examination(), from_run="01890a5d-ac96-774b-bcce-b302099a8057")
    flat = msgspec.structs.replace(examination(), no_hash=NoHash.FLAT, frames_skipped=3)
    archive = msgspec.structs.replace(
        examination(), container=ContainerResult(ContainerKind.ZIP, True, 1, 2, 3, 4, {"gz": 1}, {"pdf": 2})
    )
    quine = msgspec.structs.replace(
        examination(matches=[match()]), container=ContainerResult(ContainerKind.ZIP, same_as=0)
    )
    unopened = msgspec.structs.replace(examination(faults=[fault(), fault(FaultCode.TIMEOUT)]), stat=None, digests={})
    accepted = schema.Acceptance(reason="test", by="J. Doe", until="2027-06-30")
    return [
        finding(b"\xff\n"),
        msgspec.structs.replace(finding(b"accepted"), accepted=accepted),
        msgspec.structs.replace(finding(b"expired"), acceptance_expired=accepted),
        of(inside, examination(matches=[match()])),
        of(linked, changed),
        record(b"known", matches=[match(Role.KNOWN)]),
        of(entry(b"log"), appended),
        of(entry(b"born"), born),
        of(entry(b"cached"), cached),
        of(entry(b"flat"), flat),
        of(entry(b"archive"), archive),
        of(inside, quine),
        of(entry(b"unopened"), unopened),
        unlisted_folder(),
        of(stored, pinned),
    ]


def written(folder: Path) -> Path:
    return write_run(folder / "findings.jsonl", [everything()], signer=KEY, clock=FakeClock())


def test_the_format_is_what_it_was(tmp_path: Path) -> None:
    path = written(tmp_path)
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.write_bytes(path.read_bytes())
        SIDECAR.write_bytes(path.with_name(SIDECAR.name).read_bytes())
    assert path.read_bytes() == GOLDEN.read_bytes()
    assert path.with_name(SIDECAR.name).read_bytes() == SIDECAR.read_bytes()


def test_the_documented_commands_verify_the_golden_file(tmp_path: Path) -> None:
    assert shell_says(GOLDEN, allowed_signers(tmp_path, KEY.public_key)) == [True, True, True]


def test_a_strict_reader_reads_the_golden_file_back_to_the_byte() -> None:
    for raw in GOLDEN.read_bytes().splitlines(keepends=True):
        assert encode_line(decode_line(raw[:-1])) == raw


def test_every_field_of_a_record_is_in_the_golden_file() -> None:
    records = [decode_line(raw) for raw in GOLDEN.read_bytes().splitlines()]
    for kind in (FindingRecord, FaultRecord, FileRecord):
        of_kind = [msgspec.to_builtins(item) for item in records if isinstance(item, kind)]
        assert of_kind, kind
    found = {name for item in records for name in msgspec.to_builtins(item)}
    assert {field.encode_name for field in msgspec.structs.fields(FindingRecord)} <= found
    assert "directory" in found
