"""Tests reading files that do not change, files that do, and entries that are no longer files."""

import errno
import os
import socket
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest

from hashaudit.content.read import READ_CHUNK_BYTES, DirectoryCache, Reader, ReadLimits, ReadOutcome, read_entry
from hashaudit.content.read.stable_read import _state
from hashaudit.host import files, page_cache
from hashaudit.model.entry import Consistency, Entry, Stat
from hashaudit.model.faults import FaultCode, Stage
from hashaudit.model.location import DirectoryRef, Location
from hashaudit.retry import RetryPolicy

ONE_ATTEMPT = ReadLimits(RetryPolicy(attempts=1, backoff_s=0))

Read = Callable[..., ReadOutcome[Any]]
EntryOf = Callable[..., Entry]


def write(path: bytes, content: bytes) -> bytes:
    with open(path, "wb") as file:
        file.write(content)
    return path


def append(path: bytes, content: bytes) -> None:
    with open(path, "ab") as file:
        file.write(content)


def content(outcome: ReadOutcome[Any]) -> bytes:
    assert outcome.sink is not None
    read: bytes = outcome.sink.content
    return read


def code(outcome: ReadOutcome[Any]) -> tuple[Stage, FaultCode]:
    (fault,) = outcome.faults
    assert fault.attempts == outcome.attempts
    return fault.stage, fault.code


def assert_refused(outcome: ReadOutcome[Any], stage: Stage, expected: FaultCode) -> None:
    assert code(outcome) == (stage, expected)
    assert (outcome.sink, outcome.stat, outcome.bytes_read) == (None, None, 0)


# Files that do not change.


@pytest.mark.usefixtures("either_way", "with_readv_or_without")
@pytest.mark.parametrize("size", [0, 1, 4096, *range(READ_CHUNK_BYTES - 1, READ_CHUNK_BYTES + 2), READ_CHUNK_BYTES * 2])
def test_the_whole_content_is_read(folder: bytes, read: Read, entry_of: EntryOf, size: int) -> None:
    written = os.urandom(size)
    entry = entry_of(write(folder + b"/file", written))
    outcome = read(entry)
    assert content(outcome) == written
    assert outcome == ReadOutcome(outcome.sink, entry.stat, size, Consistency.STABLE)


@pytest.mark.usefixtures("either_way")
@pytest.mark.parametrize("name", [b"-rf", b"[x]", b"back\\slash", b"new\nline", b"\x1b[31m", b"caf\xe9\xff", b" "])
def test_misleading_names(folder: bytes, read: Read, name: bytes) -> None:
    assert content(read(write(folder + b"/" + name, name))) == name


def test_every_path_of_a_file_is_read(folder: bytes, read: Read) -> None:
    write(folder + b"/one", b"content")
    os.link(folder + b"/one", folder + b"/two")
    assert [content(read(folder + b"/" + name)) for name in (b"one", b"two")] == [b"content"] * 2


