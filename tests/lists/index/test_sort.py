"""Sorting in runs, and merging them in windows, against sorting all at once."""

import random
import tracemalloc
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pytest

from hashaudit.lists.index import sort
from hashaudit.lists.index.sort import DigestSorter, Records

WIDTH = 16
RECORD_BYTES = WIDTH + 4


def keep_all(records: Records, tied: npt.NDArray[np.bool_]) -> Records:
    digests = records["digest"]
    assert tied.tolist() == (digests[1:] == digests[:-1]).tolist()
    return records


def spread(source: random.Random) -> Iterator[bytes]:
    while True:
        yield source.randbytes(WIDTH)


def crowded(source: random.Random) -> Iterator[bytes]:
    while True:
        yield bytes(9) + bytes([source.randrange(4)]) + bytes(6)


def same(_: random.Random) -> Iterator[bytes]:
    while True:
        yield bytes(WIDTH)


def ascending(_: random.Random) -> Iterator[bytes]:
    number = 0
    while True:
        number += 1
        yield number.to_bytes(WIDTH)


@pytest.mark.parametrize("kind", [spread, crowded, same, ascending])
@pytest.mark.parametrize("run_records", [1, 7, 100, 10_000])
@pytest.mark.parametrize("merge_records", [1, 30])
def test_chunks_are_all_records_in_order(
    monkeypatch: pytest.MonkeyPatch, kind: type, run_records: int, merge_records: int
) -> None:
    monkeypatch.setattr(sort, "RUN_BYTES", run_records * RECORD_BYTES)
    monkeypatch.setattr(sort, "MERGE_BYTES", merge_records * RECORD_BYTES)
    source = kind(random.Random(5))
    sorter = DigestSorter(WIDTH, keep_all)
    added: list[bytes] = []
    while len(added) < 500:
        block = [next(source) for _ in range(random.Random(len(added)).randrange(1, 60))]
        sorter.extend(b"".join(block), len(added))
        added += block
    assert sorter.total == len(added)
    chunks = [[(digest.ljust(WIDTH, b"\0"), row) for digest, row in chunk.tolist()] for chunk in sorter.sorted_chunks()]
    sorter.close()
    assert [record for chunk in chunks for record in chunk] == sorted(zip(added, range(len(added)), strict=True))
    assert all(chunk for chunk in chunks)
    firsts = [chunk[0][0] for chunk in chunks]
    assert all(before[-1][0] < first for before, first in zip(chunks, firsts[1:], strict=False))


def test_merging_holds_no_more_than_its_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sort, "RUN_BYTES", 200 * RECORD_BYTES)
    monkeypatch.setattr(sort, "MERGE_BYTES", 100 * RECORD_BYTES)
    source = random.Random(6)
    sorter = DigestSorter(WIDTH, keep_all)
    for number in range(100):
        sorter.extend(source.randbytes(50 * WIDTH), number * 50)
    sizes = [len(chunk) for chunk in sorter.sorted_chunks()]
    sorter.close()
    assert sum(sizes) == 5000
    assert max(sizes) <= 100


def test_runs_that_wait_hold_no_records(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sort, "RUN_BYTES", 1 << 20)
    monkeypatch.setattr("hashaudit.lists.index.spool.SPOOL_BYTES", 1 << 10)
    sorter = DigestSorter(WIDTH, keep_all)
    digests = random.Random(7).randbytes(WIDTH << 16)
    tracemalloc.start()
    try:
        for number in range(12):
            sorter.extend(digests, number << 16)
        held_bytes, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        sorter.close()
    assert held_bytes < 2 << 20


def test_nothing_sorts_to_nothing() -> None:
    assert list(DigestSorter(WIDTH, keep_all).sorted_chunks()) == []
