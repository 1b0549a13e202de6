"""Manifests in mtree(5): of FreeBSD and NetBSD's mtree, and of bsdtar.

Source: mtree(5) of FreeBSD and libarchive; vis(3) for the escapes in names.
"""

import re
from collections.abc import Iterator
from typing import BinaryIO

from hashaudit.lists.manifests.manifest_entry import ManifestEntry, digests_of, malformed
from hashaudit.lists.syntax.lines import is_comment, numbered_lines
from hashaudit.lists.syntax.mtree_lines import DIGEST_KEYWORDS, joined_lines
from hashaudit.model.results import AlgorithmName

_ESCAPE = re.compile(rb"\\([0-7]{3}|[abfnrstv0#\\])")
_C_ESCAPES = {
    b"a": b"\a",
    b"b": b"\b",
    b"f": b"\f",
    b"n": b"\n",
    b"r": b"\r",
    b"s": b" ",
    b"t": b"\t",
    b"v": b"\v",
    b"0": b"\0",
    b"#": b"#",
    b"\\": b"\\",
}


class MtreeManifest:
    """Reader of specifications."""

    name = "mtree"

    def recognises(self, head: bytes) -> bool:
        """Returns whether the text is marked as mtree, or its first line sets keywords or is a directory."""
        if head.startswith(b"#mtree"):
            return True
        first = next((line for line in head.split(b"\n") if not is_comment(line)), b"")
        return first.startswith((b"/set ", b". ", b"./")) and b"=" in first

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
                name = _unescaped(words[0])
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


def _unescaped(name: bytes) -> bytes:
    def one(match: re.Match[bytes]) -> bytes:
        code = match[1]
        return bytes((int(code, 8) & 0xFF,)) if len(code) == 3 else _C_ESCAPES[code]

    return _ESCAPE.sub(one, name)
