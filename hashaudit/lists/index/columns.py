"""Writer for columns: one value for each row, and nothing if the values are evenly spaced.

Numpy takes longer to import than a small list takes to write, so it is imported for full chunks only.
"""

import sys
from array import array
from typing import TYPE_CHECKING, BinaryIO

from hashaudit.lists.index.index_layout import AffineColumn, Column, StoredColumn
from hashaudit.lists.index.spool import pad, spool

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_CHUNK_VALUES = 1 << 16
"""Values between two checks of their spacing: half a megabyte."""

_VALUE_END = 1 << 64
"""All values are below this."""

_WORD_BYTES = 4
"""Width of a stored value below ``2 ** 32``."""


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

    def extend_evenly(self, first: int, step: int, count: int) -> None:
        """Adds ``count`` values, each ``step`` more than the one before."""
        if len(self._pending) + count < _CHUNK_VALUES:
            self._pending.extend(_evenly_spaced(first, step, count))
            return
        import numpy as np  # noqa: PLC0415 # start-up: see above

        self._flush()
        self._add(np.arange(count, dtype=np.uint64) * np.uint64(step) + np.uint64(first))

    def finish(self, target: BinaryIO) -> Column:
        """Appends the stored values to the section ``columns`` and returns the column."""
        if not self._affine_count and self._stored is None:
            return _small_column(self._pending, target)
        import numpy as np  # noqa: PLC0415 # start-up: see above

        self._flush()
        if self._stored is None:
            return AffineColumn(self._base, self._step)
        width = _WORD_BYTES if self._largest < 1 << 32 else 8
        offset = pad(target)
        self._stored.seek(0)
        while chunk := self._stored.read(_CHUNK_VALUES * 8):
            target.write(np.frombuffer(chunk, "<u8").astype(f"<u{width}").tobytes())
        self.close()
        return StoredColumn(offset, width)

    def _flush(self) -> None:
        import numpy as np  # noqa: PLC0415 # start-up: see above

        values = np.array(self._pending, dtype=np.uint64)
        del self._pending[:]
        self._add(values)

    def _add(self, values: "npt.NDArray[np.uint64]") -> None:
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

    def _continues(self, values: "npt.NDArray[np.uint64]") -> bool:
        import numpy as np  # noqa: PLC0415 # start-up: see above

        if not self._affine_count:
            self._base = int(values[0])
        if self._affine_count <= 1:
            second = int(values[1 - self._affine_count]) if len(values) > 1 - self._affine_count else self._base
            self._step = max(0, second - self._base)
        expected = self._evenly_spaced(self._affine_count, self._affine_count + len(values))
        return bool(np.array_equal(values, expected))

    def _evenly_spaced(self, begin: int, end: int) -> "npt.NDArray[np.uint64]":
        import numpy as np  # noqa: PLC0415 # start-up: see above

        return np.arange(begin, end, dtype=np.uint64) * np.uint64(self._step) + np.uint64(self._base)


def _evenly_spaced(base: int, step: int, count: int) -> "array[int]":
    """Returns ``count`` values, each ``step`` more than the one before, as far as they fit into a value."""
    if not step:
        return array("Q", [base]) * count
    return array("Q", range(base, min(base + step * count, _VALUE_END), step))


def _small_column(values: "array[int]", target: BinaryIO) -> Column:
    """Returns a column of less than a chunk, and appends its values to the section if they are not evenly spaced."""
    base = values[0] if values else 0
    step = max(0, values[1] - base) if len(values) > 1 else 0
    if values == _evenly_spaced(base, step, len(values)):
        return AffineColumn(base, step)
    width = _WORD_BYTES if max(values) < 1 << 32 else 8
    stored = array("I" if width == _WORD_BYTES else "Q", values)
    if sys.byteorder == "big":
        stored.byteswap()
    offset = pad(target)
    target.write(stored.tobytes())
    return StoredColumn(offset, width)
