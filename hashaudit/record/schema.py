"""Every kind of line of a findings file, field by field: docs/reference/findings-format.md as types.

A field without a default stands on every line of its kind; one with a default is left out where it has nothing to say.
The order of fields here is their order in the file. Values are text and numbers as the file holds them;
:mod:`hashaudit.record.convert` makes them from the values that the program works with.
"""

from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from hashaudit.model.entry import Consistency
from hashaudit.model.faults import FaultCode, SkipReason, Stage
from hashaudit.model.results import AlgorithmName, Caveat, MatchType, Role
from hashaudit.record.fields import (
    MAX_SAFE_INTEGER,
    Decimal,
    FileTime,
    Hex,
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
    ERROR = "error"
    """The program could not go on."""


class EntryState(Value, frozen=True, kw_only=True):
    """One state of a file, as ``stat`` gives it, or of an object, as its store does."""

    size: Size
    mtime: FileTime | None = None
    ctime: FileTime | None = None
    inode: Decimal | None = None
    device: Decimal | None = None
    version: str | None = None
    etag: str | None = None
    last_modified: FileTime | None = None
    storage: str | None = None

    def __post_init__(self) -> None:
        _check_state(self)


class Change(Value, frozen=True, kw_only=True):
    """A file that changed while it was read: the state before the last read and the one after it."""

    before: EntryState
    after: EntryState


class PerceptualHash(Value, frozen=True, kw_only=True):
    """One perceptual hash of one frame in one variant."""

    algorithm: AlgorithmName
    value: Hex
    quality: Natural | None = None
    frame: Natural
    variant: str
    trimmed: bool
    truncated: bool


class Match(Value, frozen=True, kw_only=True):
    """One agreement with a list entry."""

    list_number: Annotated[int, Meta(ge=1, le=MAX_SAFE_INTEGER)] = msgspec.field(name="list")
    entry: str
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


class FindingRecord(Value, frozen=True, kw_only=True, tag_field="kind", tag="finding"):
    """A file that matches a list of things looked for."""

    seq: Natural = 0
    time: Time
    path: str
    path_b64: str | None = None
    followed: bool = False
    """The path is a symbolic link that was followed by request; the rest is about its target."""
    size: Size
    mtime: FileTime | None = None
    """With the next three: of a file."""
    ctime: FileTime | None = None
    inode: Decimal | None = None
    device: Decimal | None = None
    bucket: str | None = None
    """With the next six: of an object; ``path`` is then its URL."""
    key: str | None = None
    key_b64: str | None = None
    version: str | None = None
    etag: str | None = None
    last_modified: FileTime | None = None
    storage: str | None = None
    consistency: Consistency
    from_run: RunId | None = None
    """The run that read the content, where this one took the hashes from a cache."""
    digests: dict[AlgorithmName, Hex]
    perceptual: tuple[PerceptualHash, ...] = ()
    matches: tuple[Match, ...]
    matches_omitted: Natural = 0
    """Further matches, beyond the 1,000 that a record holds."""
    faults: tuple[Fault, ...] = ()
    changed: Change | None = None
    needs_confirmation: tuple[Caveat, ...]
    human_viewed: bool
    """Always false: nothing here shows content to anyone."""

    def __post_init__(self) -> None:
        check_path(self.path, self.path_b64)
        _check_identity(self)
        if not any(match.role is Role.DENY for match in self.matches):
            raise ValueError("a finding needs a match of role deny")
        if self.human_viewed:
            raise ValueError("human_viewed is false in version 1")


class FaultRecord(Value, frozen=True, kw_only=True, tag_field="kind", tag="fault"):
    """A file or folder that could not be examined, wholly or in part, and that matches nothing looked for."""

    seq: Natural = 0
    time: Time
    path: str
    path_b64: str | None = None
    directory: bool = False
    """A folder that could not be listed to its end: what it holds is unseen."""
    followed: bool = False
    stage: Stage
    code: FaultCode
    message: str
    attempts: Natural
    signal: Natural | None = None
    further_faults: tuple[Fault, ...] = ()
    """All faults of the entry after the first, which is the line's own."""
    size: Size | None = None
    """With what identifies the entry: of the state that was read, else as the walk saw it; none for a folder."""
    mtime: FileTime | None = None
    """With the next three: of a file."""
    ctime: FileTime | None = None
    inode: Decimal | None = None
    device: Decimal | None = None
    bucket: str | None = None
    """With the next six: of an object; ``path`` is then its URL."""
    key: str | None = None
    key_b64: str | None = None
    version: str | None = None
    etag: str | None = None
    last_modified: FileTime | None = None
    storage: str | None = None
    consistency: Consistency | None = None
    """Where content was read."""
    from_run: RunId | None = None
    digests: dict[AlgorithmName, Hex] = msgspec.field(default_factory=dict)
    """What was computed all the same."""
    perceptual: tuple[PerceptualHash, ...] = ()
    matches: tuple[Match, ...] = ()
    matches_omitted: Natural = 0
    changed: Change | None = None

    def __post_init__(self) -> None:
        check_path(self.path, self.path_b64)
        _check_known(self.matches)
        if self.size is not None:
            _check_identity(self)
        elif self.consistency is not None or _identity(self) != _NOTHING:
            raise ValueError("consistency and what identifies an entry stand only with its size")


class FileRecord(Value, frozen=True, kw_only=True, tag_field="kind", tag="file"):
    """With ``--record all``: a file that was examined wholly and matches nothing looked for."""

    seq: Natural = 0
    time: Time
    path: str
    path_b64: str | None = None
    followed: bool = False
    size: Size
    mtime: FileTime | None = None
    """With the next three: of a file."""
    ctime: FileTime | None = None
    inode: Decimal | None = None
    device: Decimal | None = None
    bucket: str | None = None
    """With the next six: of an object; ``path`` is then its URL."""
    key: str | None = None
    key_b64: str | None = None
    version: str | None = None
    etag: str | None = None
    last_modified: FileTime | None = None
    storage: str | None = None
    consistency: Consistency
    from_run: RunId | None = None
    """The run that read the content, where this one took the hashes from a cache."""
    digests: dict[AlgorithmName, Hex]
    perceptual: tuple[PerceptualHash, ...] = ()
    matches: tuple[Match, ...] = ()
    """Of role known only: docs/adr/0010-known-matches-are-not-findings.md."""
    matches_omitted: Natural = 0

    def __post_init__(self) -> None:
        check_path(self.path, self.path_b64)
        _check_identity(self)
        _check_known(self.matches)


class Checkpoint(Value, frozen=True, kw_only=True, tag_field="kind", tag="checkpoint"):
    """Closes a segment. Has no number of its own."""

    body: str
    """JSON of a :class:`CheckpointBody`; its exact bytes are what is signed."""
    sshsig: str | None
    """Armoured SSHSIG; null when the run is unsigned."""


class Totals(Value, frozen=True, kw_only=True):
    """Counts since the run began. An entry is whatever a folder names, folders that are entered excepted."""

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

    def imbalance(self) -> str | None:
        """The equation that does not hold, or ``None`` when the arithmetic closes."""
        if self.examined != self.clean + self.known + self.matched:
            return "examined = clean + known + matched"
        if self.seen != self.examined + self.faulted + sum(self.skipped.values()) + self.pending:
            return "seen = examined + faulted + skipped + pending"
        if self.file_lines not in {0, self.clean + self.known}:
            return "file_lines = clean + known, or none"
        return None


class Resumption(Value, frozen=True, kw_only=True):
    """How a run that was interrupted went on in another process."""

    time: Time
    set_aside_bytes: Natural
    """That stood behind the last checkpoint, signed by nothing, or closed by the end that the interruption made."""
    set_aside_sha256: Sha256 | None = None
    """Of those bytes, where there were any."""
    journal: bool
    """Whether the run's journal told what was examined; without it, what has no line was examined again."""


class CheckpointBody(Value, frozen=True, kw_only=True):
    """What a checkpoint says and signs."""

    v: int
    run_id: str
    first: Natural
    """Number of the segment's first line."""
    last: Natural
    """Number of its last line; ``first - 1`` when the checkpoint closes no line."""
    segment_sha256: Sha256
    """Of those lines with their newlines."""
    prev_checkpoint_sha256: Sha256 | None
    """Of the previous checkpoint's line with its newline; null for the first."""
    time: Time
    totals: Totals
    final: bool
    file_sha256: Sha256 | None = None
    """Of everything before the final checkpoint's line. This and the next three stand in the final one only."""
    end: Time | None = None
    reason: EndReason | None = None
    exit_code: Natural | None = None
    resumed: Resumption | None = None
    """In the first checkpoint after an interruption."""

    def __post_init__(self) -> None:
        ending = (self.file_sha256, self.end, self.reason, self.exit_code)
        if any((field is not None) is not self.final for field in ending):
            raise ValueError("file_sha256, end, reason and exit_code stand in a final checkpoint and in no other")


Record = RunHeader | FindingRecord | FaultRecord | FileRecord
"""A numbered line."""

Line = Record | Checkpoint


def _check_known(matches: tuple[Match, ...]) -> None:
    if any(match.role is not Role.KNOWN for match in matches):
        raise ValueError("a match of role deny makes a finding of any line")


def _identity(record: "FindingRecord | FaultRecord | FileRecord") -> tuple[str | None, ...]:
    return *_state(record), record.bucket, record.key, record.key_b64


def _state(state: "EntryState | FindingRecord | FaultRecord | FileRecord") -> tuple[str | None, ...]:
    of_file = (state.mtime, state.ctime, state.inode, state.device)
    return *of_file, state.etag, state.last_modified, state.version, state.storage


_NOTHING = (None,) * 11


def _check_state(state: "EntryState | FindingRecord | FaultRecord | FileRecord") -> None:
    """Refuses what is the state of neither a file nor an object."""
    mtime, ctime, inode, device, *of_object = _state(state)
    of_file = (mtime, ctime, inode, device)
    is_file = None not in of_file and of_object == [None] * 4
    is_object = of_file == (None,) * 4 and None not in of_object[:2]
    if not (is_file or is_object):
        raise ValueError("mtime, ctime, inode and device stand together; or else etag and last_modified")


def _check_identity(record: "FindingRecord | FaultRecord | FileRecord") -> None:
    """Refuses what identifies neither a file nor an object."""
    _check_state(record)
    if record.etag is None:
        if (record.bucket, record.key, record.key_b64) != (None, None, None):
            raise ValueError("bucket and key stand with etag, and only with it")
    elif record.bucket is None or record.key is None:
        raise ValueError("bucket and key stand with etag")
    else:
        check_path(record.key, record.key_b64)
