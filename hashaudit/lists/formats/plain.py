"""Hashes as words of lines, with comments and other words beside them: the form of most shared lists.

Large lists are runs of equally long lines, which are converted a block at a time; every other line is converted alone.
"""

import re
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from hashaudit.errors import ListError
from hashaudit.lazy import lazy_pattern
from hashaudit.lists.algorithms import BY_HEX_LENGTH, LENGTHS_BYTES, SHA256
from hashaudit.lists.empty_digests import may_have_unusual
from hashaudit.lists.entry_fields import check_digest, entry_or_reject, label_text, raw_digest
from hashaudit.lists.flat_hashes import any_flat
from hashaudit.lists.hash_words import HashWord, hash_words, visible
from hashaudit.lists.interface import DigestBlock, ListEntry, ListItem, ParseOptions, Rejected, RejectReason
from hashaudit.lists.syntax.lines import HEAD_BYTES, Line, is_comment, line_blocks, split_block
from hashaudit.lists.untagged import algorithm_of, refuse_proved_other, resolve, wrong_length
from hashaudit.model.results import AlgorithmName

_LINE = lazy_pattern(rb"\\?([0-9A-Fa-f]+)(?:[ \t,](.*))?", re.DOTALL)
"""A line. coreutils writes a leading backslash before a hash whose file name is escaped."""

_MORE = lazy_pattern(rb"[0-9A-Fa-f]{32}")
"""Sign of another hash in the rest of a line."""

_HEX_RUN = lazy_pattern(rb"[0-9A-Fa-f]+")
_LAST_WORD = lazy_pattern(rb"(?<![0-9A-Za-z])[0-9A-Fa-f]{17,}$")
"""Hex digits at the end of a line that are long enough for the beginning of a hash."""

_HAS_TEXT = lazy_pattern(rb"[0-9A-Za-z\x80-\xff]")
"""A line without this is a rule under a heading."""

_IMAGE_HEX_LENGTH = 16
"""Hex length of the perceptual hashes of 64 bits; the user must specify which one it is."""

_BARE_BYTES = b"0123456789abcdefABCDEF\r\n"
_MARKS = (b"#", b";", b"//")
_HEX_LENGTHS = frozenset({*BY_HEX_LENGTH, _IMAGE_HEX_LENGTH})
_MARKUP = (b"{", b"[", b"<", b"%PDF", b"PK", b"MZ")
"""Beginnings of texts that other readers know, or that nobody reads as lines."""

_Bare = tuple[int, AlgorithmName, bytes]
"""Line number, algorithm and digest of a line that has nothing else."""


class Plain:
    """Reader of plain lists. Lenient: lines that are not entries are counted and reported."""

    name = "plain"
    strict = False

    def recognises(self, head: bytes) -> bool:
        """Returns whether the first line that is neither blank nor a comment begins with a hash of a known length."""
        first = next((line for line in head.split(b"\n") if not is_comment(visible(line), _MARKS)), b"")
        match = _LINE.fullmatch(visible(first).strip())
        return match is not None and len(match[1]) in _HEX_LENGTHS

    def fits(self, head: bytes, stated: AlgorithmName | None) -> bool:
        """Returns whether a text that no format recognises may be a plain list: a line has a hash as a word.

        A stated algorithm, or comments only, are enough.
        """
        text = head.lstrip()
        if b"\0" in head.rstrip(b"\0"):
            return False
        if stated is not None:
            return True
        if text.startswith(_MARKUP):
            return False
        lines = [line for line in head.split(b"\n") if not is_comment(visible(line), _MARKS)]
        return (not lines and len(head) >= HEAD_BYTES) or any(hash_words(visible(line), None).hashes for line in lines)

    def parse(self, stream: BinaryIO, options: ParseOptions) -> Iterator[ListItem]:
        """Yields blocks for bare lines, and entries for lines with other words, the label ``comment``.

        Raises:
            ListError: the last line is truncated, or the hashes show that they have another algorithm.
        """
        return resolve(_items(stream, options.algorithm))


PLAIN = Plain()


def is_bare(head: bytes) -> bool:
    """Returns whether the beginning of a list is certainly of this format: lines of hex digits, the first a hash."""
    first = head.partition(b"\n")[0].rstrip(b"\r")
    return len(first) in _HEX_LENGTHS and first.isalnum() and not head.translate(None, _BARE_BYTES)


def _items(stream: BinaryIO, stated: AlgorithmName | None) -> Iterator[ListItem]:
    seen: set[int] = set()
    for first_line, block, ended in line_blocks(stream):
        if not ended and block is not None:
            _require_complete(first_line, block, seen, stated)
        for item in _block_items(first_line, block, stated):
            if isinstance(item, DigestBlock):
                seen.add(2 * (LENGTHS_BYTES[item.algorithm or SHA256]))
            elif isinstance(item, ListEntry):
                seen.update(2 * len(raw) for raw in item.digests.values())
            yield item


