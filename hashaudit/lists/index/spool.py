"""Temporary parts of an index that is being written."""

import tempfile
from typing import BinaryIO, cast

SPOOL_BYTES = 8 << 20
"""Maximum size in memory of a temporary part of an index; a larger one goes to a file."""

RUN_BYTES = 64 << 20
"""Bytes of records of one algorithm that wait in memory. Sorting takes about four times that; one algorithm is
sorted at a time."""

COLUMN_ALIGNMENT_BYTES = 8


def spool(directory: str | None) -> BinaryIO:
    """Returns a temporary file without a name that only this user can read; a small one is kept in memory."""
    return cast("BinaryIO", tempfile.SpooledTemporaryFile(max_size=SPOOL_BYTES, dir=directory))


def pad(target: BinaryIO) -> int:
    """Pads a section under construction to the alignment of columns, and returns the offset."""
    offset = target.tell()
    target.write(bytes(-offset % COLUMN_ALIGNMENT_BYTES))
    return target.tell()
