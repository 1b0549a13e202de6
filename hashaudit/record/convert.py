"""Converts the program's values to records of the findings file: bytes inside, text outside."""

from collections.abc import Mapping
from typing import Any

import msgspec

from hashaudit.lists.interface import ListInfo, RejectReason
from hashaudit.model import paths
from hashaudit.model.containers import ContainerKind, ContainerResult
from hashaudit.model.entry import Consistency, Entry, State
from hashaudit.model.faults import Fault, PathFault
from hashaudit.model.location import Kind, Location
from hashaudit.model.results import (
    Caveat,
    EntryResult,
    Match,
    MemberResult,
    PerceptualHash,
    has_deny_match,
)
from hashaudit.record import schema, timestamps
from hashaudit.record.fields import MAX_SAFE_INTEGER, Setting, large
from hashaudit.record.header import HashList

MAX_LIST_NAME_CHARACTERS = 200
"""Part of a list's name that each match repeats, so that 1,000 matches fit into a record. The header has all of it."""

_PERMISSIONS = 0o7777
"""Permission bits of a mode, with set-user-ID, set-group-ID and sticky."""


def of_result(
    entry: Entry, result: EntryResult, time_ns: int, list_names: Mapping[int, str], *, record_all: bool
) -> schema.FindingRecord | schema.FaultRecord | schema.FileRecord | None:
    """Returns the one record of an entry, or ``None`` if it has no finding and no fault.

    Args:
        entry: as the walk listed it.
        result: of its examination.
        time_ns: now, nanoseconds since the epoch.
        list_names: names of the scan's lists by their numbers.
        record_all: every entry gets a record.
    """
    if has_deny_match(result.matches):
        fields = _fields(entry, result, time_ns, list_names)
        return schema.FindingRecord(**fields, needs_confirmation=result.needs_confirmation, human_viewed=False)
    if result.faults:
        return schema.FaultRecord(**_fields(entry, result, time_ns, list_names))
    return schema.FileRecord(**_fields(entry, result, time_ns, list_names)) if record_all else None


def of_member(
    entry: Entry, of_file: EntryResult, member: MemberResult, time_ns: int, list_names: Mapping[int, str]
) -> schema.FindingRecord | schema.FaultRecord | schema.FileRecord | None:
    """Returns the record of a member of a container, with the state of the file around it.

    Args:
        entry: the file.
        of_file: the result of its examination.
        member: the result of the member.
        time_ns: now, nanoseconds since the epoch.
        list_names: names of the scan's lists by their numbers.
    """
    location = msgspec.structs.replace(entry.location, within=member.within)
    state = of_file.stat or entry.state
    result = msgspec.structs.replace(member.result, stat=state, consistency=of_file.consistency)
    if of_file.consistency is Consistency.CHANGED_WHILE_READ and result.matches:
        confirmations = (*result.needs_confirmation, Caveat.CHANGED_WHILE_READ)
        result = msgspec.structs.replace(result, needs_confirmation=confirmations)
    inner = msgspec.structs.replace(entry, location=location)
    record = of_result(inner, result, time_ns, list_names, record_all=True)
    if record is None or not result.digests:
        return record  # the size of what could not be read whole is not known
    *outer, last = record.entry.within
    steps = (*outer, msgspec.structs.replace(last, size=large(result.bytes_read)))
    return msgspec.structs.replace(record, entry=msgspec.structs.replace(record.entry, within=steps))


def of_path_fault(path_fault: PathFault, time_ns: int) -> schema.FaultRecord:
    """Returns the record of a directory that could not be listed, or of a name that could not be examined."""
    path, path_uri = paths.to_text(path_fault.path)
    return schema.FaultRecord(
        time=timestamps.to_text(time_ns),
        entry=schema.Entry(root=path_fault.root, path=path, path_uri=path_uri),
        faults=(_fault(path_fault.fault),),
        directory=path_fault.directory,
    )


def of_location(location: Location) -> schema.Entry:
    """Returns a location as records name it."""
    path, path_uri = paths.to_text(location.path)
    within = []
    for member in location.within:
        name, name_uri = paths.to_text(member.name)
        within.append(
            schema.Member(
                format=member.format, name=name, name_uri=name_uri, ordinal=member.ordinal, deleted=member.deleted
            )
        )
    return schema.Entry(
        root=location.root,
        path=path,
        path_uri=path_uri,
        version=location.version,
        within=tuple(within),
        via_symlink=location.via_symlink,
    )


