"""The limits on what the members of one file may take. All depths share them, so that no nesting multiplies them."""

import time

import msgspec

from hashaudit.content.containers.interface import ContainerError
from hashaudit.model.faults import FaultCode

MAX_MEMBERS = 1_000_000
MEMORY_BYTES = 256 << 20
"""For nested containers that have to be held in memory, because their readers need any position."""

BASE_TIME_S = 60.0
TIME_PER_MIB_S = 1.0
TIME_PER_MEMBER_S = 0.0005
"""Limits of processor time: for any file, for each MiB that its members unpack to, and for each member.

A machine under load, and a scan with ``--max-rate``, may take any time to do the same work.
"""

MEMBERS_PER_CLOCK = 16
"""Small members after which the clock is looked at: each takes some 20 us."""

TIMES_OF_SIZE = 100
"""A large file may unpack to this many times its size, even beyond the limit of bytes."""


class InsideLimits(msgspec.Struct, frozen=True, array_like=True):
    """The limits that the user can set."""

    depth: int
    """Containers within one another; 1: members of the file alone."""
    bytes: int
    """That the members of one file may unpack to, at all depths together."""


class Budget:
    """The rest of the limits for one file."""

    def __init__(self, limits: InsideLimits, size_bytes: int) -> None:
        self._depth = limits.depth
        self._most_bytes = max(limits.bytes, TIMES_OF_SIZE * size_bytes)
        self._bytes = 0
        self._members = 0
        self._memory = 0
        self._begun_s = time.monotonic()
        self._begun_processor_s = time.process_time()

    def takes_small(self, size_bytes: int) -> bool:
        """Counts a whole member, if it is within all limits; returns whether it is."""
        members, length = self._members, self._bytes + size_bytes
        if members >= MAX_MEMBERS or length > self._most_bytes:
            return False
        if members % MEMBERS_PER_CLOCK == 0 and self._is_late(self._allowed_s()):
            return False
        self._members = members + 1
        self._bytes = length
        return True

    def add_members(self, count: int) -> None:
        """Counts members that are not read, because they are equal to others.

        Raises:
            LimitReachedError: they are beyond the limit.
        """
        self._members += count
        if self._members > MAX_MEMBERS:
            raise LimitReachedError("members", MAX_MEMBERS)

    def begin_member(self, size_bytes: int | None) -> None:
        """Counts a member of which the container states the size.

        Raises:
            LimitReachedError: it is beyond a limit.
        """
        if self._members >= MAX_MEMBERS:
            raise LimitReachedError("members", MAX_MEMBERS)
        self._members += 1
        self._check_time()
        if size_bytes is not None and self._bytes + size_bytes > self._most_bytes:
            raise MemberTooLongError(self._most_bytes)

    def produce(self, count: int) -> None:
        """Counts unpacked bytes.

        Raises:
            LimitReachedError: they are beyond a limit.
        """
        self._bytes += count
        if self._bytes > self._most_bytes:
            raise LimitReachedError("bytes", self._most_bytes)
        self._check_time()

    def enter(self, depth: int) -> None:
        """Checks the number of containers around a member.

        Raises:
            ContainerError: the member is not opened.
        """
        if depth >= self._depth:
            raise ContainerError(FaultCode.LIMIT_REACHED, limit_text("depth", self._depth))

    def hold(self, count: int) -> None:
        """Takes memory for a nested container.

        Raises:
            ContainerError: there is not enough left.
        """
        if self._memory + count > MEMORY_BYTES:
            raise ContainerError(FaultCode.LIMIT_REACHED, limit_text("memory", MEMORY_BYTES))
        self._memory += count

    def release(self, count: int) -> None:
        """Returns memory."""
        self._memory -= count

    def _allowed_s(self) -> float:
        return BASE_TIME_S + self._bytes / (1 << 20) * TIME_PER_MIB_S + self._members * TIME_PER_MEMBER_S

    def _is_late(self, allowed_s: float) -> bool:
        # The second clock costs ten times the first.
        is_late = time.monotonic() - self._begun_s > allowed_s
        return is_late and time.process_time() - self._begun_processor_s > allowed_s

    def _check_time(self) -> None:
        allowed_s = self._allowed_s()
        if self._is_late(allowed_s):
            raise LimitReachedError("seconds", int(allowed_s))


class LimitReachedError(ContainerError):
    """A limit that ends the examination of the whole file's members."""

    def __init__(self, name: str, value: int) -> None:
        super().__init__(FaultCode.LIMIT_REACHED, limit_text(name, value))


class MemberTooLongError(ContainerError):
    """A member that is longer than what is left; others may be shorter."""

    def __init__(self, value: int) -> None:
        super().__init__(FaultCode.LIMIT_REACHED, limit_text("bytes", value))


def limit_text(name: str, value: int) -> str:
    """Returns the message of a limit that is reached."""
    return f"limit on {name} inside one file reached: {value}"
