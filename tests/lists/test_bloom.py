import struct
from pathlib import Path

import pytest

from hashaudit.errors import ListError
from hashaudit.lists.bloom import BloomFilter, is_bloom_filter

KNOWN = [
    "f572d396fae9206628714fb2ce00f72e94f2258f",
    "11f6ad8ec52a2984abaafd7c3b516503785c2072",
    "da39a3ee5e6b4b0d3255bfef95601890afd80709",
]


def header(**fields: float) -> bytes:
    values = {"version": 1, "capacity": 1000, "rate": 0.0001, "hashes": 14, "bits": 19170, "count": 3, **fields}
    return struct.pack("<QQdQQQ", *values.values())


def test_holds_what_another_implementation_put_in(samples: Path) -> None:
    with BloomFilter(str(samples / "hashlookup_synthetic.bloom")) as known:
        assert all(known.may_hold(bytes.fromhex(sha1)) for sha1 in KNOWN)
        others = sum(known.may_hold(number.to_bytes(20, "big")) for number in range(2000))
        assert others == 0
        assert (known.capacity, known.count) == (1000, 3)


def test_only_a_sha1_can_be_asked_for(samples: Path) -> None:
    with BloomFilter(str(samples / "hashlookup_synthetic.bloom")) as known, pytest.raises(ValueError, match="twenty"):
        known.may_hold(bytes(16))


@pytest.mark.parametrize(
    "fields",
    [
        {"version": 2},
        {"capacity": 0},
        {"rate": 1.0},
        {"rate": float("nan")},
        {"hashes": 0},
        {"hashes": 65},
        {"bits": 0},
    ],
)
def test_other_headers_are_not_a_filter(tmp_path: Path, fields: dict[str, float]) -> None:
    assert is_bloom_filter(header())
    assert not is_bloom_filter(header(**fields))
    path = tmp_path / "filter"
    path.write_bytes(header(**fields) + bytes(3000))
    with pytest.raises(ListError, match="not a Bloom filter"):
        BloomFilter(str(path))


def test_a_truncated_filter_is_refused(samples: Path, tmp_path: Path) -> None:
    whole = (samples / "hashlookup_synthetic.bloom").read_bytes()
    path = tmp_path / "filter"
    for content in (header(bits=1 << 62), whole[:1000], whole[: 48 + 300 * 8 - 1]):
        path.write_bytes(content)
        with pytest.raises(ListError, match="truncated"):
            BloomFilter(str(path))
    path.write_bytes(whole[: 48 + 300 * 8])
    with BloomFilter(str(path)) as known:
        assert known.may_hold(bytes.fromhex(KNOWN[0]))
    for content in (b"", whole[:47]):
        path.write_bytes(content)
        with pytest.raises(ListError, match="not a Bloom filter"):
            BloomFilter(str(path))


def test_a_filter_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ListError, match="cannot read"):
        BloomFilter(str(tmp_path / "missing"))


@pytest.mark.parametrize("fields", [{"count": 1001}, {"count": (1 << 64) - 1}, {"capacity": 19171}])
def test_a_filter_that_claims_more_than_it_can_hold_is_refused(tmp_path: Path, fields: dict[str, float]) -> None:
    path = tmp_path / "filter"
    path.write_bytes(header(count=1000) + bytes(2400))
    BloomFilter(str(path)).close()
    path.write_bytes(header(**fields) + bytes(2400))
    with pytest.raises(ListError, match="more entries than it can"):
        BloomFilter(str(path))
