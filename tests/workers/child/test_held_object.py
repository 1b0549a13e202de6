"""The content of an object is held while it may be a container, within the memory of a worker."""

import pytest

from hashaudit.content.containers.sniff import ContainerProbe
from hashaudit.model.containers import ContainerKind
from hashaudit.workers.child import held_object
from hashaudit.workers.child.held_object import HeldObject

PIECE = 1000


def held(head: bytes, pieces: int) -> HeldObject:
    probe, found = ContainerProbe(), HeldObject(frozenset((ContainerKind.ZIP,)))
    for data in (head.ljust(PIECE), *[bytes(PIECE)] * pieces):
        probe.take(data)
        found.take(data, probe)
    return found


@pytest.mark.parametrize(
    ("head", "pieces", "is_held", "is_too_long"),
    [
        (b"PK\3\4", 9, True, False),
        (b"PK\3\4", 20, False, True),
        (b"\xff\xd8\xff", 9, True, False),
        (b"plain", 3, True, False),
        (b"plain", 9, False, False),
        (b"7z\xbc\xaf\x27\x1c", 9, False, False),
    ],
)
def test_what_is_held(
    monkeypatch: pytest.MonkeyPatch,
    head: bytes,
    pieces: int,
    is_held: bool,
    is_too_long: bool,  # a table
) -> None:
    monkeypatch.setattr(held_object, "SMALL_BYTES", 5 * PIECE)
    monkeypatch.setattr(held_object, "MEMORY_BYTES", 15 * PIECE)
    found = held(head, pieces)
    data = found.content()
    assert (data is not None, found.is_too_long) == (is_held, is_too_long)
    assert data is None or len(data) == PIECE * (pieces + 1)
    assert found.content() is None
