"""Bare hashes, one per line, with comments and an optional second field: the form of most shared lists.

Large lists are runs of equally long lines, which are converted a block at a time; every other line is converted alone.
"""

import re
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from hashaudit.errors import ListError
from hashaudit.lists.algorithms import BY_HEX_LENGTH, NEVER_ENTRIES
from hashaudit.lists.entry_fields import check_digest, label_text, raw_digest
from hashaudit.lists.flat_hashes import any_flat
from hashaudit.lists.interface import DigestBlock, ListEntry, ListItem, ParseOptions, Rejected, RejectReason
from hashaudit.lists.syntax.lines import Line, is_comment, line_blocks, split_block
from hashaudit.lists.untagged import algorithm_of, resolve
from hashaudit.model.results import AlgorithmName

_LINE = re.compile(rb"\\?([0-9A-Fa-f]+)(?:[ \t,](.*))?", re.DOTALL)
"""A line. coreutils writes a leading backslash before a hash whose file name is escaped."""

_IMAGE_HEX_LENGTH = 16
"""Hex length of the perceptual hashes of 64 bits; the user must specify which one it is."""

_COMPLETE_REJECTS = (RejectReason.EMPTY_INPUT, RejectReason.FLAT)
"""Reasons to reject a hash that is complete."""

_MARKS = (b"#", b";")
_HEX_LENGTHS = frozenset({*BY_HEX_LENGTH, _IMAGE_HEX_LENGTH})

_Bare = tuple[int, AlgorithmName, bytes]
"""Line number, algorithm and digest of a line that has nothing else."""


class Plain:
    """Reader of plain lists. Lenient: lines that are not entries are counted and reported."""

    name = "plain"
    strict = False

    def recognises(self, head: bytes) -> bool:
        """Returns whether the first line that is neither blank nor a comment begins with a hash of a known length."""
        first = next((line for line in head.split(b"\n") if not is_comment(line, _MARKS)), b"")
        match = _LINE.fullmatch(first.strip())
        return match is not None and len(match[1]) in _HEX_LENGTHS

    def parse(self, stream: BinaryIO, options: ParseOptions) -> Iterator[ListItem]:
        """Yields blocks for bare lines, and entries for lines with a second field, the label ``comment``.

        Raises:
            ListError: the last line is truncated, or 64-digit hashes are too few to determine their algorithm.
        """
        return resolve(_items(stream, options.algorithm))


def _items(stream: BinaryIO, stated: AlgorithmName | None) -> Iterator[ListItem]:
    seen: set[AlgorithmName] = set()
    for first_line, block, ended in line_blocks(stream):
        for item in _block_items(first_line, block, stated):
            if not ended:
                _require_complete(item, seen)
            if isinstance(item, DigestBlock):
                seen.add(item.algorithm)
            elif isinstance(item, ListEntry):
                seen.update(item.digests)
            yield item


def _block_items(first_line: int, block: bytes | None, stated: AlgorithmName | None) -> Iterator[ListItem]:
    if block is None:
        yield Rejected(first_line, RejectReason.TOO_LONG)
        return
    uniform = _uniform(first_line, block, stated)
    if uniform is not None:
        yield uniform
        return
    yield from _merged(_read(line, stated) for line in split_block(first_line, block, ended=True))


def _require_complete(item: ListItem, seen: set[AlgorithmName]) -> None:
    """Refuses a last line without a line end that is not an entry, or is the first of its length.

    Both are signs of truncation.
    """
    if isinstance(item, DigestBlock):
        complete = not seen or item.algorithm in seen
    elif isinstance(item, ListEntry):
        complete = not seen or not seen.isdisjoint(item.digests)
    else:
        complete = isinstance(item, Rejected) and item.reason in _COMPLETE_REJECTS
    if not complete:
        raise ListError("the last line is truncated", hint="get the list again, or add a line end if it is complete")


def _uniform(first_line: int, block: bytes, stated: AlgorithmName | None) -> DigestBlock | None:
    """Converts a run of bare hashes of one length; returns ``None`` if the block is not such a run."""
    width = block.find(b"\n")
    if width <= 0:
        return None
    count, remainder = divmod(len(block) + 1, width + 1)
    carriage_return = block[width - 1] == ord("\r")
    if remainder or block[width :: width + 1] != b"\n" * (count - 1):
        return None
    if carriage_return and block[width - 1 :: width + 1] != b"\r" * count:
        return None
    try:
        # fromhex skips white space; the check of the length below detects that.
        digests = bytes.fromhex(block.decode("ascii"))
    except ValueError:
        return None
    length, odd = divmod(width - carriage_return, 2)
    algorithm = None if odd else algorithm_of(length, stated)
    if algorithm is None or len(digests) != count * length or any(empty in digests for empty in NEVER_ENTRIES):
        return None
    return None if any_flat(algorithm, digests) else DigestBlock(algorithm, digests, first_line)


def _read(line: Line, stated: AlgorithmName | None) -> _Bare | ListEntry | Rejected | None:
    number, text, _ = line
    if text is None:
        return Rejected(number, RejectReason.TOO_LONG)
    if is_comment(text, _MARKS):
        return None
    match = _LINE.fullmatch(text.strip())
    raw = raw_digest(match[1]) if match else None
    if match is None or raw is None:
        return Rejected(number, RejectReason.MALFORMED, "not a hash")
    algorithm = algorithm_of(len(raw), stated)
    reject = Rejected(number, RejectReason.WRONG_LENGTH) if algorithm is None else check_digest(number, algorithm, raw)
    if algorithm is None or reject is not None:
        return reject
    comment = label_text((match[2] or b"").strip())
    if comment:
        return ListEntry(id=f"line {number}", digests={algorithm: raw}, labels={"comment": comment})
    return number, algorithm, raw


def _merged(items: Iterable[_Bare | ListEntry | Rejected | None]) -> Iterator[ListItem]:
    """Joins consecutive bare lines to blocks."""
    run: list[_Bare] = []
    for item in items:
        if isinstance(item, tuple):
            if run and (item[0] != run[-1][0] + 1 or item[1] != run[-1][1]):
                yield _joined(run)
                run = []
            run.append(item)
            continue
        if run:
            yield _joined(run)
            run = []
        if item is not None:
            yield item
    if run:
        yield _joined(run)


def _joined(run: list[_Bare]) -> DigestBlock:
    first_line, algorithm, _ = run[0]
    return DigestBlock(algorithm, b"".join(raw for _, _, raw in run), first_line)
