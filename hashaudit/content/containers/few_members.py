"""Ranges of a container that has few members, such as a disk with partitions: each member is one."""

from collections.abc import Iterator, Sequence

from hashaudit.content.containers.interface import (
    ContainerError,
    Found,
    MemberRange,
    RandomReader,
    RandomSource,
    Trouble,
)
from hashaudit.model.container_parts import MAX_PARTS
from hashaudit.model.faults import FaultCode

MANY_MEMBERS = "a container with so many members is not divided"


class FewMembers:
    """A container whose reader finds all members without reading their content.

    Args:
        source: the bytes of the container.
        reader: yields all members.
    """

    is_relative = False

    def __init__(self, source: RandomSource, reader: RandomReader) -> None:
        self._source = source
        self._reader = reader
        self.passed = 0
        """Members that the last call of :meth:`read` has passed so far."""

    def ranges(self, part_bytes: int) -> Sequence[MemberRange]:
        """Returns an empty range for faults of the container, and one for each member.

        Raises:
            ContainerError: the container is damaged, or has too many members.
        """
        del part_bytes
        count = sum(not isinstance(found, Trouble) for found in self._reader(self._source))
        if count > MAX_PARTS:
            raise ContainerError(FaultCode.UNSUPPORTED, MANY_MEMBERS)
        return (MemberRange(0, 0), *(MemberRange(number, number + 1) for number in range(count)))

    def read(self, wanted: MemberRange) -> Iterator[Found]:
        """Yields the members of a range; the faults of the container, if it is empty."""
        self.passed = number = 0
        for found in self._reader(self._source):
            if isinstance(found, Trouble):
                if wanted.first == wanted.end:
                    yield found
                continue
            if wanted.first <= number < wanted.end:
                self.passed += 1
                yield found
            number += 1
