"""Reads an entry and checks whether the content was one state of it."""

import os
import stat
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Generic, TypeVar

import msgspec

from hashaudit.content.read.directory_cache import Directory, DirectoryCache, ReplacedError
from hashaudit.content.read.feed import Sink, UnreadableError, feed, status_of
from hashaudit.content.read.stable_prefix import PrefixProof, PrefixSink, StablePrefix
from hashaudit.content.read.throttled_reader import Reader
from hashaudit.host import page_cache
from hashaudit.host.files import stat_of
from hashaudit.host.os_errors import fault_of
from hashaudit.model.entry import Consistency, Entry, Stat, State
from hashaudit.model.faults import Fault, FaultCode, Stage
from hashaudit.model.times import uncertain_left_ns
from hashaudit.retry import ON_MOUNT, RetryPolicy, is_transient_fault

S = TypeVar("S", bound=Sink)

SETTLE_WAITS = 2
"""Pauses before each read of a file that has just been changed: 20 ms each, or 2 s where times are whole seconds."""


class ReadLimits(msgspec.Struct, frozen=True):
    """Limits on reading one file."""

    policy: RetryPolicy = RetryPolicy(attempts=3, backoff_s=0.02)
    """A file that changes while it is read is read twice more. The pause exceeds a clock tick, so that times differ."""
    on_mount: RetryPolicy = ON_MOUNT
    """Pauses after a fault behind a FUSE daemon or a server: as long as a connection takes to come back."""
    growth_bytes: int = 1 << 30
    """Reading stops if a file grows by more than this, and to more than twice its size, while it is read. Otherwise a
    file that is written faster than it is read, or an endless pseudo file, would never end."""


DEFAULT_LIMITS = ReadLimits()


class ReadOutcome(msgspec.Struct, Generic[S], frozen=True):
    """The result of reading an entry."""

    sink: S | None
    """The sink that got the whole content once; ``None`` if no attempt read to the end."""
    stat: State | None
    """The state that was read; ``None`` if nothing could be opened."""
    bytes_read: int
    """Bytes fed to the sink, with holes."""
    consistency: Consistency
    faults: tuple[Fault, ...] = ()
    changed_from: State | None = None
    """With ``changed_while_read``: the state before the last read, or the listed state; ``stat`` is the state after."""
    attempts: int = 1
    has_unwritten_pages: bool = False
    """A memory map may change the content without a new time. Set only on request."""
    prefix: StablePrefix | None = None
    """With ``changed_while_read``: the file was only appended to, and this part of it stayed the same."""


class _Reading(msgspec.Struct, Generic[S]):
    """A completed attempt."""

    sink: S | None
    bytes_read: int
    before: os.stat_result
    after: os.stat_result
    change: str
    """The detected change, for people; empty if there was none."""
    has_unwritten_pages: bool = False


def read_entry(
    entry: Entry,
    cache: DirectoryCache,
    make_sink: Callable[[], S],
    reader: Reader,
    limits: ReadLimits = DEFAULT_LIMITS,
    *,
    checks_pages: bool = False,
    examine_open: Callable[[S, int, int], None] | None = None,
    make_prefix_sink: Callable[[], PrefixSink] | None = None,
) -> ReadOutcome[S]:
    """Reads an entry from its first byte to its last.

    Errors of the system become faults in the outcome. Errors of ``make_sink`` and its sinks propagate.

    Args:
        entry: the entry as listed. Another file at its path is not read.
        cache: keeps directories open.
        make_sink: makes a new sink for each attempt.
        reader: reads the content. Sinks get views of its buffer.
        limits: limits on attempts and growth.
        examine_open: called with the sink, the descriptor and the size of a file that was read in one state, before it
            is closed. A change during the call counts as one during the read.
        checks_pages: find out whether pages of the file wait to be written to storage.
        make_prefix_sink: makes the sink for the prefix of a file that is appended to; ``None``: it is not looked for.
    """
    last: _Reading[S] | None = None
    fault: Fault | None = None
    attempt = 0
    # A server may give two readings from one cache, so they prove nothing there.
    is_local = entry.consistency is Consistency.STABLE
    proof = None if make_prefix_sink is None or not is_local else PrefixProof(make_prefix_sink)
    while attempt < limits.policy.attempts:
        if attempt:
            waits_for_mount = fault is not None and entry.consistency is not Consistency.STABLE
            policy = limits.on_mount if waits_for_mount else limits.policy
            time.sleep(policy.pause_s(attempt))
        attempt += 1
        result = _attempt(
            entry,
            cache,
            make_sink,
            reader,
            growth_bytes=limits.growth_bytes,
            checks_pages=checks_pages,
            examine_open=examine_open,
            # Most files that change once do not change again, so the first reading is without the proof's cost.
            proof=None if attempt == 1 else proof,
        )
        if isinstance(result, Fault):
            fault = result
            if not is_transient_fault(fault.code, on_mount=entry.consistency is not Consistency.STABLE):
                break
            cache.drop(entry.location.directory)
            continue
        if not result.change:
            stable = entry.consistency
            return ReadOutcome(
                result.sink,
                stat_of(result.after),
                result.bytes_read,
                stable,
                attempts=attempt,
                has_unwritten_pages=result.has_unwritten_pages,
            )
        last, fault = result, None
        if result.sink is None:
            break
    if last is not None:
        return _changed(last, fault, attempt, None if fault is not None or proof is None else proof.prefix)
    faults = () if fault is None else (msgspec.structs.replace(fault, attempts=attempt),)
    return ReadOutcome(None, None, 0, entry.consistency, faults, attempts=attempt)


