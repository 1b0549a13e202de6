"""Archives behind other data: a rar or 7z in a program, the end record of a zip, what a script unpacks.

Sources: PKWARE APPNOTE 4.3.16, 7zFormat.txt, RAR 5.0 technical note.
"""

import re
import struct
import zlib
from collections.abc import Callable

from hashaudit.content.containers.first_bytes import TAR_MAGIC_AT, sniff
from hashaudit.content.containers.signatures import HEAD_BYTES
from hashaudit.lazy import lazy_pattern
from hashaudit.model.containers import ContainerKind

END_RECORD_BYTES = 22
"""Length of a zip's end record without its comment (APPNOTE 4.3.16)."""

TAIL_BYTES = END_RECORD_BYTES + 0xFFFF
"""The end record begins within these last bytes, because its comment has at most 65,535."""

OVERLAP_BYTES = 4096
"""The first header of a rar or 7z archive is not longer."""

SEARCHED_BYTES = 1 << 20
"""First bytes of a Windows program that are searched for an archive: the unpacking programs before it are smaller."""

_SELF_EXTRACTING: tuple[tuple[bytes, ContainerKind], ...] = (
    (b"Rar!\x1a\x07", ContainerKind.RAR),
    (b"7z\xbc\xaf\x27\x1c", ContainerKind.SEVEN_ZIP),
)


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

SEVEN_ZIP_END = lazy_pattern(rb"\x17\x06.{1,9}\x01\x09.{1,9}\x00\x07\x0b\x01\x00", re.DOTALL)
"""The place of the packed header of a 7z archive, which stands in its last bytes (7zFormat.txt, "PackedStreams")."""

SEVEN_ZIP_END_BYTES = 256

SEVEN_ZIP_SIGN = b"\x00\x07\x0b\x01\x00"

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
        start = at - TAR_MAGIC_AT
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
