"""Checks an answer of a worker against its request, field by field, before anything of it is believed.

A compromised worker can falsify results for the files that it holds. It must not be able to write values that the
findings format does not have, name lists that the scan does not have, or say more than an answer needs.
"""

import stat
from collections.abc import Sequence

import msgspec

from hashaudit.cache.values import MAX_VALUE_BYTES, PlainValues, length_of
from hashaudit.content.digests.digest_registry import DIGESTS
from hashaudit.content.perceptual import hash_names
from hashaudit.lazy import lazy_pattern
from hashaudit.model.container_parts import PartResult, PartTask
from hashaudit.model.containers import ContainerKind, ContainerResult
from hashaudit.model.entry import Consistency, Entry, ObjectState, Stat, State
from hashaudit.model.faults import Fault
from hashaudit.model.file_pieces import piece_member
from hashaudit.model.location import Kind
from hashaudit.model.results import AlgorithmName, EntryResult, Match, MatchType, MemberResult, PerceptualHash
from hashaudit.model.times import TimeNs
from hashaudit.workers.protocol import MAX_LABEL_CHARACTERS, MAX_MATCHES, Answer, MemberFrame, WorkerConfig
from hashaudit.workers.tasks import ContextT, Task

MAX_SIZE = (1 << 63) - 1
MAX_COUNT = 1 << 53
MAX_DISTANCE = 1 << 32
MAX_ENTRY_CHARACTERS = 1 << 20
"""For the ids of all list entries of one result, and for labels beyond those that a worker keeps."""
MAX_STATE_CHARACTERS = 1024
MAX_VALUES = 256
"""Cached values of one file. There is one for each algorithm, and two or three others."""
MAX_ATTEMPTS = 10_000
MAX_FAULTS = 4096
MAX_HASHES = 100_000
"""Perceptual hashes of one image. One of 33 frames has some hundred for each algorithm."""
MAX_FRAME_RESULTS = 1000
MAX_PLANNED = 10_000
"""Parts of one file: some hundred, and those of many partitions."""
MAX_DEPTH = 100
MAX_NAME_BYTES = 1 << 16
"""Longest name of a member: that of a zip. A longer one of a tar is cut by the worker."""
MAX_PLUGIN_BYTES = 4096
"""Longest value of a plug-in hash. The parent does not load plug-ins."""

