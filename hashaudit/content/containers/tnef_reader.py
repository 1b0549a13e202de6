"""The reader of TNEF, in which Outlook sends attachments and rich text (``winmail.dat``).

Source: [MS-OXTNEF] 2.1; [MS-OXPROPS] for the identifiers of properties.
"""

from collections.abc import Iterator

import msgspec

from hashaudit.content.containers.interface import (
    CHUNK_BYTES,
    ContainerError,
    Found,
    MemberContent,
    RandomSource,
    Trouble,
)
from hashaudit.content.containers.member_source import chunks_of
from hashaudit.content.containers.rtf_compression import is_compressed, unpacked_rtf
from hashaudit.content.containers.text_codecs import to_utf8
from hashaudit.model.containers import ContainerKind
from hashaudit.model.faults import FaultCode

ENDS_EARLY = "the archive ends early"
DAMAGED = "the archive is damaged; members may be missing"
WRONG_CHECKSUM = "the checksum of the member does not agree with its content"

MAX_ATTRIBUTES = 1_000_000
MAX_PROPERTIES = 100_000
MOST_TEXT_BYTES = 64 << 20
"""Longest compressed text, which is held."""
_HEADER_BYTES = 6
_BEGINS_ATTACHMENT = 0x00069002
_LONG_NAME, _OTHER_NAME, _ATTACHED = 0x3707, 0x3001, 0x3701
_TEXT, _RTF, _HTML = 0x1000, 0x1009, 0x1013
_NAMES = {_TEXT: b"body.txt", _RTF: b"body.rtf", _HTML: b"body.html"}
_OBJECT = 0x0D
_VARIABLE = frozenset((0x1E, 0x1F, 0x102, _OBJECT))
_FIXED = {2: 4, 3: 4, 4: 4, 5: 8, 6: 8, 7: 8, 0x0A: 4, 0x0B: 4, 0x14: 8, 0x40: 8, 0x48: 16, 1: 0}
_MESSAGE_ID = bytes.fromhex("0703020000000000c000000000000046")


class _Part(msgspec.Struct):
    """A content: its place, and the sum of its bytes if that is stated."""

    name: bytes
    start: int
    end: int
    checksum: int | None = None
    kind: ContainerKind | None = None
    is_rtf: bool = False


class _Attachment(msgspec.Struct):
    title: bytes = b""
    name: bytes = b""
    parts: list[_Part] = []


def read_tnef(source: RandomSource) -> Iterator[Found]:
    """Reads the bodies of the message, then its attachments."""
    at, current, index = _HEADER_BYTES, _Attachment(), 0
    for _ in range(MAX_ATTRIBUTES):
        head = source.read_at(at, 9)
        if not head:
            break
        length = int.from_bytes(head[5:9], "little")
        start = at + 9
        end = start + length
        tail = source.read_at(end, 2)
        if len(head) < 9 or head[0] not in {1, 2} or len(tail) < 2:
            is_cut = len(head) < 9 or (head[0] in {1, 2} and end + 2 > source.size)
            yield Trouble(FaultCode.DAMAGED, ENDS_EARLY if is_cut else DAMAGED)
            break
        attribute = int.from_bytes(head[1:5], "little")
        if attribute == _BEGINS_ATTACHMENT:
            for part in _named(current):
                yield _member(source, part, index)
                index += 1
            current = _Attachment()
        yield from _take(source, attribute, (start, end, int.from_bytes(tail, "little")), current)
        at = end + 2
    for part in _named(current):
        yield _member(source, part, index)
        index += 1


