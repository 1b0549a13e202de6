"""A Bloom filter among the lists of a scan: its description in the run header, and its form for other processes."""

import os

import msgspec

from hashaudit.errors import ListError
from hashaudit.lists.bloom import BloomFilter
from hashaudit.lists.file_state import FileState
from hashaudit.lists.interface import ListInfo, ListSpec
from hashaudit.model.counted import counted
from hashaudit.model.paths import to_text
from hashaudit.model.results import AlgorithmName, Role

SHA1 = AlgorithmName("sha1")
"""The digest by which such a filter is queried."""

FORMAT = "bloom"

ENTRY = "filter"
"""Placeholder for the entry's id: a filter cannot name the entry that matched."""

LABELS = {"filter": "bloom (false positives by design)"}


class FilterHandle(msgspec.Struct, frozen=True, array_like=True):
    """One filter of a scan, as it is sent to another process."""

    list_number: int
    """Number of the filter in the run header."""
    path: bytes
    """Absolute path."""
    state: FileState
    """State of the file that was hashed."""

    def open(self) -> BloomFilter:
        """Opens the filter for lookups.

        Raises:
            ListError: the filter cannot be read, is damaged, or was replaced.
        """
        path = os.fsdecode(self.path)
        opened = BloomFilter(path)
        if opened.state != self.state:
            opened.close()
            raise ListError(f"Bloom filter was replaced while it was in use: '{path}'", hint="start again")
        return opened


def check_filter_spec(spec: ListSpec) -> None:
    """Refuses settings that a filter does not support.

    Raises:
        ListError: the filter is given as a list to search for, or with an algorithm other than SHA-1.
    """
    if spec.role is not Role.KNOWN:
        raise ListError(
            f"cannot search for a Bloom filter: '{spec.path}'; it has false positives by design",
            hint="use it with --known",
        )
    if spec.algorithm not in {None, SHA1}:
        raise ListError(
            f"wrong algorithm for a Bloom filter: '{spec.algorithm}'; '{spec.path}' holds sha1 digests",
            hint="omit the algorithm before the file name",
        )


def filter_info(image: FilterHandle, spec: ListSpec, sha256: str) -> ListInfo:
    """Returns the description of a filter with the counts that it states; nothing in a filter can be counted.

    Raises:
        ListError: same as :meth:`FilterHandle.open`.
    """
    path = to_text(os.fsencode(spec.path))[0]
    with image.open() as known:
        count, capacity, rate = known.count, known.capacity, known.false_positive_rate
    note = f"filter for {counted(capacity, 'digest')}; when full, its false-positive rate is {rate:.2g}"
    return ListInfo(
        name=os.path.basename(path),
        path=path,
        role=Role.KNOWN,
        size=image.state.size_bytes,
        sha256=sha256,
        mtime_ns=image.state.mtime_ns,
        format=FORMAT,
        algorithms=(SHA1,),
        read=count,
        kept=count,
        warnings=(note,),
    )
