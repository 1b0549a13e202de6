"""Examines the entries of a batch: computes their hashes and matches them."""

import errno
import gc
import os
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import msgspec

from hashaudit.host.memory import AddressSpace
from hashaudit.host.sandbox.access import Access
from hashaudit.lists.index.index_reader import ListIndex
from hashaudit.lists.match.exact_match import ExactMatcher, Outcome
from hashaudit.lists.match.known_match import KnownFilters
from hashaudit.model.container_parts import PartTask
from hashaudit.model.entry import Consistency, Entry, State
from hashaudit.model.faults import Fault, FaultCode
from hashaudit.model.file_run import FileRun
from hashaudit.model.location import DirectoryRef, Kind
from hashaudit.model.results import AlgorithmName, Caveat, EntryResult, Match, has_deny_match
from hashaudit.workers.child.analyze import AnalysisResult, Analyzer, Counts, item_place, plain_digests
from hashaudit.workers.child.cache_values import UNKNOWN, KnownFile, KnownGroup
from hashaudit.workers.child.content_steps import Hashing
from hashaudit.workers.child.import_guard import ImportGuard
from hashaudit.workers.child.inside import Inside
from hashaudit.workers.child.internal_errors import ReadersNeededError, WorkerExhaustedError
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
    CachedRun,
    Group,
    Item,
    MemberFrame,
    WorkBatch,
    WorkerConfig,
    entry_of,
    full_group,
    position_word,
)

NEWS_NS = 250 * 10**6
"""A batch that has taken longer ends early after a finding or a fault, so that people see it within a second."""

_NEVER_NS, _AT_ONCE_NS = 1 << 63, -1
_STABLE = Consistency.STABLE

