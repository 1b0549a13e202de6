"""CEF, ArcSight's Common Event Format, version 0: one event a line."""

import re
from collections.abc import Mapping
from typing import ClassVar

from hashaudit import __version__
from hashaudit.exports.export_values import (
    TOOL,
    caveats,
    epoch_ms,
    file_name,
    found_entries,
    is_weak,
    modified,
    one_line,
    path_text,
    sentence,
)
from hashaudit.exports.interface import ExportedRun, Exporter, Field
from hashaudit.record.entry_path import content_size
from hashaudit.record.schema import EntryRecord

_MAX_VALUE = 1023
"""Characters of ``filePath`` and ``msg`` in the implementation standard."""


class CefExport(Exporter):
    """One event for each finding."""

    mapping: ClassVar[Mapping[Field, str]] = {
        Field.RUN: "`rt`, `dvchost`, `externalId`",
        Field.CASE: "`cs5`",
        Field.PATH: "`filePath`, `fname`",
        Field.MEMBER: "`filePath`, joined by `//`",
        Field.SIZE: "`fsize`",
        Field.MODIFIED: "`fileModificationTime`",
        Field.DIGESTS: "`fileHash` (the strongest), `cs6`",
        Field.OTHER_DIGESTS: "`cs6`",
        Field.MATCH: "`cs1`, `cs2`; the nearest entry",
        Field.DISTANCE: "`cs3`",
        Field.LABELS: "`msg`",
        Field.CAVEATS: "`cs4`, severity",
    }

    def add(self, run: ExportedRun, record: EntryRecord) -> bytes:
        """Returns one event and its line end."""
        first = found_entries(record)[0]
        severity = 3 if is_weak(record) else 5 if caveats(record) else 8
        digests = {str(name): value for name, value in record.digests.items()}
        strongest = next((name for name in ("sha256", "sha512", "sha1", "md5", *digests) if name in digests), None)
        changed = modified(record)
        values = {
            "rt": str(epoch_ms(record.time)),
            "dvchost": run.header.host,
            "externalId": f"{run.header.run_id}/{record.seq}",
            "filePath": path_text(record),
            "fname": file_name(record),
            "fsize": "" if (size := content_size(record)) is None else str(size),
            "fileModificationTime": "" if changed is None else str(epoch_ms(changed)),
            "fileHash": digests[strongest] if strongest else "",
            "cs1Label": "list",
            "cs1": first.list_name,
            "cs2Label": "entry",
            "cs2": first.entry,
            "cs3Label": "match",
            "cs3": first.text,
            "cs4Label": "caveats",
            "cs4": " ".join(caveats(record)),
            "cs5Label": "case",
            "cs5": run.header.case or "",
            "cs6Label": "digests",
            "cs6": " ".join(f"{name}:{value}" for name, value in digests.items()),
            "msg": sentence(record),
        }
        present = {
            name: value
            for name, value in values.items()
            if value and (not name.endswith("Label") or values[name.removesuffix("Label")])
        }
        extension = " ".join(f"{name}={_extension(value)}" for name, value in present.items())
        fields = (TOOL, TOOL, __version__, "hash-match", "Hash match", str(severity))
        head = "|".join(map(_header, fields))
        return f"CEF:0|{head}|{extension}\n".encode(errors="replace")


def _header(text: str) -> str:
    return re.sub(r"([\\|])", r"\\\1", text)


def _extension(text: str) -> str:
    text = text if len(text) <= _MAX_VALUE else text[: _MAX_VALUE - 3] + "..."
    escaped = re.sub(r"([\\=])", r"\\\1", text).replace("\r", r"\r").replace("\n", r"\n")
    return one_line(escaped)
