"""Finds the parts of a large container, and examines one of them. The file stays open for the next part of it."""

import os
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from hashaudit.content.containers.few_members import FewMembers
from hashaudit.content.containers.interface import (
    ContainerError,
    Found,
    MemberContent,
    MemberRange,
    MemberRanges,
    RandomSource,
)
from hashaudit.content.containers.member_source import FileSource
from hashaudit.content.containers.sniff import FIRST_BYTES, ContainerProbe
from hashaudit.content.containers.volume_set import is_later_volume, with_volumes
from hashaudit.content.read import DirectoryCache
from hashaudit.content.read.pinned_read import PinnedFile, is_unchanged, open_pinned
from hashaudit.model.container_parts import MAX_PARTS, Part, PartResult, PartTask
from hashaudit.model.containers import ContainerKind
from hashaudit.model.entry import Entry
from hashaudit.model.faults import FaultCode
from hashaudit.model.location import Location, Member
from hashaudit.model.results import EntryResult
from hashaudit.workers.child.container_policy import unpack_fault
from hashaudit.workers.child.files_beside import FilesBeside
from hashaudit.workers.child.inside import Inside
from hashaudit.workers.child.member_walk import MAX_NAME_BYTES, MemberWalk
from hashaudit.workers.protocol import MEMBER, Item

MEMBER_IS_GONE = "the content of the member is damaged"


