"""The contract of an export format, and what records hold that a format may not be able to take."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import ClassVar

import msgspec

from hashaudit.model.results import MatchType, Role
from hashaudit.record.header import RunHeader
from hashaudit.record.schema import EntryRecord, FaultRecord, FileRecord, FileState, FindingRecord, Totals

COMMON_DIGESTS = frozenset({"md5", "sha1", "sha256", "sha512"})
"""Digests that nearly every format has a place for."""


class Field(StrEnum):
    """Something that a record may hold."""

    RUN = "run id, host, times of the scan"
    CASE = "case, exhibit, examiner, note"
    PATH = "path"
    EXACT_PATH = "exact bytes of a path that is not UTF-8"
    MEMBER = "members inside containers"
    SIZE = "size"
    MODIFIED = "time of the last change"
    IDENTITY = "inode and device, or entity tag and version"
    OWNER = "owner and mode"
    CONSISTENCY = "consistency of the read"
    DIGESTS = "MD5, SHA-1, SHA-256, SHA-512"
    OTHER_DIGESTS = "other digests"
    PERCEPTUAL = "perceptual hashes"
    MATCH = "list and entry of a match"
    DISTANCE = "distance and threshold of a near match"
    LABELS = "labels of the list entry"
    CAVEATS = "caveats"
    NOT_VIEWED = "the statement that no person viewed the file"
    KNOWN = "matches of known lists"
    FAULTS = "faults of a finding"
    ACCEPTANCE = "acceptance of a finding by a person"
    FAULT_RECORDS = "fault records"
    FILE_RECORDS = "records of files without a match"
    DIFFERENCES = "differences from a manifest"


class ExportedRun(msgspec.Struct, frozen=True, kw_only=True):
    """A findings file that is exported, verified as a whole."""

    number: int
    header: RunHeader
    sha256: str
    fingerprint: str | None
    is_trusted: bool
    """A signer that the reader trusts has signed the file."""
    end: str
    """Time of the end of the scan, or of the last checkpoint."""
    totals: Totals
    is_complete: bool


class Exporter(ABC):
    """Writes records in one format. An exporter is used once."""

    mapping: ClassVar[Mapping[Field, str]]
    """The place of each field in the format. A field that is not here cannot be held, and is counted as lost."""

    kinds: ClassVar[tuple[type[EntryRecord], ...]] = (FindingRecord,)
    """The kinds of records that the format takes."""

    def begin(self, runs: Sequence[ExportedRun]) -> bytes:  # noqa: ARG002 # for those that need it
        """Returns the beginning of the output."""
        return b""

    @abstractmethod
    def add(self, run: ExportedRun, record: EntryRecord) -> bytes:
        """Returns the bytes for one record of :attr:`kinds`."""

    def end(self) -> bytes:
        """Returns the end of the output."""
        return b""


def fields_of(record: EntryRecord) -> Iterator[Field]:
    """Yields what a record holds."""
    if isinstance(record, FaultRecord):
        yield Field.FAULT_RECORDS
        return
    if isinstance(record, FileRecord):
        yield Field.FILE_RECORDS
        return
    yield from (Field.RUN, Field.PATH, Field.SIZE, Field.MODIFIED, Field.IDENTITY, Field.CONSISTENCY, Field.MATCH)
    yield Field.NOT_VIEWED
    conditions = {
        Field.EXACT_PATH: record.entry.path_uri is not None,
        Field.MEMBER: bool(record.entry.within),
        Field.OWNER: isinstance(record.state, FileState),
        Field.DIGESTS: any(name in COMMON_DIGESTS for name in record.digests),
        Field.OTHER_DIGESTS: any(name not in COMMON_DIGESTS for name in record.digests),
        Field.PERCEPTUAL: bool(record.perceptual),
        Field.DISTANCE: any(match.type is MatchType.NEAR for match in record.matches),
        Field.LABELS: any(match.labels for match in record.matches),
        Field.CAVEATS: isinstance(record, FindingRecord) and bool(record.needs_confirmation),
        Field.KNOWN: any(match.role is Role.KNOWN for match in record.matches),
        Field.FAULTS: bool(record.faults),
        Field.ACCEPTANCE: isinstance(record, FindingRecord) and record.accepted is not None,
    }
    yield from (field for field, holds in conditions.items() if holds)
