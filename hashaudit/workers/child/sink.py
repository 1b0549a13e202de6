"""The sink of a worker: the destination of the bytes of a file."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from hashaudit.content.containers.sniff import ContainerProbe
from hashaudit.content.digests.digest_threads import ParallelDigest
from hashaudit.content.digests.multidigest import MultiDigest
from hashaudit.model.containers import ContainerKind, ContainerResult
from hashaudit.model.faults import Fault
from hashaudit.model.results import AlgorithmName
from hashaudit.workers.protocol import FED_BYTES

if TYPE_CHECKING:
    from hashaudit.workers.child.held_object import HeldObject
    from hashaudit.workers.child.pictures import ContentBuffer
    from hashaudit.workers.child.piece_digests import PieceDigests


class Content(MultiDigest):
    """Feeds the bytes of a file to its digests, the detection of containers, and the image buffer.

    Counts the bytes in the shared progress memory, so that a large file shows progress.
    """

    __slots__ = (
        "_begins",
        "_counter",
        "_parallel",
        "_progress",
        "capture",
        "container",
        "container_faults",
        "held",
        "pieces",
        "probe",
    )

    def __init__(
        self,
        algorithms: tuple[AlgorithmName, ...],
        progress: memoryview,
        capture: "ContentBuffer | None",
        counter: int = FED_BYTES,
        *,
        parallel: ParallelDigest | None = None,
        pieces: "PieceDigests | None" = None,
        held: "HeldObject | None" = None,
        begins: "Callable[[ContainerKind], None] | None" = None,
    ) -> None:
        """Creates the sink of one file.

        Args:
            algorithms: the digests to compute.
            progress: memory shared with the parent.
            capture: buffers an image; ``None``: no image is decoded.
            counter: word of the progress memory that counts the bytes.
            parallel: computes the digests in threads; ``None``: this object does.
            pieces: computes the digests of pieces; ``None``: there are none.
            held: keeps the content of an object; ``None``: it can be read again.
            begins: called with the kind of container that the first bytes are; it may raise.
        """
        super().__init__(() if parallel is not None else algorithms)
        self._parallel = parallel
        self._progress = progress
        self._counter = counter
        self.container: ContainerResult | None = None
        """The result of opening the content, if that was done."""
        self.container_faults: tuple[Fault, ...] = ()
        self.capture = capture
        self.pieces = pieces
        self.held = held
        self._begins = begins
        self.probe = ContainerProbe()

    def update(self, data: bytes | bytearray | memoryview) -> None:
        """Adds bytes."""
        if self._parallel is not None:
            self._parallel.update(data)
        else:
            super().update(data)
        if self.pieces is not None:
            self.pieces.update(data)
        self.probe.take(data)
        if self._begins is not None and self.probe.begins_as is not None:
            self._begins(self.probe.begins_as)
        if self.held is not None:
            self.held.take(data, self.probe)
        if self.capture is not None:
            self.capture.take(data)
        self._progress[self._counter] += len(data)

    def digests(self) -> dict[AlgorithmName, bytes]:
        """Returns the digests of all bytes so far."""
        return super().digests() if self._parallel is None else self._parallel.digests()
