"""Checks of headers, for formats with signatures so short that other files begin with them.

Sources: UEFI 5.2.1, POSIX.1-2017 pax, cpio and uuencode, RFC 1741, struct ext2_super_block.
"""

import struct

from hashaudit.content.containers.mail_detection import mail_kind
from hashaudit.lazy import lazy_pattern
from hashaudit.model.containers import ContainerKind


def is_tar_sum(head: bytes) -> bool:
    """Returns whether the sum of a header is right (POSIX.1-2017 pax, "ustar Interchange Format")."""
    block, digits = head[:512], head[148:155].rstrip(b"\0 ").lstrip(b" ")
    is_number = bool(digits) and not digits.strip(b"01234567")
    return is_number and len(block) == 512 and sum(block) - sum(block[148:156]) + 8 * 0x20 == int(digits, 8)


def has_partitions(head: bytes) -> bool:
    """Returns whether the table of a boot record has partitions and nothing else (UEFI 5.2.1)."""
    rows = [head[at : at + 16] for at in range(446, 510, 16)]
    used = [row for row in rows if row[4]]
    return bool(used) and all(row[0] in {0, 0x80} for row in rows) and all(any(row[8:12]) for row in used)


def is_lzma(head: bytes) -> bool:
    """Returns whether the sizes in a header of lzma can be true."""
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


def is_ext(head: bytes) -> bool:
    """Returns whether the numbers in the super block of an ext file system can be true."""
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
    return mail_kind(head[5:]) is not None


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


_FILE_TYPES = {0, 0o010000, 0o020000, 0o040000, 0o060000, 0o100000, 0o120000, 0o140000}
"""File types of a mode; stat(2). The entry that ends an archive has the mode 0."""

_SIGNED_DATA = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02\xa0"
_WITH_CONTENT = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01\xa0"
"""The names of signed data and, behind it, of content that is there (RFC 5652 4 and 5.1)."""


def is_signed_content(head: bytes) -> bool:
    """Returns whether signed data begins that holds what is signed."""
    at = head.find(_WITH_CONTENT, 0, 1024)
    # A sequence of 11 bytes is the name alone, and certificates follow.
    return 2 <= head.find(_SIGNED_DATA, 0, 32) < at and head[at - 2 : at] != b"\x30\x0b"


CONFIRM = {
    ContainerKind.PKCS7: is_signed_content,
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
"""Further checks, by kind."""
