"""The outcomes of an audit: how a file compares with a manifest."""

from collections.abc import Mapping
from enum import StrEnum


class AuditOutcome(StrEnum):
    """The outcome for one file. Every file that is found or expected has exactly one."""

    MATCHED = "matched"
    """The file is at its path, and all digests and the size agree."""
    CHANGED = "changed"
    """The file is at its path with other content."""
    MOVED = "moved"
    """The content is at another path, and its own path is gone."""
    COPIED = "copied"
    """The content is at a further path that the manifest does not have."""
    NEW = "new"
    """The manifest has neither the path nor the content."""
    MISSING = "missing"
    """The path is gone, and the content is at no other path."""
    UNREADABLE = "unreadable"
    """The file exists and could not be compared."""
    CONFLICT = "conflict"
    """Some digests agree and others do not, or the size does not agree with the digests."""


DIFFERENCES = frozenset(AuditOutcome) - {AuditOutcome.MATCHED, AuditOutcome.UNREADABLE}
"""Outcomes because of which a tree differs from its manifest."""


def count_differences(counts: Mapping[AuditOutcome, int]) -> int:
    """Returns the number of files that differ from their manifest."""
    return sum(count for outcome, count in counts.items() if outcome in DIFFERENCES)
