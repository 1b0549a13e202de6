"""Computes the digests of the pieces of a file while the file is read, and sends them as they come."""

from collections.abc import Callable, Sequence

from hashaudit.content.digests.multidigest import MultiDigest
from hashaudit.model.entry import Consistency
from hashaudit.model.file_pieces import PieceConfig, piece_member
from hashaudit.model.results import AlgorithmName, EntryResult, MemberResult
from hashaudit.workers.protocol import MemberFrame

FRAME_RESULTS = 1000
"""Most results of a frame."""


class PieceDigests:
    """The pieces of one read of a file.

    A read that is repeated begins again with the first piece, so the parent drops those of the read before.

    Args:
        algorithms: the digests to compute.
        config: size of a piece.
        position: numbers of the batch and of the file in it.
        send: sends a frame to the parent.
    """

    def __init__(
        self,
        algorithms: Sequence[AlgorithmName],
        config: PieceConfig,
        position: tuple[int, int],
        send: Callable[[MemberFrame], None],
    ) -> None:
        self._algorithms = algorithms
        self._config = config
        self._batch, self._item = position
        self._send = send
        self._running = MultiDigest(algorithms)
        self._length = 0
        self._results: list[MemberResult] = []
        self._count = 0
        self._sent = 0

    def update(self, data: bytes | bytearray | memoryview) -> None:
        """Adds bytes."""
        view, at = memoryview(data), 0
        while at < len(view):
            if self._length == self._config.size:
                self._end_piece()
            if self._count and self._config.first_only:
                return
            part = view[at : at + self._config.size - self._length]
            self._running.update(part)
            self._length += len(part)
            at += len(part)

    def finish(self) -> int:
        """Ends the last piece, sends what is left, and returns the number of pieces. An empty file has one."""
        if self._length or not self._count:
            self._end_piece()
        if self._results:
            self._flush()
        return self._count

    def _end_piece(self) -> None:
        digests: dict[str, str] = {name: value.hex() for name, value in self._running.digests().items()}
        member = piece_member(self._count, self._config.size, self._length)
        self._results.append(MemberResult((member,), EntryResult(0, None, self._length, Consistency.STABLE, digests)))
        self._count += 1
        self._length = 0
        self._running = MultiDigest(self._algorithms)
        if len(self._results) >= FRAME_RESULTS:
            self._flush()

    def _flush(self) -> None:
        self._send(MemberFrame(self._batch, self._item, self._sent, tuple(self._results)))
        self._sent += len(self._results)
        self._results.clear()
