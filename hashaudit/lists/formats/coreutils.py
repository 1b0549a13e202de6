"""Reader for the output of md5sum, sha256sum, b2sum, cksum, b3sum and the BSD tools, in plain and tagged form.

Source: GNU coreutils manual, "md5sum invocation" and "cksum general options"; b3sum's README for the same escapes.
"""

import re
from binascii import unhexlify
from collections.abc import Iterator
from itertools import chain
from typing import BinaryIO

from hashaudit.content.digests.digest_registry import DIGESTS
from hashaudit.lazy import lazy_pattern
from hashaudit.lists.algorithms import UNDECIDED, algorithm_named, is_unsupported
from hashaudit.lists.empty_digests import UNUSUAL
from hashaudit.lists.entry_fields import PIECE, entry_or_reject, label_text, raw_digest
from hashaudit.lists.hash_words import holds_other_hash, name_remarks, visible
from hashaudit.lists.interface import ListEntry, ListItem, ParseOptions, Rejected, RejectReason
from hashaudit.lists.syntax.checksum_lines import PIECE_MARK, unescaped_name
from hashaudit.lists.syntax.lines import is_comment, numbered_lines, with_head
from hashaudit.lists.untagged import algorithm_of, refuse_proved_other, resolve, wrong_length
from hashaudit.model.results import AlgorithmName

_UNTAGGED = lazy_pattern(rb"(\\?)((?:[0-9A-Fa-f]{2}){16,64}) [ *](.+)", re.DOTALL)
_TAGGED = lazy_pattern(rb"(\\?)([A-Za-z0-9/_-]{2,20}) *\((.*)\) ?= ([0-9A-Fa-f]+)", re.DOTALL)
"""``.*`` is greedy, so the hash is what follows the last ``) = ``: a name may contain that too."""

_BARE = lazy_pattern(rb"[0-9A-Fa-f]{32,128}(?:$|[\t,]| [^ *])")
"""A hash in the form of plain lists."""

_HASH = lazy_pattern(rb"[0-9A-Fa-f]{32}|[0-9A-Fa-f]{40}|[0-9A-Fa-f]{64}|[0-9A-Fa-f]{128}")


class Coreutils:
    """Reader of checksum files. Strict: these tools write only entries, so a bad line is damage."""

    name = "coreutils"
    strict = True

    def recognises(self, head: bytes) -> bool:
        """Returns whether the first line is an entry and no line has the form of a plain list.

        In a plain list something else than a file name can follow a hash.
        """
        *ended, last = head.split(_separator(head))
        lines = [shown for line in ended or [last] if not is_comment(shown := visible(line).removesuffix(b"\r"))]
        if not lines or not _is_entry(lines[0]):
            return False
        untagged = _UNTAGGED.fullmatch(lines[0])
        if untagged is not None and _only_hashes(untagged[3]):
            return False
        return not any(_BARE.match(line) for line in lines)

    def parse(self, stream: BinaryIO, options: ParseOptions) -> Iterator[ListItem]:
        """Yields an entry for each line, the file's name as the label ``name``.

        Raises:
            ListError: untagged hashes of 64 digits are too few to determine their algorithm.
        """
        head, stream = with_head(stream)
        return resolve(_items(stream, _separator(head), options.algorithm))


def _separator(head: bytes) -> bytes:
    """Returns the line separator: NUL with ``-z``, which also disables escaping."""
    text = head.rstrip(b"\0")
    padded = b"\n" in head and b"\0" not in text and (head.endswith(b"\0\0") or text.endswith(b"\n"))
    if padded or b"\0" not in head:
        return b"\n"
    # A damaged text may have a NUL too, among lines that are entries.
    records = [record for record in head.split(b"\0") if record]
    are_entries = all(map(_is_entry, records[:-1])) and not any(
        map(_is_entry, chain.from_iterable(record.split(b"\n")[1:] for record in records))
    )
    return b"\0" if are_entries else b"\n"


def _only_hashes(name: bytes) -> bool:
    """Returns whether a name is nothing but hashes: then it may be another column of a plain list."""
    words = name.split()
    return bool(words) and all(map(_HASH.fullmatch, words))


def _is_entry(line: bytes) -> bool:
    return _UNTAGGED.fullmatch(line) is not None or _TAGGED.fullmatch(line) is not None


def _items(stream: BinaryIO, separator: bytes, stated: AlgorithmName | None) -> Iterator[ListItem]:
    escaping = separator == b"\n"
    for number, line, _ in numbered_lines(stream, separator):
        if line is None:
            yield Rejected(number, RejectReason.TOO_LONG)
        elif (entry := _ordinary(number, line, stated)) is not None:
            yield entry
        elif not is_comment(line):
            yield _entry(number, line, stated, escaping=escaping)


def _ordinary(number: int, line: bytes, stated: AlgorithmName | None) -> ListEntry | None:
    """Returns the entry of an untagged line in which nothing needs a closer look, in half the time; else ``None``."""
    match = _UNTAGGED.fullmatch(line)
    if match is None:
        return None
    mark, text, name = match.groups()
    if mark or b"\0" in name or b" offset " in name or holds_other_hash(name, text):
        return None
    raw = unhexlify(text)
    algorithm = algorithm_of(len(raw), stated)
    if algorithm is None or (algorithm not in DIGESTS and algorithm != UNDECIDED) or raw in UNUSUAL:
        return None
    return ListEntry(f"line {number}", {algorithm: raw}, labels={"name": label_text(name)})


def _entry(number: int, line: bytes, stated: AlgorithmName | None, *, escaping: bool) -> ListEntry | Rejected:
    untagged = _UNTAGGED.fullmatch(line)
    if untagged is None and not _TAGGED.fullmatch(line):
        line = visible(line).lstrip()
        untagged = _UNTAGGED.fullmatch(line)
    if untagged is not None:
        mark, text, name = untagged.groups()
        algorithm: str | None = algorithm_of(len(text) // 2, stated)
        refuse_proved_other(number, algorithm or "", raw_digest(text) if algorithm is not None else None)
    else:
        tagged = _TAGGED.fullmatch(line)
        if tagged is None:
            return Rejected(number, RejectReason.MALFORMED, "not a checksum line")
        mark, tag, name, text = tagged.groups()
        algorithm = _tagged_algorithm(tag.decode("ascii"))
    if escaping and b"\0" in name:
        return Rejected(number, RejectReason.MALFORMED, "a NUL byte in a line")
    if algorithm is None:
        if untagged is None:
            reason, detail = RejectReason.MALFORMED, "a tag that names no known algorithm"
        else:
            reason, detail = RejectReason.WRONG_LENGTH, wrong_length(stated)
        return Rejected(number, reason, detail)
    if mark:
        unescaped = unescaped_name(name) if escaping else None
        if unescaped is None:
            return Rejected(number, RejectReason.MALFORMED, "the file name has a wrong escape")
        name = unescaped
    if PIECE_MARK.search(name):
        return Rejected(number, RejectReason.UNSUPPORTED, PIECE)
    remarks = name_remarks(name, text)
    return entry_or_reject(number, [(algorithm, text)], labels={"name": label_text(name)}, remarks=remarks)


def _tagged_algorithm(tag: str) -> str | None:
    # Without a length, b2sum's tag means its longest digest.
    return tag.lower() if is_unsupported(tag) else algorithm_named(tag)
