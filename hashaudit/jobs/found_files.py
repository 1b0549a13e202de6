"""The identity of a finding from one scan to the next: its path and its strongest digest."""

from hashaudit.content.digests.digest_registry import DIGESTS
from hashaudit.record.entry_path import joined_path
from hashaudit.record.schema import FindingRecord

FoundFile = tuple[bytes, str]
"""Path and strongest digest of a finding."""


def found_file(record: FindingRecord) -> FoundFile:
    """Returns what identifies a finding."""
    digests = record.digests
    strongest = max(digests, key=lambda name: DIGESTS[name].strength if name in DIGESTS else -1, default=None)
    return joined_path(record.entry), "" if strongest is None else digests[strongest]
