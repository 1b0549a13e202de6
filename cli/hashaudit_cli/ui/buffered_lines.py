"""Takes the records of a scan, and writes lines for them, many at once."""

from abc import ABC, abstractmethod

from hashaudit.record.output import Output
from hashaudit.record.schema import AuditRecord, EndReason, FaultRecord, FileRecord, FindingRecord
from hashaudit.record.totals import TotalsCounter

FLUSH_BYTES = 1 << 16


class BufferedLines(ABC):
    """Base of outputs that a scan writes instead of a findings file.

    Args:
        output: receives the lines.
    """

    def __init__(self, output: Output) -> None:
        self.tally = TotalsCounter()
        self.deadline_s = None
        self._output = output
        self._pending = bytearray()
        """Lines that are not written yet."""
        self._count = 0

    @abstractmethod
    def take_record(self, record: FindingRecord | FaultRecord | FileRecord | AuditRecord) -> None:
        """Adds the lines of the next record to those that are not written yet."""

    def write(self, record: FindingRecord | FaultRecord | FileRecord | AuditRecord) -> int:
        """Takes the next record; returns its number."""
        self.tally.count_line(record)
        self._count += 1
        self.take_record(record)
        if len(self._pending) >= FLUSH_BYTES:
            self.checkpoint()
        return self._count

    def tick(self) -> None:  # noqa: B027 # a class with a deadline would have its own
        """Does nothing: no write is due by the clock."""

    def checkpoint(self) -> None:
        """Writes the waiting lines."""
        self._output.write(bytes(self._pending))
        self._pending.clear()

    def finish(self, reason: EndReason, exit_code: int) -> None:  # noqa: ARG002 # the signature of RecordWriter
        """Writes the waiting lines."""
        self.checkpoint()
