"""Detects containers from the bytes that a file's digests are computed from, never from its name.

Every known format is detected, also those without a reader here: their files are counted, never skipped in silence.

Sources: ECMA-119 8, ECMA-167 2/9.
"""

from hashaudit.content.containers.appended_archives import (
    END_RECORD_BYTES,
    OVERLAP_BYTES,
    RAR_ENDS,
    SEARCHED_BYTES,
    SEVEN_ZIP_END,
    SEVEN_ZIP_END_BYTES,
    SEVEN_ZIP_SIGN,
    TAIL_BYTES,
    find_appended,
    find_packed,
    is_end_record,
)
from hashaudit.content.containers.first_bytes import HOST_BYTES, HOSTS, LETTERS, SUSPECT, sniff
from hashaudit.content.containers.mail_detection import long_mail
from hashaudit.content.containers.signatures import HEAD_BYTES
from hashaudit.content.containers.volume_signatures import LATEST_AT, late_volume, rare_volume
from hashaudit.content.images.formats import sniff as sniff_image
from hashaudit.lazy import lazy_pattern
from hashaudit.model.containers import ContainerKind

SNIFF_REVISION = 7
"""Raise it when :class:`ContainerProbe` detects containers in other files."""

FIRST_BYTES = 0x8006
"""First bytes of a file that are looked at."""

UDIF_BYTES = 512
"""Length of the end of an image of macOS."""

_AT_START_OF_DISKS = frozenset(
    (ContainerKind.PARTITIONS, ContainerKind.HFS, ContainerKind.APFS, ContainerKind.FAT, ContainerKind.ISO)
)
"""Kinds that an image of macOS begins as, if its first blocks are not packed."""

_ISO_AT = 0x8001

_DISC_KINDS = {b"CD001": ContainerKind.ISO, b"BEA01": ContainerKind.UDF}

_UDIF = b"koly\x00\x00\x00\x04\x00\x00\x02\x00"
"""Begins the last 512 bytes of an image of macOS, with its version and length."""

(_LAST_OF_RAR,) = {end[-1] for end in RAR_ENDS}
"""The last byte of each block that ends a rar archive."""

_PROGRAMS = (b"MZ", b"\x7fELF", b"#!", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe")
"""First bytes of programs, of which the first part unpacks an archive behind it."""


_LATE_PDF = lazy_pattern(rb"%PDF-[12]\.\d[ \t]{0,9}[\r\n]")
LATE_PDF_BYTES = 1024
"""First bytes of a file in which readers accept the header of a PDF (ISO 32000-1, implementation note 13)."""


class ContainerProbe:
    """Looks at the bytes of one file as they pass, and says at the end which container it is.

    A file without container costs some 2 us. Executables and media cost more, because archives are hidden in them.
    """

    __slots__ = ("_found", "_head", "_is_host", "_is_program", "_is_script", "_tail", "seen_bytes")

    def __init__(self) -> None:
        self._found: ContainerKind | None = None
        self._head = b""
        """The first bytes, if they came in several pieces, as those of a file with holes."""
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
            if len(data) < FIRST_BYTES:
                self._head = bytes(data)
        elif self.seen_bytes < FIRST_BYTES and self._found is None:
            self._head += bytes(data[: FIRST_BYTES - self.seen_bytes])
            self._begin(self._head)
        before = self.seen_bytes
        self.seen_bytes += len(data)
        if before <= LATEST_AT < self.seen_bytes and self._found is None:
            self._found = late_volume(data, before)
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
            elif len(data) > HEAD_BYTES and (volume := rare_volume(data)) is not None:
                self._found = volume
            elif head and head[0] in HOST_BYTES and head.startswith(HOSTS):
                self._is_host = True
                self._is_program = head.startswith(_PROGRAMS)
                self._is_script = head.startswith(b"#!")
            elif b"%PDF-" in head[:LATE_PDF_BYTES] and _is_late_pdf(head, len(data)):
                self._found = ContainerKind.PDF
            elif len(head) == HEAD_BYTES and len(data) > HEAD_BYTES and head[0] in LETTERS:
                # The header of a message may be longer.
                self._found = long_mail(bytes(data[:FIRST_BYTES]))

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
        if SEVEN_ZIP_SIGN in tail[-SEVEN_ZIP_END_BYTES:] and SEVEN_ZIP_END.search(tail[-SEVEN_ZIP_END_BYTES:]):
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


def _is_late_pdf(head: bytes, size_bytes: int) -> bool:
    """Returns whether a document begins behind other bytes, as readers accept it. Images with such bytes are images."""
    return _LATE_PDF.search(head, 0, LATE_PDF_BYTES) is not None and sniff_image(head, size_bytes) is None


def is_plain(content: bytes | bytearray, size_bytes: int) -> bool:  # noqa: PLR0911 # each way out costs least
    """Returns whether the whole content of a file is certainly no container, for the most usual reasons.

    Args:
        content: begins with that of the file.
        size_bytes: of the file.
    """
    # This runs for each small file: rfind() takes half of the time of find(), and bytes are compared before calls.
    if SUSPECT.match(content, 0, size_bytes) is None:
        if size_bytes > _ISO_AT and content.startswith((b"CD001", b"BEA01"), _ISO_AT, size_bytes):
            return False
        if (
            size_bytes >= UDIF_BYTES
            and content[size_bytes - UDIF_BYTES] == _UDIF[0]
            and content.startswith(_UDIF, size_bytes - UDIF_BYTES, size_bytes)
        ):
            return False
        late_at = size_bytes if size_bytes < LATE_PDF_BYTES else LATE_PDF_BYTES  # noqa: FURB136 # min() is slow
        if content.rfind(b"%PDF-", 0, late_at) >= 0:
            return False
        end_at = size_bytes - END_RECORD_BYTES if size_bytes > END_RECORD_BYTES else 0
        if size_bytes and content[size_bytes - 1] == _LAST_OF_RAR and content.endswith(RAR_ENDS, end_at, size_bytes):
            return False
        seven_at = size_bytes - SEVEN_ZIP_END_BYTES if size_bytes > SEVEN_ZIP_END_BYTES else 0
        if content.find(SEVEN_ZIP_SIGN, seven_at, size_bytes) >= 0:
            return False
        return content.find(b"PK\x05\x06", end_at, size_bytes) < 0
    probe = ContainerProbe()
    probe.take(memoryview(content)[:size_bytes])
    return probe.kind is None
