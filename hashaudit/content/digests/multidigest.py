"""Several digests of one stream of bytes, in one pass."""

from collections.abc import Sequence

from hashaudit.content.digests.digest_registry import DIGESTS, Digest
from hashaudit.errors import UsageError
from hashaudit.model.results import AlgorithmName


class MultiDigest:
    """Feeds every byte to each of the chosen digests."""

    __slots__ = ("_running",)

    def __init__(self, algorithms: Sequence[AlgorithmName]) -> None:
        self._running: list[tuple[AlgorithmName, Digest]] = [(name, DIGESTS[name].new()) for name in algorithms]

    def update(self, data: bytes | bytearray | memoryview) -> None:
        """Takes in more bytes."""
        for _, digest in self._running:
            digest.update(data)

    def digests(self) -> dict[AlgorithmName, bytes]:
        """The digest of all bytes so far, by algorithm, in the order of the table."""
        return {name: digest.digest() for name, digest in self._running}


def ordered(names: Sequence[str]) -> tuple[AlgorithmName, ...]:
    """The given algorithms without repeats, in the order of the table, which is the order of a finding's digests.

    Raises:
        UsageError: a name is not in the table.
    """
    unknown = sorted(name for name in names if name not in DIGESTS)
    if unknown:
        raise UsageError(f"no such digest: {', '.join(unknown)}; known are {', '.join(DIGESTS)}")
    wanted = set(names)
    return tuple(name for name in DIGESTS if name in wanted)
