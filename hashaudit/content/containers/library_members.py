"""The members of an archive that the library libarchive reads.

The library skips some things in silence. They are looked for here: an end that is missing, an archive in which the
library finds nothing, data behind the end.
"""

from collections.abc import Iterator

from hashaudit.content.containers.archive_ends import has_more
from hashaudit.content.containers.interface import (
    CHUNK_BYTES,
    ContainerError,
    Found,
    MemberContent,
    RandomSource,
    Trouble,
)
from hashaudit.content.containers.libarchive import END, FATAL, OK, WARN
from hashaudit.content.containers.library_archive import (
    DAMAGED,
    DAMAGED_MEMBER,
    ENCRYPTED,
    MAX_FAILURES,
    UNSUPPORTED,
    LibraryArchive,
)
from hashaudit.model.faults import FaultCode

TRAILING = "other data follows the end of the archive"
WRONG_SIZE = "the size of the member does not agree with its content"
LEFT_OUT = "a member is not read, and so those behind it are not"

MOST_SKIPPED_BYTES = 1 << 30
"""Content of a member that nobody wants, which has to be unpacked to reach the next one."""


def members_of(archive: LibraryArchive) -> Iterator[Found]:
    """Yields the members of an archive, then a fault if some may be missing.

    Args:
        archive: is closed at the end.
    """
    try:
        result = archive.open()
        if result < WARN:
            yield Trouble(*archive.fault(of_member=False))
            return
        count = failures = 0
        while (result := archive.next_header()) != END:
            if result != OK:
                failures += 1
                if failures == 1:
                    yield Trouble(*archive.fault(of_member=False))
                if result == FATAL or failures > MAX_FAILURES:
                    return
                if result < WARN:
                    continue
            if not archive.is_file:
                continue
            state = _State()
            yield MemberContent(count, archive.name, _content(archive, state), archive.size)
            count += 1
            if not state.has_ended and (archive.size or 0) > MOST_SKIPPED_BYTES:
                yield Trouble(FaultCode.LIMIT_REACHED, LEFT_OUT)
                return
            if state.is_fatal:
                is_unsupported = state.code is FaultCode.UNSUPPORTED
                yield Trouble(
                    *((FaultCode.UNSUPPORTED, UNSUPPORTED) if is_unsupported else (FaultCode.DAMAGED, DAMAGED))
                )
                return
    finally:
        archive.close()


class _State:
    """The reading of one member."""

    has_ended = False
    is_fatal = False
    code: FaultCode | None = None
    """Fault that ended it."""


def _content(archive: LibraryArchive, state: _State) -> Iterator[bytes]:
    if archive.is_encrypted:
        # The library would unpack the member's bytes as they are.
        state.has_ended = True
        raise ContainerError(FaultCode.ENCRYPTED, ENCRYPTED)
    at, stated = 0, archive.size
    for result, offset, block in archive.blocks():
        if block:
            if offset < at:
                raise ContainerError(FaultCode.DAMAGED, DAMAGED_MEMBER)
            yield from _zeros(offset - at)
            for start in range(0, len(block), CHUNK_BYTES):
                yield block[start : start + CHUNK_BYTES]
            at = offset + len(block)
        if result not in {OK, END}:
            state.has_ended = True
            state.is_fatal = result == FATAL
            state.code, text = archive.fault(of_member=True)
            raise ContainerError(state.code, text, is_complete=result == WARN and at == stated)
    state.has_ended = True
    if stated is not None and at < stated:
        # The library does not look for the end of a member in every format.
        raise ContainerError(FaultCode.DAMAGED, WRONG_SIZE)


def _zeros(count: int) -> Iterator[bytes]:
    while count > 0:
        yield bytes(min(count, CHUNK_BYTES))
        count -= CHUNK_BYTES


def trailing(source: RandomSource, end: int) -> Iterator[Trouble]:
    """Yields a fault if other data follows the end of an archive."""
    if has_more(source, end):
        yield Trouble(FaultCode.TRAILING_DATA, TRAILING)