def of_list(number: int, info: ListInfo) -> HashList:
    """A hash list as the run header names it.

    Args:
        number: its position among the run's lists, from 1, as matches refer to it.
        info: what was learned when it was read.
    """
    path, path_uri = paths.to_text(info.path.encode(errors="surrogateescape"))
    return HashList(
        number=number,
        name=info.name,
        path=path,
        path_uri=path_uri,
        role=info.role,
        size=large(info.size),
        sha256=info.sha256,
        mtime=timestamps.to_text(int(info.mtime_ns)),
        format=info.format,
        version=info.version,
        date=info.date,
        algorithms=info.algorithms,
        read=info.read,
        kept=info.kept,
        rejected={RejectReason(reason): count for reason, count in info.rejected.items()},
        all_sized=info.all_sized,
        warnings=info.warnings,
    )


def of_setting(value: object) -> Setting:
    """A configured value as the header's ``config`` holds it: fractions and large numbers as text."""
    match value:
        case None | bool() | str():
            return value
        case int():
            return value if 0 <= value <= MAX_SAFE_INTEGER else str(value)
        case bytes():
            return paths.to_text(value)[0]
        case list() | tuple() | set() | frozenset():
            items = [item if isinstance(item, str) else str(of_setting(item)) for item in value]
            return tuple(sorted(items) if isinstance(value, set | frozenset) else items)
        case _:
            return str(value)


def _fields(entry: Entry, result: EntryResult, time_ns: int, list_names: Mapping[int, str]) -> dict[str, Any]:
    """Returns the fields that records of all kinds share, without most that are empty, which takes half the time."""
    fields: dict[str, Any] = {
        "time": timestamps.to_text(time_ns),
        "entry": of_location(entry.location),
        # An entry that could not be opened still has the state that the walk listed; only a read has a consistency.
        "state": of_state(result.stat or entry.state),
        "consistency": result.consistency if result.stat else None,
        "from_run": result.from_run,
        "digests": result.digests,
        "no_hash": result.no_hash,
        "frames_skipped": result.frames_skipped,
        "matches_omitted": result.matches_omitted,
    }
    if result.perceptual:
        fields["perceptual"] = tuple(map(_perceptual, result.perceptual))
    if result.matches:
        fields["matches"] = tuple(_match(match, list_names) for match in result.matches)
    if result.faults:
        fields["faults"] = tuple(map(_fault, result.faults))
    if result.changed_from is not None and result.stat is not None:
        fields["changed"] = schema.Change(before=of_state(result.changed_from), after=of_state(result.stat))
    if result.container is not None:
        fields["container"] = _container(result.container)
    return fields


def _container(container: ContainerResult) -> schema.Container:
    return schema.Container(
        kind=container.kind,
        opened=container.opened,
        members=container.members,
        clean=container.clean,
        known=container.known,
        skipped=container.skipped,
        deleted_unreadable=container.deleted_unreadable,
        bytes=large(container.bytes),
        containers=_of_kinds(container.containers),
        containers_unopened=_of_kinds(container.containers_unopened),
        same_as=container.same_as,
    )


def _of_kinds(counts: dict[str, int]) -> dict[ContainerKind, int]:
    return {ContainerKind(kind): count for kind, count in sorted(counts.items())}


def _perceptual(item: PerceptualHash) -> schema.PerceptualHash:
    # A record has hashes of the usual view only.
    fields = {name: value for name, value in msgspec.structs.asdict(item).items() if name != "view"}
    return schema.PerceptualHash(**fields)


def _match(match: Match, list_names: Mapping[int, str]) -> schema.Match:
    name = list_names.get(match.list_number, "")[:MAX_LIST_NAME_CHARACTERS]
    return schema.Match(
        list_entry=schema.ListEntry(number=match.list_number, name=name, entry=match.entry),
        algorithm=match.algorithm,
        type=match.type,
        distance=match.distance,
        threshold=match.threshold,
        labels=match.labels,
        role=match.role,
    )


def _fault(fault: Fault) -> schema.Fault:
    return schema.Fault(**msgspec.structs.asdict(fault))


def of_state(state: State) -> schema.State:
    """Returns the state of a file or object as a record has it."""
    if state.kind is Kind.OBJECT:
        return schema.ObjectState(
            size=large(state.size),
            etag=state.etag,
            last_modified=timestamps.to_text(state.last_modified_ns),
            version=state.version,
            storage_class=state.storage_class,
        )
    return schema.FileState(
        size=large(state.size),
        mtime=timestamps.to_text(int(state.mtime_ns)),
        ctime=timestamps.to_text(int(state.ctime_ns)),
        birth_time=None if state.birth_ns is None else timestamps.to_text(int(state.birth_ns)),
        mode=f"{state.mode & _PERMISSIONS:04o}",
        uid=state.uid,
        gid=state.gid,
        device=str(state.device),
        inode=str(state.inode),
        links=state.links,
    )