def _take(source: RandomSource, attribute: int, place: tuple[int, int, int], current: _Attachment) -> Iterator[Trouble]:
    """Keeps what an attribute says."""
    start, end, checksum = place
    match attribute:
        case 0x00018010:  # its title
            current.title = source.read_at(start, min(end - start, 1000)).rstrip(b"\0")
        case 0x0006800F:  # its data
            current.parts.append(_Part(b"", start, end, checksum))
        case 0x0002800C:  # the text of the message
            current.parts.append(_Part(_NAMES[_TEXT], start, end, checksum))
        case 0x00069003 | 0x00069005:  # properties of the message, or of an attachment
            try:
                _read_properties(source, start, end, current)
            except ContainerError:
                yield Trouble(FaultCode.DAMAGED, DAMAGED)
        case _:
            pass


def _named(attachment: _Attachment) -> Iterator[_Part]:
    for number, part in enumerate(attachment.parts):
        name = part.name or attachment.name or attachment.title or b"%d" % number
        yield msgspec.structs.replace(part, name=name)


def _read_properties(source: RandomSource, start: int, end: int, current: _Attachment) -> None:
    """Reads the properties of a message or an attachment."""
    at = start

    def number(size: int) -> int:
        nonlocal at
        data = source.read_at(at, size)
        if len(data) < size or at + size > end:
            raise ContainerError(FaultCode.DAMAGED, DAMAGED)
        at += size
        return int.from_bytes(data, "little")

    for _ in range(min(number(4), MAX_PROPERTIES)):
        kind, name = number(2), number(2)
        if name >= 0x8000:
            at += 16
            if number(4) == 1:
                length = number(4)
                at += length + -length % 4
            else:
                at += 4
        plain = kind & 0xFFF
        is_variable = plain in _VARIABLE
        if not is_variable and plain not in _FIXED:
            raise ContainerError(FaultCode.DAMAGED, DAMAGED)
        count = number(4) if is_variable or kind & 0x1000 else 1
        for _ in range(min(count, MAX_PROPERTIES)):
            length = number(4) if is_variable else _FIXED[plain]
            if at + length > end:
                raise ContainerError(FaultCode.DAMAGED, DAMAGED)
            _take_property(source, name, plain, (at, at + length), current)
            at += length + (-length % 4 if is_variable else 0)


def _take_property(source: RandomSource, name: int, kind: int, place: tuple[int, int], current: _Attachment) -> None:
    start, end = place
    if name in {_LONG_NAME, _OTHER_NAME} and (name == _LONG_NAME or not current.name):
        raw = source.read_at(start, min(end - start, 1000))
        current.name = to_utf8(raw, "utf_16_le").rstrip(b"\0") if kind == 0x1F else raw.rstrip(b"\0")
    elif name == _ATTACHED:
        is_message = kind == _OBJECT and source.read_at(start, 16) == _MESSAGE_ID
        start = min(end, start + 16) if kind == _OBJECT else start
        current.parts.append(_Part(b"", start, end, kind=ContainerKind.TNEF if is_message else None))
    elif name in _NAMES and end > start:
        current.parts.append(_Part(_NAMES[name], start, end, is_rtf=name == _RTF))


def _member(source: RandomSource, part: _Part, index: int) -> MemberContent:
    content = _text(source, part) if part.is_rtf else _checked(source, part)
    return MemberContent(index, part.name, content, None if part.is_rtf else part.end - part.start, kind=part.kind)


def _text(source: RandomSource, part: _Part) -> Iterator[bytes]:
    data = source.read_at(part.start, min(part.end - part.start, MOST_TEXT_BYTES))
    if not is_compressed(data):
        yield from chunks_of(source, part.start, part.end, ENDS_EARLY)
        return
    text = unpacked_rtf(data)
    for at in range(0, len(text), CHUNK_BYTES):
        yield text[at : at + CHUNK_BYTES]


def _checked(source: RandomSource, part: _Part) -> Iterator[bytes]:
    total = 0
    for data in chunks_of(source, part.start, part.end, ENDS_EARLY):
        total += sum(data)
        yield data
    if part.checksum is not None and total & 0xFFFF != part.checksum:
        raise ContainerError(FaultCode.DAMAGED, WRONG_CHECKSUM, is_complete=True)