def test_a_path_longer_than_the_system_takes(folder: bytes, read: Read) -> None:
    path, descriptor = folder, os.open(folder, files.LIST_FLAGS)
    for _ in range(40):
        path += b"/" + b"n" * 200
        os.mkdir(b"n" * 200, dir_fd=descriptor)
        deeper = os.open(b"n" * 200, files.LIST_FLAGS, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = deeper
    made = os.open(b"file", os.O_CREAT | os.O_WRONLY, dir_fd=descriptor)
    os.write(made, b"deep")
    os.close(made)
    here = os.fstat(descriptor)
    seen = files.stat_of(os.stat(b"file", dir_fd=descriptor))
    os.close(descriptor)
    entry = Entry(Location(DirectoryRef(path, here.st_dev, here.st_ino), b"file"), seen)
    assert len(entry.path) > 8000
    assert content(read(entry)) == b"deep"


def test_a_followed_link_is_read_and_another_is_not(folder: bytes, read: Read, entry_of: EntryOf) -> None:
    write(folder + b"/target", b"content")
    os.symlink(b"target", folder + b"/link")
    entry = entry_of(folder + b"/link", followed=True)
    outcome = read(entry)
    assert (content(outcome), outcome.faults) == (b"content", ())
    write(folder + b"/other", b"other")
    os.remove(folder + b"/link")
    os.symlink(b"other", folder + b"/link")
    assert_refused(read(entry), Stage.OPEN, FaultCode.FILE_REPLACED)
    os.remove(folder + b"/link")
    os.symlink(b"link", folder + b"/link")
    assert_refused(read(entry), Stage.OPEN, FaultCode.LINK_LOOP)


def test_the_listed_consistency_is_kept(folder: bytes, read: Read, entry_of: EntryOf) -> None:
    entry = entry_of(write(folder + b"/file", b"x"), consistency=Consistency.UNVERIFIED_MOUNT)
    assert read(entry).consistency is Consistency.UNVERIFIED_MOUNT
    os.remove(folder + b"/file")
    assert read(entry).consistency is Consistency.UNVERIFIED_MOUNT


@pytest.mark.parametrize("path", [b"/proc/version", b"/sys/devices/system/cpu/possible"])
def test_files_of_pseudo_filesystems_are_read_despite_their_size(read: Read, path: bytes) -> None:
    outcome = read(path)
    assert content(outcome) == Path(os.fsdecode(path)).read_bytes()
    assert (outcome.faults, outcome.consistency) == ((), Consistency.STABLE)
    assert outcome.stat is not None
    assert outcome.bytes_read != outcome.stat.size


def test_a_daemons_file_that_ends_early_has_changed(read: Read, entry_of: EntryOf) -> None:
    entry = entry_of(b"/sys/devices/system/cpu/possible", consistency=Consistency.UNVERIFIED_MOUNT)
    assert code(read(entry)) == (Stage.READ, FaultCode.CHANGED_WHILE_READ)


def test_the_access_time_stays_as_it_was(folder: bytes, read: Read) -> None:
    path = write(folder + b"/file", b"x")
    os.utime(path, ns=(1_000_000_000, 2_000_000_000))
    assert read(path).faults == ()
    assert os.stat(path).st_atime_ns == 1_000_000_000


def test_a_small_file_costs_one_read(folder: bytes, read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(folder + b"/file", b"content")
    counts: list[int] = []
    original = files.read_into

    def read_into(descriptor: int, buffer: memoryview) -> int:
        counts.append(original(descriptor, buffer))
        return counts[-1]

    monkeypatch.setattr(files, "read_into", read_into)
    monkeypatch.setattr(page_cache, "NOWAIT", None)
    assert content(read(path)) == b"content"
    assert counts == [7]


def test_a_file_of_constant_size_is_within_any_limit_of_growth(folder: bytes, read: Read) -> None:
    path = write(folder + b"/file", b"x" * 1000)
    assert read(path, limits=ReadLimits(growth_bytes=1)).faults == ()


# Entries that changed after the walk.


@pytest.mark.parametrize("path", [b"fifo", b"/dev/null", b"."])
def test_an_entry_that_is_not_a_file_is_not_read(folder: bytes, read: Read, path: bytes) -> None:
    os.mkfifo(folder + b"/fifo")
    assert_refused(read(os.path.join(folder, path)), Stage.OPEN, FaultCode.FILE_REPLACED)


@pytest.mark.usefixtures("either_way")
@pytest.mark.parametrize("what", ["file", "link", "link to itself", "fifo", "folder", "socket"])
def test_a_replacement_is_not_read(folder: bytes, read: Read, entry_of: EntryOf, what: str) -> None:
    path = folder + b"/file"
    entry = entry_of(write(path, b"x"))
    os.rename(path, folder + b"/original")
    if what == "file":
        write(path, b"y")
    elif what == "link":
        os.symlink(b"original", path)
    elif what == "link to itself":
        os.symlink(b"file", path)
    elif what == "fifo":
        os.mkfifo(path)
    elif what == "folder":
        os.mkdir(path)
    else:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(min(path, os.path.relpath(path), key=len))
    fed: list[int] = []
    assert_refused(read(entry, fed.append), Stage.OPEN, FaultCode.FILE_REPLACED)
    assert fed == []


@pytest.mark.usefixtures("either_way")
def test_a_file_that_disappeared(folder: bytes, read: Read, entry_of: EntryOf, pauses: list[float]) -> None:
    entry = entry_of(write(folder + b"/file", b"x"))
    os.remove(folder + b"/file")
    assert_refused(read(entry), Stage.OPEN, FaultCode.NOT_FOUND)
    assert pauses == []


@pytest.mark.usefixtures("either_way")
def test_a_file_in_a_replaced_directory(folder: bytes, read: Read, entry_of: EntryOf) -> None:
    os.mkdir(folder + b"/sub")
    entry = entry_of(write(folder + b"/sub/file", b"x"))
    os.rename(folder + b"/sub", folder + b"/elsewhere")
    assert_refused(read(entry), Stage.OPEN, FaultCode.NOT_FOUND)
    os.mkdir(folder + b"/sub")
    os.link(folder + b"/elsewhere/file", folder + b"/sub/file")
    assert_refused(read(entry), Stage.OPEN, FaultCode.FILE_REPLACED)


# Errors of the system.


def failing_at(
    monkeypatch: pytest.MonkeyPatch, function: str, number: int, *, times: int = 1000, after: int = 0
) -> None:
    """Makes calls of a function of ``os`` on the file fail, from call ``after`` on."""
    original = getattr(os, function)
    calls = iter(range(1000))

    def call(*arguments: object, **options: object) -> object:
        if function != "open" or arguments[0] == b"file":
            position = next(calls)
            if after <= position < after + times:
                raise OSError(number, os.strerror(number))
        return original(*arguments, **options)

    monkeypatch.setattr(os, function, call)


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (errno.EACCES, FaultCode.PERMISSION_DENIED),
        (errno.EPERM, FaultCode.PERMISSION_DENIED),
        (errno.EMFILE, FaultCode.TOO_MANY_OPEN_FILES),
        (errno.EIO, FaultCode.IO_ERROR),
    ],
)
def test_a_file_that_cannot_be_opened(
    folder: bytes, read: Read, monkeypatch: pytest.MonkeyPatch, number: int, expected: FaultCode
) -> None:
    path = write(folder + b"/file", b"x")
    failing_at(monkeypatch, "open", number)
    outcome = read(path)
    assert_refused(outcome, Stage.OPEN, expected)
    assert outcome.attempts == 1


