"""Walks over the members of a file at all depths, under its limits."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain

from hashaudit.content.containers.inside_budget import Budget, LimitReachedError
from hashaudit.content.containers.interface import ContainerError, Found, MemberContent, RandomSource, Trouble
from hashaudit.content.containers.member_filter import MemberFilter, MemberVerdict
from hashaudit.content.containers.member_source import MemorySource, StreamSource
from hashaudit.errors import HashauditError
from hashaudit.model.containers import ContainerKind, ContainerResult
from hashaudit.model.faults import Fault, Stage
from hashaudit.model.location import Member
from hashaudit.workers.child.container_policy import ContainerPolicy, unpack_fault
from hashaudit.workers.child.content_steps import Digests
from hashaudit.workers.child.internal_errors import internal_error
from hashaudit.workers.child.member_examination import MemberExamination
from hashaudit.workers.child.member_results import MemberResults
from hashaudit.workers.protocol import MEMBER, UNPACKED_BYTES, Blame

MAX_NAME_BYTES = 1 << 16
"""A longer name is cut; its position still identifies the member."""

_SKIPS_CONTENT = frozenset((ContainerKind.ZIP, ContainerKind.TAR))
"""Kinds whose readers skip the content of a member that nobody reads."""

QUICK_BYTES = 1 << 16
"""A member up to this size is read before anything else is made for it."""


class MemberWalk:
    """The members of one file, or of a part of it.

    Args:
        policy: decides what is opened.
        progress: memory shared with the parent.
        results: receives what becomes of each member.
        size_bytes: length of the file.
        blames: members that are not examined again.
        member_filter: decides by name; ``None``: all members are examined.
    """

    def __init__(
        self,
        policy: ContainerPolicy,
        progress: memoryview,
        results: MemberResults,
        size_bytes: int,
        *,
        blames: Sequence[Blame],
        member_filter: MemberFilter | None,
    ) -> None:
        self._policy = policy
        self._hashing = policy.hashing
        self._progress = progress
        self._results = results
        self._filter = member_filter
        self._budget = Budget(policy.config.limits, size_bytes)
        self._blames = {blame.member: blame for blame in blames}
        self._is_quick = self._quick_function()
        self._examination = MemberExamination(
            policy,
            progress,
            self._budget,
            results,
            blames=self._blames,
            open_container=self._open,
            has_patterns=member_filter is not None,
        )

    def examine(
        self, kind: ContainerKind, source: RandomSource, digests: Digests
    ) -> tuple[ContainerResult, tuple[Fault, ...]]:
        """Examines all members of a file; returns the counts, and the faults of the container itself."""
        try:
            if isinstance(source, MemorySource):
                self._budget.hold(source.size)
            faults = self._open(kind, source, (), (digests,))
        except ContainerError as error:
            faults = [unpack_fault(error)]
        return self._results.end(kind), tuple(faults)

    def examine_part(
        self,
        kind: ContainerKind,
        members: Iterable[Found],
        within: tuple[Member, ...],
        closed: ContainerKind | None,
    ) -> tuple[ContainerResult, tuple[Fault, ...]]:
        """Examines some members of a container; returns the counts, and faults of the container itself.

        Args:
            kind: of the container.
            members: of it.
            within: the steps to the container.
            closed: kind of container that the members are, which are not opened here; ``None``: open what they are.
        """
        # The digests of what is around it are known only when all parts are done.
        above: tuple[Digests, ...] = ({},) * (len(within) + 1)
        try:
            faults = self._each(lambda: iter(members), kind, within, above, closed)
        except ContainerError as error:
            faults = [unpack_fault(error)]
        return self._results.end(kind), tuple(faults)

    def _open(
        self,
        kind: ContainerKind,
        source: RandomSource | StreamSource,
        within: tuple[Member, ...],
        above: tuple[Digests, ...],
    ) -> list[Fault]:
        """Examines all members of a container; returns the faults of the container itself."""
        return self._each(lambda: self._members(kind, source), kind, within, above)

    def _members(self, kind: ContainerKind, source: RandomSource | StreamSource) -> Iterator[Found]:
        if kind in self._policy.stream_readers:
            return self._policy.stream_readers[kind](source)
        if isinstance(source, StreamSource):
            raise TypeError("a reader that needs any position")  # a defect, reported as one
        return self._policy.random_readers[kind](source)

    def _each(
        self,
        begin: Callable[[], Iterator[Found]],
        kind: ContainerKind,
        within: tuple[Member, ...],
        above: tuple[Digests, ...],
        closed: ContainerKind | None = None,
    ) -> list[Fault]:
        faults: list[Fault] = []
        results, progress, member_filter, is_done_quickly = self._results, self._progress, self._filter, self._is_quick
        verdict = MemberVerdict.EXAMINE
        try:
            # A crash of what reads the next member, before it is there, has to be blamed on it.
            progress[MEMBER] = results.number + 1
            for found in begin():
                if isinstance(found, Trouble):
                    fault = Fault(Stage.UNPACK, found.code, found.message)
                    if fault not in faults:  # a container may have it a million times
                        faults.append(fault)
                    continue
                if member_filter is not None:
                    verdict = _verdict(member_filter, found, within)
                if verdict is MemberVerdict.SKIP:
                    self._skip(found, kind)
                elif closed is not None or not is_done_quickly(found, verdict):
                    steps = (*within, Member(kind.value, found.name[:MAX_NAME_BYTES], found.index, found.deleted))
                    self._examination.examine(found, steps, above, verdict, closed)
                progress[MEMBER] = results.number + 1
        except LimitReachedError:
            raise
        except ContainerError as error:
            faults.append(unpack_fault(error))
        except HashauditError:
            raise
        except Exception as error:  # noqa: BLE001 # a defect of a reader must not affect other files
            faults.append(internal_error(Stage.UNPACK, error))
        return faults

    def _skip(self, found: MemberContent, kind: ContainerKind) -> None:
        """Counts a member that a pattern excludes."""
        self._budget.begin_member(None)
        self._results.skipped += 1
        if kind not in _SKIPS_CONTENT:
            try:
                for data in found.chunks:
                    self._budget.produce(len(data))
            except LimitReachedError:
                raise
            except ContainerError:
                pass  # nobody asked for it

    def _quick_function(self) -> "Callable[[MemberContent, MemberVerdict], bool]":
        """Returns a function that finds out whether a small member is neither image, container nor finding.

        Such a member is counted then, and done. Most members are like that, and all other steps take several times
        longer. It is a closure, because it runs for each of them. Of any other member the content can still be read.
        """
        hashing, results, progress, blames = self._hashing, self._results, self._progress, self._blames
        quick_digests, quick_match, takes_small = hashing.quick_digests, hashing.quick_match, self._budget.takes_small

        def is_quick(found: MemberContent, verdict: MemberVerdict) -> bool:
            if found.kind is not None or results.number in blames:
                return False
            whole = found.whole
            data = None if whole is None else whole()
            if data is None and (data := _small_content(found)) is None:
                return False
            size = len(data)
            digests = quick_digests(data, data)
            is_known = None if digests is None else quick_match(digests, size)
            if is_known is None or not takes_small(size):
                if whole is not None:
                    found.chunks = iter((data,))
                return False
            results.number += 1
            progress[UNPACKED_BYTES] += size
            results.bytes += size
            if is_known or verdict is MemberVerdict.SEARCH:
                results.count(None, is_known=is_known, is_searched=verdict is MemberVerdict.SEARCH)
            else:
                results.clean += 1
            return True

        def is_never_quick(found: MemberContent, _: MemberVerdict) -> bool:
            if found.whole is not None and results.number not in blames and (data := found.whole()) is not None:
                found.chunks = iter((data,))
            return False

        return is_never_quick if hashing.report_all else is_quick


def _small_content(found: MemberContent) -> bytes | None:
    """Reads a small member; ``None``: it is longer than stated, or damaged. Its content can be read again."""
    if found.size is None or found.size > QUICK_BYTES:
        return None
    pieces: list[bytes] = []
    length = 0
    try:
        for piece in found.chunks:
            pieces.append(piece)
            length += len(piece)
            if length > QUICK_BYTES:
                found.chunks = chain(pieces, found.chunks)
                return None
    except ContainerError as error:
        found.chunks = _then(pieces, error)
        return None
    found.chunks = iter(pieces)
    return b"".join(pieces)


def _then(pieces: list[bytes], error: ContainerError) -> Iterator[bytes]:
    yield from pieces
    raise error


def _verdict(member_filter: MemberFilter, found: MemberContent, within: tuple[Member, ...]) -> MemberVerdict:
    return member_filter.verdict((*(step.name for step in within), found.name[:MAX_NAME_BYTES]))
