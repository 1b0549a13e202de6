"""Reads a container with its reader alone, and tries it on damaged bytes."""

import random
from collections.abc import Callable, Iterator
from typing import NamedTuple

from hashaudit.content.containers.interface import ContainerError, Found, MemberContent, Trouble
from hashaudit.content.containers.member_source import MemorySource
from hashaudit.model.faults import Fault, FaultCode, Stage
from hashaudit.workers.fault_texts import worded

MOST_BYTES = 64 << 20


class Read(NamedTuple):
    """The members and faults of a container."""

    members: list[tuple[bytes, bytes]]
    """Name and content of those without a fault."""
    faults: list[str]

    @property
    def contents(self) -> set[bytes]:
        return {content for _, content in self.members}

    @property
    def names(self) -> list[bytes]:
        return [name for name, _ in self.members]


def read(reader: Callable[[MemorySource], Iterator[Found]], data: bytes) -> Read:
    """Reads all members. Each fault has a text of the closed set."""
    members: list[tuple[bytes, bytes]] = []
    faults: list[str] = []
    total = 0
    try:
        for number, found in enumerate(reader(MemorySource(data))):
            assert number < 100_000, "the reader does not end"
            if isinstance(found, Trouble):
                faults.append(_code(found.code, found.message))
                continue
            assert isinstance(found, MemberContent)
            pieces = []
            try:
                for piece in found.chunks:
                    total += len(piece)
                    assert total < MOST_BYTES, "the reader gives too much"
                    pieces.append(piece)
            except ContainerError as error:
                faults.append(_code(error.code, error.message))
            else:
                members.append((found.name, b"".join(pieces)))
    except ContainerError as error:
        faults.append(_code(error.code, error.message))
    return Read(members, faults)


def _code(code: FaultCode, message: str) -> str:
    fault = Fault(Stage.UNPACK, code, message)
    assert worded(fault) == fault, "every text is in the closed set"
    return code.value


def damaged(data: bytes, count: int, seed: int = 1) -> Iterator[bytes]:
    """Yields cut and changed forms."""
    numbers = random.Random(seed)
    for number in range(count):
        mutant = bytearray(data)
        if number % 2:
            del mutant[numbers.randrange(len(mutant)) :]
        for _ in range(numbers.randrange(4)):
            if mutant:
                mutant[numbers.randrange(len(mutant))] = numbers.randrange(256)
        yield bytes(mutant)
