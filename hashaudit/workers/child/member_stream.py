"""The content of one member, which goes to its sink as it is read."""

from collections.abc import Iterator

from hashaudit.content.containers.inside_budget import Budget, LimitReachedError
from hashaudit.content.containers.interface import ContainerError
from hashaudit.content.containers.sniff import FIRST_BYTES
from hashaudit.workers.child.sink import Content


class MemberStream:
    """Gives the content of a member to its sink as it is read. It ends at an error, and keeps it."""

    def __init__(self, chunks: Iterator[bytes], sink: Content, budget: Budget) -> None:
        self._chunks = chunks
        self._sink = sink
        self._budget = budget
        self._is_begun = False
        self.count = 0
        """Bytes so far."""
        self.error: ContainerError | None = None

    def __iter__(self) -> "MemberStream":
        return self

    def __next__(self) -> bytes:
        data = self._next()
        if not self._is_begun:
            # The kind of a file is detected in its first piece.
            self._is_begun = True
            pieces, length = [data], len(data)
            while data and length < FIRST_BYTES:
                data = self._next()
                pieces.append(data)
                length += len(data)
            data = b"".join(pieces)
        if not data:
            raise StopIteration
        self._sink.update(data)
        self.count += len(data)
        return data

    def drain(self) -> None:
        """Reads what is left."""
        for _ in self:
            pass

    def _next(self) -> bytes:
        """Returns the next piece; an empty one at the end."""
        try:
            data = next(filter(None, self._chunks), b"")
            self._budget.produce(len(data))
        except LimitReachedError:
            raise
        except ContainerError as error:
            self.error = error
            return b""
        return data
