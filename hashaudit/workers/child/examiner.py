"""Examines the entries of a batch: computes their hashes and matches them."""

import errno
import gc
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import msgspec

from hashaudit.host.memory import AddressSpace
from hashaudit.host.sandbox.access import Access
from hashaudit.lists.index.index_reader import ListIndex
from hashaudit.lists.match.exact_match import ExactMatcher, Outcome
from hashaudit.lists.match.known_match import KnownFilters
from hashaudit.model.entry import Consistency, Entry, State
from hashaudit.model.faults import Fault, FaultCode
from hashaudit.model.location import Kind
from hashaudit.model.results import AlgorithmName, Caveat, EntryResult, Match, has_deny_match
from hashaudit.workers.child.analyze import AnalysisResult, Analyzer, Counts, PlainDigests
from hashaudit.workers.child.content_steps import Hashing
from hashaudit.workers.child.import_guard import ImportGuard
from hashaudit.workers.child.inside import Inside
from hashaudit.workers.child.internal_errors import WorkerExhaustedError
from hashaudit.workers.child.result_bounds import bounded_matches, result_length
from hashaudit.workers.child.throttle import SharedThrottle
from hashaudit.workers.message_size import FULL_ANSWER_BYTES
from hashaudit.workers.protocol import (
    BEGUN_BYTES,
    BEGUN_NS,
    FED_BYTES,
    MEMBER,
    POSITION,
    Answer,
    Group,
    Item,
    MemberFrame,
    WorkBatch,
    WorkerConfig,
    entry_of,
    position_word,
)

NEWS_NS = 250 * 10**6
"""A batch that has taken longer ends early after a finding or a fault, so that people see it within a second."""

if TYPE_CHECKING:
    from hashaudit.content.perceptual.interface import PerceptualAlgorithm
    from hashaudit.workers.child.object_prefetch import Objects
    from hashaudit.workers.child.pictures import PictureResult, Pictures


