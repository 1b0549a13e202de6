"""Decides what becomes of one member: hashed, decoded, matched, and opened if it is a container."""

from collections.abc import Mapping
from itertools import chain
from typing import TYPE_CHECKING, Protocol

from hashaudit.content.containers.inside_budget import Budget, LimitReachedError
from hashaudit.content.containers.interface import ContainerError, MemberContent, RandomSource
from hashaudit.content.containers.member_filter import MemberVerdict
from hashaudit.content.containers.member_source import MemorySource, StreamSource
from hashaudit.lists.algorithms import SHA256
from hashaudit.model.containers import ContainerKind, ContainerResult
from hashaudit.model.entry import Consistency
from hashaudit.model.faults import Fault, FaultCode, Stage
from hashaudit.model.location import Member
from hashaudit.model.results import EntryResult, has_deny_match
from hashaudit.workers.child.container_policy import BEHIND_OTHER_DATA, ContainerPolicy, unpack_fault
from hashaudit.workers.child.content_steps import Digests
from hashaudit.workers.child.member_results import MemberResults
from hashaudit.workers.child.member_stream import MemberStream
from hashaudit.workers.child.result_bounds import bounded_matches
from hashaudit.workers.child.sink import Content
from hashaudit.workers.protocol import DECODING, MEMBER, UNPACKED_BYTES, Blame

if TYPE_CHECKING:
    from hashaudit.workers.child.pictures import PictureResult

SMALL_BYTES = 1 << 20
"""A nested container up to this size is held until its digest is known, so that one that holds itself is detected."""

PLAIN_VOLUMES = frozenset(
    (
        ContainerKind.PARTITIONS,
        ContainerKind.NTFS,
        ContainerKind.FAT,
        ContainerKind.EXT,
        ContainerKind.HFS,
        ContainerKind.XFS,
        ContainerKind.APFS,
    )
)
"""Disks and file systems as they stand."""
MIN_IMAGE_BYTES = 1 << 16
"""Inside a container, a shorter member that begins like a file system is its boot record."""

WORKER_ENDED = "the worker process ended while it examined this member"


class OpenContainer(Protocol):
    """Examines all members of a container; returns the faults of the container itself."""

    def __call__(
        self,
        kind: ContainerKind,
        source: RandomSource | StreamSource,
        within: tuple[Member, ...],
        above: tuple[Digests, ...],
    ) -> list[Fault]:
        """Does so.

        Raises:
            LimitReachedError: a limit of the whole file.
        """
        ...