_PIN = lazy_pattern(r"-?\d{1,40}(:-?\d{1,40}){3}")
_HEX = lazy_pattern(r"(?:[0-9a-f]{2})+")
_HEX_DIGITS = lazy_pattern(r"[0-9a-f]*")
_NAME = lazy_pattern(r"[a-z0-9_-]{1,64}")
_RUN_ID = lazy_pattern(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


class AnswerCheck:
    """The check of the answers to one configuration."""

    def __init__(self, config: WorkerConfig) -> None:
        self._digests = {name: 2 * DIGESTS[name].length_bytes for name in config.algorithms if name in DIGESTS}
        self._lists = {number for index in config.indexes for number in index.list_numbers}
        self._lists |= {handle.list_number for handle in config.filters}
        self._inside = config.inside
        self._pieces = config.pieces
        perceptual = config.perceptual
        self._perceptual = frozenset[AlgorithmName]() if perceptual is None else frozenset(perceptual.algorithms)
        self._has_plugins = perceptual is not None and bool(perceptual.hashers)
        self._max_distances = {} if perceptual is None else perceptual.max_distances

    def invalid_item(self, answer: Answer, tasks: Sequence[Task[ContextT]]) -> int | None:
        """Returns the first item of a batch whose result cannot be true; ``None`` if all can.

        The answer must account for the items (:func:`hashaudit.workers.tasks.accounted_for`).
        """
        for result in answer.reported:
            if not self._is_possible(result, tasks[result.item]):
                return result.item
        for value in answer.cache.to_keep:
            if len(value.values) > MAX_VALUES or length_of(value.values) > MAX_VALUE_BYTES:
                return value.item
        return _invalid_plain(answer.cache.plain)

    def _is_possible(self, result: EntryResult, task: Task[ContextT]) -> bool:
        try:
            return self._is_valid(result, task)
        except (ArithmeticError, ValueError, TypeError, LookupError):
            # A value that cannot even be compared.
            return False

    def _is_valid(self, result: EntryResult, task: Task[ContextT]) -> bool:
        entry = task.entry
        return (
            _is_state(result.stat, entry)
            and _is_state(result.changed_from, entry)
            and _is_count_of_bytes(result, entry)
            and _is_consistency(result.consistency, entry)
            and 0 <= result.pieces <= (0 if self._pieces is None or result.faults else MAX_COUNT)
            and self._is_hashed(result)
            and _is_run(result.from_run, task)
            and self._is_part(result.part, task)
        )

    def _is_part(self, part: PartResult | None, task: Task[ContextT]) -> bool:
        asked = task.part
        if part is None or asked is None or asked.task is PartTask.FILE:
            return part is None and (asked is None or asked.task is PartTask.FILE)
        kinds = frozenset[ContainerKind]() if self._inside is None else self._inside.kinds
        return (
            0 <= part.passed <= MAX_COUNT
            and 0 <= part.members <= MAX_COUNT
            and len(part.parts) <= (MAX_PLANNED if asked.task is PartTask.PLAN else 0)
            and all(
                one.task in {PartTask.MEMBERS, PartTask.CLOSED}
                and one.pin == part.parts[0].pin
                and _PIN.fullmatch(one.pin) is not None
                and kinds.issuperset(one.kinds)
                and len(one.path) + (2 if one.task is PartTask.CLOSED else 1) == len(one.kinds) <= MAX_DEPTH
                and 0 <= one.first <= one.end <= MAX_COUNT
                and 0 <= one.hint <= MAX_SIZE
                and all(0 <= position <= MAX_COUNT for position in one.path)
                for one in part.parts
            )
        )

    def are_members(self, frame: MemberFrame, task: Task[ContextT]) -> bool:
        """Returns whether results of members of a container, or of pieces of a file, can be true."""
        if len(frame.results) > MAX_FRAME_RESULTS:
            return False
        try:
            if self._pieces is not None:
                return all(map(self._is_piece, range(frame.first, MAX_COUNT), frame.results))
            if self._inside is None or not task.inside:
                return False
            return all(self._is_member(item, task.entry) for item in frame.results)
        except (ArithmeticError, ValueError, TypeError, LookupError):
            return False

    def _is_member(self, item: MemberResult, entry: Entry) -> bool:
        result = item.result
        # Its state is that of the file around it.
        in_file = msgspec.structs.replace(result, stat=entry.state)
        kinds = ContainerKind.__members__.values()
        return (
            result.stat is None
            and result.changed_from is None
            and result.from_run is None
            and 0 < len(item.within) <= MAX_DEPTH
            and all(
                member.format in kinds and len(member.name) <= MAX_NAME_BYTES and 0 <= member.ordinal < MAX_COUNT
                for member in item.within
            )
            and 0 <= result.bytes_read <= MAX_SIZE
            and self._is_hashed(in_file)
        )

    def _is_piece(self, number: int, item: MemberResult) -> bool:
        """Returns whether a result is of the piece of this number, and has its digests and nothing else."""
        if self._pieces is None or item.within != (piece_member(number, self._pieces.size, item.result.bytes_read),):
            return False
        digests: dict[str, str] = {name: item.result.digests.get(name, "") for name in self._digests}
        return (
            item.result == EntryResult(0, None, item.result.bytes_read, Consistency.STABLE, digests)
            and 0 <= item.result.bytes_read <= self._pieces.size
            and not (number and self._pieces.first_only)
            and all(len(digests[name]) == length for name, length in self._digests.items())
            and all(_HEX.fullmatch(value) for value in digests.values())
        )

    def _is_hashed(self, result: EntryResult) -> bool:
        if not self._are_digests(result):
            return False
        if not (result.matches or result.matches_omitted or result.needs_confirmation or result.faults) and not (
            result.perceptual or result.frames_skipped or result.container
        ):
            return True  # as most results of a scan that records all files
        return (
            self._are_matches(result)
            and len(set(result.needs_confirmation)) == len(result.needs_confirmation)
            and len(result.faults) <= MAX_FAULTS
            and all(map(_is_fault, result.faults))
            and len(result.perceptual) <= MAX_HASHES
            and all(map(self._is_hash, result.perceptual))
            and (result.no_hash is None or not result.perceptual)
            and 0 <= result.frames_skipped < MAX_COUNT
            and self._is_container(result.container)
        )

    def _is_container(self, container: ContainerResult | None) -> bool:
        if container is None:
            return True
        kinds = frozenset(ContainerKind)
        of_kinds = {**container.containers, **container.containers_unopened}
        of_members = (
            container.lines,
            container.clean,
            container.known,
            container.bytes,
            container.skipped,
            container.deleted_unreadable,
        )
        counts = (*of_members, container.same_as or 0)
        return (
            (
                not container.opened
                or (self._inside is not None and container.kind in self._inside.kinds | {ContainerKind.VOLUME})
            )
            and (container.opened or not any(of_members))
            and all(0 <= count <= MAX_COUNT for count in counts)
            and of_kinds.keys() <= kinds
            and all(
                0 < count <= MAX_COUNT
                for count in (*container.containers.values(), *container.containers_unopened.values())
            )
        )

    def _are_digests(self, result: EntryResult) -> bool:
        if not result.digests:
            return True
        return (
            result.stat is not None
            and result.digests.keys() == self._digests.keys()
            and all(
                len(result.digests[name]) == length and _HEX_DIGITS.fullmatch(result.digests[name]) is not None
                for name, length in self._digests.items()
            )
        )

    def _are_matches(self, result: EntryResult) -> bool:
        matches = result.matches
        labels = sum(len(name) + len(text) for match in matches for name, text in match.labels.items())
        return (
            len(matches) <= MAX_MATCHES
            and 0 <= result.matches_omitted <= (MAX_COUNT if len(matches) == MAX_MATCHES else 0)
            and labels <= MAX_LABEL_CHARACTERS + MAX_ENTRY_CHARACTERS
            and sum(len(match.entry) for match in matches) <= MAX_ENTRY_CHARACTERS
            and all(self._is_match(match, result) for match in matches)
        )

    def _is_match(self, match: Match, result: EntryResult) -> bool:
        if match.list_number not in self._lists:
            return False
        if match.type is MatchType.EXACT:
            return match.algorithm in result.digests and match.distance is None and match.threshold is None
        return (
            self._is_perceptual(match.algorithm)
            and match.distance is not None
            and match.threshold is not None
            and 0 <= match.distance <= match.threshold <= MAX_DISTANCE
            and match.threshold == self._max_distances.get(match.algorithm, match.threshold)
        )

    def _is_perceptual(self, name: AlgorithmName) -> bool:
        return name in self._perceptual or (self._has_plugins and _NAME.fullmatch(name) is not None)

    def _is_hash(self, value: PerceptualHash) -> bool:
        length = hash_names.LENGTHS_BYTES.get(value.algorithm)
        fits = len(value.value) <= 2 * MAX_PLUGIN_BYTES if length is None else len(value.value) == 2 * length
        return (
            self._is_perceptual(value.algorithm)
            and fits
            and _HEX.fullmatch(value.value) is not None
            and (value.quality is None or 0 <= value.quality <= 100)
            and 0 <= value.frame < MAX_COUNT
            # Other variants are matched, but not reported.
            and value.variant == "original"
            and not value.trimmed
            and not value.view
        )


def with_own_words(answer: Answer) -> Answer:
    """Returns the answer with the texts of faults from a closed set."""
    if not any(result.faults for result in answer.reported):
        return answer
    reported = tuple(map(_with_own_words, answer.reported))
    return msgspec.structs.replace(answer, reported=reported)


def members_with_own_words(results: tuple[MemberResult, ...]) -> tuple[MemberResult, ...]:
    """Returns results of members with the texts of faults from a closed set."""
    return tuple(
        msgspec.structs.replace(item, result=_with_own_words(item.result)) if item.result.faults else item
        for item in results
    )


def _with_own_words(result: EntryResult) -> EntryResult:
    if not result.faults:
        return result
    from hashaudit.workers.fault_texts import worded  # noqa: PLC0415 # start-up: it holds long patterns

    return msgspec.structs.replace(result, faults=tuple(map(worded, result.faults)))


def _invalid_plain(plain: PlainValues) -> int | None:
    """Returns the first item whose values to cache cannot be true."""
    count = len(plain.numbers)
    for item, values in zip(plain.items, plain.values, strict=True):
        if len(values) != count or count > MAX_VALUES or sum(map(len, values)) > MAX_VALUE_BYTES:
            return item
    return None


def _is_state(state: State | None, entry: Entry) -> bool:
    if state is None:
        return True
    if state.kind is not entry.state.kind:
        return False
    return _is_object_state(state) if state.kind is Kind.OBJECT else _is_stat(state, entry)


def _is_stat(state: Stat, entry: Entry) -> bool:
    # A worker refuses to read a file of another device, and one of another inode where inodes last.
    same = state.device == entry.stat.device and (
        state.inode == entry.stat.inode or entry.consistency is not Consistency.STABLE
    )
    times = (state.mtime_ns, state.ctime_ns, state.birth_ns or 0)
    return (
        same
        and stat.S_ISREG(state.mode)
        and 0 <= state.mode < 1 << 32
        and 0 <= state.size <= MAX_SIZE
        and 0 <= state.inode < 1 << 64
        and 0 <= state.links <= MAX_COUNT
        and 0 <= state.uid < 1 << 32
        and 0 <= state.gid < 1 << 32
        and all(map(_is_time, times))
    )


def _is_time(time_ns: TimeNs) -> bool:
    # A Decimal may also be infinite, no number, or a fraction.
    whole = isinstance(time_ns, int) or (time_ns.is_finite() and time_ns == time_ns.to_integral_value())
    return whole and -(1 << 93) < time_ns < 1 << 93


def _is_object_state(state: ObjectState) -> bool:
    texts = (state.etag, state.version or "", state.storage_class or "")
    return (
        0 <= state.size <= MAX_SIZE
        and 0 <= state.last_modified_ns <= MAX_SIZE
        and all(len(text) <= MAX_STATE_CHARACTERS and text.isprintable() for text in texts)
    )


def _is_count_of_bytes(result: EntryResult, entry: Entry) -> bool:
    count, state = result.bytes_read, result.stat
    if state is None:
        return count == 0
    if result.consistency is Consistency.CHANGED_WHILE_READ or not state.size:
        # The size of a pseudo file is 0, and its content is not.
        return 0 <= count <= MAX_SIZE
    return 0 <= count <= max(state.size, entry.state.size)


def _is_consistency(consistency: Consistency, entry: Entry) -> bool:
    if consistency is Consistency.CHANGED_WHILE_READ:
        return True
    if entry.state.kind is Kind.OBJECT:
        return consistency in {Consistency.ETAG_PINNED, Consistency.VERSION_PINNED}
    if consistency is Consistency.APPENDED_WHILE_READ:
        return entry.consistency is Consistency.STABLE
    return consistency is entry.consistency


def _is_fault(fault: Fault) -> bool:
    # The parent alone knows of signals.
    return 0 <= fault.attempts <= MAX_ATTEMPTS and fault.signal is None


def _is_run(run: str | None, task: Task[ContextT]) -> bool:
    if run is None:
        return True
    if task.known is None or _RUN_ID.fullmatch(run) is None:
        return False
    from hashaudit.cache.blocks import runs_of  # noqa: PLC0415 # start-up: few scans have a cache

    return any(run in runs_of(block) for block in task.known.blocks)
