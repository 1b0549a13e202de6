"""Sorts the names of a directory in bounded memory.

Names beyond the limit go as sorted runs to one unlinked temporary file and are merged on use. The file is a stack,
because the names of a directory are used up before those of its parent continue.
"""

import heapq
import operator
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import IO

from hashaudit.errors import OutputError

OTHER = b"0"
DIRECTORY = b"1"
"""First byte of an item. Plain sorting then puts non-directories first."""

MAX_NAMES_IN_MEMORY = 65_536
"""Names in memory at once, over all directories in progress: some 5 MB."""

_LEAST_RUN_NAMES = 256
"""Shortest run: merging shorter ones would cost more than holding them."""

_END = b"\0"
"""Cannot be part of a name."""

_READ_BYTES = 16_384
"""Bytes of a run per read: a directory of ten million names has some 150 runs open at once."""


class ExternalSort:
    """Sorts the items of nested directories. Close it to free its temporary file."""

    def __init__(self, held_names: int = MAX_NAMES_IN_MEMORY) -> None:
        self._may_hold = held_names
        self._held = 0
        self._file: IO[bytes] | None = None
        self._end = 0

    def close(self) -> None:
        """Frees the temporary file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def sort(self, items: Iterable[bytes]) -> Iterator[bytes]:
        """Reads all items (:data:`OTHER` or :data:`DIRECTORY` and a name) and returns them sorted, each once.

        On FUSE and NFS a listing may name an entry several times, and on any filesystem while names change.

        Use up or drop its result before continuing with an earlier one.

        Raises:
            OutputError: temporary space cannot be written.
        """
        run_names = max(_LEAST_RUN_NAMES, self._may_hold - self._held)
        remaining = iter(items)
        run = sorted(islice(remaining, run_names))
        if len(run) < run_names:
            return self._hold(run)
        start = self._end
        spans = []
        while run:
            spans.append(self._write(run))
            run = sorted(islice(remaining, run_names))
        return self._merge(start, spans)

    def _hold(self, run: list[bytes]) -> Iterator[bytes]:
        if True in map(operator.eq, run, islice(run, 1, None)):
            run = list(dict.fromkeys(run))
        # No generator, because this is the inner loop of a walk.
        return chain(run, _Held(self, len(run)))

    def hold(self, count: int) -> None:
        """Counts names that are in memory, or no longer if negative."""
        self._held += count

    def _merge(self, start: int, spans: list[tuple[int, int]]) -> Iterator[bytes]:
        try:
            last = None
            for item in heapq.merge(*(self._read(*span) for span in spans)):
                if item != last:
                    yield item
                last = item
        finally:
            self._end = start

    def _write(self, run: list[bytes]) -> tuple[int, int]:
        start = self._end
        try:
            if self._file is None:
                import tempfile  # noqa: PLC0415 # start-up: it loads compressions

                self._file = tempfile.TemporaryFile()  # noqa: SIM115 # lives as long as the sorter
            self._file.seek(start)
            self._file.truncate()
            self._file.writelines(item + _END for item in run)
            self._file.flush()
            self._end = self._file.tell()
        except OSError as error:
            raise _no_space(error) from error
        return start, self._end

    def _read(self, start: int, end: int) -> Iterator[bytes]:
        rest = b""
        while start < end:
            chunk = self._read_at(start, min(_READ_BYTES, end - start))
            start += len(chunk)
            *items, rest = (rest + chunk).split(_END)
            yield from items

    def _read_at(self, position: int, size: int) -> bytes:
        if self._file is None:
            raise OutputError("a sorted directory was used after its sorter was closed")
        try:
            self._file.seek(position)
            chunk = self._file.read(size)
        except OSError as error:
            raise _no_space(error) from error
        if len(chunk) != size:
            raise OutputError("cannot read back temporary data")
        return chunk


class _Held:
    """Stands behind the names of a directory: they are out of memory once it is reached or dropped."""

    __slots__ = ("_count", "_sorter")

    def __init__(self, sorter: ExternalSort, count: int) -> None:
        self._sorter, self._count = sorter, count
        sorter.hold(count)

    def __iter__(self) -> Iterator[bytes]:
        self._release()
        return iter(())

    def __del__(self) -> None:
        self._release()

    def _release(self) -> None:
        count, self._count = self._count, 0
        self._sorter.hold(-count)


def _no_space(error: OSError) -> OutputError:
    import tempfile  # noqa: PLC0415 # as above

    return OutputError(f"cannot sort a large directory in temporary space: '{tempfile.gettempdir()}'; {error.strerror}")