class MemberExamination:
    """Examines members of one file.

    Args:
        policy: decides what is opened.
        progress: memory shared with the parent.
        budget: the limits of the file.
        results: receives what becomes of each member.
        blames: members that are not examined again, by number.
        open_container: examines the members of a member.
        has_patterns: patterns decide which members are examined, so that equal containers may differ in results.
    """

    def __init__(
        self,
        policy: ContainerPolicy,
        progress: memoryview,
        budget: Budget,
        results: MemberResults,
        *,
        blames: Mapping[int, Blame],
        open_container: OpenContainer,
        has_patterns: bool,
    ) -> None:
        self._policy = policy
        self._progress = progress
        self._budget = budget
        self._results = results
        self._blames = blames
        self._open = open_container
        self.has_patterns = has_patterns

    def examine(
        self,
        found: MemberContent,
        within: tuple[Member, ...],
        above: tuple[Digests, ...],
        verdict: MemberVerdict,
        closed: ContainerKind | None = None,
    ) -> None:
        """Examines a member, and reports or counts it.

        Args:
            found: the member.
            within: the steps to it, with its own.
            above: digests of the containers around it, from the file inwards.
            verdict: of the patterns for members.
            closed: kind of container that it is, whose members are examined elsewhere; it is always reported.

        Raises:
            LimitReachedError: a limit of the whole file.
        """
        hashing, results = self._policy.hashing, self._results
        number = results.number
        results.number += 1
        self._progress[MEMBER] = number + 1
        blame = self._blames.get(number)
        try:
            self._budget.begin_member(found.size)
            if blame is not None and not blame.decode_only:
                raise ContainerError(blame.code, WORKER_ENDED)  # noqa: TRY301 # the same fault as that of a limit
        except LimitReachedError:
            raise
        except ContainerError as error:
            results.report(within, EntryResult(0, None, 0, Consistency.STABLE, {}, faults=(unpack_fault(error),)))
            return
        decodes = hashing.pictures is not None and blame is None and verdict is MemberVerdict.EXAMINE
        capture = hashing.pictures.capture() if hashing.pictures is not None and decodes else None
        sink = Content(hashing.algorithms, self._progress, capture, UNPACKED_BYTES)
        stream = MemberStream(found.chunks, sink, self._budget)
        container, faults = None, list[Fault]()
        if closed is None:
            container, faults = self._contents(stream, sink, within, above, found)
        stream.drain()
        results.bytes += stream.count
        if found.deleted and stream.error is not None and stream.error.code is FaultCode.DAMAGED:
            # Others have taken its blocks. It is not a fault: no other reading of the image would find its content.
            results.unreadable += 1
            return
        if stream.error is not None:
            faults.append(unpack_fault(stream.error))
        if blame is not None:
            faults.append(Fault(Stage.DECODE, blame.code, WORKER_ENDED))
        is_whole = stream.error is None or stream.error.is_complete
        digests = sink.digests() if is_whole else {}
        # The images of a document that was opened are its members.
        is_opened = container is not None and container.opened and container.kind is ContainerKind.PDF
        seen = self._hash_image(sink, digests) if is_whole and not is_opened else None
        if seen is not None:
            faults += seen.faults
        is_matched = digests and verdict is MemberVerdict.EXAMINE
        matches, confirmations = hashing.match(digests, stream.count, seen) if is_matched else ((), ())
        hashing.check(faults, decoded=seen is not None)
        if closed is not None:
            container = ContainerResult(closed, opened=self._policy.opens(matches))
        reports = closed is not None or (hashing.report_all and verdict is MemberVerdict.EXAMINE)
        if not (reports or faults or has_deny_match(matches)):
            results.count(container, is_known=bool(matches), is_searched=verdict is MemberVerdict.SEARCH)
            return
        kept = bounded_matches(matches)
        result = EntryResult(
            0,
            None,
            stream.count,
            Consistency.STABLE,
            {name: value.hex() for name, value in digests.items()},
            kept,
            confirmations,
            tuple(faults),
            perceptual=() if seen is None else seen.hashes,
            matches_omitted=len(matches) - len(kept),
            no_hash=None if seen is None else seen.no_hash,
            frames_skipped=0 if seen is None else seen.frames_skipped,
            container=container,
        )
        results.report(within, result)

    def _contents(
        self,
        stream: MemberStream,
        sink: Content,
        within: tuple[Member, ...],
        above: tuple[Digests, ...],
        found: MemberContent,
    ) -> tuple[ContainerResult | None, list[Fault]]:
        """Reads a member, and opens it if it is a container."""
        first, stated = next(stream, b""), found.kind
        kind, wanted = sink.probe.begins_as or stated, self._policy.kinds
        is_stream = kind in self._policy.stream_readers
        if kind is not None and kind in wanted and found.random is not None and not is_stream:
            return self._open_random(found.random, stream, sink, within, above, stated=kind)
        may_hide = kind is None and sink.probe.may_hide and ContainerKind.ZIP in wanted
        if not may_hide and (kind is None or kind not in wanted or _is_boot_record(kind, found)):
            stream.drain()
            return self._leave_closed(kind, stream, sink, found)
        pieces, held_bytes = [first], 0
        has_ended = False
        try:
            if kind is not None:
                self._budget.enter(len(within))
            while not has_ended and not (is_stream and held_bytes > SMALL_BYTES):
                piece = next(stream, None)
                if piece is None:
                    has_ended = True
                else:
                    self._budget.hold(len(piece))
                    held_bytes += len(piece)
                    pieces.append(piece)
            if not has_ended and kind is not None:
                source = StreamSource(chain(iter(pieces), stream))
                del pieces
                return ContainerResult(kind, opened=True), self._open(kind, source, within, (*above, {}))
            data = b"".join(pieces)
            pieces.clear()
            return self._open_whole(MemorySource(data), stream, sink, within, above, stated=kind)
        except LimitReachedError:
            raise
        except ContainerError as error:
            stream.drain()
            kind = sink.probe.kind or stated
            return _unopened(kind), [] if kind is None or kind not in wanted else [unpack_fault(error)]
        finally:
            self._budget.release(held_bytes)

    def _leave_closed(
        self, kind: ContainerKind | None, stream: MemberStream, sink: Content, found: MemberContent
    ) -> tuple[ContainerResult | None, list[Fault]]:
        """Returns what is said about a member that has been read and is not opened."""
        if kind is not None and _is_boot_record(kind, found):
            return None, []
        is_behind = kind is None
        kind = kind or sink.probe.kind
        if kind is None:
            return None, []
        if is_behind and kind in self._policy.kinds:
            return ContainerResult(kind), [Fault(Stage.UNPACK, FaultCode.UNSUPPORTED, BEHIND_OTHER_DATA)]
        return ContainerResult(kind), list(self._policy.missing_reader(kind, sink.digests(), stream.count))

    def _open_random(
        self,
        source: RandomSource,
        stream: MemberStream,
        sink: Content,
        within: tuple[Member, ...],
        above: tuple[Digests, ...],
        *,
        stated: ContainerKind,
    ) -> tuple[ContainerResult | None, list[Fault]]:
        """Reads a member to its end, and opens it from where it lies."""
        stream.drain()
        if len(within) and stream.count < MIN_IMAGE_BYTES and stated in PLAIN_VOLUMES:
            return None, []
        try:
            return self._open_whole(source, stream, sink, within, above, stated=stated)
        except LimitReachedError:
            raise
        except ContainerError as error:
            return ContainerResult(stated), [unpack_fault(error)]

    def _open_whole(
        self,
        source: RandomSource,
        stream: MemberStream,
        sink: Content,
        within: tuple[Member, ...],
        above: tuple[Digests, ...],
        *,
        stated: ContainerKind | None,
    ) -> tuple[ContainerResult | None, list[Fault]]:
        """Opens a member of which every position can be read, unless it is equal to a container around it or known."""
        kind = sink.probe.kind or stated
        if kind is None:
            return None, []
        if kind not in self._policy.kinds:
            return ContainerResult(kind), list(self._policy.missing_reader(kind, sink.digests(), stream.count))
        self._budget.enter(len(within))
        digests = sink.digests()
        if stream.error is None:
            if digests in above:
                return ContainerResult(kind, same_as=above.index(digests)), []
            if not self._policy.config.opens_known and self._policy.is_known(digests, stream.count):
                return ContainerResult(kind), []
            if (counts := self._results.kept(kind, digests, len(within))) is not None:
                self._budget.add_members(counts.numbers)
                self._results.add(counts)
                return ContainerResult(kind, opened=True), []
        before = self._results.counts()
        faults = self._open(kind, source, within, (*above, digests))
        if stream.error is None and not faults and not self.has_patterns:
            self._results.keep(kind, digests, len(within), before)
        return ContainerResult(kind, opened=True), faults

    def _hash_image(self, sink: Content, digests: Digests) -> "PictureResult | None":
        pictures = self._policy.hashing.pictures
        if pictures is None or sink.capture is None or not sink.capture.is_picture:
            return None
        self._progress[DECODING] = 1
        seen = pictures.examine(sink.capture, digests.get(SHA256))
        self._progress[DECODING] = 0
        return seen


def _is_boot_record(kind: ContainerKind, found: MemberContent) -> bool:
    return kind in PLAIN_VOLUMES and found.size is not None and found.size < MIN_IMAGE_BYTES


def _unopened(kind: ContainerKind | None) -> ContainerResult | None:
    return None if kind is None else ContainerResult(kind)
