"""EnCase's legacy ``.hash`` files: a header of 1152 bytes, then records of an MD5 and two zero bytes.

Source: observation; agrees with what md5deep and The Sleuth Kit read.
"""

import struct
from collections.abc import Iterator
from typing import BinaryIO

from hashaudit.errors import ListError
from hashaudit.lists.entry_fields import entry_or_reject
from hashaudit.lists.interface import ListItem, ListMeta, ParseOptions, Rejected, RejectReason
from hashaudit.lists.syntax.lines import chunks_of
from hashaudit.model.counted import counted

_MAGIC = b"HASH\r\n\xff\0"
ENCASE_HEADER_BYTES = 1152
_COUNT_OFFSET = 16
_NAME_OFFSET = 1032
_NAME_BYTES = 78
"""Thirty-nine UTF-16 units."""
ENCASE_RECORD_BYTES = 18
_DIGEST_BYTES = 16


class Encase:
    """Reader of ``.hash`` files. Strict."""

    name = "encase"
    strict = True

    def recognises(self, head: bytes) -> bool:
        """Returns whether the file begins with the format's signature."""
        return head.startswith(_MAGIC)

    def parse(self, stream: BinaryIO, options: ParseOptions) -> Iterator[ListItem]:  # noqa: ARG002 - all is MD5
        """Yields the set's name and an entry for each record, counted from 1.

        Raises:
            ListError: the header is truncated, or the number of records is not the one that it states.
        """
        header = stream.read(ENCASE_HEADER_BYTES)
        if len(header) != ENCASE_HEADER_BYTES:
            raise ListError("the file is truncated inside its header", hint="get the file again")
        (stated,) = struct.unpack_from("<I", header, _COUNT_OFFSET)
        name = header[_NAME_OFFSET : _NAME_OFFSET + _NAME_BYTES].decode("utf-16-le", "replace").partition("\0")[0]
        yield ListMeta(name=name or None)
        count = 0
        for count, record in enumerate(_records(stream), 1):
            if record[_DIGEST_BYTES:] == b"\0\0":
                yield entry_or_reject(count, [("md5", record[:_DIGEST_BYTES].hex())], id=f"record {count}")
            else:
                yield Rejected(count, RejectReason.MALFORMED, "the record does not end in two zero bytes")
        if count != stated:
            raise ListError(
                f"the file has {counted(count, 'record')}, but its header states {stated}", hint="get the file again"
            )


def _records(stream: BinaryIO) -> Iterator[bytes]:
    rest = b""
    for chunk in chunks_of(stream):
        data = rest + chunk
        whole = len(data) - len(data) % ENCASE_RECORD_BYTES
        for start in range(0, whole, ENCASE_RECORD_BYTES):
            yield data[start : start + ENCASE_RECORD_BYTES]
        rest = data[whole:]
    if rest:
        raise ListError("the file is truncated inside a record", hint="get the file again")
