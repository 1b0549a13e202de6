"""Forms of manifests: hashdeep, checksum files and DFXML. Each has exact paths, or refuses a path."""

import re
from collections.abc import Sequence
from urllib.parse import quote as percent_encode
from xml.sax.saxutils import escape, quoteattr

from hashaudit import __version__
from hashaudit.errors import OutputError
from hashaudit.lists.manifests.dfxml_manifest import EXACT_NAME
from hashaudit.model import paths
from hashaudit.model.results import AlgorithmName
from hashaudit.record.schema import FileRecord
from hashaudit_cli.ui.terminal import quote

HASHDEEP_ALGORITHMS = ("md5", "sha1", "sha256")
"""Columns of hashdeep that are computed here, in its order."""

_NAMESPACE = "https://hashaudit.example/dfxml/1"
_NOT_XML = re.compile("[^\t\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 cannot hold, and line ends, which an XML reader changes (sections 2.2 and 2.11)."""


class HashdeepLines:
    """hashdeep's format, version 1.0 (its ``FILEFORMAT`` document). It cannot hold a name with a line end."""

    def __init__(self, algorithms: Sequence[AlgorithmName]) -> None:
        self._algorithms = [name for name in HASHDEEP_ALGORITHMS if name in algorithms]

    def header(self) -> bytes:
        """The format's name and the columns."""
        columns = ",".join(("size", *self._algorithms, "filename"))
        return f"%%%% HASHDEEP-1.0\n%%%% {columns}\n".encode()

    def lines(self, record: FileRecord) -> bytes:
        """One line.

        Raises:
            OutputError: the name has a line end.
        """
        path = paths.from_text(record.entry.path, record.entry.path_uri)
        if b"\n" in path or b"\r" in path:
            raise OutputError(
                f"cannot write a path in hashdeep's format: '{quote(path)}'; it has a line end",
                hint="use --format sums, dfxml or jsonl",
            )
        size = "" if record.state is None else str(record.state.size)
        digests = (record.digests[AlgorithmName(name)] for name in self._algorithms)
        return ",".join((size, *digests)).encode() + b"," + path + b"\n"

    def footer(self) -> bytes:
        """Nothing."""
        return b""


class ChecksumLines:
    """``hex  name``, as sha256sum writes it. ``sha256sum -c`` reads it."""

    def header(self) -> bytes:
        """Nothing."""
        return b""

    def lines(self, record: FileRecord) -> bytes:
        """One line for each digest."""
        raw = paths.from_text(record.entry.path, record.entry.path_uri)
        name = escaped_name(raw)
        mark = b"\\" if name != raw else b""
        return b"".join(b"%s%s  %s\n" % (mark, value.encode(), name) for value in record.digests.values())

    def footer(self) -> bytes:
        """Nothing."""
        return b""


class Dfxml:
    """DFXML (schema 1.2.0). A name that XML cannot hold is escaped there, and exact in an element of our own."""

    def header(self) -> bytes:
        """The beginning of the document."""
        return (
            "<?xml version='1.0' encoding='UTF-8'?>\n"
            '<dfxml version="1.2.0" xmlns="http://www.forensicswiki.org/wiki/Category:Digital_Forensics_XML" '
            f'xmlns:hashaudit="{_NAMESPACE}">\n'
            "<metadata/>\n"
            f"<creator><program>hashaudit</program><version>{__version__}</version></creator>\n"
        ).encode()

    def lines(self, record: FileRecord) -> bytes:
        """One element."""
        raw = paths.from_text(record.entry.path, record.entry.path_uri)
        name = record.entry.path
        uri = record.entry.path_uri
        if _NOT_XML.search(name) is not None:
            name = _NOT_XML.sub(lambda match: f"\\u{ord(match[0]):04x}", name)
            uri = uri or percent_encode(raw, safe="/")
        exact = "" if uri is None else f"<hashaudit:{EXACT_NAME}>{escape(uri)}</hashaudit:{EXACT_NAME}>"
        size = "" if record.state is None else f"<filesize>{record.state.size}</filesize>"
        digests = "".join(
            f"<hashdigest type={quoteattr(algorithm)}>{value}</hashdigest>"
            for algorithm, value in record.digests.items()
        )
        return f"<fileobject><filename>{escape(name)}</filename>{size}{digests}{exact}</fileobject>\n".encode()

    def footer(self) -> bytes:
        """The end of the document."""
        return b"</dfxml>\n"


def escaped_name(raw: bytes) -> bytes:
    """Returns a file name as coreutils writes it in a line that begins with a backslash."""
    return raw.replace(b"\\", b"\\\\").replace(b"\n", b"\\n").replace(b"\r", b"\\r")
