"""The entry of a manifest: one file with its exact path."""

from collections.abc import Iterator
from typing import BinaryIO, Protocol

import msgspec

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
