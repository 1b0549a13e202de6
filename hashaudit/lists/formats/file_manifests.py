"""Manifests of files of operating systems: BSD's mtree, ``rpm -q --dump``, and Debian's control files with checksums.

Source: mtree(5) of FreeBSD and libarchive; rpm(8), "--dump"; Debian policy 5.6 (Checksums-*, Files), and the repository
format of Debian's wiki (Release, Packages).
"""

import re
from collections.abc import Iterator
from typing import BinaryIO

from hashaudit.lazy import lazy_pattern
from hashaudit.lists.algorithms import BY_HEX_LENGTH, UNNAMED
from hashaudit.lists.entry_fields import UNKNOWN_KIND, entry_or_reject, label_text, refuse_truncated
from hashaudit.lists.hash_words import LINE_HOLDS_HASH, holds_other_hash, name_remarks, visible
from hashaudit.lists.interface import ListEntry, ListItem, ParseOptions, Rejected, RejectReason, Remark
from hashaudit.lists.syntax.lines import is_comment, numbered_lines
from hashaudit.lists.syntax.mtree_lines import DIGEST_KEYWORDS, joined_lines

_MTREE_PAIR = lazy_pattern(rb"(?:^|\s)(md5|sha1|sha256|sha384|sha512|rmd160|ripemd160)(?:digest)?=[0-9A-Fa-f]{16}")
_OCTAL = lazy_pattern(rb"\\([0-7]{3})")

_RPM = lazy_pattern(
    rb"(/.*?) (\d+) (\d+) ([0-9a-f]{32,128}|X) (0[0-7]{5,6}) (\S+) (\S+) ([01]) ([01]) (\d+|X) (.*)", re.DOTALL
)

_DEBIAN_GROUPS = {
    b"md5sum": "md5",
    b"files": "md5",
    b"sha1": "sha1",
    b"checksums-sha1": "sha1",
    b"sha256": "sha256",
    b"checksums-sha256": "sha256",
    b"sha512": "sha512",
    b"checksums-sha512": "sha512",
}
_DEBIAN_FIELD = lazy_pattern(rb"([A-Za-z][A-Za-z0-9-]*):[ \t]*(.*)")
_DEBIAN_ROW = lazy_pattern(rb"[ \t]+([0-9A-Fa-f]{32,128})[ \t]+(\d+)[ \t]+(?:\S+[ \t]+\S+[ \t]+)?(\S+)[ \t]*")
_DEBIAN_LOST_ROW = lazy_pattern(rb"[ \t]*[0-9A-Fa-f]{32,128}[ \t]+\d+[ \t]")
_DEBIAN_OTHER_HASHES = frozenset({b"description-md5"})
_DEBIAN_BEGINNING = lazy_pattern(
    rb"(?:-----BEGIN PGP SIGNED MESSAGE-----|Origin|Format|Package|Source|Suite|Codename|Label)(?::|\r?\n)"
)
_DEBIAN_SUM = lazy_pattern(rb"\n(?:MD5Sum|MD5sum|SHA1|SHA256|SHA512|Files|Checksums-Sha\d+):", re.IGNORECASE)


class Mtree:
    """Reader of mtree specifications. Lenient: directories and links have no digests."""

    name = "mtree"
    strict = False

    def recognises(self, head: bytes) -> bool:
        """Returns whether the text is marked as mtree, or its first lines have a digest as a keyword."""
        if head.startswith(b"#mtree"):
            return True
        lines = [line for line in head.split(b"\n")[:200] if not is_comment(line)]
        starts = [line for line in lines if line.startswith((b"/set", b".", b"/"))]
        return bool(starts) and lines[0] in starts and any(_MTREE_PAIR.search(line) for line in lines)

    def parse(self, stream: BinaryIO, options: ParseOptions) -> Iterator[ListItem]:  # noqa: ARG002 - the keywords name the algorithms
        """Yields an entry for each file with digests, its path as the label ``name``.

        Raises:
            ListError: the last line is truncated.
        """
        for number, line, ended in joined_lines(numbered_lines(stream)):
            if line is None:
                yield Rejected(number, RejectReason.TOO_LONG)
            elif not is_comment(line) and not line.lstrip().startswith(b"/set") and b"=" in line:
                item = _mtree_entry(number, line)
                if item is not None:
                    yield refuse_truncated(number, item, ended=ended)