def test_a_file_that_an_ordinary_user_may_not_read(tmp_path: Path, entry_of: EntryOf) -> None:
    entry = entry_of(write(os.fsencode(tmp_path) + b"/file", b"x"))
    (tmp_path / "file").chmod(0)
    with DirectoryCache() as cache:
        cache.get(entry.location.directory)  # which is closed to other users
        child = os.fork()
        if child == 0:
            status = 1
            try:
                if os.geteuid() == 0:
                    os.setuid(65534)
                outcome = read_entry(entry, cache, lambda: pytest.fail("was read"), Reader())
                status = 0 if code(outcome) == (Stage.OPEN, FaultCode.PERMISSION_DENIED) else 2
            finally:
                os._exit(status)
        assert os.waitpid(child, 0)[1] == 0


def test_a_read_error_in_the_middle(
    folder: bytes, read: Read, monkeypatch: pytest.MonkeyPatch, pauses: list[float]
) -> None:
    path = write(folder + b"/file", b"x" * READ_CHUNK_BYTES * 3)
    failing_at(monkeypatch, "readv", errno.EIO, after=2)
    outcome = read(path)
    assert_refused(outcome, Stage.READ, FaultCode.IO_ERROR)
    assert outcome.faults[0].message == "cannot read the file: Input/output error"
    assert pauses == []


