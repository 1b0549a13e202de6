"""Bare hashes, one a line, with comments and an optional second field: the form that most shared lists have.

Large lists are runs of equally long lines, which are converted a block at a time; every other line goes one by one.
"""

import re
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from hashaudit.errors import ListError
from hashaudit.lists.algorithms import BY_HEX_LENGTH, NEVER_ENTRIES
from hashaudit.lists.flat_hashes import any_flat
from hashaudit.lists.interface import DigestBlock, ListEntry, ListItem, ParseOptions, Rejected, RejectReason
from hashaudit.lists.parse_record import checked, label_text, raw_digest
from hashaudit.lists.syntax.lines import Line, is_comment, line_blocks, split_block
from hashaudit.lists.untagged import algorithm_of, resolve
from hashaudit.model.results import AlgorithmName

_LINE = re.compile(rb"\\?([0-9A-Fa-f]+)(?:[ \t,](.*))?", re.DOTALL)
"""A leading backslash is what coreutils writes before a hash whose file name is escaped."""

_PICTURE_HEX_LENGTH = 16
"""Of the perceptual hashes of 64 bits; which of them it is the user has to state."""

_WHOLE_REJECTS = (RejectReason.EMPTY_INPUT, RejectReason.FLAT)
"""Why a hash is not kept that is whole."""

_MARKS = (b"#", b";")
_HEX_LENGTHS = frozenset({*BY_HEX_LENGTH, _PICTURE_HEX_LENGTH})

_Bare = tuple[int, AlgorithmName, bytes]
"""Line number, algorithm and digest of a line that holds nothing else."""


class Plain:
    """Reader of plain lists. Lenient: lines that are no entry are counted and told."""

    name = "plain"
    strict = False

    def recognises(self, head: bytes) -> bool:
        """The first line that is neither blank nor a comment begins with a hash of a known length."""
        first = next((line for line in head.split(b"\n") if not is_comment(line, _MARKS)), b"")
        match = _LINE.fullmatch(first.strip())
        return match is not None and len(match[1]) in _HEX_LENGTHS

    def parse(self, stream: BinaryIO, options: ParseOptions) -> Iterator[ListItem]:
        """Yields blocks for bare lines and entries for lines with a second field, which is kept as ``comment``.

        Raises:
            ListError: the last line is cut short, or 64-digit hashes are too few to tell what they are.
        """
        return resolve(_items(stream, options.algorithm))


def _items(stream: BinaryIO, stated: AlgorithmName | None) -> Iterator[ListItem]:
    seen: set[AlgorithmName] = set()
    for first_line, block, ended in line_blocks(stream):
        for item in _block_items(first_line, block, stated):
            if not ended:
                _require_whole(item, seen)
            if isinstance(item, DigestBlock):
                seen.add(item.algorithm)
            elif isinstance(item, ListEntry):
                seen.update(item.digests)
            yield item


def _block_items(first_line: int, block: bytes | None, stated: AlgorithmName | None) -> Iterator[ListItem]:
    if block is None:
        yield Rejected(first_line, RejectReason.TOO_LONG)
        return
    whole = _uniform(first_line, block, stated)
    if whole is not None:
        yield whole
        return
    yield from _merged(_read(line, stated) for line in split_block(first_line, block, ended=True))


def _require_whole(item: ListItem, seen: set[AlgorithmName]) -> None:
    """Refuses a last line without an end that is no entry, or is the first of its length: both are how a cut looks."""
    if isinstance(item, DigestBlock):
        whole = not seen or item.algorithm in seen
    elif isinstance(item, ListEntry):
        whole = not seen or not seen.isdisjoint(item.digests)
    else:
        whole = isinstance(item, Rejected) and item.reason in _WHOLE_REJECTS
    if not whole:
        raise ListError("the last line is cut short; get the list again, or end the line if it is whole")


def _uniform(first_line: int, block: bytes, stated: AlgorithmName | None) -> DigestBlock | None:
    """Converts a run of bare hashes of one length, or gives ``None`` if it is not such a run."""
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
        # Passes over white space, which the length then betrays.
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
    reject = Rejected(number, RejectReason.WRONG_LENGTH) if algorithm is None else checked(number, algorithm, raw)
    if algorithm is None or reject is not None:
        return reject
    comment = label_text((match[2] or b"").strip())
    if comment:
        return ListEntry(id=f"line {number}", digests={algorithm: raw}, labels={"comment": comment})
    return number, algorithm, raw


def _merged(items: Iterable[_Bare | ListEntry | Rejected | None]) -> Iterator[ListItem]:
    """Joins bare lines that follow each other to blocks."""
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
