"""Detects containers from the bytes that a file's digests are computed from, never from its name.

Every known format is detected, also those without a reader here: their files are counted, never skipped in silence.

Sources, besides those of the signatures: UEFI 5.3, RFC 5322, RFC 4155, RFC 1741, Apple's APFS reference,
ECMA-167 2/9, POSIX.1-2017 uuencode.
"""

import re
import struct
import zlib
from collections.abc import Callable

from hashaudit.content.containers.signatures import FROM_START
from hashaudit.lazy import lazy_pattern
from hashaudit.model.containers import ContainerKind

SNIFF_REVISION = 6
"""Raise it when :class:`ContainerProbe` detects containers in other files."""

HEAD_BYTES = 4096
"""First bytes of a file that are looked at, besides the volume descriptor of an ISO image."""

FIRST_BYTES = 0x8006
"""Bytes of a file that the first call of :meth:`ContainerProbe.take` has to get, if it has so many."""

UDIF_BYTES = 512
"""Length of the end of an image of macOS."""

END_RECORD_BYTES = 22
"""Length of a zip's end record without its comment (APPNOTE 4.3.16)."""
TAIL_BYTES = END_RECORD_BYTES + 0xFFFF
"""The end record begins within these last bytes, because its comment has at most 65,535."""

OVERLAP_BYTES = 4096
"""The first header of a rar or 7z archive is not longer."""

SEARCHED_BYTES = 1 << 20
"""First bytes of a Windows program that are searched for an archive: the unpacking programs before it are smaller."""

_AT_START_OF_DISKS = frozenset(
    (ContainerKind.PARTITIONS, ContainerKind.HFS, ContainerKind.APFS, ContainerKind.FAT, ContainerKind.ISO)
)
"""Kinds that an image of macOS begins as, if its first blocks are not packed."""

_BY_FIRST_BYTE: dict[int, tuple[tuple[bytes, ContainerKind], ...]] = {}
for _magic, _kind in FROM_START:
    _BY_FIRST_BYTE[_magic[0]] = (*_BY_FIRST_BYTE.get(_magic[0], ()), (_magic, _kind))

_LZMA_FIRST = 0x5D
_LZMA = lazy_pattern(rb"\x5d\x00\x00(..)\x00{0,4}", re.DOTALL)
_OLD_TAR = lazy_pattern(rb"[0-7 ]{6}[0-7 \0][ \0][0-7 ]{6}[0-7 \0][ \0].{32}(?:[0-7 ]{6}\0 |[0-7]{7}\0)", re.DOTALL)
"""Mode to checksum of a tar header, from byte 100; the 32 bytes are gid, size and time. cpio has 7 at last."""

_HEADERS = (
    rb"received|return-path|delivered-to|from|to|cc|subject|date|message-id|mime-version|x-[a-z-]+|dkim-signature"
    rb"|arc-seal|authentication-results|content-type|reply-to|sender|x-mailer|user-agent|in-reply-to|references"
    rb"|envelope-to|status|importance|thread-topic|content-transfer-encoding|received-spf|xref|newsgroups|path"
)
_FIRST_FIELD = lazy_pattern(rb"([!-9;-~]{1,76})[ \t]?:[ \t\r\n]")
_EVERY_HEADER = lazy_pattern(rb"^(" + _HEADERS + rb"):[ \t\r\n]", re.IGNORECASE | re.MULTILINE)
_TYPICAL = frozenset((b"received", b"message-id", b"mime-version", b"date", b"from", b"return-path"))
_LETTER = frozenset((b"from", b"to", b"subject"))
_NAMES = frozenset(_HEADERS.split(b"|"))
_TYPICAL_LINES = (b"\nContent-", b"\nFrom:", b"\nReceived:", b"\nMIME-Version:", b"\nMime-Version:")
"""Without one of these, a text that begins with an unknown field is not looked at further."""
_BLANK_LINE = lazy_pattern(rb"\r?\n\r?\n")
_MIME = lazy_pattern(rb"^content-type:[^:]{0,200}multipart/[^:]{0,400}boundary", re.IGNORECASE | re.MULTILINE)
_TYPED = lazy_pattern(rb"^content-type[ \t]?:[ \t\r\n]*[a-z]{1,20}/[!-~]", re.IGNORECASE | re.MULTILINE)
_ENCODED = lazy_pattern(
    rb"^content-transfer-encoding[ \t]?:[ \t\r\n]*\"?(?:base64|quoted-printable|[78]bit|binary|x-)",
    re.IGNORECASE | re.MULTILINE,
)
"""The two fields of a part of MIME that is a file of its own (RFC 2045 5 and 6)."""
LONGEST_FIELD = 76
"""Length of the longest name of a first field that is looked for."""
LEAST_HEADERS = 3
"""Fields of a message, two of them typical, without which a text is not taken for mail unless it has MIME's."""
_MBOX = lazy_pattern(rb"From [^\r\n]{0,200}? (?:[01]?\d|2[0-3]):[0-5]\d(?::[0-6]\d)?[^\r\n]{0,60}\r?\n")
_EMLX = lazy_pattern(rb"\d{1,12} *\r?\n")

