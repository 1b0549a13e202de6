"""A manifest in DFXML. Start-up: apart from the other forms, because the elements of exports take long to load."""

from xml.sax.saxutils import escape

from hashaudit.exports.dfxml_export import END, beginning, digest_elements, exact_path
from hashaudit.exports.export_values import xml_text
from hashaudit.record.schema import FileRecord


class Dfxml:
    """DFXML (schema 1.2.0). A name that XML cannot hold is escaped there, and exact in an element of our own."""

    def header(self) -> bytes:
        """The beginning of the document."""
        return beginning()

    def lines(self, record: FileRecord) -> bytes:
        """One element."""
        size = "" if record.state is None else f"<filesize>{record.state.size}</filesize>"
        parts = (f"<filename>{escape(xml_text(record.entry.path))}</filename>", size, *digest_elements(record))
        return f"<fileobject>{''.join(parts)}{''.join(exact_path(record))}</fileobject>\n".encode()

    def footer(self) -> bytes:
        """The end of the document."""
        return END