def test_a_file_that_cannot_be_examined_once_it_is_open(
    folder: bytes, read: Read, entry_of: EntryOf, cache: DirectoryCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = entry_of(write(folder + b"/file", b"x"))
    cache.get(entry.location.directory)
    with monkeypatch.context() as patch:
        failing_at(patch, "fstat", errno.EIO)
        outcome = read(entry)
    assert_refused(outcome, Stage.READ, FaultCode.IO_ERROR)


@pytest.mark.parametrize(
    "refused",
    [
        ("open", errno.ESTALE, Stage.OPEN, FaultCode.STALE_HANDLE),
        ("open", errno.EAGAIN, Stage.OPEN, FaultCode.TIMEOUT),
        ("readv", errno.ESTALE, Stage.READ, FaultCode.STALE_HANDLE),
        ("readv", errno.ETIMEDOUT, Stage.READ, FaultCode.TIMEOUT),
    ],
)
def test_a_transient_error_is_retried(
    folder: bytes,
    read: Read,
    monkeypatch: pytest.MonkeyPatch,
    pauses: list[float],
    refused: tuple[str, int, Stage, FaultCode],
) -> None:
    function, number, stage, expected = refused
    path = write(folder + b"/file", b"content")
    monkeypatch.setattr(page_cache, "NOWAIT", None)
    with monkeypatch.context() as patch:
        failing_at(patch, function, number, times=2)
        outcome = read(path)
    assert (outcome.faults, outcome.attempts, content(outcome)) == ((), 3, b"content")
    assert pauses == [0.02, 0.04]
    failing_at(monkeypatch, function, number)
    outcome = read(path)
    assert_refused(outcome, stage, expected)
    assert outcome.attempts == 3


def test_a_stale_directory_is_opened_again(
    folder: bytes, entry_of: EntryOf, cache: DirectoryCache, read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = entry_of(write(folder + b"/file", b"content"))
    stale = cache.get(entry.location.directory)
    original = type(stale).open

    def opened(directory: Any, what: Location) -> int:
        if directory is stale:
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))
        return original(directory, what)

    monkeypatch.setattr(type(stale), "open", opened)
    assert content(read(entry)) == b"content"


def test_a_sinks_own_error_is_not_the_files(folder: bytes, read: Read) -> None:
    def fail(_count: int) -> None:
        raise OSError(errno.EIO, "not the file's")

    with pytest.raises(OSError, match="not the file's"):
        read(write(folder + b"/file", b"x"), fail)


# Files that change.


@pytest.mark.usefixtures("either_way")
def test_a_file_that_changes_once_is_read_again_from_its_start(folder: bytes, read: Read, pauses: list[float]) -> None:
    path = write(folder + b"/file", b"before")

    def change(count: int) -> None:
        if count == 0:
            append(path, b" and after")

    outcome = read(path, change)
    assert content(outcome) == b"before and after"
    assert (outcome.faults, outcome.consistency, outcome.attempts) == ((), Consistency.STABLE, 2)
    assert outcome.stat is not None
    assert outcome.stat.size == outcome.bytes_read == 16
    assert pauses == [0.02]


def test_a_file_that_keeps_changing_has_both_states(folder: bytes, read: Read, pauses: list[float]) -> None:
    path = write(folder + b"/file", b"content")

    def change(count: int) -> None:
        os.utime(path, ns=(0, count + 1))

    outcome = read(path, change)
    assert code(outcome) == (Stage.READ, FaultCode.CHANGED_WHILE_READ)
    assert outcome.faults[0].message == "size or times changed while the file was read"
    assert (outcome.consistency, outcome.attempts) == (Consistency.CHANGED_WHILE_READ, 3)
    assert (content(outcome), outcome.bytes_read) == (b"content", 7)
    assert isinstance(outcome.changed_from, Stat)
    assert isinstance(outcome.stat, Stat)
    assert (outcome.changed_from.mtime_ns, outcome.stat.mtime_ns) == (2, 3)
    assert len(pauses) == 2


