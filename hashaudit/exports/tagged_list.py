"""A hash list of what was found, to look for elsewhere, and checksum files of everything that was read."""

from collections.abc import Mapping
from typing import ClassVar

from hashaudit.exports.interface import ExportedRun, Exporter, Field
from hashaudit.lists.syntax.checksum_lines import escaped_name
from hashaudit.record.entry_path import content_size, joined_path
from hashaudit.record.schema import EntryRecord, FaultRecord, FileRecord, FindingRecord

_MAX_NAME_BYTES = 4096
"""Bytes of a name in a list. It is for people only, and readers of lists limit the length of a line."""

_HASHDEEP = ("md5", "sha1", "sha256")


def _escaped(raw: bytes) -> tuple[bytes, bytes]:
    """Returns the mark and the name as coreutils writes them."""
    name = escaped_name(raw)
    return (b"\\" if name != raw else b""), name


class ListExport(Exporter):
    """``SHA256 (name) = hex`` for each hash of each finding. ``scan --list`` and ``lists build`` read it."""

    mapping: ClassVar[Mapping[Field, str]] = {
        Field.PATH: "the name",
        Field.EXACT_PATH: "the name",
        Field.MEMBER: "the name, joined by `//`",
        Field.DIGESTS: "a line each",
        Field.OTHER_DIGESTS: "a line each",
        Field.PERCEPTUAL: "the first hash of each algorithm",
    }

    def add(self, run: ExportedRun, record: EntryRecord) -> bytes:  # noqa: ARG002 # the form of Exporter
        """Returns the lines of one finding."""
        mark, name = _escaped(joined_path(record.entry)[:_MAX_NAME_BYTES])
        hashes = {str(algorithm): value for algorithm, value in record.digests.items()}
        for one in record.perceptual:
            if one.variant == "original" and not one.trimmed:
                hashes.setdefault(str(one.algorithm), one.value)
        lines = (
            b"%s%s (%s) = %s\n" % (mark, key.upper().encode(), name, value.encode()) for key, value in hashes.items()
        )
        return b"".join(lines)


class SumsExport(Exporter):
    """``hex  name`` with SHA-256 for every record that has one. ``sha256sum -c`` reads it."""

    mapping: ClassVar[Mapping[Field, str]] = {
        Field.PATH: "the name",
        Field.EXACT_PATH: "the name",
        Field.DIGESTS: "SHA-256 only",
        Field.FILE_RECORDS: "a line each",
    }
    kinds = (FindingRecord, FileRecord, FaultRecord)

    def add(self, run: ExportedRun, record: EntryRecord) -> bytes:  # noqa: ARG002 # the form of Exporter
        """Returns one line."""
        value = {str(name): text for name, text in record.digests.items()}.get("sha256")
        if value is None or record.entry.within:
            return b""
        mark, name = _escaped(joined_path(record.entry))
        return b"%s%s  %s\n" % (mark, value.encode(), name)


class HashdeepExport(Exporter):
    """hashdeep 1.0 with MD5, SHA-1 and SHA-256 for every record that has all three."""

    mapping: ClassVar[Mapping[Field, str]] = {
        Field.PATH: "`filename`; not one with a line end",
        Field.EXACT_PATH: "`filename`",
        Field.SIZE: "`size`",
        Field.DIGESTS: "MD5, SHA-1, SHA-256",
        Field.FILE_RECORDS: "a line each",
    }
    kinds = (FindingRecord, FileRecord, FaultRecord)

    def begin(self, runs: object) -> bytes:  # noqa: ARG002 # the form of Exporter
        """The format's name and the columns."""
        return b"%%%% HASHDEEP-1.0\n%%%% size,md5,sha1,sha256,filename\n"

    def add(self, run: ExportedRun, record: EntryRecord) -> bytes:  # noqa: ARG002 # as above
        """Returns one line; nothing for a record that the format cannot hold."""
        digests = {str(name): value for name, value in record.digests.items()}
        path = joined_path(record.entry)
        is_held = record.state is not None and not record.entry.within and b"\n" not in path and b"\r" not in path
        if not is_held or not all(name in digests for name in _HASHDEEP):
            return b""
        values = (str(content_size(record)), *(digests[name] for name in _HASHDEEP))
        return ",".join(values).encode() + b"," + path + b"\n"
