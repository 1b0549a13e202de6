"""Decides which containers a worker opens, and what is said about those that it does not."""

from collections.abc import Sequence

from hashaudit.content.containers.interface import ContainerError
from hashaudit.content.containers.optional_readers import missing_text
from hashaudit.content.containers.reader_registry import load_readers, random_readers, ranges_readers
from hashaudit.model.containers import ContainerKind
from hashaudit.model.faults import Fault, FaultCode, Stage
from hashaudit.model.results import Match, has_deny_match
from hashaudit.workers.child.content_steps import Digests, Hashing
from hashaudit.workers.protocol import InsideConfig

BEHIND_OTHER_DATA = "an archive behind other data, inside a container or a large object, is not opened"


class ContainerPolicy:
    """Knows the readers and what is to be opened.

    Args:
        config: kinds to open, and limits.
        hashing: matches containers as a whole.
    """

    def __init__(self, config: InsideConfig, hashing: Hashing) -> None:
        self.config = config
        load_readers(config.kinds)
        self.random_readers = random_readers(config.passwords, rasters=hashing.pictures is not None)
        self.ranges_readers = ranges_readers(config.passwords, self.random_readers)
        self.hashing = hashing

    def missing_reader(self, kind: ContainerKind, digests: Digests, size_bytes: int) -> tuple[Fault, ...]:
        """Returns a fault if containers of a kind have no reader, and something is looked for in them."""
        if kind not in self.config.missing or (not self.config.opens_known and self.is_known(digests, size_bytes)):
            return ()
        return (Fault(Stage.UNPACK, FaultCode.READER_MISSING, missing_text(kind)),)

    def opens(self, matches: Sequence[Match]) -> bool:
        """Returns whether a container with these matches is opened: not if it is only on known lists."""
        return self.config.opens_known or not matches or has_deny_match(matches)

    def is_known(self, digests: Digests, size_bytes: int) -> bool:
        """Returns whether content is only on known lists."""
        matches, _ = self.hashing.match(digests, size_bytes, None)
        return bool(matches) and not has_deny_match(matches)


def unpack_fault(error: ContainerError) -> Fault:
    """Returns the fault of a container, or of a member, that cannot be read."""
    return Fault(Stage.UNPACK, error.code, error.message)