class Examiner:
    """Examines batches. Everything it needs by path is open once it is created.

    Args:
        config: names what to compute and match.
        progress: memory shared with the parent.
        send: sends results of members to the parent.

    Raises:
        HashauditError: a compiled list cannot be opened, or an algorithm does not exist.
    """

    def __init__(
        self, config: WorkerConfig, progress: memoryview, send: Callable[[MemberFrame], None] = lambda _: None
    ) -> None:
        self._config = config
        self._progress = progress
        algorithms = _perceptual_algorithms(config)
        indexes = [image.open() for image in config.indexes]
        self._matcher = ExactMatcher(indexes)
        self._filters = KnownFilters(config.filters)
        throttle = SharedThrottle(progress)
        self._objects = _objects(config, throttle)
        pictures = _pictures(config, algorithms, indexes)
        inside = None
        if config.inside is not None:
            inside = Inside(
                config.inside,
                Hashing(
                    config.algorithms,
                    pictures,
                    self._match,
                    self._check_fitness,
                    config.report_all,
                    PlainDigests(config.algorithms, pictures),
                    self._quick_match,
                ),
                progress,
                throttle,
                send,
            )
        self._analyzer = Analyzer(config, progress, throttle, pictures, self._objects, inside=inside, send=send)
        self.space = AddressSpace()
        self.access: Access | None = None
        """The paths that this process may read; ``None`` outside of a sandbox."""
        self.imports = ImportGuard()
        self._has_decoded = False

    def ahead(self, batches: Iterator[WorkBatch]) -> Iterator[WorkBatch]:
        """Yields the same batches. Fetches their objects as soon as a batch arrives."""
        if self._objects is None:
            return batches
        from hashaudit.workers.child.object_prefetch import in_background  # noqa: PLC0415 # as in _objects

        return in_background(map(self._objects.fetch, batches))

    def examine_batch(self, batch: WorkBatch) -> Answer:
        """Examines the entries of a batch and notes the current one in the progress memory.

        Ends early once the answer is long, so that no answer exceeds a message.

        Raises:
            HashauditError: a compiled list is damaged, which is no fault of an entry.
            WorkerExhaustedError: the current entry used up resources of the process.
        """
        known: list[int] = []
        reported: list[EntryResult] = []
        counts = Counts()
        entries = batch.items()
        self._analyzer.has_idle_cores = batch.has_idle_cores
        now_ns = time.time_ns()
        begun_ns, has_news = time.monotonic_ns(), False
        progress, first_word = self._progress, position_word(batch.number, 0)
        answer_bytes = number = 0
        for number, (group, item) in enumerate(entries):
            progress[MEMBER] = 0
            progress[BEGUN_BYTES] = progress[FED_BYTES]
            progress[BEGUN_NS] = time.monotonic_ns()
            progress[POSITION] = first_word + number
            examined = self._quick(number, group, item, now_ns, counts)
            if examined is None:
                examined = self._fully((batch.number, number), group, item, counts)
            if examined.result is not None:
                reported.append(examined.result)
                answer_bytes += result_length(examined.result)
            elif examined.is_known:
                known.append(number)
            answer_bytes += examined.cached_bytes
            has_news |= examined.is_news
            if answer_bytes > FULL_ANSWER_BYTES or (has_news and time.monotonic_ns() - begun_ns > NEWS_NS):
                break
        not_begun = len(entries) - number - 1
        if not_begun and self._objects is not None:
            self._objects.forget(batch, number + 1)
        return Answer(batch.number, tuple(known), counts.bytes_read, tuple(reported), counts.cached(), not_begun)

    def _quick(self, number: int, group: Group, item: Item, now_ns: int, counts: Counts) -> "_Examined | None":
        """Examines a plain small file without a finding; ``None``: examine it in full."""
        is_reported = self._config.report_all or item.report
        read = self._analyzer.quick(number, group, item, now_ns, with_state=is_reported)
        if read is None:
            return None
        found = self._quick_outcome(read.digests, item.state.size)
        if found is None:
            return None
        matches, caveats = found
        size = item.state.size
        cached_bytes = counts.add_quick(size, read)
        if not is_reported:
            plain = _KNOWN if matches else _CLEAN
            return msgspec.structs.replace(plain, cached_bytes=cached_bytes) if cached_bytes else plain
        kept = bounded_matches(matches)
        texts = {str(name): value.hex() for name, value in read.digests.items()}
        omitted = len(matches) - len(kept)
        result = EntryResult(
            number, read.state, size, Consistency.STABLE, texts, kept, caveats, matches_omitted=omitted
        )
        return _Examined(result, cached_bytes=cached_bytes)

    def _quick_outcome(self, digests: dict[AlgorithmName, bytes], size_bytes: int) -> Outcome | None:
        """Returns the matches with known lists; ``None``: examine the content in full, as all that has a finding."""
        if self.imports.has_refused:
            return None
        if not self._config.filters and not self._matcher.may_match(digests):
            return (), ()
        found = self._match(digests, size_bytes, None)
        return None if has_deny_match(found[0]) else found

    def _quick_match(self, digests: dict[AlgorithmName, bytes], size_bytes: int) -> bool | None:
        """Returns whether digests are only on lists of known files; ``None``: match them in full."""
        found = self._quick_outcome(digests, size_bytes)
        return None if found is None else bool(found[0])

    def _fully(self, position: tuple[int, int], group: Group, item: Item, counts: Counts) -> "_Examined":
        """Examines any entry, by the numbers of its batch and of itself in the batch."""
        entry = entry_of(group, item)
        analysis = self._analyzer.analyze(position, entry, item)
        self._check_access(entry, analysis.faults)
        if refused := self.imports.faults():
            analysis = msgspec.structs.replace(analysis, faults=(*analysis.faults, *refused))
        analysis, (matches, confirmations) = self._matched(analysis)
        number = position[1]
        counts.add(number, analysis)
        self._check_fitness(analysis.faults, decoded=analysis.seen is not None and analysis.outcome.sink is not None)
        result = None
        is_news = bool(analysis.faults) or has_deny_match(matches)
        has_lines = analysis.container is not None and analysis.container.lines > 0
        is_prefix = analysis.outcome.consistency is Consistency.APPENDED_WHILE_READ
        if is_prefix or item.report or self._config.report_all or is_news or has_lines:
            # Only now, because most entries get no record. The records of members have the state of their file.
            stat = self._analyzer.with_birth_time(entry, analysis.outcome.stat)
            result = _examination(number, analysis, stat, matches, confirmations)
        elif analysis.container is not None:
            # It gets no record, but its kind is counted.
            result = _examination(number, analysis, analysis.outcome.stat, matches, confirmations)
        cached_bytes = 0 if analysis.to_cache is None else len(analysis.to_cache.sealed)
        return _Examined(result, bool(matches), is_news or has_lines, cached_bytes)

    def _matched(self, analysis: AnalysisResult) -> tuple[AnalysisResult, Outcome]:
        """Returns the result for a file and its matches. Of a file that was appended to, it is that of the prefix."""
        found = self._match(analysis.digests, analysis.size_bytes, analysis.seen)
        of_prefix = analysis.of_prefix()
        # A match of the content that was read last is a finding, also if that content was never whole.
        if of_prefix is None or has_deny_match(found[0]):
            return analysis, found
        return of_prefix, self._match(of_prefix.digests, of_prefix.size_bytes, None)

    def _match(self, digests: dict[AlgorithmName, bytes], size_bytes: int, seen: "PictureResult | None") -> Outcome:
        matches, confirmations = self._matcher.match(digests, size_bytes)
        if seen is not None:
            matches, confirmations = _joined(matches, confirmations, seen)
        if not matches:
            matches = self._filters.match(digests, size_bytes)
        return matches, confirmations

    def _check_access(self, entry: Entry, faults: Sequence[Fault]) -> None:
        """Ends the worker if the sandbox refuses a file only because it is newer than the sandbox."""
        if self.access is None or entry.location.kind is not Kind.FILE:
            return
        if any(fault.code is FaultCode.PERMISSION_DENIED for fault in faults) and self.access.is_new(entry.path):
            raise WorkerExhaustedError(errno.EACCES)

    def _check_fitness(self, faults: Sequence[Fault], *, decoded: bool) -> None:
        """Ends the worker if decoders have not left enough resources for the next file."""
        self._has_decoded |= decoded
        if decoded and not self.space.is_measurable():
            # A decoder has closed descriptors that are not its own.
            raise WorkerExhaustedError(errno.EBADF)
        codes = {fault.code for fault in faults}
        if FaultCode.TOO_MANY_OPEN_FILES in codes and self._has_decoded:
            # If nothing was decoded, the limit itself is too low.
            raise WorkerExhaustedError(errno.EMFILE)
        sandbox = self._config.sandbox
        if FaultCode.OUT_OF_MEMORY in codes and sandbox is not None:
            gc.collect()
            if self.space.grown_bytes() > sandbox.memory_bytes // 2:
                raise WorkerExhaustedError(errno.ENOMEM)


