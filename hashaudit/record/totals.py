"""Running totals of a scan: every entry seen ends in exactly one count, and the sums prove it."""

from collections import Counter

from hashaudit.errors import FindingsError
from hashaudit.model.audit_outcome import DIFFERENCES, AuditOutcome
from hashaudit.model.containers import ContainerKind
from hashaudit.model.faults import FaultCode, SkipReason
from hashaudit.record.fields import large
from hashaudit.record.header import RunHeader
from hashaudit.record.schema import AuditRecord, EntryRecord, FaultRecord, FileRecord, FindingRecord, Record, Totals


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
        self.faulted = 0
        self.directories = 0
        self.directories_faulted = 0
        self.bytes_read = 0
        self.from_cache = 0
        self.bytes_from_cache = 0
        self.file_lines = 0
        self.skipped: Counter[SkipReason] = Counter()
        self.containers: Counter[ContainerKind] = Counter()
        self.containers_unopened: Counter[ContainerKind] = Counter()
        self.faults: Counter[FaultCode] = Counter()
        self.audit: Counter[AuditOutcome] = Counter()

    @property
    def differing(self) -> int:
        """Number of files that differ from a manifest."""
        return sum(count for outcome, count in self.audit.items() if outcome in DIFFERENCES)

    @property
    def examined(self) -> int:
        """Number of entries examined."""
        return self.clean + self.known + self.matched

    @property
    def pending(self) -> int:
        """Number of entries seen whose result is not counted yet."""
        return self.seen - self.examined - self.faulted - self.skipped.total()

    def add(self) -> None:
        """Counts an entry when the walk sees it."""
        self.seen += 1

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

    def recall(self, size_bytes: int) -> None:
        """Counts an entry whose hashes came from the cache."""
        self.from_cache += 1
        self.bytes_from_cache += size_bytes

    def count_container(self, kind: ContainerKind, *, opened: bool) -> None:
        """Counts a container; by :meth:`count_line` if it has a record."""
        (self.containers if opened else self.containers_unopened)[kind] += 1

    def count_line(self, record: Record) -> None:
        """Counts the result that a record states."""
        if isinstance(record, EntryRecord) and record.container is not None:
            self.count_container(record.container.kind, opened=record.container.opened)
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
                if record.matches:
                    self.known += 1
                else:
                    self.clean += 1
            case AuditRecord():
                self.audit[record.outcome] += 1
            case RunHeader():
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
            containers=dict(sorted(self.containers.items())),
            containers_unopened=dict(sorted(self.containers_unopened.items())),
            audit=dict(sorted(self.audit.items())),
        )
        broken = totals.imbalance()
        if broken is not None or self.pending < 0:
            raise FindingsError(f"the totals do not add up: {broken or 'more outcomes than entries'}")
        return totals