if TYPE_CHECKING:
    from hashaudit.content.perceptual.interface import PerceptualAlgorithm
    from hashaudit.content.read.small_read import Read
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
        self._is_noted = config.report_all or bool(config.filters)
        """Also a file without a finding may have to be noted."""
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
                    plain_digests(config.algorithms, pictures),
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

        return in_background(map(self._fetch, batches))

    def _fetch(self, batch: WorkBatch) -> WorkBatch:
        """Starts to fetch the objects of a batch that the cache does not have."""
        if self._objects is not None:
            self._objects.fetch(batch, self._analyzer.unread(batch))
        return batch

    def examine_batch(self, batch: WorkBatch) -> Answer:
        """Examines the entries of a batch and notes the current one in the progress memory.

        Ends early once the answer is long, so that no answer exceeds a message.

        Raises:
            HashauditError: a compiled list is damaged, which is no fault of an entry.
            WorkerExhaustedError: the current entry used up resources of the process.
        """
        self._analyzer.has_idle_cores = batch.has_idle_cores
        done = _Done(time.monotonic_ns())
        total = begun = 0
        for group in batch.groups:
            if begun == total:
                known = None if isinstance(group, FileRun) else self._analyzer.known(group.cached)
                if isinstance(group, CachedRun) and known is not None and self._pass_run(total, group, known, done):
                    begun += len(group)
                else:
                    begun = self._examine_group(batch.number, total, full_group(group), known, done)
            total += len(group)
        if begun < total and self._objects is not None:
            self._objects.forget(batch, begun)
        counts = done.counts
        return Answer(
            batch.number,
            tuple(done.known),
            counts.bytes_read,
            tuple(done.reported),
            self._analyzer.cached(counts),
            total - begun,
            done.needs_readers,
        )

    def _pass_run(self, first: int, run: CachedRun, known: KnownGroup, done: "_Done") -> bool:
        """Returns whether the cache has all files of a run and none is on a list, and counts them then.

        Most runs of a later scan are like this. They need no item for each file, and nothing that can crash.
        """
        if self._is_noted or known.is_empty or time.monotonic_ns() > done.end_ns:
            return False
        unread, may_match = known.unread(), self._matcher.may_match
        for name, state in zip(run.files.names, run.files.states, strict=True):
            digests = unread(name, state)
            if digests is None or may_match(digests):
                return False
        done.counts.cache_hits += range(first, first + len(run))
        return True

    def _examine_group(  # noqa: C901, PLR0912, PLR0915 # the loop over all files
        self, batch: int, first: int, group: Group, known: KnownGroup | None, done: "_Done"
    ) -> int:
        """Examines entries of one directory or bucket. Returns the number of the first one that it did not begin.

        Args:
            batch: number of the batch.
            first: number of the first entry.
            group: the entries.
            known: what the cache has of them; ``None``: it does not apply.
            done: receives the results.
        """
        # Most files are small, plain and on no list, or unchanged. They need no other function of this module.
        progress, clock = self._progress, time.monotonic_ns
        may_match = self._matcher.may_match
        first_word = position_word(batch, 0)
        is_noted = self._is_noted
        end_ns, fed_bytes, quick_bytes = done.end_ns, progress[FED_BYTES], 0
        progress[MEMBER] = 0
        is_empty, latest_ns = (True, 0) if known is None else (known.is_empty, known.latest_ns)
        unread = None if known is None or is_noted or is_empty else known.unread()
        is_plain_place = isinstance(group.container, DirectoryRef)
        hits, keep = done.counts.cache_hits, self._analyzer.plain_keeper(done.counts)
        read = self._quick_reader(group)
        number = first
        for number, item in enumerate(group.items, first):
            begun_ns = clock()
            if begun_ns > end_ns:
                break
            progress[BEGUN_BYTES] = fed_bytes
            progress[BEGUN_NS] = begun_ns
            progress[POSITION] = first_word + number
            found = file = None
            if known is not None and (is_plain_place or item.state.is_conclusive):  # type: ignore[union-attr] # objects
                name, state = (item.name, item.state) if is_plain_place and not item.within else item_place(group, item)
                if unread is not None and not item.report:
                    digests = unread(name, state)  # type: ignore[arg-type] # files have no other state
                    if digests is not None and not may_match(digests):
                        hits.append(number)
                        continue
                if not is_empty:
                    file = known.file(name, state)  # type: ignore[arg-type] # as above
                elif state.ctime_ns <= latest_ns and state.mtime_ns <= latest_ns:  # type: ignore[union-attr]
                    file = UNKNOWN
            if (
                read is not None
                and item.consistency is _STABLE
                and not item.via_symlink
                and not item.within
                and (file is None or file is UNKNOWN)
            ):
                try:
                    found = read(item.name, item.state)  # type: ignore[arg-type] # as above
                except MemoryError:
                    found = None
            if found is not None:
                size_bytes = item.state.size
                progress[FED_BYTES] = fed_bytes = fed_bytes + size_bytes
                if not (is_noted or item.report or may_match(found[0])):
                    quick_bytes += size_bytes
                    if file is not None and found[2]:
                        keep(number, item, found[0], found[1])
                    continue
                if self._finish_quickly(number, group, item, found, done, has_cache=file is not None):
                    end_ns = done.end_ns
                    continue
            try:
                if not self._finish_object_quickly((batch, number), group, item, file, done):
                    self._examine_fully((batch, number), group, item, file, done)
            except ReadersNeededError:
                done.needs_readers = True
                break
            read = self._quick_reader(group)
            end_ns, fed_bytes = done.end_ns, progress[FED_BYTES]
            progress[MEMBER] = 0
        else:
            number += 1
        done.counts.bytes_read += quick_bytes
        return number

    def _quick_reader(self, group: Group) -> "Read[dict[AlgorithmName, bytes]] | None":
        # A part of a file has its batch to itself.
        if self.imports.has_refused or group.items[0].part is not None:
            return None
        return self._analyzer.quick_reader(group, time.time_ns())

    def _finish_quickly(
        self,
        number: int,
        group: Group,
        item: Item,
        read: tuple[dict[AlgorithmName, bytes], os.stat_result, bool],
        done: "_Done",
        *,
        has_cache: bool,
    ) -> bool:
        """Returns whether a small plain file has no finding, and adds it then. Otherwise it is examined in full."""
        digests, status, may_cache = read
        size_bytes = item.state.size
        found = self._quick_outcome(digests, size_bytes)
        if found is None:
            return False
        done.counts.bytes_read += size_bytes
        if has_cache and may_cache:
            self._analyzer.plain_keeper(done.counts)(number, item, digests, status)
        if self._config.report_all or item.report:
            state = self._analyzer.quick_state(group, item.name, status)
            done.report(_plain_result(number, state, _STABLE, digests, found))
        elif found[0]:
            done.known.append(number)
        return True

    def _finish_object_quickly(
        self, position: tuple[int, int], group: Group, item: Item, known: KnownFile | None, done: "_Done"
    ) -> bool:
        """Returns whether a small plain object has no finding, and adds it then. Otherwise it is examined in full."""
        is_compared = known is not None and known is not UNKNOWN
        if self._objects is None or is_compared or (read := self._analyzer.quick_object(position, item)) is None:
            return False
        digests, outcome = read
        size_bytes = item.state.size
        found = self._quick_outcome(digests, size_bytes)
        if found is None or outcome.stat is None:
            return False
        self._objects.drop(position, size_bytes)
        self._progress[FED_BYTES] += size_bytes
        done.counts.bytes_read += size_bytes
        number = position[1]
        if known is not None:
            self._analyzer.object_to_cache(number, entry_of(group, item), digests, outcome, done.counts)
        if self._config.report_all or item.report:
            done.report(_plain_result(number, outcome.stat, outcome.consistency, digests, found))
        elif found[0]:
            done.known.append(number)
        return True

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
        if not (self._config.filters or self.imports.has_refused or self._matcher.may_match(digests)):
            return False
        found = self._quick_outcome(digests, size_bytes)
        return None if found is None else bool(found[0])

    def _examine_fully(
        self, position: tuple[int, int], group: Group, item: Item, known: KnownFile | None, done: "_Done"
    ) -> None:
        """Examines any entry, by the numbers of its batch and of itself in the batch."""
        entry = entry_of(group, item)
        if item.part is not None and item.part.task is not PartTask.FILE:
            of_part = self._analyzer.examine_part(position, entry, item, item.part)
            if refused := self.imports.faults():
                of_part = msgspec.structs.replace(of_part, faults=(*of_part.faults, *refused))
            done.report(of_part)
            return
        self._analyzer.release_parts()
        analysis = self._analyzer.analyze(position, entry, item, known)
        self._check_access(entry, analysis.faults)
        if refused := self.imports.faults():
            analysis = msgspec.structs.replace(analysis, faults=(*analysis.faults, *refused))
        analysis, (matches, confirmations) = self._matched(analysis)
        number = position[1]
        done.counts.add(number, analysis)
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
        if result is not None:
            done.report(result)
        elif matches:
            done.known.append(number)
        if analysis.to_cache is not None:
            done.add_bytes(analysis.to_cache.length_bytes)
        if is_news or has_lines:
            done.add_news()

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


