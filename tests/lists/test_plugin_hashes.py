import io
import random
from collections.abc import Callable, Iterable, Iterator

import pytest

from hashaudit.content.perceptual.distance import distance
from hashaudit.content.perceptual.interface import Metric, PerceptualAlgorithm
from hashaudit.content.perceptual.perceptual_registry import PDQ
from hashaudit.errors import UsageError
from hashaudit.lists import plugin_hashes
from hashaudit.lists.algorithms import LENGTHS_BYTES
from hashaudit.lists.index.builder import IndexBuilder
from hashaudit.lists.index.index_reader import ListIndex
from hashaudit.lists.index.near.near_search import NearIndex
from hashaudit.lists.index.verify_index import verify_index
from hashaudit.lists.interface import ListEntry, ListInfo
from hashaudit.lists.match.near_match import NearMatcher
from hashaudit.model.results import AlgorithmName, PerceptualHash, Role

LENGTH_BYTES = 144
LONGEST_NAME = "h" * 32
Plug = Callable[[str, int], PerceptualAlgorithm]


@pytest.fixture
def plug() -> Iterator[Plug]:
    names: list[AlgorithmName] = []

    def plug_in(name: str, length_bytes: int) -> PerceptualAlgorithm:
        plugin_hashes.plug_in(name, length_bytes)
        names.append(AlgorithmName(name))
        return PerceptualAlgorithm(names[-1], 8 * length_bytes, PDQ.needs, 40_000, PDQ.hasher, Metric.SQUARED)

    yield plug_in
    for name in names:
        LENGTHS_BYTES.pop(name, None)
        plugin_hashes._PLUGIN_LENGTHS.pop(name, None)


def index_of(entries: Iterable[ListEntry]) -> ListIndex:
    target = io.BytesIO()
    with IndexBuilder() as builder:
        builder.begin(Role.DENY)
        for entry in entries:
            builder.add(plugin_hashes.with_plugin_hashes(entry))
        builder.end(ListInfo(name="", path="", role=Role.DENY, size=0, sha256="", mtime_ns=0, format=""))
        builder.write(target)
    index = ListIndex.from_bytes(target.getvalue())
    verify_index(index)
    return index


@pytest.mark.parametrize("name", ["toy", LONGEST_NAME])
def test_carried_values_are_matched_at_their_squared_distance(plug: Plug, name: str) -> None:
    algorithm = plug(name, LENGTH_BYTES)
    source = random.Random(7)
    values = [source.randbytes(LENGTH_BYTES) for _ in range(30)]
    near = bytes(byte ^ 16 for byte in values[3])
    index = index_of(ListEntry(f"id{row}", {}, unsupported={name: value.hex()}) for row, value in enumerate(values))
    matcher = NearMatcher([index], {}, plugged=[algorithm])
    matches, _ = matcher.match([PerceptualHash(algorithm.name, near.hex())])
    apart = distance(Metric.SQUARED, near, values[3])
    assert [(match.entry, match.distance, match.threshold) for match in matches] == [("id3", apart, 40_000)]
    assert not NearMatcher([index], {algorithm.name: apart - 1}, plugged=[algorithm]).match(
        [PerceptualHash(algorithm.name, near.hex())]
    )[0]


def test_value_without_content_matches_nothing(plug: Plug) -> None:
    algorithm = plug("toy", LENGTH_BYTES)
    index = index_of([ListEntry("flat", {}, unsupported={"toy": "00" * LENGTH_BYTES})])
    assert NearIndex(index, algorithm).search([bytes(LENGTH_BYTES)], 0)[0]
    assert not NearMatcher([index], {}, plugged=[algorithm]).match([PerceptualHash(algorithm.name, "01" * 144)])[0]


def test_hashes_of_a_missing_hasher_are_not_matched(plug: Plug) -> None:
    plug("toy", LENGTH_BYTES)
    value = "07" * LENGTH_BYTES
    index = index_of([ListEntry("1", {}, unsupported={"toy": value})])
    assert NearMatcher([index], {}).match([PerceptualHash(AlgorithmName("toy"), value)])[0] == ()


@pytest.mark.parametrize(("name", "length"), [("pdq", 32), ("sha256", 32), ("toy", 3), ("toy", 0)])
def test_existing_names_and_too_short_values_are_refused(plug: Plug, name: str, length: int) -> None:
    with pytest.raises(UsageError, match=name):
        plug(name, length)
    plug("other", 4)
    with pytest.raises(UsageError, match="other"):
        plug("other", 5)
