"""What a worker found out about one entry: hashes, matches and faults."""

from collections.abc import Iterable
from enum import StrEnum
from typing import NewType

import msgspec

from hashaudit.model.entry import Consistency, State
from hashaudit.model.faults import Fault

AlgorithmName = NewType("AlgorithmName", str)
"""Lower-case name of a digest or perceptual hash as it stands in the findings file: ``sha256``, ``blake3``, ``pdq``."""


ListNumber = NewType("ListNumber", int)
"""Position of a list in the run header, from 1."""


class Role(StrEnum):
    """What a hit on a list means."""

    DENY = "deny"
    KNOWN = "known"


class MatchType(StrEnum):
    """How a hash agreed with a list entry."""

    EXACT = "exact"
    NEAR = "near"


class Caveat(StrEnum):
    """Why a finding should not be acted on alone."""

    MD5_ONLY = "md5_only"
    SHA1_ONLY = "sha1_only"
    PERCEPTUAL_ONLY = "perceptual_only"
    LOW_QUALITY = "low_quality"
    CONFLICTING_DIGESTS = "conflicting_digests"
    CHANGED_WHILE_READ = "changed_while_read"


class Match(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One agreement between a file's hash and a list entry."""

    list_number: int
    entry: str
    """The list's own id of the entry, or ``line N``."""
    algorithm: AlgorithmName
    type: MatchType
    role: Role
    labels: dict[str, str]
    distance: int | None = None
    threshold: int | None = None


def has_deny_match(matches: Iterable[Match]) -> bool:
    """Tells if a match is with something that is looked for, which makes a finding; known files make none."""
    return any(match.role is Role.DENY for match in matches)


class PerceptualHash(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One perceptual hash of one frame in one variant."""

    algorithm: AlgorithmName
    value: str
    """Lower-case hex."""
    quality: int | None = None
    frame: int = 0
    variant: str = "original"
    trimmed: bool = False
    truncated: bool = False


class EntryResult(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """All that a worker learned about one entry."""

    item: int
    """Position of the entry in its work unit."""
    stat: State | None
    """Of the state that was hashed; ``None`` when nothing could be opened."""
    bytes_read: int
    consistency: Consistency
    digests: dict[str, str]
    """Algorithm -> lower-case hex; empty when nothing was read to its end."""
    matches: tuple[Match, ...] = ()
    needs_confirmation: tuple[Caveat, ...] = ()
    faults: tuple[Fault, ...] = ()
    changed_from: State | None = None
    """With ``changed_while_read``: the state before the last read, or as listed; ``stat`` is the state after it."""
    perceptual: tuple[PerceptualHash, ...] = ()
    matches_omitted: int = 0
    """Matches beyond those that a record holds."""
    from_run: str | None = None
    """The run that read the content, where it was an earlier one and this one took its hashes from the cache."""
