"""The entry of a manifest: one file with its exact path."""

from collections.abc import Iterable, Iterator
from typing import BinaryIO, Protocol

import msgspec

from hashaudit.content.digests.digest_registry import DIGESTS
from hashaudit.errors import ListError
from hashaudit.lists.algorithms import algorithm_named
from hashaudit.lists.entry_fields import raw_digest
from hashaudit.model.results import AlgorithmName


class ManifestEntry(msgspec.Struct, frozen=True):
    """A file as a manifest describes it."""

    path: bytes
    """Exact bytes, as the manifest gives them: absolute, or below a directory that the manifest does not name."""
    digests: dict[AlgorithmName, bytes]
    """Raw bytes of the digests that can be compared; empty if there are none."""
    size: int | None = None
    """Bytes; ``None`` if the manifest does not give it."""


class ManifestInfo(msgspec.Struct, frozen=True, tag="manifest_info"):
    """The description of a manifest that was read to its end."""

    format: str
    size: int
    """Bytes of the file."""
    sha256: str
    malformed: tuple[int, ...] = ()
    """Numbers of the first lines of a list of known hashes that have none."""
    malformed_count: int = 0
    """Number of all such lines."""


class ManifestFormat(Protocol):
    """A format of manifests."""

    @property
    def name(self) -> str:
        """Name of the format: ``hashdeep``, ``checksums``, ..."""
        ...

    def recognises(self, head: bytes) -> bool:
        """Returns whether the first bytes are of this format (at most 64 KiB, as UTF-8 without a byte-order mark)."""
        ...

    def parse(self, stream: BinaryIO, algorithm: AlgorithmName | None) -> Iterator[ManifestEntry]:
        """Yields the entries in order.

        Args:
            stream: the manifest.
            algorithm: of digests whose algorithm the manifest does not name; ``None``: by their length.

        Raises:
            ListError: a line is not an entry. A manifest that is not understood as a whole would hide files.
        """
        ...


def digests_of(line: int, pairs: Iterable[tuple[str, str | bytes]]) -> dict[AlgorithmName, bytes]:
    """Returns the digests that this program computes, from pairs of a name and hex digits. Empty texts are skipped.

    Raises:
        ListError: a digest is not hex, or has another length than its algorithm.
    """
    digests: dict[AlgorithmName, bytes] = {}
    for name, text in pairs:
        algorithm = algorithm_named(name)
        if algorithm is None or algorithm not in DIGESTS or not text:
            continue
        raw = raw_digest(text)
        if raw is None or len(raw) != DIGESTS[algorithm].length_bytes:
            raise malformed(line, f"a digest that is not of {algorithm}")
        digests[algorithm] = raw
    return digests


def malformed(line: int, what: str) -> ListError:
    """Returns the error about a line that is not an entry.

    Args:
        line: its number, from 1.
        what: its defect; never a part of the line.
    """
    return ListError(f"line {line}: {what}", hint="make the manifest again; a damaged one would hide files")