_LETTERS = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
_DIGITS = frozenset(b"123456789")
_BEFORE_TEXT = frozenset(b"\xef\r\n")
"""First bytes of a byte-order mark and of empty lines, which some programs write before a message or document."""

_TAR_MAGIC_AT = 257
_ISO_AT = 0x8001
_DISC_KINDS = {b"CD001": ContainerKind.ISO, b"BEA01": ContainerKind.UDF}
_UDIF = b"koly\x00\x00\x00\x04\x00\x00\x02\x00"
"""Begins the last 512 bytes of an image of macOS, with its version and length."""

_HOSTS: tuple[bytes, ...] = (
    b"MZ", b"\x7fELF", b"#!", b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"BM", b"RIFF", b"%PDF", b"II*\x00", b"MM\x00*",
    b"ID3", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe", b"OggS", b"<html", b"<!DOC", b"<?php",
)  # fmt: skip
"""First bytes of programs, scripts, pages and media, behind which archives are hidden or appended with a comment."""
_PROGRAMS = (b"MZ", b"\x7fELF", b"#!", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe")
"""First bytes of programs, of which the first part unpacks an archive behind it."""
_HOST_BYTES = frozenset(host[0] for host in _HOSTS)

_SELF_EXTRACTING: tuple[tuple[bytes, ContainerKind], ...] = (
    (b"Rar!\x1a\x07", ContainerKind.RAR),
    (b"7z\xbc\xaf\x27\x1c", ContainerKind.SEVEN_ZIP),
)


class ContainerProbe:
    """Looks at the bytes of one file as they pass, and says at the end which container it is.

    A file without container costs some 2 us. Executables and media cost more, because archives are hidden in them.
    """

    __slots__ = ("_found", "_is_host", "_is_program", "_is_script", "_tail", "seen_bytes")

    def __init__(self) -> None:
        self._found: ContainerKind | None = None
        self.seen_bytes = 0
        """Bytes so far."""
        self._is_host = False
        self._is_program = False
        self._is_script = False
        self._tail = b""

    def take(self, data: bytes | bytearray | memoryview) -> None:
        """Adds the next bytes of the file."""
        if not self.seen_bytes:
            self._begin(data)
        self.seen_bytes += len(data)
        if self._found is not None and self._found not in _AT_START_OF_DISKS:
            return
        if self._is_host:
            if self._is_program and self.seen_bytes <= SEARCHED_BYTES:
                # What straddles two calls begins in the tail of the earlier ones.
                self._search(self._tail[-OVERLAP_BYTES:] + bytes(data))
            self._tail = (self._tail + data[-TAIL_BYTES:])[-TAIL_BYTES:]
        elif len(data) >= UDIF_BYTES:
            self._tail = bytes(data[-UDIF_BYTES:])
        else:
            self._tail = (self._tail + data)[-UDIF_BYTES:]

    def _begin(self, data: bytes | bytearray | memoryview) -> None:
        head = bytes(data[:HEAD_BYTES])
        self._found = sniff(head)
        if self._found is None:
            if len(data) >= _ISO_AT + 5 and bytes(data[_ISO_AT : _ISO_AT + 5]) in _DISC_KINDS:
                self._found = _DISC_KINDS[bytes(data[_ISO_AT : _ISO_AT + 5])]
            elif head and head[0] in _HOST_BYTES and head.startswith(_HOSTS):
                self._is_host = True
                self._is_program = head.startswith(_PROGRAMS)
                self._is_script = head.startswith(b"#!")
            elif len(head) == HEAD_BYTES and len(data) > HEAD_BYTES and head[0] in _LETTERS:
                # The header of a message may be longer.
                self._found = _long_mail(bytes(data[:FIRST_BYTES]))

    @property
    def kind(self) -> ContainerKind | None:  # noqa: PLR0911 # one test a place
        """The kind of container that the bytes so far are, as if the file ended here; ``None``: none."""
        tail = self._tail
        if self._found is not None and self._found not in _AT_START_OF_DISKS:
            return self._found
        if tail[-UDIF_BYTES:].startswith(_UDIF):
            return ContainerKind.DMG
        end = tail if self._is_host else tail[-END_RECORD_BYTES:]
        if self._found is not None:
            return self._found
        at = tail.rfind(b"PK\x05\x06") if b"PK\x05\x06" in end else -1
        if at >= 0 and is_end_record(tail, at, self.seen_bytes):
            return ContainerKind.ZIP
        if tail.endswith(RAR_ENDS):
            return ContainerKind.RAR
        if _SEVEN_ZIP_SIGN in tail[-SEVEN_ZIP_END_BYTES:] and _SEVEN_ZIP_END.search(tail[-SEVEN_ZIP_END_BYTES:]):
            return ContainerKind.SEVEN_ZIP
        found = find_appended(tail) if self._is_host else None
        return None if found is None else found[0]

    @property
    def begins_as(self) -> ContainerKind | None:
        """The kind of container that the first bytes are."""
        return self._found

    @property
    def may_hide(self) -> bool:
        """True if the file begins like one behind which archives are appended."""
        return self._is_host

    def _search(self, data: bytes) -> None:
        if found := find_appended(data):
            self._found = found[0]
        elif self._is_script and find_packed(data) is not None:
            self._found = ContainerKind.SCRIPT


def is_plain(content: bytes | bytearray, size_bytes: int) -> bool:
    """Returns whether the whole content of a file is certainly no container, for the most usual reasons.

    Args:
        content: begins with that of the file.
        size_bytes: of the file.
    """
    if _SUSPECT.match(content, 0, size_bytes) is None:
        is_disc = size_bytes > _ISO_AT and content.startswith((b"CD001", b"BEA01"), _ISO_AT, size_bytes)
        if is_disc or (size_bytes >= UDIF_BYTES and content.startswith(_UDIF, size_bytes - UDIF_BYTES, size_bytes)):
            return False
        if content.endswith(RAR_ENDS, max(0, size_bytes - END_RECORD_BYTES), size_bytes):
            return False
        if content.find(_SEVEN_ZIP_SIGN, max(0, size_bytes - SEVEN_ZIP_END_BYTES), size_bytes) >= 0:
            return False
        return content.find(b"PK\x05\x06", max(0, size_bytes - END_RECORD_BYTES), size_bytes) < 0
    probe = ContainerProbe()
    probe.take(memoryview(content)[:size_bytes])
    return probe.kind is None


def find_appended(data: bytes) -> tuple[ContainerKind, int] | None:
    """Returns the kind and the position of the first rar or 7z archive in bytes of a program.

    The signature alone does not make an archive: programs that unpack these formats hold it too.
    """
    found = []
    for magic, kind in _SELF_EXTRACTING:
        at = -1
        while (at := data.find(magic, at + 1)) >= 0:
            if _begins_archive(data[at : at + OVERLAP_BYTES]):
                found.append((kind, at))
                break
    return min(found, key=lambda item: item[1], default=None)


def appended_start(read_at: Callable[[int, int], bytes], size_bytes: int, kind: ContainerKind) -> int | None:
    """Returns where a rar or 7z archive behind other data begins; ``None``: there is none.

    Args:
        read_at: returns the bytes at a position.
        size_bytes: of the file.
        kind: of the archive.
    """
    for at in range(0, size_bytes, SEARCHED_BYTES):
        found = find_appended(read_at(at, SEARCHED_BYTES + OVERLAP_BYTES))
        if found is not None and found[0] is kind:
            return at + found[1]
    return None


RAR_ENDS = (
    b"\x1d\x77\x56\x51\x03\x05\x04\x00",
    b"\x19\xb2\x3a\x35\x03\x05\x00\x00",
    b"\xc4\x3d\x7b\x00\x40\x07\x00",
)
"""The block that ends a rar archive of version 5, in two forms, and of versions 3 and 4, if no volume follows."""

_SEVEN_ZIP_END = lazy_pattern(rb"\x17\x06.{1,9}\x01\x09.{1,9}\x00\x07\x0b\x01\x00", re.DOTALL)
"""The place of the packed header of a 7z archive, which stands in its last bytes (7zFormat.txt, "PackedStreams")."""
SEVEN_ZIP_END_BYTES = 256
_SEVEN_ZIP_SIGN = b"\x00\x07\x0b\x01\x00"

_GZ = b"\x1f\x8b\x08"
_PACKED = (_GZ, b"BZh", b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd", b"\x5d\x00\x00", b"\x04\x22\x4d\x18")


def find_packed(data: bytes) -> int | None:
    """Returns where packed data begins behind a line of a script that unpacks itself; ``None``: nowhere."""
    found = []
    for magic in _PACKED:
        at = -1
        while (at := data.find(b"\n" + magic, at + 1)) >= 0:
            head = data[at + 1 : at + 1 + HEAD_BYTES]
            if sniff(head) is not None and not (magic == _GZ and head[3:4] > b"\x1f"):
                found.append(at + 1)
                break
    at = -1
    while (at := data.find(b"ustar", at + 1)) >= 0:
        start = at - _TAR_MAGIC_AT
        if start > 0 and data[start - 1 : start] == b"\n" and sniff(data[start : start + 512]) is ContainerKind.TAR:
            found.append(start)
            break
    return min(found, default=None)


def _begins_archive(data: bytes) -> bool:
    """Returns whether the checksum of an archive's first header is right (7zFormat.txt; RAR 5.0 technical note)."""
    if data.startswith(b"7z"):
        return len(data) >= 32 and zlib.crc32(data[12:32]) == int.from_bytes(data[8:12], "little")
    if data[6:8] == b"\x01\x00":
        # The size of the header, in at most three bytes of seven bits, begins what the checksum covers.
        count = next((number for number, byte in enumerate(data[12:15], 1) if byte < 0x80), 0)
        size = sum((byte & 0x7F) << 7 * number for number, byte in enumerate(data[12 : 12 + count]))
        header = data[12 : 12 + count + size]
        return count > 0 and zlib.crc32(header) == int.from_bytes(data[8:12], "little")
    size = int.from_bytes(data[12:14], "little")
    stated = int.from_bytes(data[7:9], "little")
    return data[9:10] == b"\x73" and size >= 13 and zlib.crc32(data[9 : 7 + size]) & 0xFFFF == stated


def is_end_record(tail: bytes, at: int, size_bytes: int) -> bool:
    """Returns whether a zip's end record is at a position of a file's last bytes.

    Args:
        tail: the last bytes of the file.
        at: position of the signature in them.
        size_bytes: length of the file.
    """
    if at + END_RECORD_BYTES > len(tail):
        return False
    on_disk, count, directory_bytes, offset, comment_bytes = struct.unpack_from("<HHIIH", tail, at + 8)
    before = size_bytes - len(tail) + at
    if at + END_RECORD_BYTES + comment_bytes > len(tail):
        return False
    start = at - directory_bytes
    if on_disk > count and start >= 0 and tail[start : start + 4] != b"PK\x01\x02":
        return False  # the signature in the code of a program that reads zip files
    if 0xFFFFFFFF in {directory_bytes, offset} or count == 0xFFFF:
        return True  # zip64: the numbers are in another record
    fits: bool = directory_bytes + offset <= before and count * 46 <= directory_bytes
    return fits


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
        if head.startswith(magic) and (kind not in _CONFIRM or _CONFIRM[kind](head)):
            return kind
    if first in _LETTERS and (found := _mail(head)) is not None:
        return found
    if first in _DIGITS and (end := _EMLX.match(head)) is not None and _mail(head[end.end() :]) is not None:
        return ContainerKind.EML
    if first in _BEFORE_TEXT and (text := head.lstrip(b"\xef\xbb\xbf\r\n")):
        if text.startswith(b"%PDF-"):
            return ContainerKind.PDF
        if text[0] in _LETTERS and (found := _mail(text)) is not None:
            return found
    if first == _LZMA_FIRST and _LZMA.match(head) and _is_lzma(head):
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
    if head[_TAR_MAGIC_AT : _TAR_MAGIC_AT + 5] == b"ustar":
        return ContainerKind.TAR
    if _OLD_TAR.match(head, 100) and (head[155:156] == b" " or _is_tar_sum(head)):
        return ContainerKind.TAR
    for at, magic, kind in _FROM_LATER:
        if head.startswith(magic, at):
            return kind
    if head[510:512] == b"\x55\xaa" or head[1080:1082] == b"\x53\xef" or head[1024:1025] == b"H":
        return _volume(head)
    return None


def _is_tar_sum(head: bytes) -> bool:
    """Returns whether the sum of a header is right (POSIX.1-2017 pax, "ustar Interchange Format")."""
    block = head[:512]
    return len(block) == 512 and sum(block) - sum(block[148:156]) + 8 * 0x20 == int(head[148:155], 8)


def _volume(head: bytes) -> ContainerKind | None:
    if head[510:512] == b"\x55\xaa":
        if head[54:57] == b"FAT" or head[82:85] == b"FAT" or head[3:8] == b"EXFAT":
            return ContainerKind.FAT
        if head[512:520] == b"EFI PART" or _has_partitions(head):
            return ContainerKind.PARTITIONS
    if len(head) >= 2048:
        if head[1080:1082] == b"\x53\xef" and _is_ext(head):
            return ContainerKind.EXT
        if head[1024:1026] in {b"H+", b"HX"} and head[1026:1028] in {b"\0\x04", b"\0\x05"}:
            return ContainerKind.HFS
    return None


def _has_partitions(head: bytes) -> bool:
    """Returns whether the table of a boot record has partitions and nothing else (UEFI 5.2.1)."""
    rows = [head[at : at + 16] for at in range(446, 510, 16)]
    used = [row for row in rows if row[4]]
    return bool(used) and all(row[0] in {0, 0x80} for row in rows) and all(any(row[8:12]) for row in used)


def _long_mail(head: bytes) -> ContainerKind | None:
    """Returns the kind of a text whose first fields need more than :data:`HEAD_BYTES`."""
    begins = _FIRST_FIELD.match(head) is not None and _BLANK_LINE.search(head, 0, HEAD_BYTES) is None
    return _mail(head) if begins else None


def _mail(head: bytes) -> ContainerKind | None:
    if head.startswith(b"From ") and (_MBOX.match(head) or _mail(head.partition(b"\n")[2]) is not None):
        return ContainerKind.MBOX
    # Nearly every text fails here, without the cost of a pattern of many words.
    if head.find(b":", 0, LONGEST_FIELD + 1) < 0 or (field := _FIRST_FIELD.match(head)) is None:
        return None
    name = field[1].lower()
    if name not in _NAMES and not name.startswith(b"x-") and not any(map(head.__contains__, _TYPICAL_LINES)):
        return None
    block = _BLANK_LINE.split(head, maxsplit=1)[0]
    if _MIME.search(block) or (_ENCODED.search(block) and _TYPED.search(block)):
        return ContainerKind.EML
    names = {name.lower() for name in _EVERY_HEADER.findall(block)}
    is_typical = len(names & _TYPICAL) > 1 or names >= _LETTER
    return ContainerKind.EML if len(names) >= LEAST_HEADERS and is_typical else None


def _is_lzma(head: bytes) -> bool:
    if len(head) < 13:
        return False
    dictionary, size = struct.unpack_from("<IQ", head, 1)
    is_power: bool = dictionary >= 1 << 12 and dictionary & dictionary - 1 == 0
    return is_power and (size == (1 << 64) - 1 or size < 1 << 40)


def _is_bz2(head: bytes) -> bool:
    return b"1" <= head[3:4] <= b"9" and head[4:10] in {b"1AY&SY", b"\x17rE8P\x90"}


def _is_arj(head: bytes) -> bool:
    return len(head) > 12 and 30 <= int.from_bytes(head[2:4], "little") <= 2600 and head[10] == 2


def _is_compress(head: bytes) -> bool:
    return len(head) > 3 and head[2] & 0x60 == 0 and 9 <= head[2] & 0x1F <= 16


def _is_ext(head: bytes) -> bool:
    # The magic has two bytes, which one random file in 65,536 has too. Source: struct ext2_super_block, at 1024.
    inodes, blocks = struct.unpack_from("<II", head, 1024)
    (block_size_log,) = struct.unpack_from("<I", head, 1024 + 24)
    state, errors = struct.unpack_from("<HH", head, 1024 + 58)
    (revision,) = struct.unpack_from("<I", head, 1024 + 76)
    return bool(inodes and blocks) and block_size_log <= 6 and state < 0x100 and errors <= 3 and revision <= 1


_UU_BEGIN = lazy_pattern(
    rb"begin(?:-base64)? [0-7]{3,4} [^\r\n]{1,1000}\r?\n|=ybegin (?:[a-z]{1,10}=\d{1,15} ){2,4}name="
)


def _is_uuencoded(head: bytes) -> bool:
    return _UU_BEGIN.match(head) is not None


def _is_asar(head: bytes) -> bool:
    return head[16:24] == b'{"files"'


def _is_zoo(head: bytes) -> bool:
    return head[20:24] == b"\xdc\xa7\xc4\xfd"


def _is_stuffit(head: bytes) -> bool:
    return head[10:14] == b"rLau" or head.startswith(b"StuffIt")


def _is_cramfs(head: bytes) -> bool:
    return head[16:32] == b"Compressed ROMFS"


def _is_mmdf(head: bytes) -> bool:
    return _mail(head[5:]) is not None


def _is_installshield(head: bytes) -> bool:
    return len(head) > 20 and head[7] in {1, 2, 4} and not any(head[8:12])


def _is_cpio(head: bytes) -> bool:
    """Returns whether the first header has the mode of a file type: many texts begin with the digits of a magic."""
    if head[0] in {0xC7, 0x71}:
        return _is_binary_cpio(head)
    digits, base = (head[18:24], 8) if head.startswith(b"070707") else (head[14:22], 16)
    try:
        mode = int(digits, base)
    except ValueError:
        return False
    return mode >> 16 == 0 and mode & 0o170000 in _FILE_TYPES


def _is_binary_cpio(head: bytes) -> bool:
    """Returns whether the words of the first header agree with one another: the magic has two bytes only."""
    if len(head) < 28:
        return False
    words = struct.unpack_from("<13H" if head[0] == 0xC7 else ">13H", head)
    mode, links, name_bytes = words[3], words[6], words[10]
    name = head[26 : 26 + name_bytes]
    is_named = 2 <= name_bytes <= 1024 and b"\0" not in name[:-1] and (len(name) < name_bytes or not name[-1])
    return is_named and links < 1024 and mode & 0o170000 in _FILE_TYPES and words[11] < 0x8000


_NAMING_BYTES = frozenset((*_BY_FIRST_BYTE, *_LETTERS, *_DIGITS, *_BEFORE_TEXT, _LZMA_FIRST))
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
    magics = [re.escape(magic) for magic, _ in FROM_START] + [re.escape(host) for host in _HOSTS]
    firsts = b"".join(b"\\x%02x" % first for first in sorted({*_BY_FIRST_BYTE, *_HOST_BYTES}))
    others = (
        rb"(?=[%b])(?:%b)" % (firsts, b"|".join(magics)),
        rb"(?=[A-Za-z])%b" % _FIRST_FIELD.pattern,
        rb"From ",
        _EMLX.pattern,
        rb"[%b]" % b"".join(b"\\x%02x" % first for first in sorted(_BEFORE_TEXT)),
        rb"\x5d\x00\x00",
        _LATER_BYTES,
    )
    return re.compile(b"|".join(others), re.DOTALL)


_SUSPECT = _suspect()

_FILE_TYPES = {0, 0o010000, 0o020000, 0o040000, 0o060000, 0o100000, 0o120000, 0o140000}
"""File types of a mode; stat(2). The entry that ends an archive has the mode 0."""

_CONFIRM = {
    ContainerKind.BZ2: _is_bz2,
    ContainerKind.ARJ: _is_arj,
    ContainerKind.COMPRESS: _is_compress,
    ContainerKind.CPIO: _is_cpio,
    ContainerKind.UUENCODE: _is_uuencoded,
    ContainerKind.ASAR: _is_asar,
    ContainerKind.ZOO: _is_zoo,
    ContainerKind.STUFFIT: _is_stuffit,
    ContainerKind.CRAMFS: _is_cramfs,
    ContainerKind.MMDF: _is_mmdf,
    ContainerKind.INSTALLSHIELD: _is_installshield,
}
