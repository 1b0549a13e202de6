"""Every kind of line of a findings file, field by field: docs/reference/findings-format.md as types.

A field without a default is in every record of its kind; one with a default is absent where it has no value.
The order of fields here is their order in the file. Values are text and numbers as the file holds them;
:mod:`hashaudit.record.convert` makes them from the values that the program works with.
"""

from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from hashaudit.model import location as model
from hashaudit.model import paths
from hashaudit.model.audit_outcome import AuditOutcome
from hashaudit.model.containers import ContainerKind
from hashaudit.model.entry import Consistency
from hashaudit.model.faults import GUARD_CODES, FaultCode, SkipReason, Stage
from hashaudit.model.location import ResumeKey
from hashaudit.model.results import AlgorithmName, Caveat, MatchType, NoHash, Role
from hashaudit.record.fields import (
    MAX_SAFE_INTEGER,
    MEMBER_TIME_PATTERN,
    Decimal,
    FileTime,
    Hex,
    Mode,
    Natural,
    RunId,
    Sha256,
    Size,
    Time,
    Value,
    check_path,
)
from hashaudit.record.header import RunHeader


class EndReason(StrEnum):
    """Why a run ended."""

    COMPLETED = "completed"
    """Every root was walked to its end."""
    SIGNAL = "signal"
    """Someone stopped it; ``exit_code`` is 128 and the signal's number."""
    STOPPED = "stopped"
    """The program that used the library stopped it; ``exit_code`` is 16, or 24 with findings."""
    TIME_LIMIT = "time_limit"
    """Its time limit stopped it; ``exit_code`` is 48, or 56 with findings."""
    ERROR = "error"
    """The program could not go on."""


class Member(Value, frozen=True, kw_only=True):
    """One step into a container."""

    format: str
    name: str
    name_uri: str | None = None
    ordinal: Natural
    deleted: bool = False
    """The container says that it was deleted."""
    size: Size | None = None
    mtime: Annotated[str, Meta(pattern=MEMBER_TIME_PATTERN)] | None = None

    def __post_init__(self) -> None:
        check_path(self.name, self.name_uri)


class Entry(Value, frozen=True, kw_only=True):
    """The location of an entry."""

    root: Natural
    path: str
    path_uri: str | None = None
    version: str | None = None
    within: tuple[Member, ...] = ()
    via_symlink: bool = False

    def __post_init__(self) -> None:
        check_path(self.path, self.path_uri)

    @property
    def resume_key(self) -> ResumeKey:
        """The key by which a resumed scan finds the entry."""
        within = tuple(
            model.Member(member.format, paths.from_text(member.name, member.name_uri), member.ordinal, member.deleted)
            for member in self.within
        )
        return ResumeKey(paths.from_text(self.path, self.path_uri), self.version, within)


class FileState(Value, frozen=True, kw_only=True, tag_field="type", tag="file"):
    """A state of a file, from ``stat``."""

    size: Size
    mtime: FileTime
    ctime: FileTime
    birth_time: FileTime | None = None
    mode: Mode
    uid: Natural
    gid: Natural
    device: Decimal
    inode: Decimal
    links: Natural


class ObjectState(Value, frozen=True, kw_only=True, tag_field="type", tag="object"):
    """A state of an object, from its store."""

    size: Size
    etag: str
    last_modified: FileTime
    version: str | None = None
    storage_class: str | None = None


State = FileState | ObjectState


class Change(Value, frozen=True, kw_only=True):
    """The states before and after the last read of a file that changed during it."""

    before: State
    after: State


class PerceptualHash(Value, frozen=True, kw_only=True):
    """One perceptual hash of one frame in one variant."""

    algorithm: AlgorithmName
    value: Hex
    quality: Natural | None = None
    frame: Natural
    variant: str
    trimmed: bool
    truncated: bool


class ListEntry(Value, frozen=True, kw_only=True):
    """The list entry of a match."""

    number: Annotated[int, Meta(ge=1, le=MAX_SAFE_INTEGER)]
    name: str
    entry: str


