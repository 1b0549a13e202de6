"""Running totals of a scan: every entry seen ends in exactly one count, and the sums prove it."""

from collections import Counter
from typing import Protocol

from hashaudit.errors import FindingsError
from hashaudit.model.audit_outcome import AuditOutcome, count_differences
from hashaudit.model.containers import ContainerKind
from hashaudit.model.entry import Consistency
from hashaudit.model.faults import FaultCode, SkipReason
from hashaudit.record.fields import large
from hashaudit.record.header import RunHeader
from hashaudit.record.schema import (
    AuditRecord,
    Container,
    EntryRecord,
    FaultRecord,
    FileRecord,
    FindingRecord,
    Record,
    Totals,
)


class InsideCounts(Protocol):
    """Counts of containers and members without a record."""

    @property
    def members_clean(self) -> int:
        """Clean members."""
        ...

    @property
    def members_known(self) -> int:
        """Known members."""
        ...

    @property
    def members_skipped(self) -> int:
        """Members that a pattern excludes, or does not include."""
        ...

    @property
    def members_deleted_unreadable(self) -> int:
        """Deleted members whose content is not there any more."""
        ...

    @property
    def member_bytes(self) -> int:
        """Bytes of members."""
        ...

    @property
    def containers(self) -> dict[str, int]:
        """Opened containers, by kind."""
        ...

    @property
    def containers_unopened(self) -> dict[str, int]:
        """Other containers, by kind."""
        ...


