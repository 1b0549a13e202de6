"""Selects records: by list, label, category, distance, caveat, path, fault code and kind of container."""

import fnmatch
import functools
import re

import msgspec

from hashaudit.model import paths
from hashaudit.model.audit_outcome import AuditOutcome
from hashaudit.model.faults import FaultCode
from hashaudit.model.results import Caveat
from hashaudit.record.entry_path import container_kinds, joined_path
from hashaudit.record.schema import AuditRecord, EntryRecord, FindingRecord
from hashaudit.triage.match_view import Agreement, agreements, category, deny_matches


class RecordFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Conditions for records. Values of one field are alternatives; all fields must hold.

    The conditions about matches must hold for one list entry together.
    """

    lists: tuple[str, ...] = ()
    """Names or numbers of lists."""
    labels: tuple[tuple[str, str], ...] = ()
    """Name and pattern of a label. An empty name stands for any."""
    categories: tuple[str, ...] = ()
    """Patterns for the category, or the word before its first blank or colon."""
    max_distance: int | None = None
    """An exact match has distance 0."""
    caveats: tuple[Caveat, ...] = ()
    without_caveats: bool = False
    without_acceptance: bool = False
    """Findings without an acceptance in force."""
    patterns: tuple[str, ...] = ()
    """Patterns for the whole path, or for the name if they have no slash."""
    fault_codes: tuple[FaultCode, ...] = ()
    member_kinds: tuple[str, ...] = ()
    """Formats of containers that the entry is in."""
    outcomes: tuple[AuditOutcome, ...] = ()
    """Outcomes of an audit."""

    def accepts_difference(self, record: AuditRecord) -> bool:
        """Returns whether a difference from a manifest meets the conditions about outcome and path."""
        path = paths.from_text(record.path, record.path_uri)
        return (not self.outcomes or record.outcome in self.outcomes) and self._matches_path(path)

    def accepts(self, record: EntryRecord) -> bool:
        """Returns whether a record meets all conditions."""
        return (
            not (self.without_acceptance and isinstance(record, FindingRecord) and record.accepted is not None)
            and self._accepts_path(record)
            and self._accepts_faults(record)
            and self._accepts_caveats(record)
            and self._accepts_matches(record)
        )

    def _accepts_path(self, record: EntryRecord) -> bool:
        if self.member_kinds and not set(self.member_kinds).intersection(container_kinds(record.entry)):
            return False
        return self._matches_path(joined_path(record.entry))

    def _matches_path(self, path: bytes) -> bool:
        if not self.patterns:
            return True
        text = path.decode(errors="surrogateescape")
        name = text.rsplit("/", 1)[-1]
        return any(_compiled(one).match(text if "/" in one else name) for one in self.patterns)

    def _accepts_faults(self, record: EntryRecord) -> bool:
        return not self.fault_codes or any(fault.code in self.fault_codes for fault in record.faults)

    def _accepts_caveats(self, record: EntryRecord) -> bool:
        if not self.caveats and not self.without_caveats:
            return True
        found = record.needs_confirmation if isinstance(record, FindingRecord) else ()
        return not found if self.without_caveats else any(one in self.caveats for one in found)

    def _accepts_matches(self, record: EntryRecord) -> bool:
        if not (self.lists or self.labels or self.categories or self.max_distance is not None):
            return True
        if not isinstance(record, FindingRecord):
            return False
        return any(self._accepts_agreement(one) for one in agreements(deny_matches(record)))

    def _accepts_agreement(self, found: Agreement) -> bool:
        if self.lists and not {found.list_name, str(found.list_number)} & set(self.lists):
            return False
        if self.max_distance is not None and found.distance > self.max_distance:
            return False
        if self.labels and not any(
            fnmatch.fnmatchcase(value, pattern)
            for wanted, pattern in self.labels
            for name, value in found.labels.items()
            if wanted in {"", name}
        ):
            return False
        return not self.categories or _has_category(category(found.labels), self.categories)


def _has_category(found: str | None, wanted: tuple[str, ...]) -> bool:
    if found is None:
        return False
    number = re.split(r"[\s:]", found, maxsplit=1)[0]
    return any(fnmatch.fnmatchcase(text, one) for one in wanted for text in (found, number))


@functools.cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(fnmatch.translate(pattern))
