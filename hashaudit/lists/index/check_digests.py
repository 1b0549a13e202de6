"""Lookup of the digests of a list in an index, without showing anything of the index."""

from collections.abc import Iterator, Sequence
from typing import BinaryIO

import msgspec

from hashaudit.lists.algorithms import LENGTHS_BYTES
from hashaudit.lists.index.batch_lookup import lookup_many
from hashaudit.lists.index.index_reader import ListIndex
from hashaudit.lists.interface import DigestBlock, ListEntry, ParseOptions, Rejected, RejectReason
from hashaudit.lists.open_list import open_stream


class Checked(msgspec.Struct, frozen=True):
    """The result for one record of the input."""

    id: str
    """The record's own id in the input, or ``line N``."""
    lists: tuple[int, ...]
    """Numbers of the lists that have one of its digests; empty if none does."""
    rejected: RejectReason | None = None
    """Reason why the record was not looked up."""


def check(stream: BinaryIO, indexes: Sequence[ListIndex], options: ParseOptions) -> Iterator[Checked]:
    """Looks up each record of a list.

    Args:
        stream: a list in any streamable format, such as the output of ``sha256sum``.
        indexes: all are searched.
        options: settings for reading the list.

    Raises:
        ListError: the input is not a supported list, or an index is damaged.
    """
    for item in open_stream(stream, options).items:
        if isinstance(item, DigestBlock):
            yield from _check_block(item, indexes)
        elif isinstance(item, ListEntry):
            hits = (hit for index in indexes for pair in item.digests.items() for hit in index.lookup(*pair))
            yield Checked(item.id, _numbers(hit.list_number for hit in hits))
        elif isinstance(item, Rejected):
            yield Checked(f"line {item.line}", (), item.reason)


def _check_block(block: DigestBlock, indexes: Sequence[ListIndex]) -> Iterator[Checked]:
    found: dict[int, list[int]] = {}
    for index in indexes:
        for number, hits in lookup_many(index, block.algorithm, block.digests):
            found.setdefault(number, []).extend(hit.list_number for hit in hits)
    for number in range(len(block.digests) // LENGTHS_BYTES[block.algorithm]):
        yield Checked(f"line {block.first_line + number}", _numbers(found.get(number, ())))


def _numbers(numbers: "Iterator[int] | Sequence[int]") -> tuple[int, ...]:
    return tuple(sorted(set(numbers)))
