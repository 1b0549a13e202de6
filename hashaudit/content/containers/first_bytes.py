"""The kind of container that begins with some bytes, whether there is a reader for it or not.

Sources, besides those of the signatures: UEFI 5.3, Apple's APFS reference, PRONOM.
"""

import re

from hashaudit.content.containers.format_checks import CONFIRM, has_partitions, is_ext, is_lzma, is_tar_sum
from hashaudit.content.containers.mail_detection import FIRST_FIELD, mail_kind
from hashaudit.content.containers.signatures import FROM_START
from hashaudit.lazy import lazy_pattern
from hashaudit.model.containers import ContainerKind

_BY_FIRST_BYTE: dict[int, tuple[tuple[bytes, ContainerKind], ...]] = {}
for _magic, _kind in FROM_START:
    _BY_FIRST_BYTE[_magic[0]] = (*_BY_FIRST_BYTE.get(_magic[0], ()), (_magic, _kind))

_LZMA_FIRST = 0x5D

_LZMA = lazy_pattern(rb"\x5d\x00\x00(..)\x00{0,4}", re.DOTALL)

_OLD_TAR = lazy_pattern(rb"[0-7 ]{6}[0-7 \0][ \0][0-7 ]{6}[0-7 \0][ \0].{32}(?:[0-7 ]{6}\0 |[0-7]{7}\0)", re.DOTALL)
"""Mode to checksum of a tar header, from byte 100; the 32 bytes are gid, size and time. cpio has 7 at last."""

_EMLX = lazy_pattern(rb"\d{1,12} *\r?\n")

LETTERS = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")

_DIGITS = frozenset(b"123456789")

_BEFORE_TEXT = frozenset(b"\xef\r\n")
"""First bytes of a byte-order mark and of empty lines, which some programs write before a message or document."""

TAR_MAGIC_AT = 257

HOSTS: tuple[bytes, ...] = (
    b"MZ", b"\x7fELF", b"#!", b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"BM", b"RIFF", b"%PDF", b"II*\x00", b"MM\x00*",
    b"ID3", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe", b"OggS", b"<html", b"<!DOC", b"<?php",
)  # fmt: skip
"""First bytes of programs, scripts, pages and media, behind which archives are hidden or appended with a comment."""

HOST_BYTES = frozenset(host[0] for host in HOSTS)


def sniff(head: bytes) -> ContainerKind | None:
    """Returns the kind of container that begins with these bytes; ``None``: none that is known.

    Args:
        head: the first bytes of the file, at least :data:`HEAD_BYTES` if it has so many.
    """
    if not head:
        return None
    found = _by_first_byte(head) if head[0] in _NAMING_BYTES else None
    return _by_later_bytes(head) if found is None and _LATER.match(head) is not None else found


def _by_first_byte(head: bytes) -> ContainerKind | None:  # noqa: PLR0911 # one test a format
    first = head[0]
    for magic, kind in _BY_FIRST_BYTE.get(first, ()):
        if head.startswith(magic) and (kind not in CONFIRM or CONFIRM[kind](head)):
            return kind
    if first in LETTERS and (found := mail_kind(head)) is not None:
        return found
    if first in _DIGITS and (end := _EMLX.match(head)) is not None and mail_kind(head[end.end() :]) is not None:
        return ContainerKind.EML
    if first in _BEFORE_TEXT and (text := head.lstrip(b"\xef\xbb\xbf\r\n")):
        if text.startswith(b"%PDF-"):
            return ContainerKind.PDF
        if text[0] in LETTERS and (found := mail_kind(text)) is not None:
            return found
    if first == _LZMA_FIRST and _LZMA.match(head) and is_lzma(head):
        return ContainerKind.LZMA
    return None


_FROM_LATER = (
    (7, b"**ACE**", ContainerKind.ACE),
    (60, b"BOOKMOBI", ContainerKind.MOBI),
    (4, b"\xef\xcd\xab\x89\x20\x06\0\0", ContainerKind.ESE),
    (4, b"\xef\xcd\xab\x89\x23\x06\0\0", ContainerKind.ESE),
)
"""Position and bytes of signatures behind the first byte."""


def _by_later_bytes(head: bytes) -> ContainerKind | None:  # noqa: PLR0911 # one test a format
    if head[3:7] == b"NTFS" or head[32:36] == b"NXSB":
        return ContainerKind.NTFS if head[3:7] == b"NTFS" else ContainerKind.APFS
    if head[2:5] == b"-lh" and head[6:7] == b"-":
        return ContainerKind.LHA
    if head[TAR_MAGIC_AT : TAR_MAGIC_AT + 5] == b"ustar":
        return ContainerKind.TAR
    is_old = _OLD_TAR.match(head, 100) is not None
    if (is_old and head[155:156] == b" ") or ((is_old or head[154:156] == b"\0 ") and is_tar_sum(head)):
        return ContainerKind.TAR  # a label or a continued member of GNU has fewer fields
    for at, magic, kind in _FROM_LATER:
        if head.startswith(magic, at):
            return kind
    if head[510:512] == b"\x55\xaa" or head[1080:1082] == b"\x53\xef" or head[1024:1025] == b"H":
        return _volume(head)
    return None


def _volume(head: bytes) -> ContainerKind | None:
    if head[510:512] == b"\x55\xaa":
        if head[54:57] == b"FAT" or head[82:85] == b"FAT" or head[3:8] == b"EXFAT":
            return ContainerKind.FAT
        if head[512:520] == b"EFI PART" or has_partitions(head):
            return ContainerKind.PARTITIONS
    if len(head) >= 2048:
        if head[1080:1082] == b"\x53\xef" and is_ext(head):
            return ContainerKind.EXT
        if head[1024:1026] in {b"H+", b"HX"} and head[1026:1028] in {b"\0\x04", b"\0\x05"}:
            return ContainerKind.HFS
    return None


_NAMING_BYTES = frozenset((*_BY_FIRST_BYTE, *LETTERS, *_DIGITS, *_BEFORE_TEXT, _LZMA_FIRST))
"""First bytes that can name a kind. With others, only later bytes can."""

_LATER_BYTES = (
    rb".{2}-lh|.{3}NTFS|.{4}\xef\xcd\xab\x89|.{7}\*\*ACE|.{32}NXSB|.{60}BOOKM|.{100}[0-7 ]{7}\0.{40}[0-7]{7}\0"
    rb"|.{154}\0 |.{257}ustar|.{510}\x55\xaa|.{1024}H|.{1080}\x53\xef"
)
"""The later bytes of which one is needed to name a kind."""

_LATER = re.compile(_LATER_BYTES, re.DOTALL)


def _suspect() -> re.Pattern[bytes]:
    """Returns a pattern that matches all first bytes by which :class:`ContainerProbe` finds or looks for anything.

    One match costs a fraction of the tests in order, and most files do not match.
    """
    magics = [re.escape(magic) for magic, _ in FROM_START] + [re.escape(host) for host in HOSTS]
    firsts = b"".join(b"\\x%02x" % first for first in sorted({*_BY_FIRST_BYTE, *HOST_BYTES}))
    others = (
        rb"(?=[%b])(?:%b)" % (firsts, b"|".join(magics)),
        rb"(?=[A-Za-z])%b" % FIRST_FIELD.pattern,
        rb"From ",
        _EMLX.pattern,
        rb"[%b]" % b"".join(b"\\x%02x" % first for first in sorted(_BEFORE_TEXT)),
        rb"\x5d\x00\x00",
        _LATER_BYTES,
    )
    return re.compile(b"|".join(others), re.DOTALL)


SUSPECT = _suspect()