def _mtree_entry(number: int, line: bytes) -> ListEntry | Rejected | None:
    name, *words = visible(line).split()
    if name.partition(b"=")[0].lower() in DIGEST_KEYWORDS:
        # The line before has lost its continuation.
        words, name = [name, *words], b""
    pairs: list[tuple[str, bytes]] = []
    size = b""
    unknown = False
    for word in words:
        key, _, value = word.partition(b"=")
        if key.lower() in DIGEST_KEYWORDS:
            pairs.append((DIGEST_KEYWORDS[key.lower()], value))
        elif key.lower() == b"size":
            size = value
        else:
            unknown = unknown or holds_other_hash(word)
    if not pairs:
        return Rejected(number, RejectReason.UNSUPPORTED, UNKNOWN_KIND) if unknown else None
    shown = _OCTAL.sub(lambda match: bytes((int(match[1], 8) & 0xFF,)), name)
    remarks = [LINE_HOLDS_HASH] if unknown else []
    return entry_or_reject(number, pairs, size=size, labels={"name": label_text(shown)}, remarks=remarks)


class RpmDump:
    """Reader of the files of RPM packages. Strict, but directories and links have no digest."""

    name = "rpm-dump"
    strict = True

    def recognises(self, head: bytes) -> bool:
        """Returns whether the first line has the eleven fields of ``rpm --dump``."""
        return _RPM.fullmatch(head.split(b"\n", 1)[0].rstrip(b"\r")) is not None

    def parse(self, stream: BinaryIO, options: ParseOptions) -> Iterator[ListItem]:  # noqa: ARG002 - the length gives the algorithm
        """Yields an entry for each file, its path as the label ``name``.

        Raises:
            ListError: the last line is truncated.
        """
        for number, line, ended in numbered_lines(stream):
            match = None if line is None else _RPM.fullmatch(line)
            if match is not None:
                text = b"" if match[4] == b"X" else match[4]
                algorithm = BY_HEX_LENGTH.get(len(text), UNNAMED)
                yield entry_or_reject(
                    number,
                    [(algorithm, text)],
                    size=match[2],
                    labels={"name": label_text(match[1])},
                    remarks=name_remarks(match[1] + b" " + match[11]),
                )
            elif line is None or line.strip():
                item = Rejected(number, RejectReason.MALFORMED, "not the fields of rpm --dump")
                yield refuse_truncated(number, item, ended=ended)


class DebianControl:
    """Reader of Debian's Release, Packages, ``.dsc`` and ``.changes``. Lenient: other fields are skipped."""

    name = "debian-control"
    strict = False

    def recognises(self, head: bytes) -> bool:
        """Returns whether the text begins with a field of a control file and has a group of checksums."""
        return _DEBIAN_BEGINNING.match(head.lstrip()) is not None and _DEBIAN_SUM.search(head) is not None

    def parse(self, stream: BinaryIO, options: ParseOptions) -> Iterator[ListItem]:  # noqa: ARG002 - the groups name the algorithms
        """Yields an entry for each line of a group, and for each paragraph with checksums of its own.

        Raises:
            ListError: the last line is truncated.
        """
        group: str | None = None
        own: dict[bytes, bytes] = {}
        first = 0
        for number, line, ended in numbered_lines(stream):
            field = None if line is None else _DEBIAN_FIELD.fullmatch(line)
            if line is None:
                yield Rejected(number, RejectReason.TOO_LONG)
            elif field is not None:
                key, value = field[1].lower(), field[2].strip()
                group = _DEBIAN_GROUPS.get(key) if not value else None
                if value:
                    first = first or number
                    own[key] = value
                    if key not in _DEBIAN_GROUPS and key not in _DEBIAN_OTHER_HASHES and holds_other_hash(value):
                        yield Remark(number, LINE_HOLDS_HASH)
            elif not line.strip():
                yield from _paragraph(first, own)
                own, first, group = {}, 0, None
            elif group is not None and line.startswith((b" ", b"\t")):
                yield refuse_truncated(number, _debian_row(number, line, group), ended=ended)
            else:
                # The signature of a signed file follows its last group.
                group = None
                if _DEBIAN_LOST_ROW.match(line):
                    yield Rejected(number, RejectReason.MALFORMED, "a checksum outside a group of checksums")
        yield from _paragraph(first, own)


def _debian_row(number: int, line: bytes, group: str) -> ListEntry | Rejected:
    match = _DEBIAN_ROW.fullmatch(line)
    if match is None:
        return Rejected(number, RejectReason.MALFORMED, "not a checksum, a size and a name")
    return entry_or_reject(number, [(group, match[1])], size=match[2], labels={"name": label_text(match[3])})


def _paragraph(number: int, own: dict[bytes, bytes]) -> Iterator[ListEntry | Rejected]:
    """Yields the entry of a paragraph about one file, as in ``Packages``."""
    pairs = [(_DEBIAN_GROUPS[key], value) for key, value in own.items() if key in _DEBIAN_GROUPS]
    if pairs:
        labels = {"name": label_text(own.get(b"filename", b""))}
        yield entry_or_reject(number, pairs, size=own.get(b"size"), labels=labels)
