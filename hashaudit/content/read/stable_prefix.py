"""Proves that the beginning of a file that grows stayed the same: two readings of it have equal digests.

docs/adr/0121-read-appended-files.md says what is proven by that.
"""

import os
from collections.abc import Callable, Mapping
from typing import Protocol

import msgspec

from hashaudit.content.read.feed import Sink
from hashaudit.host.files import stat_of
from hashaudit.model.entry import Stat
from hashaudit.model.results import AlgorithmName


class PrefixSink(Sink, Protocol):
    """A sink with digests."""

    def digests(self) -> Mapping[AlgorithmName, bytes]:
        """Returns the digests of all bytes so far."""
        ...


class StablePrefix(msgspec.Struct, frozen=True):
    """The beginning of a file that was appended to while it was read."""

    stat: Stat
    """The state when the first of the two readings began. The prefix has its size."""
    digests: Mapping[AlgorithmName, bytes]


class Tee:
    """A sink that passes bytes on, and the first of them to a second sink too."""

    __slots__ = ("_first", "_left", "_whole")

    def __init__(self, whole: Sink, first: Sink, length: int) -> None:
        """Creates the sink.

        Args:
            whole: gets all bytes.
            first: gets the first ``length`` bytes.
            length: of the prefix.
        """
        self._whole = whole
        self._first = first
        self._left = length

    @property
    def is_filled(self) -> bool:
        """True if the second sink has got all its bytes."""
        return self._left == 0

    def update(self, data: memoryview) -> None:
        """Adds bytes."""
        if self._left:
            part = data[: self._left]
            self._first.update(part)
            self._left -= len(part)
        self._whole.update(data)


class PrefixProof:
    """Compares the prefix of two readings of one file in a row.

    Args:
        make_sink: makes the sink for the prefix.
    """

    def __init__(self, make_sink: Callable[[], PrefixSink]) -> None:
        self._make_sink = make_sink
        self._earlier: os.stat_result | None = None
        """The state at the beginning of the earlier reading."""
        self._earlier_end: os.stat_result | None = None
        self._digests: Mapping[AlgorithmName, bytes] = {}
        self._sink: PrefixSink | None = None
        self._tee: Tee | None = None
        self.prefix: StablePrefix | None = None
        """The prefix that the last two readings prove."""

    def begin(self, sink: Sink, before: os.stat_result) -> Tee:
        """Begins a reading and returns its sink.

        Args:
            sink: gets the whole content.
            before: the state of the open file.
        """
        self.prefix = None
        if self._earlier is None or not _has_grown(self._earlier_end, before):
            self._earlier = None
        length = before.st_size if self._earlier is None else self._earlier.st_size
        self._sink = self._make_sink()
        self._tee = Tee(sink, self._sink, length)
        return self._tee

    def end(self, before: os.stat_result, after: os.stat_result, *, is_at_path: bool) -> None:
        """Ends a reading during which the file changed.

        Args:
            before: the state of the open file before it.
            after: the state after it.
            is_at_path: the path still leads to the file.
        """
        sink, tee, earlier = self._sink, self._tee, self._earlier
        if sink is None or tee is None or not tee.is_filled or not is_at_path or not _has_grown(before, after):
            self._earlier = None
            return
        digests = sink.digests()
        if earlier is None:
            self._earlier, self._earlier_end, self._digests = before, after, digests
            return
        self._earlier = None
        if digests == self._digests and earlier.st_size and after.st_size > earlier.st_size:
            self.prefix = StablePrefix(stat_of(earlier), digests)


def _has_grown(before: os.stat_result | None, after: os.stat_result) -> bool:
    """Returns whether a file may have been appended to and nothing else: same file, same kind, not shorter."""
    if before is None or after.st_size < before.st_size:
        return False
    return (before.st_dev, before.st_ino, before.st_mode) == (after.st_dev, after.st_ino, after.st_mode)