class _Done:
    """The results of a batch so far."""

    def __init__(self, begun_ns: int) -> None:
        self._begun_ns = begun_ns
        self._answer_bytes = 0
        self.end_ns: int = _NEVER_NS
        """Time on the monotonic clock after which no further entry is begun."""
        self.known: list[int] = []
        """Numbers of entries that match known lists only."""
        self.reported: list[EntryResult] = []
        """Results of entries that get a record, or are counted by their kind."""
        self.counts = Counts()
        self.needs_readers = False
        """True if the first entry that was not begun is a container, and this process has no reader."""

    def report(self, result: EntryResult) -> None:
        """Adds the result of one entry."""
        self.reported.append(result)
        self.add_bytes(result_length(result))

    def add_bytes(self, count: int) -> None:
        """Counts bytes of the answer."""
        self._answer_bytes += count
        if self._answer_bytes > FULL_ANSWER_BYTES:
            self.end_ns = _AT_ONCE_NS

    def add_news(self) -> None:
        """Notes that there is a finding or a fault, which is not to wait long for the rest of the batch."""
        self.end_ns = min(self.end_ns, self._begun_ns + NEWS_NS)


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


def _plain_result(
    number: int,
    state: State,
    consistency: Consistency,
    digests: dict[AlgorithmName, bytes],
    found: Outcome,
) -> EntryResult:
    matches, caveats = found
    kept = bounded_matches(matches)
    texts = {str(name): value.hex() for name, value in digests.items()}
    omitted = len(matches) - len(kept)
    return EntryResult(number, state, state.size, consistency, texts, kept, caveats, matches_omitted=omitted)


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
