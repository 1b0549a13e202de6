"""Decides which containers a worker opens, and what is said about those that it does not."""

from collections.abc import Mapping, Sequence

from hashaudit.content.containers.interface import ContainerError, RandomReader, RangesReader, StreamReader
from hashaudit.model.containers import ContainerKind
from hashaudit.model.faults import Fault, FaultCode, Stage
from hashaudit.model.results import Match, has_deny_match
from hashaudit.workers.child.content_steps import Digests, Hashing
from hashaudit.workers.child.internal_errors import ReadersNeededError
from hashaudit.workers.protocol import InsideConfig

BEHIND_OTHER_DATA = "an archive behind other data, inside a container or a large object, is not opened"


class ContainerPolicy:
    """Knows the readers and what is to be opened. Without readers it leaves every container to another process.

    Args:
        config: kinds to open, and limits.
        hashing: matches containers as a whole.
    """

    def __init__(self, config: InsideConfig, hashing: Hashing) -> None:
        self.config = config
        self.hashing = hashing
        self.kinds = config.kinds
        """Kinds that are opened."""
        self.stream_readers: Mapping[ContainerKind, StreamReader] = {}
        self.random_readers: Mapping[ContainerKind, RandomReader] = {}
        self.ranges_readers: Mapping[ContainerKind, RangesReader] = {}
        if not config.is_deferred:
            # Start-up: most trees of a few files hold no container.
            from hashaudit.content.containers import reader_registry as registry  # noqa: PLC0415 # as above

            self.kinds = registry.load_readers(config.kinds)
            self.stream_readers = registry.STREAM_READERS
            self.random_readers = registry.random_readers(
                config.passwords, rasters=config.rasters or hashing.pictures is not None
            )
            self.ranges_readers = registry.ranges_readers(config.passwords, self.random_readers)

    def require_readers(self, kind: ContainerKind) -> None:
        """Checks that containers of this kind can be examined by this process.

        Raises:
            ReadersNeededError: they are to be opened, and no reader is loaded.
        """
        if self.config.is_deferred and kind in self.config.kinds:
            raise ReadersNeededError

    def missing_reader(self, kind: ContainerKind, digests: Digests, size_bytes: int) -> tuple[Fault, ...]:
        """Returns a fault if containers of a kind have no reader, and something is looked for in them."""
        self.require_readers(kind)
        if not self.config.reports_missing or kind not in self.config.kinds - self.kinds:
            return ()
        if not self.config.opens_known and self.is_known(digests, size_bytes):
            return ()
        from hashaudit.content.containers.optional_readers import missing_text  # noqa: PLC0415 # loaded with the readers

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
