"""A Bloom filter among the lists of a run: what the run header says of it, and how it gets to another process."""

import os

import msgspec

from hashaudit.errors import ListError
from hashaudit.lists.bloom import BloomFilter
from hashaudit.lists.file_state import FileState
from hashaudit.lists.interface import ListInfo, ListSpec
from hashaudit.model.paths import to_text
from hashaudit.model.results import AlgorithmName, Role

SHA1 = AlgorithmName("sha1")
"""The one digest that such a filter is asked for."""

FORMAT = "bloom"

ENTRY = "filter"
"""Stands for the entry's id: a filter cannot say which of its entries it means."""

LABELS = {"filter": "bloom (false positives by design)"}


class FilterImage(msgspec.Struct, frozen=True, array_like=True):
    """One filter of a run."""

    list_number: int
    """Its number in the run header."""
    path: bytes
    """Absolute."""
    state: FileState
    """Of the file that was hashed."""

    def open(self) -> BloomFilter:
        """Opens it for lookups.

        Raises:
            ListError: it cannot be read, is damaged, or is not the file that was meant.
        """
        path = os.fsdecode(self.path)
        opened = BloomFilter(path)
        if opened.state != self.state:
            opened.close()
            raise ListError(f"{path}: the filter has been replaced while it was in use; start again")
        return opened


def check_use(spec: ListSpec) -> None:
    """Refuses what a filter cannot be.

    Raises:
        ListError: it is to be looked for, or asked for another digest than SHA-1.
    """
    if spec.role is not Role.KNOWN:
        raise ListError(
            f"{spec.path}: a Bloom filter errs by design, so that a hit is no finding; give it to scan as --known"
        )
    if spec.algorithm not in {None, SHA1}:
        raise ListError(f"{spec.path}: the filter is of sha1 digests, not of {spec.algorithm}, which the option states")


def filter_info(image: FilterImage, spec: ListSpec, sha256: str) -> ListInfo:
    """What the run header says of a filter: its own counts, for nothing in it can be counted.

    Raises:
        ListError: as :meth:`FilterImage.open`.
    """
    path = to_text(os.fsencode(spec.path))[0]
    with image.open() as known:
        count, capacity, rate = known.count, known.capacity, known.false_positive_rate
    note = f"a filter made for {capacity:,} digests: when it is full it takes {rate:.2g} of all other files for known"
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