class _Examined(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Counts and result of one entry."""

    result: EntryResult | None = None
    """Present if the entry gets a record, or is counted by its kind."""
    is_known: bool = False
    """It matches known lists only."""
    is_news: bool = False
    """A finding or a fault."""
    cached_bytes: int = 0
    """Length of its value for the cache."""


_CLEAN = _Examined()
_KNOWN = _Examined(is_known=True)


def _perceptual_algorithms(config: WorkerConfig) -> "tuple[PerceptualAlgorithm, ...]":
    """Loads the perceptual hashes. Plug-ins become known to the lists before those are opened."""
    if config.perceptual is None:
        return ()
    # Decoders and numpy slow the start, so load them only if needed.
    from hashaudit.workers.child.pictures import load_algorithms  # noqa: PLC0415 # as above

    return load_algorithms(config.perceptual)


def _objects(config: WorkerConfig, throttle: SharedThrottle) -> "Objects | None":
    if config.stores is None:
        return None
    # The libraries of the stores take longer to import than everything else.
    from hashaudit.workers.child.object_prefetch import Objects  # noqa: PLC0415 # as above

    return Objects(config.stores, config.schemes, throttle)


def _pictures(
    config: WorkerConfig, algorithms: "tuple[PerceptualAlgorithm, ...]", indexes: Sequence[ListIndex]
) -> "Pictures | None":
    if config.perceptual is None:
        return None
    from hashaudit.workers.child.pictures import Pictures  # noqa: PLC0415 # as above

    return Pictures(config.perceptual, algorithms, indexes, config.recipes)


def _joined(
    matches: tuple[Match, ...], confirmations: tuple[Caveat, ...], seen: "PictureResult"
) -> tuple[tuple[Match, ...], tuple[Caveat, ...]]:
    """Joins exact and near matches, exact ones first. An entry with an exact match is not perceptual-only."""
    exact = has_deny_match(matches)
    near = tuple(item for item in seen.confirmations if not (exact and item is Caveat.PERCEPTUAL_ONLY))
    return matches + seen.matches, confirmations + near


def _examination(
    number: int,
    analysis: AnalysisResult,
    stat: State | None,
    matches: tuple[Match, ...],
    confirmations: tuple[Caveat, ...],
) -> EntryResult:
    outcome = analysis.outcome
    kept = bounded_matches(matches)
    if matches and outcome.consistency is Consistency.CHANGED_WHILE_READ:
        confirmations = (*confirmations, Caveat.CHANGED_WHILE_READ)
    return EntryResult(
        number,
        stat,
        outcome.bytes_read,
        outcome.consistency,
        {name: value.hex() for name, value in analysis.digests.items()},
        kept,
        confirmations,
        analysis.faults,
        outcome.changed_from,
        () if analysis.seen is None else analysis.seen.hashes,
        len(matches) - len(kept),
        analysis.from_run,
        None if analysis.seen is None else analysis.seen.no_hash,
        0 if analysis.seen is None else analysis.seen.frames_skipped,
        analysis.container,
        analysis.pieces,
    )
