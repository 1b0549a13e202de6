"""From the values that the program works with to the lines of the file: bytes inside, text outside."""

from typing import Any

import msgspec

from hashaudit.lists.interface import ListInfo, RejectReason
from hashaudit.model import paths
from hashaudit.model.entry import Entry, State
from hashaudit.model.faults import Fault, PathFault
from hashaudit.model.location import Kind
from hashaudit.model.results import AlgorithmName, EntryResult, has_deny_match
from hashaudit.record import schema, timestamps
from hashaudit.record.fields import MAX_SAFE_INTEGER, Setting, large
from hashaudit.record.header import HashList


def of_examination(
    entry: Entry, examination: EntryResult, time_ns: int, *, record_all: bool
) -> schema.FindingRecord | schema.FaultRecord | schema.FileRecord | None:
    """The one line that an entry gets, or ``None``: nothing found, nothing failed, and not every file is recorded.

    Args:
        entry: as the walk saw it.
        examination: what came of it.
        time_ns: now, nanoseconds since the epoch.
        record_all: every file gets a line.
    """
    if has_deny_match(examination.matches):
        return _finding(entry, examination, time_ns)
    if examination.faults:
        return _fault(entry, examination, time_ns)
    return _file(entry, examination, time_ns) if record_all else None


def of_path_fault(path_fault: PathFault, time_ns: int) -> schema.FaultRecord:
    """The line of a folder that could not be listed, or of a name that could not be examined."""
    path, path_b64 = paths.to_text(path_fault.path)
    fault = path_fault.fault
    return schema.FaultRecord(
        time=timestamps.to_text(time_ns),
        path=path,
        path_b64=path_b64,
        directory=path_fault.directory,
        stage=fault.stage,
        code=fault.code,
        message=fault.message,
        attempts=fault.attempts,
        signal=fault.signal,
    )


def of_list(number: int, info: ListInfo) -> HashList:
    """A hash list as the run header names it.

    Args:
        number: its position among the run's lists, from 1, as matches refer to it.
        info: what was learned when it was read.
    """
    path, path_b64 = paths.to_text(info.path.encode(errors="surrogateescape"))
    return HashList(
        number=number,
        name=info.name,
        path=path,
        path_b64=path_b64,
        role=info.role,
        size=large(info.size),
        sha256=info.sha256,
        mtime=timestamps.to_text(info.mtime_ns),
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


def _finding(entry: Entry, examination: EntryResult, time_ns: int) -> schema.FindingRecord:
    path, path_b64 = paths.to_text(entry.path)
    state = examination.stat or entry.state
    return schema.FindingRecord(
        time=timestamps.to_text(time_ns),
        path=path,
        path_b64=path_b64,
        followed=entry.location.via_symlink,
        **_identity(entry, state),
        consistency=examination.consistency,
        from_run=examination.from_run,
        digests=_digests(examination),
        perceptual=_perceptual(examination),
        matches=_matches(examination),
        matches_omitted=examination.matches_omitted,
        faults=tuple(map(_fault_value, examination.faults)),
        changed=_change(examination),
        needs_confirmation=examination.needs_confirmation,
        human_viewed=False,
    )


def _fault(entry: Entry, examination: EntryResult, time_ns: int) -> schema.FaultRecord:
    path, path_b64 = paths.to_text(entry.path)
    first, *further = examination.faults
    # What could not be opened still has what the walk saw of it; only what was read has a consistency.
    state = examination.stat or entry.state
    return schema.FaultRecord(
        time=timestamps.to_text(time_ns),
        path=path,
        path_b64=path_b64,
        followed=entry.location.via_symlink,
        stage=first.stage,
        code=first.code,
        message=first.message,
        attempts=first.attempts,
        signal=first.signal,
        further_faults=tuple(map(_fault_value, further)),
        **_identity(entry, state),
        consistency=examination.consistency if examination.stat else None,
        from_run=examination.from_run,
        digests=_digests(examination),
        perceptual=_perceptual(examination),
        matches=_matches(examination),
        matches_omitted=examination.matches_omitted,
        changed=_change(examination),
    )


def _file(entry: Entry, examination: EntryResult, time_ns: int) -> schema.FileRecord:
    path, path_b64 = paths.to_text(entry.path)
    state = examination.stat or entry.state
    return schema.FileRecord(
        time=timestamps.to_text(time_ns),
        path=path,
        path_b64=path_b64,
        followed=entry.location.via_symlink,
        **_identity(entry, state),
        consistency=examination.consistency,
        from_run=examination.from_run,
        digests=_digests(examination),
        perceptual=_perceptual(examination),
        matches=_matches(examination),
        matches_omitted=examination.matches_omitted,
    )


def _digests(examination: EntryResult) -> dict[AlgorithmName, str]:
    return {AlgorithmName(name): value for name, value in examination.digests.items()}


def _matches(examination: EntryResult) -> tuple[schema.Match, ...]:
    return tuple(
        schema.Match(
            list_number=match.list_number,
            entry=match.entry,
            algorithm=match.algorithm,
            type=match.type,
            distance=match.distance,
            threshold=match.threshold,
            labels=match.labels,
            role=match.role,
        )
        for match in examination.matches
    )


def _perceptual(examination: EntryResult) -> tuple[schema.PerceptualHash, ...]:
    return tuple(schema.PerceptualHash(**msgspec.structs.asdict(item)) for item in examination.perceptual)


def _fault_value(fault: Fault) -> schema.Fault:
    return schema.Fault(**msgspec.structs.asdict(fault))


def _change(examination: EntryResult) -> schema.Change | None:
    if examination.changed_from is None or examination.stat is None:
        return None
    return schema.Change(
        before=schema.EntryState(**_state_fields(examination.changed_from)),
        after=schema.EntryState(**_state_fields(examination.stat)),
    )


def _identity(entry: Entry, state: State) -> dict[str, Any]:
    """The fields that say which entry, and which state of it, a line is about."""
    fields = _state_fields(state)
    container = entry.location.container
    if container.kind is Kind.OBJECT:
        key, key_b64 = paths.to_text(entry.location.name)
        fields |= {"bucket": container.name, "key": key, "key_b64": key_b64}
    return fields


def _state_fields(state: State) -> dict[str, Any]:
    if state.kind is Kind.OBJECT:
        return {
            "size": large(state.size),
            "version": state.version,
            "etag": state.etag,
            "last_modified": timestamps.to_text(state.last_modified_ns),
            "storage": state.storage_class,
        }
    return {
        "size": large(state.size),
        "mtime": timestamps.to_text(state.mtime_ns),
        "ctime": timestamps.to_text(state.ctime_ns),
        "inode": str(state.inode),
        "device": str(state.device),
    }
