"""Computes several digests of one stream of bytes in one pass."""

from collections.abc import Sequence

from hashaudit.content.digests.digest_registry import DIGESTS, Digest
from hashaudit.errors import UsageError
from hashaudit.model.results import AlgorithmName


class MultiDigest:
    """Several running digests of the same bytes."""

    __slots__ = ("_running",)

    def __init__(self, algorithms: Sequence[AlgorithmName]) -> None:
        self._running: list[tuple[AlgorithmName, Digest]] = [(name, DIGESTS[name].new()) for name in algorithms]

    def update(self, data: bytes | bytearray | memoryview) -> None:
        """Adds bytes to each digest."""
        for _, digest in self._running:
            digest.update(data)

    def digests(self) -> dict[AlgorithmName, bytes]:
        """Returns the digests of all bytes so far, by algorithm, in the order of the registry."""
        return {name: digest.digest() for name, digest in self._running}


def ordered(names: Sequence[str]) -> tuple[AlgorithmName, ...]:
    """Removes duplicates and sorts algorithms in the order of the registry, which is that of a finding's digests.

    Raises:
        UsageError: a name is not in the registry.
    """
    unknown = sorted(name for name in names if name not in DIGESTS)
    if unknown:
        raise UsageError(f"unknown digest: '{', '.join(unknown)}'", hint=f"known digests: {', '.join(DIGESTS)}")
    wanted = set(names)
    return tuple(name for name in DIGESTS if name in wanted)
