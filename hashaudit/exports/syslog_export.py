"""Syslog messages (RFC 5424) with structured data, one a line, for a file or a collector."""

import re
from collections.abc import Mapping
from typing import ClassVar

from hashaudit.exports.export_values import (
    acceptance,
    caveats,
    found_entries,
    is_weak,
    milliseconds,
    one_line,
    path_text,
    sentence,
)
from hashaudit.exports.interface import ExportedRun, Exporter, Field
from hashaudit.record.entry_path import content_size
from hashaudit.record.schema import EntryRecord

_SECURITY = 13
"""Facility ``log audit`` (section 6.2.1)."""

_WARNING, _NOTICE = 4, 5
_SD_ID = "hashaudit@32473"
"""32473 is the private enterprise number for documentation (RFC 5612)."""

_MAX_VALUE = 1024
"""Characters of one value. Collectors cut messages that are longer than some kilobytes."""

_NOT_PRINTABLE_ASCII = re.compile("[^!-~]")


class SyslogExport(Exporter):
    """One message for each finding."""

    mapping: ClassVar[Mapping[Field, str]] = {
        Field.RUN: "`TIMESTAMP`, `HOSTNAME`, `run`",
        Field.CASE: "`case`",
        Field.PATH: "`path`",
        Field.EXACT_PATH: "`path_uri`",
        Field.MEMBER: "`path`, joined by `//`",
        Field.SIZE: "`size`",
        Field.DIGESTS: "a parameter each",
        Field.OTHER_DIGESTS: "a parameter each",
        Field.MATCH: "`list`, `entry`, `match`; the nearest entry",
        Field.DISTANCE: "`match`",
        Field.LABELS: "the message",
        Field.CAVEATS: "`caveats`, severity",
        Field.ACCEPTANCE: "`accepted`",
        Field.NOT_VIEWED: "`viewed`",
    }

    def add(self, run: ExportedRun, record: EntryRecord) -> bytes:
        """Returns one message and its line end."""
        first = found_entries(record)[0]
        severity = _NOTICE if is_weak(record) else _WARNING
        accepted = acceptance(record)
        values = {
            "run": run.header.run_id,
            "record": str(record.seq),
            "case": run.header.case or "",
            "path": path_text(record),
            "path_uri": record.entry.path_uri or "",
            "size": "" if (size := content_size(record)) is None else str(size),
            "list": first.list_name,
            "entry": first.entry,
            "match": first.text,
            "caveats": " ".join(caveats(record)),
            "accepted": "" if accepted is None else f"until {accepted.until} by {accepted.by}: {accepted.reason}",
            "viewed": "false",
            **{str(name).replace("-", "_"): value for name, value in record.digests.items()},
        }
        data = "".join(f' {name}="{_value(value)}"' for name, value in values.items() if value)
        host = _NOT_PRINTABLE_ASCII.sub("_", run.header.host)[:255] or "-"
        head = f"<{_SECURITY * 8 + severity}>1 {milliseconds(record.time)} {host} hashaudit - finding"
        message = _one_line(sentence(record))
        return f"{head} [{_SD_ID}{data}] \ufeff{message}\n".encode(errors="replace")


def _value(text: str) -> str:
    r"""Returns a value with ``\``, ``"`` and ``]`` escaped (section 6.3.3), on one line."""
    return re.sub(r'(["\\\]])', r"\\\1", _one_line(text))


def _one_line(text: str) -> str:
    return one_line(text if len(text) <= _MAX_VALUE else text[:_MAX_VALUE] + "...")