class Match(Value, frozen=True, kw_only=True):
    """One agreement with a list entry."""

    list_entry: ListEntry = msgspec.field(name="list")
    algorithm: AlgorithmName
    type: MatchType
    distance: Natural | None = None
    threshold: Natural | None = None
    labels: dict[str, str]
    role: Role


class Fault(Value, frozen=True, kw_only=True):
    """One thing that was not examined."""

    stage: Stage
    code: FaultCode
    message: str
    attempts: Natural
    signal: Natural | None = None


class Container(Value, frozen=True, kw_only=True):
    """A container, as the scan examined it."""

    kind: ContainerKind
    opened: bool
    members: Natural = 0
    """Members at all depths, of a file that was opened."""
    clean: Natural = 0
    """Members without a record: fully examined, no match."""
    known: Natural = 0
    """Members without a record: fully examined, matches of role ``known`` only."""
    skipped: Natural = 0
    """Members that a pattern excludes, or does not include. They are not among ``members``."""
    deleted_unreadable: Natural = 0
    """Deleted members whose content is not there any more. They are not among ``members``."""
    bytes: Size = 0
    """Content of all members."""
    containers: dict[ContainerKind, Natural] = msgspec.field(default_factory=dict)
    """Members without a record that were opened, by kind."""
    containers_unopened: dict[ContainerKind, Natural] = msgspec.field(default_factory=dict)
    """Members without a record that are containers and were not opened, by kind."""
    same_as: Natural | None = None
    """The container that this number of links of ``within`` names (0: the file itself) is equal, so this one was not
    opened."""


class EntryRecord(Value, frozen=True, kw_only=True):
    """The fields that findings, faults and files share."""

    seq: Natural = 0
    time: Time
    entry: Entry
    state: State | None = None
    """As read; as listed if nothing was read."""
    consistency: Consistency | None = None
    """Present if content was read."""
    from_run: RunId | None = None
    """The scan that read the content, if the hashes are from a cache."""
    digests: dict[AlgorithmName, Hex] = msgspec.field(default_factory=dict)
    perceptual: tuple[PerceptualHash, ...] = ()
    no_hash: NoHash | None = None
    """Present if the entry is an intact image without a perceptual hash."""
    frames_skipped: Natural = 0
    """Frames of an image that were not examined."""
    matches: tuple[Match, ...] = ()
    matches_omitted: Natural = 0
    """Further matches, beyond the 1,000 that a record holds."""
    faults: tuple[Fault, ...] = ()
    """An entry that was not fully examined, and the reasons."""
    changed: Change | None = None
    container: Container | None = None
    """Present if the content is a container."""

    def __post_init__(self) -> None:
        if self.state is None and self.consistency is not None:
            raise ValueError("consistency needs a state")

    def _require_read(self) -> None:
        if self.state is None or self.consistency is None:
            raise ValueError("a finding and a file need state and consistency")

    def _refuse_deny(self) -> None:
        if any(match.role is not Role.KNOWN for match in self.matches):
            raise ValueError("a match of role deny makes a finding of any record")


class Acceptance(Value, frozen=True, kw_only=True):
    """The acceptance of a finding by a person."""

    reason: str
    by: str
    until: Annotated[str, Meta(pattern=r"^\d{4}-\d\d-\d\d\Z")]
    """The last day in UTC."""


class FindingRecord(EntryRecord, frozen=True, kw_only=True, tag_field="kind", tag="finding"):
    """An entry with a deny match."""

    needs_confirmation: tuple[Caveat, ...]
    human_viewed: bool
    """Always false: nothing here shows content to anyone."""
    accepted: Acceptance | None = None
    """An acceptance was in force, so the finding is not counted in the exit code."""
    acceptance_expired: Acceptance | None = None
    """An acceptance was in force until a day before the scan. The finding counts."""

    def __post_init__(self) -> None:
        self._require_read()
        if not any(match.role is Role.DENY for match in self.matches):
            raise ValueError("a finding needs a match of role deny")
        if self.human_viewed:
            raise ValueError("human_viewed is false in version 1")
        if self.accepted is not None and self.acceptance_expired is not None:
            raise ValueError("an acceptance is in force or has expired")


