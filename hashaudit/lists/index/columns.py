"""Writer for columns: one value for each row, and nothing if the values are evenly spaced."""

import tempfile
from array import array
from typing import BinaryIO, cast

import numpy as np
import numpy.typing as npt

from hashaudit.lists.index.index_layout import AffineColumn, Column, StoredColumn

_CHUNK_VALUES = 1 << 16
"""Values between two checks of their spacing: half a megabyte."""

SPOOL_BYTES = 8 << 20
"""Maximum size in memory of a temporary part of an index; a larger one goes to a file."""

COLUMN_ALIGNMENT_BYTES = 8


def spool(directory: str | None) -> BinaryIO:
    """Returns a temporary file without a name that only this user can read; a small one is kept in memory."""
    return cast("BinaryIO", tempfile.SpooledTemporaryFile(max_size=SPOOL_BYTES, dir=directory))


class ColumnWriter:
    """Writer for one column of one list, in row order."""

    def __init__(self, directory: str | None) -> None:
        self._directory = directory
        self._pending = array("Q")
        self._base = 0
        self._step = 0
        self._affine_count = 0
        """Number of leading values that are not stored; all values if nothing is stored."""
        self._stored: BinaryIO | None = None
        self._largest = 0
        self.append = self._pending.append
        """Adds one value. :meth:`flush_full` must be called regularly."""

    def close(self) -> None:
        """Closes the temporary file, if there is one."""
        if self._stored is not None:
            self._stored.close()
            self._stored = None

    def flush_full(self) -> None:
        """Bounds the values waiting in memory."""
        if len(self._pending) >= _CHUNK_VALUES:
            self._flush()

    def extend(self, values: npt.NDArray[np.uint64]) -> None:
        """Adds many values."""
        self._flush()
        self._add(values)

    def _flush(self) -> None:
        values = np.array(self._pending, dtype=np.uint64)
        del self._pending[:]
        self._add(values)

    def _add(self, values: npt.NDArray[np.uint64]) -> None:
        if not len(values):
            return
        self._largest = max(self._largest, int(values.max()))
        if self._stored is None:
            if self._continues(values):
                self._affine_count += len(values)
                return
            self._stored = spool(self._directory)
            for begin in range(0, self._affine_count, _CHUNK_VALUES):
                end = min(begin + _CHUNK_VALUES, self._affine_count)
                self._stored.write(self._evenly_spaced(begin, end).tobytes())
        self._stored.write(values.astype("<u8", copy=False).tobytes())

    def _continues(self, values: npt.NDArray[np.uint64]) -> bool:
        if not self._affine_count:
            self._base = int(values[0])
        if self._affine_count <= 1:
            second = int(values[1 - self._affine_count]) if len(values) > 1 - self._affine_count else self._base
            self._step = max(0, second - self._base)
        expected = self._evenly_spaced(self._affine_count, self._affine_count + len(values))
        return bool(np.array_equal(values, expected))

    def _evenly_spaced(self, begin: int, end: int) -> npt.NDArray[np.uint64]:
        return np.arange(begin, end, dtype=np.uint64) * np.uint64(self._step) + np.uint64(self._base)

    def finish(self, target: BinaryIO) -> Column:
        """Appends the stored values to the section ``columns`` and returns the column."""
        self._flush()
        if self._stored is None:
            return AffineColumn(self._base, self._step)
        width = 4 if self._largest < 1 << 32 else 8
        offset = pad(target)
        self._stored.seek(0)
        while chunk := self._stored.read(_CHUNK_VALUES * 8):
            target.write(np.frombuffer(chunk, "<u8").astype(f"<u{width}").tobytes())
        self.close()
        return StoredColumn(offset, width)


def pad(target: BinaryIO) -> int:
    """Pads a section under construction to the alignment of columns, and returns the offset."""
    offset = target.tell()
    target.write(bytes(-offset % COLUMN_ALIGNMENT_BYTES))
    return target.tell()
