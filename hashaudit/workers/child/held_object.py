"""Holds the content of an object while it is read, because a container in it is opened from the same bytes.

An object has no descriptor, and a second read could give another state and costs a request.
"""

from collections.abc import Set as AbstractSet

from hashaudit.content.containers.inside_budget import MEMORY_BYTES
from hashaudit.content.containers.sniff import ContainerProbe
from hashaudit.content.read.object_read import PART_BYTES
from hashaudit.model.containers import ContainerKind

SMALL_BYTES = PART_BYTES
"""A smaller object is held in any case, because an archive may be behind other data."""


class HeldObject:
    """The content of one object, as long as it may be a container and there is memory for it.

    Args:
        kinds: containers that are opened.
    """

    def __init__(self, kinds: AbstractSet[ContainerKind]) -> None:
        self._kinds = kinds
        self._pieces: list[bytes] | None = []
        self._bytes = 0
        self.is_too_long = False
        """True if the content was given up because it needs too much memory."""

    def take(self, data: bytes | bytearray | memoryview, probe: ContainerProbe) -> None:
        """Adds bytes, which the probe has seen."""
        if self._pieces is None:
            return
        self._bytes += len(data)
        may_be_one = probe.begins_as in self._kinds or (probe.begins_as is None and probe.may_hide)
        self.is_too_long = self._bytes > MEMORY_BYTES
        if self.is_too_long or (self._bytes > SMALL_BYTES and not may_be_one):
            self._pieces = None
        else:
            self._pieces.append(bytes(data))

    def content(self) -> bytes | None:
        """Returns the content and forgets it; ``None``: it was given up."""
        pieces, self._pieces = self._pieces, None
        return None if pieces is None else b"".join(pieces)