def _require_complete(line: int, last: bytes, seen: set[int], stated: AlgorithmName | None) -> None:
    """Refuses a last line without a line end that is a shorter run of hex digits than a hash of the list."""
    text = visible(last).strip()
    last_word = _HEX_RUN.fullmatch(text) or _LAST_WORD.search(text)
    if last_word is None:
        return
    length = len(last_word[0])
    expected = {-(-8 * LENGTHS_BYTES[stated] // 4)} if stated else seen
    if length in expected or (length in _HEX_LENGTHS and (not expected or length > max(expected))):
        return
    if stated is not None and length >= max(expected):
        return
    raise ListError(
        f"line {line}: the last line is truncated", hint="get the list again, or add a line end if it is complete"
    )


def _block_items(first_line: int, block: bytes | None, stated: AlgorithmName | None) -> Iterator[ListItem]:
    if block is None:
        yield Rejected(first_line, RejectReason.TOO_LONG)
        return
    uniform = _uniform(first_line, block, stated)
    if uniform is not None:
        yield uniform
        return
    yield from _merged(item for line in split_block(first_line, block, ended=True) for item in _read(line, stated))


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
    if algorithm is None or len(digests) != count * length:
        return None
    unusual = may_have_unusual(digests, length) or any_flat(algorithm, digests)
    return None if unusual else DigestBlock(algorithm, digests, first_line)


def _read(line: Line, stated: AlgorithmName | None) -> Iterator[_Bare | ListEntry | Rejected]:
    number, text, _ = line
    if text is None:
        yield Rejected(number, RejectReason.TOO_LONG)
        return
    if is_comment(text, _MARKS):
        return
    match = _LINE.fullmatch(text.strip())
    raw = raw_digest(match[1]) if match else None
    algorithm = None if raw is None else algorithm_of(len(raw), stated)
    rest = None if match is None else match[2]
    if match is None or raw is None or algorithm is None or (rest and (_MORE.search(rest) or not rest.isascii())):
        yield from _words(number, text, stated)
        return
    refuse_proved_other(number, algorithm, raw)
    if not any(raw):
        yield entry_or_reject(number, [(algorithm, match[1])])
        return
    comment = label_text(rest.strip()) if rest else ""
    if comment:
        entry = ListEntry(id=f"line {number}", digests={algorithm: raw}, labels={"comment": comment})
        yield check_digest(number, algorithm, raw) or entry
    else:
        yield check_digest(number, algorithm, raw) or (number, algorithm, raw)


def _words(number: int, text: bytes, stated: AlgorithmName | None) -> Iterator[ListEntry | Rejected]:
    """Yields the entries of a line with other words than one hash.

    Hashes of several algorithms that follow each other at its beginning are those of one file.
    """
    line = visible(text).removeprefix(b"\\")
    if is_comment(line, _MARKS) or not _HAS_TEXT.search(line):
        return
    words = hash_words(line, stated)
    leading = _leading(line, words.hashes)
    comment = {"comment": rest} if (rest := _rest(line, words.hashes)) else {}
    groups = [leading] if leading else []
    groups += [[word] for word in words.hashes[len(leading) :]]
    for group in groups:
        for word in group:
            if not word.tagged:
                refuse_proved_other(number, word.algorithm, raw_digest(word.digits))
        yield entry_or_reject(number, [(word.algorithm, word.digits) for word in group], labels=comment)
    if not groups:
        if words.unsupported:
            yield Rejected(number, RejectReason.UNSUPPORTED, "a hash of another algorithm or meaning")
        elif words.damaged:
            detail = wrong_length(stated) if stated else "a run of hex digits of no known length"
            yield Rejected(number, RejectReason.WRONG_LENGTH, detail)
        else:
            yield Rejected(number, RejectReason.MALFORMED, "not a hash")


def _leading(line: bytes, hashes: list[HashWord]) -> list[HashWord]:
    """Returns the hashes at the beginning of a line with nothing between them, if each has its own algorithm."""
    leading: list[HashWord] = []
    end = 0
    for word in hashes:
        if line[end : word.begin].strip(_SEPARATORS):
            break
        leading.append(word)
        end = word.end
    return leading if len({word.algorithm or SHA256 for word in leading}) == len(leading) else []


_SEPARATORS = b" \t,;|\"'`*-:=\\"


def _rest(line: bytes, hashes: list[HashWord]) -> str:
    """Returns the text of a line around its hashes, for the label ``comment``."""
    pieces, end = [], 0
    for word in hashes:
        pieces.append(line[end : word.begin])
        end = word.end
    pieces.append(line[end:])
    if len(pieces) == 2 and not pieces[0].strip(_SEPARATORS):
        return label_text(pieces[1].removeprefix(b",").strip())
    return label_text(b" ".join(stripped for piece in pieces if (stripped := piece.strip(_SEPARATORS))))


def _merged(items: Iterable[_Bare | ListEntry | Rejected]) -> Iterator[ListItem]:
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
        yield item
    if run:
        yield _joined(run)


def _joined(run: list[_Bare]) -> DigestBlock:
    first_line, algorithm, _ = run[0]
    return DigestBlock(algorithm, b"".join(raw for _, _, raw in run), first_line)
