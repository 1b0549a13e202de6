"""The reader of zip files and of everything that is one: jar, apk, docx, xlsx, odt, epub, self-extracting programs.

Members are independent: one that is damaged does not hide the next. Members that the central directory alone names, and
those that only a header of their own names, are both read. Names are exact bytes.
"""

from collections.abc import Iterator, Sequence
from functools import partial

from hashaudit.content.containers.appended_archives import END_RECORD_BYTES
from hashaudit.content.containers.interface import (
    ContainerError,
    Found,
    MemberContent,
    MemberRange,
    RandomSource,
    Trouble,
)
from hashaudit.content.containers.zip_central_directory import (
    BROKEN_DIRECTORY,
    NO_DIRECTORY,
    Directory,
    Entry,
    entries,
    find_directory,
    is_directory,
)
from hashaudit.content.containers.zip_coverage import LEAST_MEMBER_BYTES, Covered
from hashaudit.content.containers.zip_encryption import ZipPasswords
from hashaudit.content.containers.zip_member_data import OVERLAP, SmallMembers, listed_content
from hashaudit.content.containers.zip_unlisted_members import unlisted
from hashaudit.model.container_parts import MAX_PARTS
from hashaudit.model.faults import FaultCode

NO_PASSWORDS = ZipPasswords(())

MEMBER_BYTES = 8 << 10
"""Cost of examining any member, as bytes of content, when a zip is divided into ranges."""


def read_zip(source: RandomSource, passwords: ZipPasswords = NO_PASSWORDS) -> Iterator[Found]:
    """Reads a zip file: its central directory in order, then members that it does not name, by position.

    Args:
        source: the bytes of the file.
        passwords: what encrypted members may have been encrypted with.
    """
    passwords = passwords.for_archive()
    directory = find_directory(source)
    covered = Covered(source)
    count = 0
    if directory is None:
        yield Trouble(FaultCode.DAMAGED, NO_DIRECTORY)
    else:
        small = SmallMembers(source)
        overlapping = covered.collect(entries(source, directory))
        for entry in entries(source, directory):
            if entry is None:
                yield Trouble(FaultCode.DAMAGED, BROKEN_DIRECTORY)
                break
            if not is_directory(entry):
                yield _listed(small, entry, count, passwords, overlaps=count in overlapping)
            count += 1
        _cover(covered, directory)
    yield from unlisted(source, covered, count, passwords, directory)


class ZipRanges:
    """A zip file whose directory is whole, and whose members do not overlap.

    Args:
        source: the bytes of the file.
        passwords: what encrypted members may have been encrypted with.
    """

    is_relative = False

    def __init__(self, source: RandomSource, passwords: ZipPasswords = NO_PASSWORDS) -> None:
        self._source = source
        self._passwords = passwords
        self._directory = find_directory(source)
        self.passed = 0
        """Entries of the directory that the last call of :meth:`read` has passed so far."""

    def ranges(self, part_bytes: int) -> Sequence[MemberRange]:
        """Returns ranges of entries, and an empty one if there may be members that the directory does not name.

        Raises:
            ContainerError: the directory is damaged, or members overlap.
        """
        if self._directory is None:
            raise ContainerError(FaultCode.DAMAGED, NO_DIRECTORY)
        starts: list[tuple[int, int]] = []
        count = 0

        def counted(directory: Directory) -> Iterator[Entry | None]:
            nonlocal count, part_bytes
            left = 0
            for entry in entries(self._source, directory):
                if entry is None:
                    raise ContainerError(FaultCode.DAMAGED, BROKEN_DIRECTORY)
                if left <= 0:
                    starts.append((count, entry.listed_at))
                    if len(starts) > MAX_PARTS:
                        del starts[1::2]
                        part_bytes *= 2
                    left = part_bytes
                left -= max(entry.size, entry.packed_bytes) + MEMBER_BYTES
                count += 1
                yield entry

        covered, directory = Covered(self._source), self._directory
        if covered.collect(counted(directory)):
            raise ContainerError(FaultCode.DAMAGED, OVERLAP)
        ends = [first for first, _ in starts[1:]] + [count]
        ranges = [MemberRange(first, end, hint) for (first, hint), end in zip(starts, ends, strict=True)]
        _cover(covered, directory)
        gaps = covered.gaps(0, self._source.size)
        has_rest = any(end - start >= LEAST_MEMBER_BYTES for start, end in gaps)
        return (*ranges, MemberRange(count, count)) if has_rest else ranges

    def read(self, wanted: MemberRange) -> Iterator[Found]:
        """Yields the members of a range."""
        self.passed = 0
        directory, passwords = self._directory, self._passwords.for_archive()
        if directory is None:
            yield Trouble(FaultCode.DAMAGED, NO_DIRECTORY)
        elif wanted.first == wanted.end:
            covered = Covered(self._source)
            covered.collect(entries(self._source, directory))
            self.passed = len(covered) - wanted.first
            _cover(covered, directory)
            yield from unlisted(self._source, covered, wanted.first, passwords, directory)
        else:
            small = SmallMembers(self._source)
            for entry in entries(self._source, directory, wanted.hint):
                if entry is None:
                    yield Trouble(FaultCode.DAMAGED, BROKEN_DIRECTORY)
                    return
                number = wanted.first + self.passed
                self.passed += 1
                if not is_directory(entry):
                    yield _listed(small, entry, number, passwords, overlaps=False)
                if number + 1 == wanted.end:
                    return


def _cover(covered: Covered, directory: Directory) -> None:
    """Adds the central directory and its end record."""
    covered.add(directory.start, directory.end)
    covered.add(directory.end_record, directory.end_record + END_RECORD_BYTES)


def _listed(
    small: SmallMembers, entry: Entry, number: int, passwords: ZipPasswords, *, overlaps: bool
) -> MemberContent:
    """Returns a member that the central directory names."""
    return MemberContent(
        number,
        entry.name,
        listed_content(small.source, entry, passwords, overlaps=overlaps),
        entry.size,
        whole=None if overlaps else partial(small.content, entry),
    )
