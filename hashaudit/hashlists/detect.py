"""Which format a list has: told by its content alone, never by its name.

The table is static: code that is found at run time could change what is evidence.
"""

from hashaudit.errors import ListError
from hashaudit.hashlists.formats.coreutils import Coreutils
from hashaudit.hashlists.formats.hashdeep import Hashdeep
from hashaudit.hashlists.formats.md5deep import Md5deep
from hashaudit.hashlists.formats.plain import Plain
from hashaudit.hashlists.formats.table import Table
from hashaudit.hashlists.interface import ListFormat, ParseOptions

TABLE = Table()

FORMATS: tuple[ListFormat, ...] = (Hashdeep(), Md5deep(), Coreutils(), Plain(), TABLE)
"""In the order in which they are asked; formats with a mark of their own come before those that are told by shape."""

ACCEPTED = (
    "plain hashes, checksum files of coreutils, BSD and b3sum, hashdeep, md5deep, "
    "and comma, semicolon or tab separated text whose first line names the columns"
)


def detect(head: bytes, options: ParseOptions) -> ListFormat:
    """Names the format of a list.

    Args:
        head: its first bytes, at most 64 KiB, a byte-order mark and UTF-16 undone.
        options: mapped columns settle that it is a table.

    Raises:
        ListError: it is none of the formats; the message says which there are.
    """
    if not head.strip():
        raise ListError("the list is empty")
    if options.columns:
        return TABLE
    for candidate in FORMATS:
        if candidate.recognises(head):
            return candidate
    raise ListError(f"not a format that is read; accepted are {ACCEPTED}")
