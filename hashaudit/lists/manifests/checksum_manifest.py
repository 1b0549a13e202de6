"""Manifests of md5sum, sha256sum, b2sum, b3sum, cksum, md5deep, the BSD tools, and BagIt.

Source: GNU coreutils manual, "md5sum invocation" and "cksum general options"; RFC 8493 section 2.1.3 (BagIt).
"""

import re
from collections.abc import Iterator
from typing import BinaryIO

from hashaudit.lists.algorithms import BY_HEX_LENGTH
from hashaudit.lists.manifests.manifest_entry import ManifestEntry
from hashaudit.lists.manifests.manifest_fields import digests_of, malformed
from hashaudit.lists.syntax.checksum_lines import PIECE_MARK, unescaped_name
from hashaudit.lists.syntax.lines import is_comment, numbered_lines, with_head
from hashaudit.model.results import AlgorithmName

_UNTAGGED = re.compile(rb"(\\?)([0-9A-Fa-f]{32,128})(?: [ *]|[ \t]+)(.+)", re.DOTALL)
_TAGGED = re.compile(rb"(\\?)([A-Za-z0-9/_-]{2,20}) ?\((.*)\) ?= ([0-9A-Fa-f]{32,})", re.DOTALL)
"""``.*`` is greedy, so the digest is what follows the last ``) = ``: a name may contain that too."""


class ChecksumManifest:
    """Reader of checksum files."""

    name = "checksums"

    def recognises(self, head: bytes) -> bool:
        """Returns whether the first line that is not a comment is an entry."""
        lines = [line.removesuffix(b"\r") for line in head.split(_separator(head))]
        first = next((line for line in lines if not is_comment(line)), b"")
        return _match(first) is not None

    def parse(self, stream: BinaryIO, algorithm: AlgorithmName | None) -> Iterator[ManifestEntry]:
        """Yields an entry for each line.

        Raises:
            ListError: a line is not an entry; see :meth:`ManifestFormat.parse`.
        """
        head, stream = with_head(stream)
        separator = _separator(head)
        for number, line, _ in numbered_lines(stream, separator):
            if line is None:
                raise malformed(number, "a line over the limit")
            if not is_comment(line):
                yield checksum_entry(number, line, algorithm, escaping=separator == b"\n")


def _separator(head: bytes) -> bytes:
    """Returns the line separator: NUL with ``-z``, which also disables escaping."""
    return b"\0" if b"\0" in head and _match(head.split(b"\0", 1)[0]) else b"\n"


def _match(line: bytes) -> re.Match[bytes] | None:
    return _UNTAGGED.fullmatch(line) or _TAGGED.fullmatch(line)


def checksum_entry(
    number: int, line: bytes, algorithm: AlgorithmName | None, *, escaping: bool, takes_pieces: bool = False
) -> ManifestEntry:
    """Returns the entry of a line.

    Args:
        number: of the line, from 1.
        line: without its end.
        algorithm: of digests without a name; ``None``: by their length.
        escaping: names may be escaped, which a backslash at the beginning of the line shows.
        takes_pieces: the hash of a piece is an entry too, with the mark in its name.

    Raises:
        ListError: the line is not an entry.
    """
    tagged = _TAGGED.fullmatch(line)
    untagged = _UNTAGGED.fullmatch(line)
    if untagged is not None:
        mark, digits, name = untagged.groups()
        tag = str(algorithm or BY_HEX_LENGTH.get(len(digits)) or "")
        if not tag:
            raise malformed(number, "a digest of unknown length")
    elif tagged is not None:
        mark, tag_bytes, name, digits = tagged.groups()
        tag = tag_bytes.decode("ascii")
    else:
        raise malformed(number, "not a checksum and a file name")
    if PIECE_MARK.search(name) and not takes_pieces:
        raise malformed(number, "the hash of a piece of a file, not of a file")
    if mark and escaping:
        unescaped = unescaped_name(name)
        if unescaped is None:
            raise malformed(number, "the file name has a wrong escape")
        name = unescaped
    return ManifestEntry(name, digests_of(number, [(tag, digits)]))
