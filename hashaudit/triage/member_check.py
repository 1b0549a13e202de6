"""Compares recorded digests with those of the same entries as they are now."""

from collections.abc import Iterable
from enum import StrEnum

import msgspec

from hashaudit.model.faults import FaultCode
from hashaudit.model.paths import from_text
from hashaudit.record.entry_path import file_path, joined_path
from hashaudit.record.schema import Entry, EntryRecord

Step = tuple[str, bytes, int]
EntryKey = tuple[bytes, tuple[Step, ...]]
"""Path of a file, and format, exact name and position of each member from it inwards."""


class CheckState(StrEnum):
    """The outcome for one record."""

    AGREES = "agrees"
    DIFFERS = "differs"
    MISSING = "missing"
    NOT_READ = "not_read"


class CheckedEntry(msgspec.Struct, frozen=True):
    """The outcome for one record, with the reason if it could not be compared."""

    path: bytes
    state: CheckState
    algorithms: tuple[str, ...] = ()
    """Digests that agree, or that differ."""
    reason: str | None = None


class RecordedDigests:
    """The entries to check, and what was found of them.

    Args:
        records: with digests. Of several records of one entry, the digests of the last count.
    """

    def __init__(self, records: Iterable[EntryRecord]) -> None:
        self._wanted = {entry_key(record.entry): record for record in records}
        self._around = {(path, steps[:length]) for path, steps in self._wanted for length in range(len(steps))}
        self._found: dict[EntryKey, EntryRecord] = {}

    @property
    def files(self) -> tuple[bytes, ...]:
        """The paths of the files to read, in the order of their names."""
        return tuple(sorted({path for path, _ in self._wanted}))

    @property
    def algorithms(self) -> tuple[str, ...]:
        """The digests to compute."""
        return tuple(dict.fromkeys(name for record in self._wanted.values() for name in record.digests))

    def observe(self, record: EntryRecord) -> None:
        """Takes the record of an entry as it is now."""
        key = entry_key(record.entry)
        if key in self._wanted or key in self._around:
            self._found[key] = record

    def results(self) -> list[CheckedEntry]:
        """Returns the outcome for each record."""
        return [self._result(key, record) for key, record in self._wanted.items()]

    def _result(self, key: EntryKey, recorded: EntryRecord) -> CheckedEntry:
        path = joined_path(recorded.entry)
        now = self._found.get(key)
        if now is None or not now.digests:
            return self._unread(path, key)
        compared = [name for name in recorded.digests if name in now.digests]
        different = tuple(name for name in compared if recorded.digests[name] != now.digests[name])
        if different:
            return CheckedEntry(path, CheckState.DIFFERS, different)
        if not compared:
            return CheckedEntry(path, CheckState.NOT_READ, reason="no digest of the record can be computed")
        return CheckedEntry(path, CheckState.AGREES, tuple(compared))

    def _unread(self, path: bytes, key: EntryKey) -> CheckedEntry:
        """Returns the outcome for an entry without digests: the fault of it, or of what it is in."""
        file, steps = key
        for length in range(len(steps), -1, -1):
            around = self._found.get((file, steps[:length]))
            for fault in () if around is None else around.faults:
                if fault.code is FaultCode.NOT_FOUND:
                    return CheckedEntry(path, CheckState.MISSING, reason=fault.message)
                return CheckedEntry(path, CheckState.NOT_READ, reason=f"{fault.code}: {fault.message}")
        return CheckedEntry(path, CheckState.MISSING, reason="nothing has this position and name")


def entry_key(entry: Entry) -> EntryKey:
    """Returns the identity of an entry of a record."""
    steps = tuple((step.format, from_text(step.name, step.name_uri), step.ordinal) for step in entry.within)
    return file_path(entry), steps
