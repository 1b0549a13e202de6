"""Digital Forensics XML 1.2.0: a file object for each finding and fault, with the matches in elements of our own."""

from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar
from urllib.parse import quote as percent_encode
from xml.sax.saxutils import escape, quoteattr

from hashaudit import __version__
from hashaudit.exports.export_values import caveats, found_entries, modified, path_text, xml_text
from hashaudit.exports.interface import ExportedRun, Exporter, Field
from hashaudit.lists.manifests.dfxml_manifest import EXACT_NAME, OWN_NAMESPACE
from hashaudit.record.entry_path import content_size, joined_path
from hashaudit.record.schema import EntryRecord, FaultRecord, FileRecord, FileState, FindingRecord
from hashaudit.triage.match_view import labels_text

NAMESPACE = "http://www.forensicswiki.org/wiki/Category:Digital_Forensics_XML"
_SCHEMA_TYPES = ("md5", "sha1", "sha224", "sha256", "sha384", "sha512")
"""Digests that the schema names; the others are of type ``OTHER``."""


END = b"</dfxml>\n"


class DfxmlExport(Exporter):
    """One document."""

    mapping: ClassVar[Mapping[Field, str]] = {
        Field.RUN: "`creator`, `hashaudit:run`",
        Field.CASE: "`hashaudit:run`",
        Field.PATH: "`filename`",
        Field.EXACT_PATH: "`hashaudit:path_uri`",
        Field.MEMBER: "`filename`, joined by `//`",
        Field.SIZE: "`filesize`",
        Field.MODIFIED: "`mtime`",
        Field.IDENTITY: "`inode`",
        Field.OWNER: "`mode`, `uid`, `gid`",
        Field.DIGESTS: "`hashdigest`",
        Field.OTHER_DIGESTS: '`hashdigest type="OTHER"`, `hashaudit:algorithm`',
        Field.PERCEPTUAL: '`hashdigest type="OTHER"`, `hashaudit:algorithm`',
        Field.MATCH: "`hashaudit:match`",
        Field.DISTANCE: "`hashaudit:match`",
        Field.LABELS: "`hashaudit:match`",
        Field.CAVEATS: "`hashaudit:caveats`",
        Field.NOT_VIEWED: "`hashaudit:run`",
        Field.FAULTS: "`error`",
        Field.FAULT_RECORDS: "`error`",
        Field.FILE_RECORDS: "`fileobject`",
    }
    kinds = (FindingRecord, FaultRecord, FileRecord)

    def begin(self, runs: Sequence[ExportedRun]) -> bytes:
        """The beginning of the document."""
        first = runs[0].header
        system = "".join(
            f"<{name}>{_text(value)}</{name}>"
            for name, value in (
                ("os_sysname", first.os.name),
                ("os_release", first.os.release),
                ("os_version", first.os.version),
                ("host", first.host),
                ("arch", first.os.machine),
                ("command_line", " ".join(first.argv)),
                *((("uid", str(first.uid)),) if first.uid is not None else ()),
                ("start_time", first.start),
            )
        )
        return beginning(f"<execution_environment>{system}</execution_environment>")

    def add(self, run: ExportedRun, record: EntryRecord) -> bytes:
        """Returns one file object. The schema is a sequence, so the order of elements matters."""
        if isinstance(record, FaultRecord) and record.directory:
            kind = "<name_type>d</name_type>"
        else:
            kind = "<name_type>r</name_type>"
        error = "; ".join(f"{fault.stage} {fault.code}: {fault.message}" for fault in record.faults)
        parts = [
            f"<filename>{_text(path_text(record))}</filename>",
            f"<error>{_text(error)}</error>" if error else "",
            kind,
            *_state(record),
            *digest_elements(record),
            *_own(run, record),
        ]
        return f"<fileobject>{''.join(parts)}</fileobject>\n".encode()

    def end(self) -> bytes:
        """The end of the document."""
        return END


def _state(record: EntryRecord) -> Iterator[str]:
    state, size = record.state, content_size(record)
    if size is not None:
        yield f"<filesize>{size}</filesize>"
    if isinstance(state, FileState) and not record.entry.within:
        yield f"<inode>{state.inode}</inode><mode>{int(state.mode, 8)}</mode><nlink>{state.links}</nlink>"
        yield f"<uid>{state.uid}</uid><gid>{state.gid}</gid>"
    changed = modified(record)
    if changed is not None:
        yield f"<mtime>{changed}</mtime>"


def beginning(environment: str = "") -> bytes:
    """Returns the beginning of a document, up to its file objects.

    Args:
        environment: further elements about the program that writes it.
    """
    return (
        "<?xml version='1.0' encoding='UTF-8'?>\n"
        f'<dfxml version="1.2.0" xmlns="{NAMESPACE}" xmlns:hashaudit="{OWN_NAMESPACE}">\n<metadata/>\n'
        f"<creator><program>hashaudit</program><version>{__version__}</version>{environment}</creator>\n"
    ).encode()


def digest_elements(record: EntryRecord) -> Iterator[str]:
    """Yields the elements of a record's digests, and of its first perceptual hash."""
    for name, value in record.digests.items():
        if name in _SCHEMA_TYPES:
            yield f'<hashdigest type="{name}">{value}</hashdigest>'
        else:
            yield f'<hashdigest type="OTHER" hashaudit:algorithm={quoteattr(name)}>{value}</hashdigest>'
    for one in record.perceptual[:1]:
        yield f'<hashdigest type="OTHER" hashaudit:algorithm={quoteattr(one.algorithm)}>{one.value}</hashdigest>'


def _own(run: ExportedRun, record: EntryRecord) -> Iterator[str]:
    facts = {"id": run.header.run_id, "record": str(record.seq), "case": run.header.case or "", "human_viewed": "false"}
    attributes = " ".join(f"{name}={_attribute(value)}" for name, value in facts.items() if value)
    yield f"<hashaudit:run {attributes}/>"
    yield from exact_path(record)
    for one in found_entries(record):
        match = {"list": one.list_name, "entry": one.entry, "agreement": one.text, "labels": labels_text(one.labels)}
        attributes = " ".join(f"{name}={_attribute(value)}" for name, value in match.items() if value)
        yield f"<hashaudit:match {attributes}/>"
    if caveats(record):
        yield f"<hashaudit:caveats>{' '.join(caveats(record))}</hashaudit:caveats>"


def exact_path(record: EntryRecord) -> Iterator[str]:
    """Yields the element of a path that ``filename`` cannot hold exactly."""
    if record.entry.path_uri is not None or xml_text(record.entry.path) != record.entry.path:
        uri = record.entry.path_uri or percent_encode(joined_path(record.entry), safe="/")
        yield f"<hashaudit:{EXACT_NAME}>{escape(uri)}</hashaudit:{EXACT_NAME}>"


def _text(text: str) -> str:
    return escape(xml_text(text))


def _attribute(text: str) -> str:
    return quoteattr(xml_text(text))