def _changed(last: _Reading[S], fault: Fault | None, attempts: int, prefix: StablePrefix | None) -> ReadOutcome[S]:
    """Makes the outcome for a file that changed during every read.

    The content may not be any single state of the file, but it is the best available.
    """
    message = f"{last.change} while the file was read" + (f"; then {fault.message}" if fault is not None else "")
    return ReadOutcome(
        last.sink,
        stat_of(last.after),
        last.bytes_read,
        Consistency.CHANGED_WHILE_READ,
        (Fault(Stage.READ, FaultCode.CHANGED_WHILE_READ, message, attempts),),
        stat_of(last.before),
        attempts,
        prefix=prefix,
    )


def _attempt(
    entry: Entry,
    cache: DirectoryCache,
    make_sink: Callable[[], S],
    reader: Reader,
    *,
    growth_bytes: int,
    checks_pages: bool,
    examine_open: Callable[[S, int, int], None] | None,
    proof: PrefixProof | None,
) -> _Reading[S] | Fault:
    try:
        directory = cache.get(entry.location.directory, inodes_last=entry.consistency is Consistency.STABLE)
        descriptor = directory.open(entry.location)
    except OSError as error:
        return fault_of(error, Stage.OPEN, "open the file")
    except ReplacedError as error:
        return Fault(Stage.OPEN, FaultCode.FILE_REPLACED, str(error))
    try:
        # Before the state is taken: from now on, a change through a memory map gets a new time.
        is_unwritten = checks_pages and not page_cache.is_written(descriptor)
        result = _read(
            entry,
            directory,
            descriptor,
            make_sink(),
            reader=reader,
            growth_bytes=growth_bytes,
            examine_open=examine_open,
            proof=proof,
        )
    except UnreadableError as error:
        return fault_of(error.error, Stage.READ, "read the file")
    finally:
        # A network filesystem may report failed writes at close. This descriptor wrote nothing.
        with suppress(OSError):
            os.close(descriptor)
    if isinstance(result, _Reading):
        result.has_unwritten_pages = is_unwritten
    return result


def _read(
    entry: Entry,
    directory: Directory,
    descriptor: int,
    sink: S,
    *,
    reader: Reader,
    growth_bytes: int,
    examine_open: Callable[[S, int, int], None] | None,
    proof: PrefixProof | None,
) -> _Reading[S] | Fault:
    before, is_certain = settled(descriptor, entry)
    # A FUSE daemon may report holes where there is data, undetectably. The kernel's own filesystems do not.
    local = entry.consistency is Consistency.STABLE
    if not stat.S_ISREG(before.st_mode) or not is_listed_file(before, entry.stat, inodes_last=local):
        return Fault(Stage.OPEN, FaultCode.FILE_REPLACED, "replaced by another file")
    limit = before.st_size + max(before.st_size, growth_bytes)
    feeding: Sink = sink if proof is None else proof.begin(sink, before)
    count, after = feed(descriptor, feeding, reader, before, limit=limit, skip_holes=local)
    if proof is not None:
        proof.end(before, after, is_at_path=_is_at_path(entry, directory, after))
    if count >= limit:
        return _Reading(None, count, before, after, "kept growing")
    change = _change(entry, directory, before, after, count)
    if not change and not is_certain:
        change = "changed within the resolution of its times"
    if not change and examine_open is not None:
        examine_open(sink, descriptor, count)
        change = _change(entry, directory, before, status_of(descriptor), count)
    return _Reading(sink, count, before, after, change)


def settled(descriptor: int, entry: Entry) -> tuple[os.stat_result, bool]:
    """Returns the state of a file, and whether a later change would give it other times.

    Waits for that, because equal times before and after a read prove nothing otherwise.
    """
    status = status_of(descriptor)
    if entry.consistency is not Consistency.STABLE:
        return status, True  # the clock of a server is not this host's, and the read is marked anyway
    for _ in range(SETTLE_WAITS):
        left_ns = uncertain_left_ns(status.st_mtime_ns, status.st_ctime_ns, time.time_ns())
        if not left_ns:
            return status, True
        time.sleep(left_ns / 1e9)
        status = status_of(descriptor)
    return status, not uncertain_left_ns(status.st_mtime_ns, status.st_ctime_ns, time.time_ns())


def is_listed_file(status: os.stat_result, listed: Stat, *, inodes_last: bool) -> bool:
    """Returns whether the open file is the listed one. Without permanent inodes, size and time decide."""
    if status.st_dev != listed.device:
        return False
    if status.st_ino == listed.inode:
        return True
    return not inodes_last and (status.st_size, status.st_mtime_ns) == (listed.size, listed.mtime_ns)


def _change(entry: Entry, directory: Directory, before: os.stat_result, after: os.stat_result, count: int) -> str:
    """Returns the evidence that the content was not one state; empty without such evidence."""
    state = _state(after)
    if _state(before) != state:
        return "size or times changed"
    if count != after.st_size and not _has_nominal_size(entry, after, count):
        return "size mismatch at the end of the file"
    try:
        at_path = directory.stat(entry.location)
    except OSError:
        return "path no longer exists"
    return "" if _state(at_path) == state else "path now refers to a different file"


def _is_at_path(entry: Entry, directory: Directory, status: os.stat_result) -> bool:
    try:
        at_path = directory.stat(entry.location)
    except OSError:
        return False
    return (at_path.st_dev, at_path.st_ino) == (status.st_dev, status.st_ino)


def _state(status: os.stat_result) -> tuple[int, int, int, int, int]:
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_dev


def _has_nominal_size(entry: Entry, status: os.stat_result, count: int) -> bool:
    """Returns whether the size does not describe the content: always 0 in /proc, always a page in /sys."""
    if status.st_size == 0:
        return True
    blocks = getattr(status, "st_blocks", None)
    return blocks == 0 and count < status.st_size and entry.consistency is Consistency.STABLE
