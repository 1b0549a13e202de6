"""The reader of signed files that hold what is signed (CMS): signed mail, and documents with the suffix ``p7m``.

Signatures are not checked, because the digest of the content is what is looked for.

Source: RFC 5652 5.1 and 5.2; ITU-T X.690 8.1 and 8.7.
"""

from collections.abc import Iterator

from hashaudit.content.containers.interface import CHUNK_BYTES, ContainerError, Found, MemberContent, Source, Trouble
from hashaudit.content.containers.member_source import LookAhead
from hashaudit.model.faults import FaultCode

DAMAGED = "the archive is damaged; members may be missing"
ENDS_EARLY = "the archive ends early"

_SEQUENCE, _SET, _NUMBER, _NAME, _OCTETS, _PIECES, _TAGGED = 0x30, 0x31, 0x02, 0x06, 0x04, 0x24, 0xA0
_SIGNED_DATA = b"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02"
MOST_FIELD_BYTES = 1 << 16
MOST_LEVELS = 10
"""Pieces within pieces of a content. Programs write one level."""


def read_pkcs7(source: Source) -> Iterator[Found]:
    """Reads the content that is signed. A signature without it has no member."""
    ahead = LookAhead(source)
    try:
        found = _begin(ahead)
    except ContainerError as error:
        yield Trouble(error.code, error.message)
        return
    if found is not None:
        yield MemberContent(0, b"", _content(ahead, *found, 0))


def _begin(ahead: LookAhead) -> tuple[int, int | None] | None:
    """Reads to the content; returns its tag and length, or ``None`` if there is none."""
    _expect(ahead, _SEQUENCE)
    if _field(ahead, _NAME) != _SIGNED_DATA:
        raise ContainerError(FaultCode.DAMAGED, DAMAGED)
    _expect(ahead, _TAGGED)
    _expect(ahead, _SEQUENCE)
    _field(ahead, _NUMBER)
    _field(ahead, _SET)
    length = _expect(ahead, _SEQUENCE)
    start = ahead.position
    _field(ahead, _NAME)
    if length is not None and ahead.position - start >= length:
        return None
    tag, _ = _head(ahead)
    if tag != _TAGGED:
        return None
    tag, length = _head(ahead)
    if tag not in {_OCTETS, _PIECES}:
        raise ContainerError(FaultCode.DAMAGED, DAMAGED)
    return tag, length


def _content(ahead: LookAhead, tag: int, length: int | None, level: int) -> Iterator[bytes]:
    if tag == _OCTETS and length is not None:
        while length:
            data = ahead.read_exactly(min(length, CHUNK_BYTES))
            if not data:
                raise ContainerError(FaultCode.DAMAGED, ENDS_EARLY)
            length -= len(data)
            yield data
        return
    if tag != _PIECES or level > MOST_LEVELS:
        raise ContainerError(FaultCode.DAMAGED, DAMAGED)
    end = None if length is None else ahead.position + length
    while end is None or ahead.position < end:
        tag, length = _head(ahead)
        if tag == 0 and end is None:
            return
        yield from _content(ahead, tag, length, level + 1)


def _head(ahead: LookAhead) -> tuple[int, int | None]:
    """Reads a tag and its length; ``None``: the end is marked."""
    head = ahead.read_exactly(2)
    if len(head) < 2:
        raise ContainerError(FaultCode.DAMAGED, ENDS_EARLY)
    if head[1] < 0x80:
        return head[0], head[1]
    count = head[1] & 0x7F
    if not count:
        return head[0], None
    digits = ahead.read_exactly(count)
    if count > 8 or len(digits) < count:
        raise ContainerError(FaultCode.DAMAGED, DAMAGED if count > 8 else ENDS_EARLY)
    return head[0], int.from_bytes(digits, "big")


def _expect(ahead: LookAhead, wanted: int) -> int | None:
    """Reads a tag and its length, which it returns."""
    tag, length = _head(ahead)
    if tag != wanted:
        raise ContainerError(FaultCode.DAMAGED, DAMAGED)
    return length


def _field(ahead: LookAhead, wanted: int) -> bytes:
    tag, length = _head(ahead)
    if tag != wanted or length is None or length > MOST_FIELD_BYTES:
        raise ContainerError(FaultCode.DAMAGED, DAMAGED)
    data = ahead.read_exactly(length)
    if len(data) < length:
        raise ContainerError(FaultCode.DAMAGED, ENDS_EARLY)
    return data
