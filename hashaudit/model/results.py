"""The result of examining one entry: hashes, matches and faults."""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import NewType

import msgspec

from hashaudit.model.container_parts import PartResult
from hashaudit.model.containers import ContainerResult
from hashaudit.model.entry import Consistency, State
from hashaudit.model.faults import Fault
from hashaudit.model.location import Member

AlgorithmName = NewType("AlgorithmName", str)
"""Lower-case name of a digest or perceptual hash as in the findings file: ``sha256``, ``blake3``, ``pdq``."""


ListNumber = NewType("ListNumber", int)
"""Position of a list in the run header, from 1."""


class Role(StrEnum):
    """Meaning of a match: deny lists make findings, known lists do not."""

    DENY = "deny"
    KNOWN = "known"


class MatchType(StrEnum):
    """The way in which a hash agrees with a list entry."""

    EXACT = "exact"
    NEAR = "near"


class Caveat(StrEnum):
    """Reasons to confirm a finding before acting on it."""

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
    """Returns whether any match is with a deny list, which makes a finding."""
    return any(match.role is Role.DENY for match in matches)


class PerceptualHash(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One perceptual hash of one frame in one variant."""

    algorithm: AlgorithmName
    value: str
    """The hash in lower-case hex."""
    quality: int | None = None
    frame: int = 0
    variant: str = "original"
    trimmed: bool = False
    truncated: bool = False
    view: str = ""
    """How the image was seen: empty for the usual way; ``black`` or ``no_alpha`` for a transparent image;
    ``uncropped``; ``negative``; ``widened``, ``straightened``, ``inner`` or ``filled`` for what the image was before a
    crop, a rotation, an uneven border or rounded corners; ``window`` for a part that may be another image."""


VIEWS = ("", "black", "no_alpha", "uncropped", "negative", "widened", "straightened", "inner", "filled", "window")
"""The views of an image, in the order of its hashes."""


def in_order(hashes: Iterable[PerceptualHash], algorithms: Sequence[AlgorithmName]) -> tuple[PerceptualHash, ...]:
    """Returns the hashes of a file by frame, view, border and algorithm; those of equal rank stay in their order.

    A hash of an unknown view stands with the usual view.
    """
    views = {view: rank for rank, view in enumerate(VIEWS)}
    ranks = {name: rank for rank, name in enumerate(algorithms)}
    return tuple(sorted(hashes, key=lambda one: (one.frame, views.get(one.view, 0), one.trimmed, ranks[one.algorithm])))


class NoHash(StrEnum):
    """Reasons why an intact image has no perceptual hash."""

    FLAT = "flat"
    """It has one level only, or so little contrast that all such images have the same hash."""
    TOO_SMALL = "too_small"
    """A side is below 5 px."""
    TRANSPARENT = "transparent"
    """No pixel is visible, and the colours below are of one level."""


class ImageHashes(msgspec.Struct, frozen=True):
    """The perceptual hashes of one file. All fields are empty if it is not an image."""

    hashes: tuple[PerceptualHash, ...] = ()
    """By frame, by way to see it, untrimmed before trimmed, in the order of the algorithms."""
    faults: tuple[Fault, ...] = ()
    no_hash: NoHash | None = None
    """Why an intact image has no hash."""
    frames_skipped: int = 0
    """Frames beyond the limit."""


class EntryResult(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Everything a worker reports about one entry."""

    item: int
    """Position of the entry in its batch."""
    stat: State | None
    """The state that was hashed; ``None`` if the entry could not be opened."""
    bytes_read: int
    consistency: Consistency
    digests: dict[str, str]
    """Algorithm -> lower-case hex; empty if the content was not read to its end."""
    matches: tuple[Match, ...] = ()
    needs_confirmation: tuple[Caveat, ...] = ()
    faults: tuple[Fault, ...] = ()
    changed_from: State | None = None
    """With ``changed_while_read``: the state before the last read, or as listed; ``stat`` is the state after it."""
    perceptual: tuple[PerceptualHash, ...] = ()
    matches_omitted: int = 0
    """Number of matches beyond those in the record."""
    from_run: str | None = None
    """Id of the earlier scan that read the content, if the hashes came from the cache."""
    no_hash: NoHash | None = None
    """The entry is an image without a perceptual hash, although one was asked for."""
    frames_skipped: int = 0
    """Frames of an image beyond the limit."""
    container: ContainerResult | None = None
    """Present if the content is a container."""
    pieces: int = 0
    """Number of pieces of the content that were hashed, each with a result of its own."""
    part: PartResult | None = None
    """Present if a part of a large container was examined, and not the entry as a whole."""

    @property
    def lines(self) -> int:
        """Members and pieces with a result of their own."""
        return self.pieces + (0 if self.container is None else self.container.lines)


class MemberResult(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Everything a worker reports about one member of a container, or about one piece of a file."""

    within: tuple[Member, ...]
    """From the file inwards."""
    result: EntryResult
    """Without a state, which is that of the file around it; ``bytes_read`` is the size of the member."""
