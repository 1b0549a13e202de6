"""Records as rows of a table with fixed columns, for CSV and TSV: one row for each match, fault or file."""

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence

from hashaudit.model.results import AlgorithmName
from hashaudit.record.entry_path import content_size, content_time, member_steps
from hashaudit.record.schema import AuditRecord, EntryRecord, FaultRecord, FindingRecord, Match
from hashaudit.triage.match_view import category

DIGEST_COLUMNS = ("md5", "sha1", "sha256", "sha512", "blake3")
"""Digests with a column of their own; the others are in ``other_digests``."""

_ENTRY_COLUMNS = ("seq", "time", "path", "path_uri", "within", "size", "mtime", "consistency")
MATCH_COLUMNS = (
    *_ENTRY_COLUMNS,
    *("list", "entry", "role", "algorithm", "match", "distance", "threshold", "category", "labels", "caveats"),
    *("human_viewed", *DIGEST_COLUMNS, "other_digests", "faults", "matches_omitted"),
    *("accepted", "accepted_by", "accepted_until"),
)
"""Columns of findings: one row for each match."""

FAULT_COLUMNS = ("seq", "time", "path", "path_uri", "within", "directory", "stage", "code", "message", "attempts")
"""Columns of faults: one row for each fault of an entry."""

FILE_COLUMNS = (*_ENTRY_COLUMNS, "kind", *DIGEST_COLUMNS, "other_digests", "faults")
"""Columns of entries that were examined: one row for each."""

DIFFERENCE_COLUMNS = (
    *(
        "seq",
        "time",
        "outcome",
        "path",
        "path_uri",
        "expected_path",
        "expected_path_uri",
        "expected_size",
        "found_size",
    ),
    *("expected_digests", "found_digests", "note"),
)
"""Columns of the differences of an audit: one row for each file."""

Row = Mapping[str, str]

_TSV_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
_FORMULA = re.compile(r"[=+\-@\t\r]")


def match_rows(record: FindingRecord) -> Iterator[Row]:
    """Yields a row for each match of a finding."""
    whole = {
        **_entry_cells(record),
        **_digest_cells(record),
        "caveats": " ".join(record.needs_confirmation),
        "human_viewed": str(record.human_viewed).lower(),
        "faults": " ".join(fault.code for fault in record.faults),
        "matches_omitted": str(record.matches_omitted),
    }
    one = record.accepted
    whole |= {
        "accepted": "" if one is None else one.reason,
        "accepted_by": "" if one is None else one.by,
        "accepted_until": "" if one is None else one.until,
    }
    for match in record.matches:
        yield whole | _match_cells(match)


def fault_rows(record: EntryRecord) -> Iterator[Row]:
    """Yields a row for each fault of a record."""
    directory = isinstance(record, FaultRecord) and record.directory
    whole = {**_entry_cells(record), "directory": str(directory).lower()}
    for fault in record.faults:
        yield whole | {
            "stage": fault.stage,
            "code": fault.code,
            "message": fault.message,
            "attempts": str(fault.attempts),
        }


def file_row(record: EntryRecord) -> Row:
    """Returns the row of an entry."""
    return {
        **_entry_cells(record),
        **_digest_cells(record),
        "kind": record.__struct_config__.tag if isinstance(record.__struct_config__.tag, str) else "",
        "faults": " ".join(fault.code for fault in record.faults),
    }


def difference_row(record: AuditRecord) -> Row:
    """Returns the row of a file that differs from a manifest."""
    expected, found = record.expected, record.found
    return {
        "seq": str(record.seq),
        "time": record.time,
        "outcome": record.outcome,
        "path": record.path,
        "path_uri": record.path_uri or "",
        "expected_path": "" if expected is None else expected.path,
        "expected_path_uri": "" if expected is None else expected.path_uri or "",
        "expected_size": "" if expected is None or expected.size is None else str(expected.size),
        "found_size": "" if found is None or found.size is None else str(found.size),
        "expected_digests": "" if expected is None else _digests_text(expected.digests),
        "found_digests": "" if found is None else _digests_text(found.digests),
        "note": record.note or "",
    }


def _digests_text(digests: Mapping[AlgorithmName, str]) -> str:
    return " ".join(f"{name}:{value}" for name, value in digests.items())


def csv_line(cells: Sequence[str], *, spreadsheet_safe: bool = False) -> bytes:
    """Returns a line of CSV (RFC 4180) in UTF-8.

    Args:
        cells: the cells.
        spreadsheet_safe: put an apostrophe before what a spreadsheet takes for a formula. This alters the text.
    """
    buffer = io.StringIO()
    shown = [f"'{one}" if spreadsheet_safe and _FORMULA.match(one) else one for one in cells]
    csv.writer(buffer, lineterminator="\r\n").writerow(shown)
    return buffer.getvalue().encode(errors="surrogateescape")


def tsv_line(cells: Sequence[str]) -> bytes:
    r"""Returns a line of tab-separated text in UTF-8, with ``\t``, ``\n``, ``\r`` and ``\\`` as in jq's ``@tsv``."""
    return ("\t".join(one.translate(_TSV_ESCAPES) for one in cells) + "\n").encode(errors="surrogateescape")


def _entry_cells(record: EntryRecord) -> dict[str, str]:
    entry = record.entry
    within = json.dumps(member_steps(entry))
    return {
        "seq": str(record.seq),
        "time": record.time,
        "path": entry.path,
        "path_uri": entry.path_uri or "",
        "within": within if entry.within else "",
        "size": "" if (size := content_size(record)) is None else str(size),
        "mtime": content_time(record) or "",
        "consistency": record.consistency or "",
    }


def _digest_cells(record: EntryRecord) -> dict[str, str]:
    digests = {str(name): value for name, value in record.digests.items()}
    others = " ".join(f"{name}:{value}" for name, value in digests.items() if name not in DIGEST_COLUMNS)
    return {name: digests.get(name, "") for name in DIGEST_COLUMNS} | {"other_digests": others}


def _match_cells(match: Match) -> dict[str, str]:
    return {
        "list": match.list_entry.name,
        "entry": match.list_entry.entry,
        "role": match.role,
        "algorithm": match.algorithm,
        "match": match.type,
        "distance": "" if match.distance is None else str(match.distance),
        "threshold": "" if match.threshold is None else str(match.threshold),
        "category": category(match.labels) or "",
        "labels": json.dumps(match.labels, ensure_ascii=False) if match.labels else "",
    }
