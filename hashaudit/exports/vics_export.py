"""A Project VIC hash set (VICS 2.0), as far as its form is public: the media that were found.

No public specification exists; the names of fields are those of published samples. What the scan cannot know is null.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import msgspec

from hashaudit.exports.export_values import file_name, found_entries, modified, path_text
from hashaudit.exports.interface import ExportedRun, Exporter, Field
from hashaudit.record.entry_path import content_size
from hashaudit.record.schema import EntryRecord

_CONTEXT = "http://github.com/ICMEC/ProjectVic/DataModels/2.0.xml/US/$metadata#Media"
_MAX_MEDIA_ID = (1 << 31) - 1


class VicsExport(Exporter):
    """One hash set."""

    mapping: ClassVar[Mapping[Field, str]] = {
        Field.PATH: "`MediaFiles[].FilePath`, `FileName`",
        Field.MEMBER: "`MediaFiles[].FilePath`, joined by `//`",
        Field.SIZE: "`MediaSize`",
        Field.MODIFIED: "`MediaFiles[].Written`",
        Field.DIGESTS: "`MD5`, `SHA1`",
        Field.MATCH: "`Comments`",
        Field.DISTANCE: "`Comments`",
        Field.NOT_VIEWED: "`Category` is null: no person has categorised the file",
    }

    def __init__(self) -> None:
        self._is_first = True

    def begin(self, runs: Sequence[ExportedRun]) -> bytes:  # noqa: ARG002 # the form of Exporter
        """The beginning of the set."""
        return f'{{"odata.metadata":"{_CONTEXT}","value":[\n'.encode()

    def add(self, run: ExportedRun, record: EntryRecord) -> bytes:
        """Returns one medium."""
        identity = f"{run.header.run_id} {record.seq}".encode()
        lists = "; ".join(f"{one.list_name} {one.entry}: {one.text}" for one in found_entries(record))
        digests = {str(name): value.upper() for name, value in record.digests.items()}
        medium: dict[str, Any] = {
            "MediaID": int.from_bytes(hashlib.sha256(identity).digest()[:4], "big") & _MAX_MEDIA_ID,
            "Category": None,
            "VictimIdentified": None,
            "OffenderIdentified": None,
            "IsDistributed": None,
            "Series": None,
            "MD5": digests.get("md5"),
            "SHA1": digests.get("sha1"),
            "PhotoDNA": None,
            "MediaSize": None if (size := content_size(record)) is None else str(size),
            "Comments": f"matched {lists}; run {run.header.run_id}, record {record.seq}; not viewed by a person",
            "MediaFiles": [
                {
                    "MD5": digests.get("md5"),
                    "FileName": file_name(record),
                    "FilePath": path_text(record),
                    "Written": modified(record),
                    "Unallocated": None,
                }
            ],
        }
        separator = b"" if self._is_first else b",\n"
        self._is_first = False
        return separator + msgspec.json.encode(medium)

    def end(self) -> bytes:
        """The end of the set."""
        return b"\n]}\n"