class FaultRecord(EntryRecord, frozen=True, kw_only=True, tag_field="kind", tag="fault"):
    """An entry or a directory that was not fully examined and has no deny match."""

    directory: bool = False
    """A directory that could not be listed completely: some of its content is unseen."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._refuse_deny()
        if not self.faults:
            raise ValueError("a fault record needs a fault")
        if self.directory and self.state is not None:
            raise ValueError("a directory has no state here")


class FileRecord(EntryRecord, frozen=True, kw_only=True, tag_field="kind", tag="file"):
    """With ``--record all``, or if the file was appended to: a fully examined entry without a deny match."""

    def __post_init__(self) -> None:
        self._require_read()
        # Known matches may stand here: docs/adr/0010-known-matches-are-not-findings.md.
        self._refuse_deny()
        if self.faults or self.changed is not None:
            raise ValueError("a file with a fault has a fault record")


class ExpectedFile(Value, frozen=True, kw_only=True):
    """A file as a manifest describes it."""

    path: str
    path_uri: str | None = None
    size: Size | None = None
    digests: dict[AlgorithmName, Hex] = msgspec.field(default_factory=dict)

    def __post_init__(self) -> None:
        check_path(self.path, self.path_uri)


class FoundFile(Value, frozen=True, kw_only=True):
    """The content of a file as this scan read it."""

    size: Size | None = None
    digests: dict[AlgorithmName, Hex]


class AuditRecord(Value, frozen=True, kw_only=True, tag_field="kind", tag="audit"):
    """The outcome of an audit for one file, unless the file agrees with the manifest."""

    seq: Natural = 0
    time: Time
    outcome: AuditOutcome
    path: str
    """Absolute path in the tree; of a missing file, its expected path."""
    path_uri: str | None = None
    expected: ExpectedFile | None = None
    """Absent if the manifest has neither the path nor the content."""
    found: FoundFile | None = None
    """Absent if nothing was examined at the path."""
    note: str | None = None

    def __post_init__(self) -> None:
        check_path(self.path, self.path_uri)
        if self.outcome is AuditOutcome.MATCHED:
            raise ValueError("a file that agrees with the manifest has no audit record")


class Checkpoint(Value, frozen=True, kw_only=True, tag_field="kind", tag="checkpoint"):
    """Closes a segment. Has no number of its own."""

    body: str
    """JSON of a :class:`CheckpointBody`; its exact bytes are what is signed."""
    sshsig: str | None
    """Armoured SSHSIG; null if the scan is unsigned."""


class Totals(Value, frozen=True, kw_only=True):
    """Counts since the start of the scan. An entry is any name in a directory except directories that are walked."""

    seen: Natural
    examined: Natural
    clean: Natural
    known: Natural
    matched: Natural
    faulted: Natural
    skipped: dict[SkipReason, Natural]
    pending: Natural
    directories: Natural
    directories_faulted: Natural
    bytes: Size
    faults: dict[FaultCode, Natural]
    file_lines: Natural
    from_cache: Natural = 0
    """Entries whose content this run did not read: their hashes are from the cache."""
    bytes_from_cache: Size = 0
    members: Natural = 0
    """Members of containers; the sum of the next four."""
    members_clean: Natural = 0
    members_known: Natural = 0
    members_matched: Natural = 0
    members_faulted: Natural = 0
    members_skipped: Natural = 0
    """Members that a pattern excludes, or does not include. They are not among ``members``."""
    members_deleted_unreadable: Natural = 0
    """Deleted members whose content is not there any more. They are not among ``members``."""
    member_file_lines: Natural = 0
    """``file`` records of members."""
    member_bytes: Size = 0
    """Bytes of members that were unpacked."""
    containers: dict[ContainerKind, Natural] = msgspec.field(default_factory=dict)
    """Containers that were opened, by kind."""
    containers_unopened: dict[ContainerKind, Natural] = msgspec.field(default_factory=dict)
    """Containers that were read as files alone, by kind."""
    audit: dict[AuditOutcome, Natural] = msgspec.field(default_factory=dict)
    """Files by outcome, at the end of an audit."""
    accepted: Natural = 0
    """``finding`` records with an acceptance in force, those of members included."""
    appended: Natural = 0
    """``file`` records with ``appended_while_read``, which a scan writes in any case."""

    @property
    def findings(self) -> int:
        """Number of ``finding`` records, those of members included."""
        return self.matched + self.members_matched

    @property
    def open_findings(self) -> int:
        """Number of ``finding`` records without an acceptance in force."""
        return self.findings - self.accepted

    @property
    def guards_faulted(self) -> int:
        """Number of ``fault`` records of guards, which are among ``directories_faulted``. Each has one fault."""
        return sum(self.faults.get(code, 0) for code in GUARD_CODES)

    @property
    def directories_unlisted(self) -> int:
        """Number of directories that could not be listed completely."""
        return self.directories_faulted - self.guards_faulted

    @property
    def not_examined(self) -> int:
        """Number of entries and members that were not fully examined, and of entries that were not reached."""
        return self.faulted + self.members_faulted + self.pending

    def imbalance(self) -> str | None:
        """The equation that does not hold, or ``None`` when the arithmetic closes."""
        members = self.members_clean + self.members_known + self.members_matched + self.members_faulted
        equations = {
            "examined = clean + known + matched": self.examined == self.clean + self.known + self.matched,
            "seen = examined + faulted + skipped + pending": self.seen
            == self.examined + self.faulted + sum(self.skipped.values()) + self.pending,
            "file_lines = clean + known, or appended": self.file_lines in {self.appended, self.clean + self.known},
            "members = members_clean + members_known + members_matched + members_faulted": self.members == members,
            "member_file_lines = members_clean + members_known, or none": self.member_file_lines
            in {0, self.members_clean + self.members_known},
            "accepted <= matched + members_matched": self.accepted <= self.findings,
        }
        return next((equation for equation, holds in equations.items() if not holds), None)


class Resumption(Value, frozen=True, kw_only=True):
    """The resume of an interrupted scan in another process."""

    time: Time
    moved_bytes: Natural
    """Bytes after the last valid checkpoint that the resume moved to a backup file: unsigned, or closed only by the
    interruption's own end record."""
    moved_sha256: Sha256 | None = None
    """Hash of those bytes, if there were any."""
    different_roots: tuple[str, ...] = ()
    """Differences of the roots that the user accepted."""
    journal: bool
    """True if the journal recorded what was examined. Without it, every entry without a record was examined again."""


class CheckpointBody(Value, frozen=True, kw_only=True):
    """The signed statement of a checkpoint."""

    v: int
    run_id: str
    first: Natural
    """Number of the segment's first record."""
    last: Natural
    """Number of its last record; ``first - 1`` if the checkpoint closes none."""
    segment_sha256: Sha256
    """Hash of those records with their newlines."""
    prev_checkpoint_sha256: Sha256 | None
    """Hash of the previous checkpoint's line with its newline; null for the first."""
    time: Time
    totals: Totals
    final: bool
    file_sha256: Sha256 | None = None
    """Hash of everything before the final checkpoint's line. Only the final checkpoint has this and the next three."""
    end: Time | None = None
    reason: EndReason | None = None
    exit_code: Natural | None = None
    resumed: Resumption | None = None
    """Only in the first checkpoint after an interruption."""

    def __post_init__(self) -> None:
        ending = (self.file_sha256, self.end, self.reason, self.exit_code)
        if any((field is not None) is not self.final for field in ending):
            raise ValueError("file_sha256, end, reason and exit_code are fields of the final checkpoint only")


Record = RunHeader | FindingRecord | FaultRecord | FileRecord | AuditRecord
"""A numbered record."""

Line = Record | Checkpoint
