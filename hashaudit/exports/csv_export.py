"""CSV (RFC 4180): one row for each match."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from hashaudit.exports.interface import ExportedRun, Exporter, Field
from hashaudit.record.schema import EntryRecord, FindingRecord
from hashaudit.triage.record_rows import MATCH_COLUMNS, csv_line, match_rows

_RUN_COLUMNS = ("run_id", "host")


class CsvExport(Exporter):
    """One row for each match, below a row of column names."""

    mapping: ClassVar[Mapping[Field, str]] = {
        Field.RUN: "`run_id`, `host`, `time`",
        Field.PATH: "`path`",
        Field.EXACT_PATH: "`path_uri`",
        Field.MEMBER: "`within`",
        Field.SIZE: "`size`",
        Field.MODIFIED: "`mtime`",
        Field.CONSISTENCY: "`consistency`",
        Field.DIGESTS: "a column each",
        Field.OTHER_DIGESTS: "`blake3`, `other_digests`",
        Field.MATCH: "`list`, `entry`, `algorithm`",
        Field.DISTANCE: "`distance`, `threshold`",
        Field.LABELS: "`category`, `labels` (JSON)",
        Field.CAVEATS: "`caveats`",
        Field.ACCEPTANCE: "`accepted`, `accepted_by`, `accepted_until`",
        Field.NOT_VIEWED: "`human_viewed`",
        Field.KNOWN: "rows with `role` known",
        Field.FAULTS: "`faults`",
    }

    def __init__(self, *, spreadsheet_safe: bool = False) -> None:
        """Prepares the export.

        Args:
            spreadsheet_safe: disarm what a spreadsheet takes for a formula. This alters the text.
        """
        self._safe = spreadsheet_safe

    def begin(self, runs: Sequence[ExportedRun]) -> bytes:  # noqa: ARG002 # the form of Exporter
        """The names of the columns."""
        return csv_line((*_RUN_COLUMNS, *MATCH_COLUMNS))

    def add(self, run: ExportedRun, record: EntryRecord) -> bytes:
        """Returns a row for each match."""
        if not isinstance(record, FindingRecord):
            return b""
        rows = ({"run_id": run.header.run_id, "host": run.header.host, **row} for row in match_rows(record))
        columns = (*_RUN_COLUMNS, *MATCH_COLUMNS)
        return b"".join(csv_line([row[name] for name in columns], spreadsheet_safe=self._safe) for row in rows)
