"""Manifests in mtree(5): of FreeBSD and NetBSD's mtree, and of bsdtar.

Source: mtree(5) of FreeBSD and libarchive; vis(3) for the escapes in names.
"""

import re
from collections.abc import Iterator
from typing import BinaryIO

from hashaudit.lists.manifests.manifest_entry import ManifestEntry
from hashaudit.lists.manifests.manifest_fields import digests_of, malformed
from hashaudit.lists.syntax.lines import is_comment, numbered_lines
from hashaudit.lists.syntax.mtree_lines import DIGEST_KEYWORDS, joined_lines
from hashaudit.model.results import AlgorithmName

_ESCAPE = re.compile(rb"\\(M?\^.|M-.|[0-7]{1,3}|.|\Z)", re.DOTALL)
_C_ESCAPES = {
    b"a": b"\a",
    b"b": b"\b",
    b"f": b"\f",
    b"n": b"\n",
    b"r": b"\r",
    b"s": b" ",
    b"t": b"\t",
    b"v": b"\v",
    b"E": b"\x1b",
    b"#": b"#",
    b"*": b"*",
    b"?": b"?",
    b"[": b"[",
    b"]": b"]",
    b"\\": b"\\",
}
_META = 0x80
_DELETE = 0x7F


class MtreeManifest:
    """Reader of specifications."""

    name = "mtree"

    def recognises(self, head: bytes) -> bool:
        """Returns whether the text is marked as mtree, or its first line sets keywords or is a directory."""
        if head.startswith(b"#mtree"):
            return True
        first = next((line for line in head.split(b"\n") if not is_comment(line)), b"")
        return first.startswith((b"/set ", b". ", b"./", b"type=")) and b"=" in first

    def parse(self, stream: BinaryIO, algorithm: AlgorithmName | None) -> Iterator[ManifestEntry]:  # noqa: ARG002 - the keywords name the algorithms
        """Yields an entry for each regular file. A name without a slash is in the current directory.

        Raises:
            ListError: a line is not an entry; see :meth:`ManifestFormat.parse`.
        """
        defaults: dict[bytes, bytes] = {}
        directories: list[bytes] = []
        for number, line, _ in joined_lines(numbered_lines(stream)):
            if line is None:
                raise malformed(number, "a line over the limit")
            words = line.split()
            if not words or words[0].startswith(b"#"):
                continue
            if b"=" in words[0] and (words[-1] == b"." or words[-1].startswith(b"./")):
                # mtree -D writes the path last.
                words = [words[-1], *words[:-1]]
            keywords = dict(word.partition(b"=")[::2] for word in words[1:])
            if words[0] == b"/set":
                defaults.update(keywords)
            elif words[0] == b"/unset":
                for key in keywords:
                    defaults.pop(key, None)
            elif words[0] == b"..":
                if directories:
                    directories.pop()
            else:
                name = _unescaped(number, words[0])
                keywords = defaults | keywords
                is_directory = keywords.get(b"type") == b"dir"
                is_full = b"/" in name
                if is_directory and not is_full:
                    directories.append(name)
                elif keywords.get(b"type", b"file") == b"file":
                    path = name if is_full else b"/".join((*directories, name))
                    yield _entry(number, path, keywords)


def _entry(number: int, path: bytes, keywords: dict[bytes, bytes]) -> ManifestEntry:
    pairs = [(DIGEST_KEYWORDS[key], value) for key, value in keywords.items() if key in DIGEST_KEYWORDS]
    size = keywords.get(b"size", b"")
    return ManifestEntry(path, digests_of(number, pairs), int(size) if size.isdigit() else None)


def _unescaped(number: int, name: bytes) -> bytes:
    """Returns a name without the escapes of vis(3): of C, in octal, and of control characters and bytes over 127.

    Raises:
        ListError: an escape is not one of them.
    """

    def one(match: re.Match[bytes]) -> bytes:
        code = match[1]
        if code[:1].isdigit():
            return bytes((int(code, 8) & 0xFF,))
        meta = _META if code.startswith(b"M") and len(code) > 1 else 0
        if b"^" in code[:2]:
            return bytes(((_DELETE if code[-1:] == b"?" else code[-1] & 0x1F) | meta,))
        if meta:
            return bytes((code[-1] | meta,))
        if code not in _C_ESCAPES:
            raise malformed(number, "a name with an unknown escape")
        return _C_ESCAPES[code]

    return _ESCAPE.sub(one, name)
