"""Where a file's bytes go as they are read."""

from typing import TYPE_CHECKING

from hashaudit.content.digests.multidigest import MultiDigest
from hashaudit.model.results import AlgorithmName
from hashaudit.workers.protocol import FED_BYTES

if TYPE_CHECKING:
    from hashaudit.workers.child.pictures import ContentBuffer


class Content(MultiDigest):
    """Takes a file's bytes to its digests, and where pictures are looked at, to the decoder.

    Counts the bytes where the parent can see them, so that a large file shows progress.
    """

    __slots__ = ("_progress", "capture")

    def __init__(
        self, algorithms: tuple[AlgorithmName, ...], progress: memoryview, capture: "ContentBuffer | None"
    ) -> None:
        super().__init__(algorithms)
        self._progress = progress
        self.capture = capture

    def update(self, data: bytes | bytearray | memoryview) -> None:
        """Takes in more bytes."""
        super().update(data)
        if self.capture is not None:
            self.capture.take(data)
        self._progress[FED_BYTES] += len(data)