class PartExamination:
    """Examines parts of files.

    Args:
        inside: examines members.
        directories: keeps directories open.
    """

    def __init__(self, inside: Inside, directories: DirectoryCache) -> None:
        self._inside = inside
        self._directories = directories
        self._open: _OpenFile | None = None

    def examine(self, position: tuple[int, int], entry: Entry, item: Item, part: Part) -> EntryResult:
        """Returns the plan of a file, or the result of a part of it.

        Args:
            position: numbers of the batch and of the item in it.
            entry: the file.
            item: settings for it.
            part: what to examine.

        Raises:
            HashauditError: a compiled list is damaged.
        """
        result = EntryResult(position[1], None, 0, entry.consistency, {}, part=PartResult(has_changed=True))
        if not item.inside:
            return msgspec.structs.replace(result, part=PartResult())
        file = self._opened(entry, part)
        if file is None:
            return result
        if part.task is PartTask.PLAN:
            return msgspec.structs.replace(result, part=PartResult(self._plan(file, part.first)))
        walk = self._inside.walk(entry.location, file.pinned.size, position, item.blames)
        result = self._members(file, walk, part, result)
        if not is_unchanged(entry, self._directories, file.pinned):
            self.release()
            return msgspec.structs.replace(result, part=PartResult(has_changed=True))
        return result

    def release(self) -> None:
        """Closes the file."""
        if self._open is not None:
            os.close(self._open.pinned.descriptor)
            self._open = None

    def _opened(self, entry: Entry, part: Part) -> "_OpenFile | None":
        """Opens a file in the state that a part is of; ``None``: it is not in that state."""
        if self._open is not None and (self._open.location, self._open.pinned.pin) == (entry.location, part.pin):
            return self._open
        self.release()
        pinned = open_pinned(entry, self._directories)
        if pinned is None:
            return None
        self._open = _OpenFile(self._inside, self._directories, entry.location, pinned)
        if part.pin not in {"", pinned.pin}:
            self.release()
        return self._open

    def _plan(self, file: "_OpenFile", part_bytes: int) -> tuple[Part, ...]:
        """Returns the parts of a file, in the order of their results; none: it is examined as a whole."""
        kind = file.first_kind()
        if kind is None:
            return ()
        try:
            parts = self._parts(file, (kind,), (), max(part_bytes, file.pinned.size // (MAX_PARTS // 2)))
        except ContainerError:
            return ()
        except Exception:  # noqa: BLE001 # a defect of a reader is reported when the whole file is examined
            return ()
        return tuple(parts) if len(parts) > 1 else ()

    def _parts(
        self, file: "_OpenFile", kinds: tuple[ContainerKind, ...], path: tuple[int, ...], part_bytes: int
    ) -> list[Part]:
        ranges = file.ranges(kinds, path)
        found: list[Part] = []
        for one in ranges.ranges(part_bytes):
            part = Part(
                PartTask.MEMBERS,
                file.pinned.pin,
                kinds,
                path,
                one.first,
                one.end,
                one.hint,
                ranges.is_relative,
            )
            inner = None
            if isinstance(ranges, FewMembers) and one.first < one.end:
                inner = file.kind_within(kinds, (*path, one.first), part_bytes)
            if inner is not None:
                try:
                    found += self._parts(file, (*kinds, inner), (*path, one.first), part_bytes)
                except ContainerError:
                    inner = None
            if inner is not None:
                part = msgspec.structs.replace(part, task=PartTask.CLOSED, kinds=(*kinds, inner))
            found.append(part)
        return found

    def _members(
        self,
        file: "_OpenFile",
        walk: MemberWalk,
        part: Part,
        result: EntryResult,
    ) -> EntryResult:
        is_closed = part.task is PartTask.CLOSED
        kinds = part.kinds[:-1] if is_closed else part.kinds
        try:
            ranges = file.ranges(kinds, part.path)
            within = file.steps(kinds, part.path)
        except ContainerError as error:
            return msgspec.structs.replace(result, faults=(unpack_fault(error),), part=PartResult())
        members = _Counted(ranges.read(MemberRange(part.first, part.end, part.hint)))
        container, faults = walk.examine_part(kinds[-1], members, within, part.kinds[-1] if is_closed else None)
        self._inside.progress[MEMBER] = 0
        return msgspec.structs.replace(
            result,
            faults=faults,
            container=container,
            part=PartResult(passed=ranges.passed, members=members.count),
        )


class _Counted:
    """Counts members as they pass."""

    def __init__(self, members: Iterator[Found]) -> None:
        self._members = members
        self.count = 0

    def __iter__(self) -> Iterator[Found]:
        for found in self._members:
            self.count += isinstance(found, MemberContent)
            yield found


class _Level(NamedTuple):
    """One container in the file."""

    source: RandomSource
    ranges: MemberRanges
    steps: tuple[Member, ...]


class _OpenFile:
    """A file, and the containers in it that were opened."""

    def __init__(self, inside: Inside, directories: DirectoryCache, location: Location, pinned: PinnedFile) -> None:
        self._inside = inside
        self.location = location
        self.pinned = pinned
        self._beside = FilesBeside(directories, location, inside.throttle)
        self._source = FileSource(pinned.descriptor, pinned.size, inside.throttle)
        self._levels: dict[tuple[int, ...], _Level] = {}

    def first_kind(self) -> ContainerKind | None:
        """Returns the kind of container that the file is, if several workers can share it."""
        kind = self._kind(self._source)
        if kind is None:
            return None
        # The volumes of a set would have to be pinned, too.
        source = FileSource(self.pinned.descriptor, self.pinned.size, beside=self._beside)
        with self._beside:
            is_one = not is_later_volume(kind, source) and with_volumes(kind, source) is source
        return kind if is_one else None

    def kind_within(self, kinds: tuple[ContainerKind, ...], path: tuple[int, ...], least: int) -> ContainerKind | None:
        """Returns the kind of container that a member is, if it is at least so long that it is worth dividing."""
        member = self._member(kinds, path)
        if member.random is None or member.random.size < least or len(path) >= self._inside.config.limits.depth:
            return None
        # Patterns decide about a member before its members, which are then not parts of their own.
        return None if self._inside.config.patterns is not None else self._kind(member.random)

    def ranges(self, kinds: tuple[ContainerKind, ...], path: tuple[int, ...]) -> MemberRanges:
        """Returns the container at a path, whose kinds are known.

        Raises:
            ContainerError: it cannot be opened.
        """
        return self._level(kinds, path).ranges

    def steps(self, kinds: tuple[ContainerKind, ...], path: tuple[int, ...]) -> tuple[Member, ...]:
        """Returns the steps to the container at a path."""
        return self._level(kinds, path).steps

    def _level(self, kinds: tuple[ContainerKind, ...], path: tuple[int, ...]) -> _Level:
        level = self._levels.get(path)
        if level is None:
            source: RandomSource | None = self._source
            steps: tuple[Member, ...] = ()
            if path:
                member = self._member(kinds[:-1], path)
                source = member.random
                above = self._level(kinds[:-1], path[:-1])
                steps = (
                    *above.steps,
                    Member(kinds[-2].value, member.name[:MAX_NAME_BYTES], member.index, member.deleted),
                )
            if source is None:
                raise ContainerError(FaultCode.DAMAGED, MEMBER_IS_GONE)
            self._inside.policy.require_readers(kinds[-1])
            ranges = self._inside.policy.ranges_readers[kinds[-1]](source)
            level = self._levels[path] = _Level(source, ranges, steps)
        return level

    def _member(self, kinds: tuple[ContainerKind, ...], path: tuple[int, ...]) -> MemberContent:
        ranges = self.ranges(kinds, path[:-1])
        for found in ranges.read(MemberRange(path[-1], path[-1] + 1)):
            if isinstance(found, MemberContent):
                return found
        raise ContainerError(FaultCode.DAMAGED, MEMBER_IS_GONE)

    def _kind(self, source: RandomSource) -> ContainerKind | None:
        probe = ContainerProbe()
        probe.take(source.read_at(0, FIRST_BYTES))
        kind = probe.begins_as
        policy = self._inside.policy
        if kind is not None:
            policy.require_readers(kind)
        return kind if kind in policy.kinds and kind in policy.ranges_readers else None