class TotalsCounter:
    """Counts the entries of a scan and their results.

    The caller counts each entry when it meets it (:meth:`see`) and each outcome that leaves no line; what a line says
    is counted by the writer when it writes the line, so that every checkpoint's totals agree with the lines above it.
    """

    def __init__(self) -> None:
        self.seen = 0
        self.clean = 0
        self.known = 0
        self.matched = 0
        self.accepted = 0
        self.appended = 0
        self.faulted = 0
        self.directories = 0
        self.directories_faulted = 0
        self.bytes_read = 0
        self.from_cache = 0
        self.bytes_from_cache = 0
        self.file_lines = 0
        self.skipped: Counter[SkipReason] = Counter()
        self.members_clean = 0
        self.members_known = 0
        self.members_skipped = 0
        self.members_deleted_unreadable = 0
        self.members_matched = 0
        self.members_faulted = 0
        self.member_file_lines = 0
        self.member_bytes = 0
        self.containers: Counter[ContainerKind] = Counter()
        self.containers_unopened: Counter[ContainerKind] = Counter()
        self.faults: Counter[FaultCode] = Counter()
        self.audit: Counter[AuditOutcome] = Counter()

    @property
    def differing(self) -> int:
        """Number of files that differ from a manifest."""
        return count_differences(self.audit)

    @property
    def examined(self) -> int:
        """Number of entries examined."""
        return self.clean + self.known + self.matched

    @property
    def members(self) -> int:
        """Number of members of containers that were examined or have a fault."""
        return self.members_clean + self.members_known + self.members_matched + self.members_faulted

    @property
    def findings(self) -> int:
        """Number of findings, those of members included."""
        return self.matched + self.members_matched

    @property
    def open_findings(self) -> int:
        """Number of findings without an acceptance in force."""
        return self.findings - self.accepted

    @property
    def pending(self) -> int:
        """Number of entries seen whose result is not counted yet."""
        return self.seen - self.examined - self.faulted - self.skipped.total()

    def add(self, count: int = 1) -> None:
        """Counts entries when the walk sees them."""
        self.seen += count

    def skip(self, reason: SkipReason) -> None:
        """Counts an entry that is skipped by rule."""
        self.skipped[reason] += 1

    def record_clean(self) -> None:
        """Counts an entry that was examined completely, matches nothing and has no record."""
        self.clean += 1

    def record_known(self) -> None:
        """Counts an entry that was examined completely, matches only known lists and has no record."""
        self.known += 1

    def enter_directory(self) -> None:
        """Counts a directory that was listed completely."""
        self.directories += 1

    def read(self, bytes_read: int) -> None:
        """Counts bytes of content read."""
        self.bytes_read += bytes_read

    def recall(self, size_bytes: int, entries: int = 1) -> None:
        """Counts entries whose hashes came from the cache."""
        self.from_cache += entries
        self.bytes_from_cache += size_bytes

    def count_inside(self, counts: InsideCounts) -> None:
        """Counts containers without a record, and members without one."""
        self.members_clean += counts.members_clean
        self.members_known += counts.members_known
        self.members_skipped += counts.members_skipped
        self.members_deleted_unreadable += counts.members_deleted_unreadable
        self.member_bytes += counts.member_bytes
        self.containers.update({ContainerKind(kind): count for kind, count in counts.containers.items()})
        self.containers_unopened.update(
            {ContainerKind(kind): count for kind, count in counts.containers_unopened.items()}
        )

    def count_line(self, record: Record) -> None:
        """Counts the result that a record states."""
        self.accepted += isinstance(record, FindingRecord) and record.accepted is not None
        if isinstance(record, EntryRecord):
            if record.container is not None:
                self._count_container(record.container, is_file=not record.entry.within)
            if record.entry.within:
                self._count_member(record)
                return
        match record:
            case FindingRecord():
                self.matched += 1
                self.faults.update(fault.code for fault in record.faults)
            case FaultRecord():
                if record.directory:
                    self.directories_faulted += 1
                else:
                    self.faulted += 1
                self.faults.update(fault.code for fault in record.faults)
            case FileRecord():
                self.file_lines += 1
                self.appended += record.consistency is Consistency.APPENDED_WHILE_READ
                if record.matches:
                    self.known += 1
                else:
                    self.clean += 1
            case AuditRecord():
                self.audit[record.outcome] += 1
            case RunHeader():
                pass

    def _count_container(self, container: Container, *, is_file: bool) -> None:
        (self.containers if container.opened else self.containers_unopened)[container.kind] += 1
        if is_file:
            # Members of a member are counted with the file.
            self.members_clean += container.clean
            self.members_known += container.known
            self.members_skipped += container.skipped
            self.members_deleted_unreadable += container.deleted_unreadable
            self.member_bytes += int(container.bytes)
            self.containers.update(container.containers)
            self.containers_unopened.update(container.containers_unopened)

    def _count_member(self, record: EntryRecord) -> None:
        self.faults.update(fault.code for fault in record.faults)
        match record:
            case FindingRecord():
                self.members_matched += 1
            case FaultRecord():
                self.members_faulted += 1
            case FileRecord():
                self.member_file_lines += 1
                if record.matches:
                    self.members_known += 1
                else:
                    self.members_clean += 1
            case _:
                pass

    def totals(self) -> Totals:
        """Returns the totals so far.

        Raises:
            FindingsError: more outcomes are counted than entries, or some files have a line and some have none.
        """
        totals = Totals(
            seen=self.seen,
            examined=self.examined,
            clean=self.clean,
            known=self.known,
            matched=self.matched,
            faulted=self.faulted,
            skipped=dict(sorted(self.skipped.items())),
            pending=self.pending,
            directories=self.directories,
            directories_faulted=self.directories_faulted,
            bytes=large(self.bytes_read),
            faults=dict(sorted(self.faults.items())),
            file_lines=self.file_lines,
            from_cache=self.from_cache,
            bytes_from_cache=large(self.bytes_from_cache),
            members=self.members,
            members_clean=self.members_clean,
            members_known=self.members_known,
            members_skipped=self.members_skipped,
            members_deleted_unreadable=self.members_deleted_unreadable,
            members_matched=self.members_matched,
            members_faulted=self.members_faulted,
            member_file_lines=self.member_file_lines,
            member_bytes=large(self.member_bytes),
            containers=dict(sorted(self.containers.items())),
            containers_unopened=dict(sorted(self.containers_unopened.items())),
            audit=dict(sorted(self.audit.items())),
            accepted=self.accepted,
            appended=self.appended,
        )
        broken = totals.imbalance()
        if broken is not None or self.pending < 0:
            raise FindingsError(f"the totals do not add up: {broken or 'more outcomes than entries'}")
        return totals