def test_only_the_last_attempt_counts_for_the_message(
    folder: bytes, read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(folder + b"/file", b"content")
    failing_at(monkeypatch, "open", errno.ESTALE, times=1)
    outcome = read(path, lambda count: os.utime(path, ns=(0, count + 1)))
    assert outcome.faults[0].message == "size or times changed while the file was read"
    assert outcome.attempts == 3


@pytest.mark.parametrize("field", ["st_size", "st_mtime_ns", "st_ctime_ns", "st_ino", "st_dev"])
def test_each_of_these_fields_distinguishes_states(field: str) -> None:
    fields = {"st_size": 1, "st_mtime_ns": 2, "st_ctime_ns": 3, "st_ino": 4, "st_dev": 5}
    one, other = (cast("os.stat_result", SimpleNamespace(**state)) for state in (fields, {**fields, field: 9}))
    assert _state(one) != _state(other)


def test_a_time_that_was_set_back_is_detected(folder: bytes, read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(folder + b"/file", b"before")
    monkeypatch.undo()  # the clock has to tick before the file changes

    def change(count: int) -> None:
        if count == 0:
            before = os.stat(path)
            while os.stat(path).st_ctime_ns == before.st_ctime_ns:
                with open(path, "r+b") as file:
                    file.write(b"after!")
                os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    outcome = read(path, change)
    assert (content(outcome), outcome.attempts) == (b"after!", 2)


def test_a_file_truncated_while_it_is_read(folder: bytes, read: Read) -> None:
    path = write(folder + b"/file", b"x" * READ_CHUNK_BYTES * 4)
    outcome = read(path, lambda count: os.truncate(path, 100) if count == 1 else None)
    assert (content(outcome), outcome.faults, outcome.attempts) == (b"x" * 100, (), 2)


def test_a_growing_file_is_read_to_its_end_and_not_to_its_first_size(folder: bytes, read: Read) -> None:
    path = write(folder + b"/file", b"0")
    # While the first bytes are fed the size is reached; only a look at the file itself tells that there is more.
    outcome = read(path, lambda count: append(path, b"%d" % (count + 1)) if count < 5 else None, ONE_ATTEMPT)
    assert content(outcome) == b"012345"
    assert code(outcome) == (Stage.READ, FaultCode.CHANGED_WHILE_READ)


def test_reading_a_file_that_grows_faster_stops(folder: bytes, read: Read, pauses: list[float]) -> None:
    path = write(folder + b"/file", b"x" * 100)
    limits = ReadLimits(growth_bytes=5000)
    outcome = read(path, lambda _count: append(path, b"x" * 1000), limits)
    assert code(outcome) == (Stage.READ, FaultCode.CHANGED_WHILE_READ)
    assert outcome.faults[0].message == "kept growing while the file was read"
    assert (outcome.sink, outcome.consistency) == (None, Consistency.CHANGED_WHILE_READ)
    assert 5100 <= outcome.bytes_read <= 6100
    assert outcome.stat is not None
    assert outcome.stat.size > 5000
    assert pauses == []


def test_reading_an_endless_file_without_size_stops(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "read_into", lambda _descriptor, buffer: len(buffer))
    outcome = read(b"/proc/version", limits=ReadLimits(growth_bytes=READ_CHUNK_BYTES * 3))
    assert outcome.bytes_read == READ_CHUNK_BYTES * 3
    assert outcome.sink is None


@pytest.mark.usefixtures("either_way")
def test_content_of_a_file_that_then_disappeared_is_kept(folder: bytes, read: Read, entry_of: EntryOf) -> None:
    path = write(folder + b"/file", b"content")
    entry = entry_of(path)
    outcome = read(entry, lambda _count: os.remove(path))
    assert (content(outcome), outcome.attempts) == (b"content", 2)
    assert code(outcome) == (Stage.READ, FaultCode.CHANGED_WHILE_READ)
    assert outcome.faults[0].message.endswith("; then cannot open the file: No such file or directory")
    assert outcome.consistency is Consistency.CHANGED_WHILE_READ
    assert isinstance(outcome.changed_from, Stat)
    assert outcome.changed_from.links == 1
    assert isinstance(outcome.stat, Stat)
    assert outcome.stat.links == 0


@pytest.mark.usefixtures("either_way")
@pytest.mark.parametrize("links", [1, 2])
def test_a_replacement_during_the_read_is_not_read(folder: bytes, read: Read, links: int) -> None:
    path = write(folder + b"/file", b"content")
    for number in range(1, links):
        os.link(path, folder + b"/link%d" % number)
    write(folder + b"/new", b"another")
    outcome = read(path, lambda count: os.rename(folder + b"/new", path) if count == 0 else None)
    assert content(outcome) == b"content"
    assert code(outcome) == (Stage.READ, FaultCode.CHANGED_WHILE_READ)
    assert outcome.faults[0].message.endswith("; then replaced by another file")


@pytest.mark.parametrize("gone", [True, False])
def test_a_path_that_no_longer_refers_to_the_file_is_detected(
    folder: bytes, read: Read, monkeypatch: pytest.MonkeyPatch, gone: bool
) -> None:
    """Where a filesystem keeps no time of change, a renamed file looks unchanged from within."""
    path = write(folder + b"/file", b"content")
    other = os.stat(write(folder + b"/other", b"content"))
    original = os.stat

    def stat(what: bytes, **options: Any) -> os.stat_result:
        if what != b"file":
            return original(what, **options)
        if gone:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        return other

    entry_read = read
    monkeypatch.setattr(os, "stat", stat)
    outcome = entry_read(path, limits=ONE_ATTEMPT)
    assert code(outcome) == (Stage.READ, FaultCode.CHANGED_WHILE_READ)
    message = "path no longer exists" if gone else "path now refers to a different file"
    assert outcome.faults[0].message == message + " while the file was read"


def test_a_size_mismatch_is_a_change(folder: bytes, read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(folder + b"/file", b"content")
    reads = iter([4, 0])
    monkeypatch.setattr(page_cache, "NOWAIT", None)
    monkeypatch.setattr(files, "read_into", lambda _descriptor, _buffer: next(reads))
    outcome = read(path, limits=ONE_ATTEMPT)
    assert code(outcome) == (Stage.READ, FaultCode.CHANGED_WHILE_READ)
    assert outcome.faults[0].message == "size mismatch at the end of the file while the file was read"


@pytest.mark.parametrize("tried", [(Consistency.STABLE, 1), (Consistency.UNVERIFIED_MOUNT, 3)], ids=str)
def test_a_failing_mount_is_retried_and_a_failing_disk_is_not(
    folder: bytes, read: Read, entry_of: EntryOf, monkeypatch: pytest.MonkeyPatch, tried: tuple[Consistency, int]
) -> None:
    consistency, attempts = tried
    entry = entry_of(write(folder + b"/file", b"content"), consistency=consistency)
    with monkeypatch.context() as patch:
        failing_at(patch, "open", errno.EIO)
        outcome = read(entry)
    assert_refused(outcome, Stage.OPEN, FaultCode.IO_ERROR)
    assert outcome.attempts == attempts


@pytest.mark.parametrize("consistency", [Consistency.STABLE, Consistency.UNVERIFIED_MOUNT])
@pytest.mark.parametrize("same_time", [True, False])
def test_a_new_inode_is_another_file_except_on_a_mount(
    folder: bytes, read: Read, entry_of: EntryOf, consistency: Consistency, same_time: bool
) -> None:
    entry = entry_of(write(folder + b"/file", b"content"), consistency=consistency)
    stat = msgspec.structs.replace(entry.stat, inode=entry.stat.inode + 1)
    if not same_time:
        stat = msgspec.structs.replace(stat, mtime_ns=stat.mtime_ns - 1)
    outcome = read(msgspec.structs.replace(entry, state=stat))
    if consistency is Consistency.UNVERIFIED_MOUNT and same_time:
        assert (outcome.faults, content(outcome)) == ((), b"content")
    else:
        assert_refused(outcome, Stage.OPEN, FaultCode.FILE_REPLACED)
