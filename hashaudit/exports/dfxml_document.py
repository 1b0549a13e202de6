"""The one writer of Digital Forensics XML: a document of file objects, for manifests and for findings.

Source: the schema of the DFXML working group (dfxml_schema, ``dfxml.xsd``), versions 1.1.0 and 1.2.0. They are
sequences, so the order of elements matters. Elements and attributes of this program are in a namespace of its own.
"""

from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import quote as percent_encode
from xml.sax.saxutils import escape, quoteattr

import msgspec

from hashaudit import __version__
from hashaudit.exports.export_values import xml_text
from hashaudit.lists.manifests.dfxml_manifest import EXACT_NAME, OWN_NAMESPACE
from hashaudit.model.file_pieces import Piece
from hashaudit.model.results import AlgorithmName

NAMESPACE = "http://www.forensicswiki.org/wiki/Category:Digital_Forensics_XML"
_DUBLIN_CORE = "http://purl.org/dc/elements/1.1/"

_SCHEMA_TYPES = ("md5", "sha1", "sha256")
"""Digests that every version of the schema names; the others are of type ``OTHER``."""

END = b"</dfxml>\n"


class FileObject(msgspec.Struct, frozen=True):
    """One file object."""

    path: bytes
    """Exact bytes."""
    name_type: str = "r"
    """``r`` for a regular file, ``d`` for a directory."""
    error: str = ""
    """Reason why it was not examined."""
    size: int | None = None
    facts: Mapping[str, str] = {}
    """``inode``, ``mode``, ``nlink``, ``uid``, ``gid`` and ``mtime``, those that are known."""
    digests: Mapping[AlgorithmName, str] | Mapping[str, str] = {}
    perceptual: tuple[tuple[str, str], ...] = ()
    """Names and values of perceptual hashes."""
    own: str = ""
    """Elements of this program, at the end."""


_FACTS = ("inode", "mode", "nlink", "uid", "gid", "mtime")
"""In the order of the schema."""


def beginning(kind: str, environment: Mapping[str, str] | None = None) -> bytes:
    """Returns the beginning of a document, up to its file objects.

    Args:
        kind: what the document is, for people.
        environment: elements about the run of the program, in the order of the schema.
    """
    facts = "".join(f"<{name}>{escape(xml_text(value))}</{name}>" for name, value in (environment or {}).items())
    run = f"<execution_environment>{facts}</execution_environment>" if facts else ""
    return (
        "<?xml version='1.0' encoding='UTF-8'?>\n"
        f'<dfxml version="1.2.0" xmlns="{NAMESPACE}" xmlns:dc="{_DUBLIN_CORE}" xmlns:hashaudit="{OWN_NAMESPACE}">\n'
        f"<metadata><dc:type>{escape(kind)}</dc:type></metadata>\n"
        f"<creator><program>hashaudit</program><version>{__version__}</version>{run}</creator>\n<source/>\n"
    ).encode()


def file_object(file: FileObject) -> bytes:
    """Returns a file object."""
    return opening(file) + closing(file)


def opening(file: FileObject) -> bytes:
    """Returns a file object up to its byte runs."""
    parts = [f"<filename>{escape(_shown(file.path))}</filename>"]
    if file.error:
        parts.append(f"<error>{escape(xml_text(file.error))}</error>")
    parts.append(f"<name_type>{file.name_type}</name_type>")
    if file.size is not None:
        parts.append(f"<filesize>{file.size}</filesize>")
    parts += [f"<{name}>{escape(xml_text(file.facts[name]))}</{name}>" for name in _FACTS if name in file.facts]
    return f"<fileobject>{''.join(parts)}".encode()


def byte_run(piece: Piece, digests: Mapping[str, str]) -> bytes:
    """Returns the byte run of a piece, for between ``<byte_runs>`` and ``</byte_runs>``."""
    hashes = "".join(_digests(digests.items()))
    return f'<byte_run file_offset="{piece.offset}" len="{piece.length}">{hashes}</byte_run>\n'.encode()


def closing(file: FileObject) -> bytes:
    """Returns a file object from its digests on."""
    parts = [*_digests(file.digests.items()), *_digests(file.perceptual), file.own, *_exact_path(file.path)]
    return f"{''.join(parts)}</fileobject>\n".encode()


def own_attributes(values: Mapping[str, str]) -> str:
    """Returns the attributes of an element of this program; empty values are omitted."""
    return " ".join(f"{name}={quoteattr(xml_text(value))}" for name, value in values.items() if value)


def _digests(pairs: Iterable[tuple[str, str]]) -> Iterator[str]:
    for name, value in pairs:
        if name in _SCHEMA_TYPES:
            yield f'<hashdigest type="{name}">{value}</hashdigest>'
        else:
            yield f'<hashdigest type="OTHER" hashaudit:algorithm={quoteattr(name)}>{value}</hashdigest>'


def _shown(path: bytes) -> str:
    """Returns the path as text: U+FFFD for bytes that are not UTF-8, an escape for what XML cannot hold."""
    return xml_text(path.decode(errors="replace"))


def _exact_path(path: bytes) -> Iterator[str]:
    """Yields the element of a path that ``filename`` cannot hold exactly."""
    if _shown(path).encode() != path:
        yield f"<hashaudit:{EXACT_NAME}>{escape(percent_encode(path, safe='/'))}</hashaudit:{EXACT_NAME}>"
