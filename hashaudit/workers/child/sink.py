"""The sink of a worker: the destination of the bytes of a file."""

from typing import TYPE_CHECKING

from hashaudit.content.containers.sniff import ContainerProbe
from hashaudit.content.digests.multidigest import MultiDigest
from hashaudit.model.results import AlgorithmName
from hashaudit.workers.protocol import FED_BYTES

if TYPE_CHECKING:
    from hashaudit.workers.child.pictures import ContentBuffer


class Content(MultiDigest):
    """Feeds the bytes of a file to its digests, the detection of containers, and the image buffer.

    Counts the bytes in the shared progress memory, so that a large file shows progress.
    """

    __slots__ = ("_progress", "capture", "probe")

    def __init__(
        self, algorithms: tuple[AlgorithmName, ...], progress: memoryview, capture: "ContentBuffer | None"
    ) -> None:
        super().__init__(algorithms)
        self._progress = progress
        self.capture = capture
        self.probe = ContainerProbe()

    def update(self, data: bytes | bytearray | memoryview) -> None:
        """Adds bytes."""
        super().update(data)
        self.probe.take(data)
        if self.capture is not None:
            self.capture.take(data)
        self._progress[FED_BYTES] += len(data)
