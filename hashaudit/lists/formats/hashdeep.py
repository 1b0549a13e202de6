"""hashdeep's own format, version 1.0.

Names are not escaped, so a file name with a newline can write whole lines. A reader cannot distinguish a well-formed
line of that kind from an entry. It can refuse what does not fit: a line that is not a record, and a comment after the
first record, which only a newline in the recorded command or in a name can produce.

Source: the file FILEFORMAT of hashdeep 4.4.
"""

from collections.abc import Iterator
from typing import BinaryIO

from hashaudit.errors import ListError
from hashaudit.lists.algorithms import algorithm_named, is_unsupported
from hashaudit.lists.entry_fields import PIECE, entry_or_reject, label_text
from hashaudit.lists.hash_words import name_remarks
from hashaudit.lists.interface import ListEntry, ListItem, ParseOptions, Rejected, RejectReason
from hashaudit.lists.syntax.checksum_lines import PIECE_MARK
from hashaudit.lists.syntax.lines import Line, numbered_lines

_MAGIC = b"%%%% HASHDEEP-1.0"
_COLUMNS_MARK = b"%%%% "


class Hashdeep:
    """Reader of hashdeep's files. Strict."""

    name = "hashdeep"
    strict = True

    def recognises(self, head: bytes) -> bool:
        """Returns whether the first line is the format's name."""
        return head.split(b"\n", 1)[0].rstrip(b"\r") == _MAGIC

    def parse(self, stream: BinaryIO, options: ParseOptions) -> Iterator[ListItem]:  # noqa: ARG002 - the list names its algorithms
        """Yields an entry for each record, the file's name as the label ``name``.

        Raises:
            ListError: the header is missing, or has unknown columns.
        """
        lines = numbered_lines(stream)
        hashes = _hash_columns(lines)
        past_comments = False
        for number, line, _ in lines:
            if line is None:
                yield Rejected(number, RejectReason.TOO_LONG)
            elif not line.startswith(b"#"):
                past_comments = True
                yield _entry(number, line, hashes)
            elif past_comments:
                yield Rejected(number, RejectReason.MALFORMED, "a comment after the first record")


def _hash_columns(lines: Iterator[Line]) -> list[str]:
    magic, header = (next(lines, (0, None, False))[1] for _ in range(2))
    if magic != _MAGIC or header is None or not header.startswith(_COLUMNS_MARK):
        raise ListError("line 2: hashdeep's line of column names is missing", hint="get the list again")
    columns = header.removeprefix(_COLUMNS_MARK).decode("ascii", "replace").split(",")
    if len(columns) < 3 or columns[0] != "size" or columns[-1] != "filename":
        raise ListError("line 2: hashdeep's columns must be size, one or more hashes, filename")
    names = [name if is_unsupported(name) else algorithm_named(name) for name in columns[1:-1]]
    hashes = [name for name in names if name is not None]
    if len(hashes) != len(names):
        raise ListError("line 2: a column of hashdeep is not a known hash")
    return hashes


def _entry(number: int, line: bytes, hashes: list[str]) -> ListEntry | Rejected:
    fields = line.split(b",", len(hashes) + 1)
    if len(fields) != len(hashes) + 2:
        return Rejected(number, RejectReason.MALFORMED, "not the number of fields of the header")
    size, *texts, name = fields
    if not (size.isdigit() and name and all(texts)):
        return Rejected(number, RejectReason.MALFORMED, "not a size, hashes and a file name")
    if PIECE_MARK.search(name):
        return Rejected(number, RejectReason.UNSUPPORTED, PIECE)
    return entry_or_reject(
        number,
        zip(hashes, texts, strict=True),
        size=size,
        labels={"name": label_text(name)},
        remarks=name_remarks(name, *texts),
        keep_good=False,
    )
