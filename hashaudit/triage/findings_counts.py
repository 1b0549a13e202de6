"""Counts what records add up to: by list, category, caveat, distance, directory and fault code."""

from collections import Counter
from typing import TypeVar

from hashaudit.model.faults import GUARD_CODES
from hashaudit.model.paths import for_terminal
from hashaudit.record.entry_path import file_path
from hashaudit.record.schema import AuditRecord, EntryRecord, FaultRecord, FindingRecord
from hashaudit.triage.match_view import agreements, deny_matches

MAX_GROUPS = 10_000
"""Directories and categories that are counted each. Further ones count as :data:`ELSEWHERE`, which bounds memory."""

ELSEWHERE = "(others)"
NO_CATEGORY = "(no category)"

_Key = TypeVar("_Key")


class FindingsCounts:
    """Counts records. A finding counts once for each list, category and distance that it has."""

    def __init__(self) -> None:
        self.findings = 0
        self.accepted = 0
        """Findings with an acceptance in force."""
        self.acceptances_expired = 0
        """Findings whose acceptance has expired."""
        self.faulted = 0
        """Fault records: entries without a deny match that were not fully examined."""
        self.files = 0
        self.exact_findings = 0
        """Findings with an exact match."""
        self.lists: Counter[str] = Counter()
        self.categories: Counter[tuple[str, str]] = Counter()
        """List and category -> findings."""
        self.caveats: Counter[str] = Counter()
        self.without_caveats = 0
        self.distances: Counter[tuple[str, int]] = Counter()
        """Algorithm and distance of the nearest near match -> findings without an exact match."""
        self.digests: Counter[str] = Counter()
        """Digests that agree together -> findings."""
        self.directories: Counter[str] = Counter()
        """Directory, safe to show -> findings directly in it."""
        self.fault_codes: Counter[str] = Counter()
        self.directories_faulted = 0
        """Without those of guards."""
        self.guards_faulted = 0
        self.outcomes: Counter[str] = Counter()
        """Outcome of an audit -> files. Files that agree with the manifest have no record."""

    def add_difference(self, record: AuditRecord) -> None:
        """Counts a file that differs from a manifest, or could not be compared."""
        self.outcomes[record.outcome] += 1

    def add(self, record: EntryRecord) -> None:
        """Counts one record."""
        self.fault_codes.update(fault.code for fault in record.faults)
        if isinstance(record, FindingRecord):
            self._add_finding(record)
        elif isinstance(record, FaultRecord):
            self.faulted += not record.directory
            is_guard = record.directory and any(fault.code in GUARD_CODES for fault in record.faults)
            self.guards_faulted += is_guard
            self.directories_faulted += record.directory and not is_guard
        else:
            self.files += 1

    def _add_finding(self, record: FindingRecord) -> None:
        self.findings += 1
        self.accepted += record.accepted is not None
        self.acceptances_expired += record.acceptance_expired is not None
        found = agreements(deny_matches(record))
        self.lists.update({one.list_name for one in found})
        self.categories.update(
            _bounded(self.categories, {(one.list_name, one.category or NO_CATEGORY) for one in found}, ("", ELSEWHERE))
        )
        self.caveats.update(record.needs_confirmation)
        self.without_caveats += not record.needs_confirmation
        exact = next((one for one in found if one.exact), None)
        if exact is not None:
            self.exact_findings += 1
            self.digests[" + ".join(exact.exact)] += 1
        elif found and found[0].near is not None:
            self.distances[found[0].near.algorithm, found[0].distance] += 1
        directory = for_terminal(file_path(record.entry).rpartition(b"/")[0] + b"/")
        self.directories.update(_bounded(self.directories, {directory}, ELSEWHERE))


def _bounded(counter: Counter[_Key], keys: set[_Key], rest: _Key) -> set[_Key]:
    return {key if key in counter or len(counter) < MAX_GROUPS else rest for key in keys}
