"""Examines the members of a container in the worker that has just read it, from the same descriptor.

A member is treated as a file: hashed, decoded, matched, and opened if it is a container. Results are sent in frames as
they come, so that a container with a million members needs no more memory than one with a thousand.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Protocol

import msgspec

from hashaudit.content.containers.inside_budget import MEMORY_BYTES, Budget, LimitReachedError, limit_text
from hashaudit.content.containers.interface import ContainerError, MemberContent, RandomSource, Trouble
from hashaudit.content.containers.member_filter import MemberFilter, MemberFilters, MemberVerdict
from hashaudit.content.containers.member_source import FileSource, MemorySource, StreamSource, Throttle
from hashaudit.content.containers.optional_readers import missing_text
from hashaudit.content.containers.reader_registry import STREAM_READERS, load_readers, random_readers
from hashaudit.content.containers.sniff import FIRST_BYTES
from hashaudit.errors import HashauditError
from hashaudit.lists.algorithms import SHA256
from hashaudit.lists.match.exact_match import Outcome
from hashaudit.model.containers import CATEGORIES, ContainerCategory, ContainerKind, ContainerResult
from hashaudit.model.entry import Consistency
from hashaudit.model.faults import Fault, FaultCode, Stage
from hashaudit.model.location import Location, Member
from hashaudit.model.results import AlgorithmName, EntryResult, MemberResult, has_deny_match
from hashaudit.workers.child.internal_errors import internal_error
from hashaudit.workers.child.result_bounds import bounded_matches, result_length
from hashaudit.workers.child.sink import Content
from hashaudit.workers.protocol import DECODING, MEMBER, UNPACKED_BYTES, Blame, InsideConfig, MemberFrame

if TYPE_CHECKING:
    from hashaudit.workers.child.pictures import PictureResult, Pictures

FRAME_RESULTS = 1000
FRAME_BYTES = 1 << 20
"""Most results of a frame, and their length from which it is sent."""

MAX_SEEN = 10_000
"""Nested containers of one file whose counts are kept."""

MAX_NAME_BYTES = 1 << 16
"""A longer name is cut; its position still identifies the member."""

SMALL_BYTES = 1 << 20
"""A nested container up to this size is held until its digest is known, so that one that holds itself is detected."""

_SKIPS_CONTENT = frozenset((ContainerKind.ZIP, ContainerKind.TAR))
"""Kinds whose readers skip the content of a member that nobody reads."""
QUICK_BYTES = 1 << 16
"""A member up to this size is read before anything else is made for it."""

IMAGE_KINDS = CATEGORIES[ContainerCategory.IMAGES]
MIN_IMAGE_BYTES = 1 << 16
"""Inside a container, a shorter member that begins like a file system is its boot record."""

WORKER_ENDED = "the worker process ended while it examined this member"
BEHIND_OTHER_DATA = "an archive behind other data, inside a container or a large object, is not opened"

Digests = dict[AlgorithmName, bytes]


class Matcher(Protocol):
    """Matches hashes against the lists."""

    def __call__(self, digests: Digests, size_bytes: int, seen: "PictureResult | None") -> Outcome:
        """Returns the matches, and the reasons to confirm them."""
        ...


class Hashing(msgspec.Struct, frozen=True):
    """The steps that a worker takes with every content."""

    algorithms: tuple[AlgorithmName, ...]
    pictures: "Pictures | None"
    """``None``: images are not decoded."""
    match: Matcher
    check: Callable[..., None]
    """Ends the worker if a decoder has left too few resources."""
    report_all: bool
    quick_digests: Callable[[bytes], Digests | None] = lambda _: None
    """Returns the digests of a whole content; ``None``: it may be an image or a container."""
    quick_match: Callable[[Digests, int], bool | None] = lambda *_: None
    """Returns whether digests are only on known lists; ``None``: they may be on another."""


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
        load_readers(config.kinds)
        self.random_readers = random_readers(config.passwords)
        self.hashing = hashing
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
        if kind not in self.config.kinds:
            content.container_faults = self.missing_reader(kind, content.digests(), source.size)
            return
        digests = content.digests()
        if not self.config.opens_known and self.is_known(digests, source.size):
            return
        of_file = None if self._filters is None else self._filters.of_file(location.root, location.path)
        file = _File(self, source.size, position, blames, of_file)
        content.container, content.container_faults = file.examine(kind, source, digests)
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
        size_bytes = content.probe.seen_bytes
        is_too_long, data = held.is_too_long, held.content()
        if kind not in self.config.kinds:
            content.container_faults = self.missing_reader(kind, content.digests(), size_bytes)
        elif data is not None:
            self.examine(content, MemorySource(data), location, position, blames)
        elif self.config.opens_known or not self.is_known(content.digests(), size_bytes):
            error = ContainerError(FaultCode.UNSUPPORTED, BEHIND_OTHER_DATA)
            if is_too_long:
                error = ContainerError(FaultCode.LIMIT_REACHED, limit_text("memory", MEMORY_BYTES))
            content.container_faults = (_fault(error),)

    def missing_reader(self, kind: ContainerKind, digests: Digests, size_bytes: int) -> tuple[Fault, ...]:
        """Returns a fault if containers of a kind have no reader, and something is looked for in them."""
        if kind not in self.config.missing or (not self.config.opens_known and self.is_known(digests, size_bytes)):
            return ()
        return (Fault(Stage.UNPACK, FaultCode.READER_MISSING, missing_text(kind)),)

    def is_known(self, digests: Digests, size_bytes: int) -> bool:
        """Returns whether content is only on known lists."""
        matches, _ = self.hashing.match(digests, size_bytes, None)
        return bool(matches) and not has_deny_match(matches)


class _Counts(msgspec.Struct, frozen=True):
    """Counts of members, all of them or of one container."""

    results: int
    numbers: int
    clean: int
    known: int
    bytes: int
    opened: dict[str, int]
    unopened: dict[str, int]

    def since(self, before: "_Counts") -> "_Counts":
        """Returns what was added since then."""
        return _Counts(
            self.results - before.results,
            self.numbers - before.numbers,
            self.clean - before.clean,
            self.known - before.known,
            self.bytes - before.bytes,
            _difference(self.opened, before.opened),
            _difference(self.unopened, before.unopened),
        )


def _difference(now: Mapping[str, int], before: Mapping[str, int]) -> dict[str, int]:
    return {name: count - before.get(name, 0) for name, count in now.items() if count > before.get(name, 0)}


class _File:
    """The members of one file, at all depths."""

    def __init__(
        self,
        inside: Inside,
        size_bytes: int,
        position: tuple[int, int],
        blames: Sequence[Blame],
        member_filter: MemberFilter | None,
    ) -> None:
        self._inside = inside
        self._filter = member_filter
        self._budget = Budget(inside.config.limits, size_bytes)
        self._batch, self._item = position
        self._blames: Mapping[int, Blame] = {blame.member: blame for blame in blames}
        self._number = 0
        self._sent = 0
        self._results: list[MemberResult] = []
        self._results_bytes = 0
        self._clean = self._known = self._bytes = self._skipped = 0
        self._seen: dict[tuple[ContainerKind, tuple[bytes, ...]], tuple[int, _Counts]] = {}
        """Depth and counts of containers in which nothing needed a record, by their digests."""
        self._opened: dict[str, int] = {}
        self._unopened: dict[str, int] = {}

    def examine(
        self, kind: ContainerKind, source: FileSource | MemorySource, digests: Digests
    ) -> tuple[ContainerResult, tuple[Fault, ...]]:
        try:
            if isinstance(source, MemorySource):
                self._budget.hold(source.size)
            faults = self._open(kind, source, (), (digests,))
        except ContainerError as error:
            faults = [_fault(error)]
        self._flush()
        result = ContainerResult(
            kind,
            opened=True,
            lines=self._sent,
            clean=self._clean,
            known=self._known,
            bytes=self._bytes,
            containers=self._opened,
            containers_unopened=self._unopened,
            skipped=self._skipped,
        )
        return result, tuple(faults)

    def _open(
        self,
        kind: ContainerKind,
        source: RandomSource | StreamSource,
        within: tuple[Member, ...],
        above: tuple[Digests, ...],
    ) -> list[Fault]:
        """Examines all members of a container; returns the faults of the container itself."""
        faults: list[Fault] = []
        try:
            if kind in STREAM_READERS:
                members = STREAM_READERS[kind](source)
            elif isinstance(source, StreamSource):
                raise TypeError("a reader that needs any position")  # noqa: TRY301 # a defect, reported as one
            else:
                members = self._inside.random_readers[kind](source)
            for found in members:
                if isinstance(found, Trouble):
                    fault = Fault(Stage.UNPACK, found.code, found.message)
                    if fault not in faults:  # a container may have it a million times
                        faults.append(fault)
                    continue
                verdict = self._verdict(found, within)
                if verdict is MemberVerdict.SKIP:
                    self._skip(found, kind)
                elif not self._is_done_quickly(found, verdict):
                    steps = (*within, Member(kind.value, found.name[:MAX_NAME_BYTES], found.index))
                    self._examine_member(found, steps, above, verdict)
        except LimitReachedError:
            raise
        except ContainerError as error:
            faults.append(_fault(error))
        except HashauditError:
            raise
        except Exception as error:  # noqa: BLE001 # a defect of a reader must not affect other files
            faults.append(internal_error(Stage.UNPACK, error))
        return faults

    def _verdict(self, found: MemberContent, within: tuple[Member, ...]) -> MemberVerdict:
        if self._filter is None:
            return MemberVerdict.EXAMINE
        return self._filter.verdict((*(step.name for step in within), found.name[:MAX_NAME_BYTES]))

    def _skip(self, found: MemberContent, kind: ContainerKind) -> None:
        """Counts a member that a pattern excludes."""
        self._budget.begin_member(None)
        self._skipped += 1
        if kind not in _SKIPS_CONTENT:
            try:
                for data in found.chunks:
                    self._budget.produce(len(data))
            except LimitReachedError:
                raise
            except ContainerError:
                pass  # nobody asked for it

    def _is_done_quickly(self, found: MemberContent, verdict: MemberVerdict) -> bool:
        """Returns whether a small member could be counted at once. Otherwise its content can still be read."""
        if found.kind is not None:
            return False
        data = found.whole
        if data is None and found.size is not None and found.size <= QUICK_BYTES:
            data = self._small_content(found)
        return data is not None and self._is_quick(data, verdict)

    def _small_content(self, found: MemberContent) -> bytes | None:
        """Reads a small member; ``None``: it is longer than stated, or damaged."""
        if self._inside.hashing.report_all or self._number in self._blames:
            return None
        # A crash in the library that reads it has to be blamed on this member.
        self._inside.progress[MEMBER] = self._number + 1
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

    def _is_quick(self, data: bytes, verdict: MemberVerdict) -> bool:
        """Returns whether a small member is neither image, container nor finding. It is counted then, and done.

        Most members are like that, and all other steps take several times longer.
        """
        inside = self._inside
        hashing = inside.hashing
        if hashing.report_all or self._number in self._blames or not self._budget.allows_small(len(data)):
            return False
        digests = hashing.quick_digests(data)
        is_known = None if digests is None else hashing.quick_match(digests, len(data))
        if is_known is None:
            return False
        self._number += 1
        inside.progress[MEMBER] = self._number
        inside.progress[UNPACKED_BYTES] += len(data)
        self._budget.add_small(len(data))
        self._bytes += len(data)
        self._count(None, is_known=is_known, verdict=verdict)
        return True

    def _examine_member(
        self, found: MemberContent, within: tuple[Member, ...], above: tuple[Digests, ...], verdict: MemberVerdict
    ) -> None:
        inside, hashing = self._inside, self._inside.hashing
        number = self._number
        self._number += 1
        inside.progress[MEMBER] = number + 1
        blame = self._blames.get(number)
        try:
            self._budget.begin_member(found.size)
            if blame is not None and not blame.decode_only:
                raise ContainerError(blame.code, WORKER_ENDED)  # noqa: TRY301 # the same fault as that of a limit
        except LimitReachedError:
            raise
        except ContainerError as error:
            self._report(within, EntryResult(0, None, 0, Consistency.STABLE, {}, faults=(_fault(error),)))
            return
        decodes = hashing.pictures is not None and blame is None and verdict is MemberVerdict.EXAMINE
        capture = hashing.pictures.capture() if hashing.pictures is not None and decodes else None
        sink = Content(hashing.algorithms, inside.progress, capture, UNPACKED_BYTES)
        stream = _Stream(found.chunks, sink, self._budget)
        container, faults = self._contents(stream, sink, within, above, found)
        stream.drain()
        if stream.error is not None:
            faults.append(_fault(stream.error))
        if blame is not None:
            faults.append(Fault(Stage.DECODE, blame.code, WORKER_ENDED))
        is_whole = stream.error is None or stream.error.is_complete
        digests = sink.digests() if is_whole else {}
        seen = self._hash_image(sink, digests) if is_whole else None
        if seen is not None:
            faults += seen.faults
        self._bytes += stream.count
        is_matched = digests and verdict is MemberVerdict.EXAMINE
        matches, confirmations = hashing.match(digests, stream.count, seen) if is_matched else ((), ())
        hashing.check(faults, decoded=seen is not None)
        reports = hashing.report_all and verdict is MemberVerdict.EXAMINE
        if not (reports or faults or has_deny_match(matches)):
            self._count(container, is_known=bool(matches), verdict=verdict)
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
        self._report(within, result)

    def _contents(
        self,
        stream: "_Stream",
        sink: Content,
        within: tuple[Member, ...],
        above: tuple[Digests, ...],
        found: MemberContent,
    ) -> tuple[ContainerResult | None, list[Fault]]:
        """Reads a member, and opens it if it is a container."""
        first, stated = next(stream, b""), found.kind
        kind, wanted = sink.probe.begins_as or stated, self._inside.config.kinds
        is_stream = kind in STREAM_READERS
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
            return _unopened(kind), [] if kind is None or kind not in wanted else [_fault(error)]
        finally:
            self._budget.release(held_bytes)

    def _leave_closed(
        self, kind: ContainerKind | None, stream: "_Stream", sink: Content, found: MemberContent
    ) -> tuple[ContainerResult | None, list[Fault]]:
        """Returns what is said about a member that has been read and is not opened."""
        if kind is not None and _is_boot_record(kind, found):
            return None, []
        is_behind = kind is None
        kind = kind or sink.probe.kind
        if kind is None:
            return None, []
        if is_behind and kind in self._inside.config.kinds:
            return ContainerResult(kind), [Fault(Stage.UNPACK, FaultCode.UNSUPPORTED, BEHIND_OTHER_DATA)]
        return ContainerResult(kind), list(self._inside.missing_reader(kind, sink.digests(), stream.count))

    def _open_random(
        self,
        source: RandomSource,
        stream: "_Stream",
        sink: Content,
        within: tuple[Member, ...],
        above: tuple[Digests, ...],
        *,
        stated: ContainerKind,
    ) -> tuple[ContainerResult | None, list[Fault]]:
        """Reads a member to its end, and opens it from where it lies."""
        stream.drain()
        if len(within) and stream.count < MIN_IMAGE_BYTES and stated in IMAGE_KINDS:
            return None, []
        try:
            return self._open_whole(source, stream, sink, within, above, stated=stated)
        except LimitReachedError:
            raise
        except ContainerError as error:
            return ContainerResult(stated), [_fault(error)]

    def _open_whole(
        self,
        source: RandomSource,
        stream: "_Stream",
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
        if kind not in self._inside.config.kinds:
            return ContainerResult(kind), list(self._inside.missing_reader(kind, sink.digests(), stream.count))
        self._budget.enter(len(within))
        digests = sink.digests()
        if stream.error is None:
            if digests in above:
                return ContainerResult(kind, same_as=above.index(digests)), []
            if not self._inside.config.opens_known and self._inside.is_known(digests, stream.count):
                return ContainerResult(kind), []
            if self._take_over(kind, digests, len(within)):
                return ContainerResult(kind, opened=True), []
        before = self._counts()
        faults = self._open(kind, source, within, (*above, digests))
        if stream.error is None and not faults:
            self._keep_counts(kind, digests, len(within), before)
        return ContainerResult(kind, opened=True), faults

    def _counts(self) -> "_Counts":
        """Returns what was counted so far."""
        return _Counts(
            self._sent + len(self._results),
            self._number,
            self._clean,
            self._known,
            self._bytes,
            dict(self._opened),
            dict(self._unopened),
        )

    def _keep_counts(self, kind: ContainerKind, digests: Digests, depth: int, before: "_Counts") -> None:
        """Keeps the counts of a container in which nothing needs a record, for others with the same content."""
        now = self._counts()
        if now.results > before.results or self._filter is not None or len(self._seen) >= MAX_SEEN:
            return
        self._seen[kind, tuple(digests.values())] = (depth, now.since(before))

    def _take_over(self, kind: ContainerKind, digests: Digests, depth: int) -> bool:
        """Counts the members of a container by those of an equal one; returns whether there was one.

        Nothing in the other needed a record. So the counts are what opening this one would give, and they are numbered
        as if it had been opened.
        """
        seen_depth, counts = self._seen.get((kind, tuple(digests.values())), (0, None))
        if counts is None or depth > seen_depth:
            return False  # deeper, the limit on depth may be reached
        self._budget.add_members(counts.numbers)
        self._number += counts.numbers
        self._clean += counts.clean
        self._known += counts.known
        self._bytes += counts.bytes
        for of_kind, added in ((self._opened, counts.opened), (self._unopened, counts.unopened)):
            for name, count in added.items():
                of_kind[name] = of_kind.get(name, 0) + count
        return True

    def _hash_image(self, sink: Content, digests: Digests) -> "PictureResult | None":
        pictures = self._inside.hashing.pictures
        if pictures is None or sink.capture is None or not sink.capture.is_picture:
            return None
        self._inside.progress[DECODING] = 1
        seen = pictures.examine(sink.capture, digests.get(SHA256))
        self._inside.progress[DECODING] = 0
        return seen

    def _count(self, container: ContainerResult | None, *, is_known: bool, verdict: MemberVerdict) -> None:
        """Counts a member without a result."""
        if verdict is MemberVerdict.SEARCH:
            self._skipped += 1
        elif is_known:
            self._known += 1
        else:
            self._clean += 1
        if container is not None:
            of_kind = self._opened if container.opened else self._unopened
            of_kind[container.kind.value] = of_kind.get(container.kind.value, 0) + 1

    def _report(self, within: tuple[Member, ...], result: EntryResult) -> None:
        self._results.append(MemberResult(within, result))
        self._results_bytes += result_length(result)
        if len(self._results) >= FRAME_RESULTS or self._results_bytes >= FRAME_BYTES:
            self._flush()

    def _flush(self) -> None:
        if self._results:
            self._inside.send(MemberFrame(self._batch, self._item, self._sent, tuple(self._results)))
            self._sent += len(self._results)
            self._results.clear()
            self._results_bytes = 0


class _Stream:
    """The content of a member, which goes to its sink as it is read. It ends at an error, and keeps it."""

    def __init__(self, chunks: Iterator[bytes], sink: Content, budget: Budget) -> None:
        self._chunks = chunks
        self._sink = sink
        self._budget = budget
        self._is_begun = False
        self.count = 0
        """Bytes so far."""
        self.error: ContainerError | None = None

    def __iter__(self) -> "_Stream":
        return self

    def __next__(self) -> bytes:
        data = self._next()
        if not self._is_begun:
            # The kind of a file is detected in its first piece.
            self._is_begun = True
            pieces, length = [data], len(data)
            while data and length < FIRST_BYTES:
                data = self._next()
                pieces.append(data)
                length += len(data)
            data = b"".join(pieces)
        if not data:
            raise StopIteration
        self._sink.update(data)
        self.count += len(data)
        return data

    def drain(self) -> None:
        """Reads what is left."""
        for _ in self:
            pass

    def _next(self) -> bytes:
        """Returns the next piece; an empty one at the end."""
        try:
            data = next(filter(None, self._chunks), b"")
            self._budget.produce(len(data))
        except LimitReachedError:
            raise
        except ContainerError as error:
            self.error = error
            return b""
        return data


def _then(pieces: list[bytes], error: ContainerError) -> Iterator[bytes]:
    yield from pieces
    raise error


def _is_boot_record(kind: ContainerKind, found: MemberContent) -> bool:
    return kind in IMAGE_KINDS and found.size is not None and found.size < MIN_IMAGE_BYTES


def _unopened(kind: ContainerKind | None) -> ContainerResult | None:
    return None if kind is None else ContainerResult(kind)


def _fault(error: ContainerError) -> Fault:
    return Fault(Stage.UNPACK, error.code, error.message)
