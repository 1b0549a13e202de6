"""Examines the members of a container in the worker that has just read it, from the same descriptor.

A member is treated as a file: hashed, decoded, matched, and opened if it is a container. Results are sent in frames as
they come, so that a container with a million members needs no more memory than one with a thousand.
"""

from collections.abc import Callable, Sequence

from hashaudit.content.containers.inside_budget import MEMORY_BYTES, limit_text
from hashaudit.content.containers.interface import ContainerError, RandomSource
from hashaudit.content.containers.member_filter import MemberFilter, MemberFilters
from hashaudit.content.containers.member_source import FileSource, MemorySource, Throttle
from hashaudit.content.containers.volume_set import VolumeSet, is_later_volume, missing_volume_text, with_volumes
from hashaudit.model.containers import ContainerKind, ContainerResult
from hashaudit.model.faults import Fault, FaultCode, Stage
from hashaudit.model.location import Location
from hashaudit.workers.child.container_policy import BEHIND_OTHER_DATA, ContainerPolicy, unpack_fault
from hashaudit.workers.child.content_steps import Digests, Hashing
from hashaudit.workers.child.member_results import MemberResults
from hashaudit.workers.child.member_walk import MemberWalk
from hashaudit.workers.child.sink import Content
from hashaudit.workers.protocol import MEMBER, Blame, InsideConfig, MemberFrame


class Inside:
    """Examines the members of containers.

    Args:
        config: kinds to open, and limits.
        hashing: what to do with each member.
        progress: memory shared with the parent.
        throttle: limits reading.
        send: sends a frame to the parent.
    """

    def __init__(
        self,
        config: InsideConfig,
        hashing: Hashing,
        progress: memoryview,
        throttle: Throttle | None,
        send: Callable[[MemberFrame], None],
    ) -> None:
        self.config = config
        self.policy = ContainerPolicy(config, hashing)
        self.progress = progress
        self.throttle = throttle
        self.send = send
        self._filters = None if config.patterns is None else MemberFilters(config.patterns)

    def examine(
        self,
        content: Content,
        source: FileSource | MemorySource,
        location: Location,
        position: tuple[int, int],
        blames: Sequence[Blame],
    ) -> None:
        """Examines the members of a file that was just read, and notes the result in its sink.

        Args:
            content: got the whole file.
            source: its bytes.
            location: of the file.
            position: numbers of the batch and of the item in it.
            blames: members that are not examined again.

        Raises:
            HashauditError: a compiled list is damaged.
        """
        kind = content.probe.kind
        if kind is None:
            return
        self.policy.require_readers(kind)
        if kind not in self.policy.kinds:
            content.container_faults = self.policy.missing_reader(kind, content.digests(), source.size)
            return
        digests = content.digests()
        if not self.config.opens_known and self.policy.is_known(digests, source.size):
            return
        if is_later_volume(kind, source):
            content.container = ContainerResult(ContainerKind.VOLUME, opened=True)
            return
        whole = with_volumes(kind, source)
        walk = self.walk(location, whole.size, position, blames)
        content.container, faults = walk.examine(kind, whole, digests)
        content.container_faults = (*faults, *_missing_volume(whole, faults))
        self.progress[MEMBER] = 0

    def examine_held(
        self, content: Content, location: Location, position: tuple[int, int], blames: Sequence[Blame]
    ) -> None:
        """Examines the members of an object that was just read, from the content that its sink holds.

        Args:
            content: got the whole object.
            location: of the object.
            position: numbers of the batch and of the item in it.
            blames: members that are not examined again.
        """
        kind, held = content.probe.kind, content.held
        if kind is None or held is None:
            return
        self.policy.require_readers(kind)
        size_bytes = content.probe.seen_bytes
        is_too_long, data = held.is_too_long, held.content()
        if kind not in self.policy.kinds:
            content.container_faults = self.policy.missing_reader(kind, content.digests(), size_bytes)
        elif data is not None:
            self.examine(content, MemorySource(data), location, position, blames)
        elif self.config.opens_known or not self.policy.is_known(content.digests(), size_bytes):
            error = ContainerError(FaultCode.UNSUPPORTED, BEHIND_OTHER_DATA)
            if is_too_long:
                error = ContainerError(FaultCode.LIMIT_REACHED, limit_text("memory", MEMORY_BYTES))
            content.container_faults = (unpack_fault(error),)

    def closed(self, kind: ContainerKind, digests: Digests, size_bytes: int) -> ContainerResult:
        """Returns what a file is whose members are examined in parts."""
        self.policy.require_readers(kind)
        is_opened = kind in self.policy.kinds and (
            self.config.opens_known or not self.policy.is_known(digests, size_bytes)
        )
        return ContainerResult(kind, opened=is_opened)

    def walk(
        self, location: Location, size_bytes: int, position: tuple[int, int], blames: Sequence[Blame]
    ) -> MemberWalk:
        """Returns a walk over members of a file, which has the limits of a whole file."""
        of_file: MemberFilter | None = None
        if self._filters is not None:
            of_file = self._filters.of_file(location.root, location.path)
        results = MemberResults(position, self.send)
        return MemberWalk(self.policy, self.progress, results, size_bytes, blames=blames, member_filter=of_file)


def _missing_volume(source: RandomSource, faults: Sequence[Fault]) -> tuple[Fault, ...]:
    """Returns a fault if a volume is missing, and none says so yet."""
    if not isinstance(source, VolumeSet) or source.missing is None:
        return ()
    text = missing_volume_text(source.missing)
    is_doubtful = source.has_gap or any(fault.code in {FaultCode.DAMAGED, FaultCode.INCOMPLETE} for fault in faults)
    if not is_doubtful or any(fault.message == text for fault in faults):
        return ()
    return (Fault(Stage.UNPACK, FaultCode.INCOMPLETE, text),)
