"""The reader of web archives (WARC). The members are what servers answered, without the headers of HTTP.

Requests and metadata are members as they stand. The coding of a transfer in chunks is undone; a compressed content is
a container of its own.

Source: ISO 28500 (WARC/1.1) 4 and 5; RFC 9112 7.1.
"""

import base64
import hashlib
import re
from collections.abc import Iterator

import msgspec

from hashaudit.content.containers.interface import CHUNK_BYTES, ContainerError, Found, MemberContent, Source, Trouble
from hashaudit.content.containers.member_source import LookAhead
from hashaudit.model.faults import FaultCode

ENDS_EARLY = "the archive ends early"
DAMAGED = "the archive is damaged; members may be missing"
WRONG_CHECKSUM = "the checksum of the member does not agree with its content"
WRONG_CHUNKS = "the encoded content has characters that its encoding does not allow"

MOST_HEADER_BYTES = 1 << 20
MOST_HTTP_BYTES = 256 << 10
"""Longest header of a record, and of HTTP in it; a longer one is taken for content."""

_VERSION = re.compile(rb"WARC/\d\.\d{1,2}\r?\n")
_CONTENT = frozenset((b"response", b"resource", b"conversion", b"continuation"))
_CHUNK_SIZE = re.compile(rb"\s*([0-9A-Fa-f]{1,15})[^\r\n]{0,1000}\r?\n")


class _Record(msgspec.Struct):
    fields: dict[bytes, bytes]
    length: int
    left: int


def read_warc(source: Source) -> Iterator[Found]:
    """Reads the records in their order."""
    ahead = LookAhead(source)
    index = 0
    while True:
        record = _next_record(ahead)
        if record is None:
            if ahead.read_exactly(1):
                yield Trouble(FaultCode.DAMAGED, DAMAGED)
            return
        if record.length:
            yield MemberContent(index, _name(record, index), _content(ahead, record))
            index += 1
        while record.left:
            data = ahead.read_exactly(min(record.left, CHUNK_BYTES))
            if not data:
                yield Trouble(FaultCode.DAMAGED, ENDS_EARLY)
                return
            record.left -= len(data)


def _next_record(ahead: LookAhead) -> _Record | None:
    """Reads the header of a record; ``None``: there is none here."""
    head = _until(ahead, (b"\r\n\r\n", b"\n\n"), MOST_HEADER_BYTES, skip=b"\r\n")
    version = _VERSION.match(head)
    if version is None:
        ahead.push_back(head)
        return None
    fields: dict[bytes, bytes] = {}
    for line in re.sub(rb"\r?\n[ \t]+", b" ", head[version.end() :]).splitlines():
        name, _, value = line.partition(b":")
        fields.setdefault(name.strip().lower(), value.strip())
    length = fields.get(b"content-length", b"")
    if not length.isdigit() or len(length) > 18:
        ahead.push_back(head)
        return None
    return _Record(fields, int(length), int(length))


def _until(ahead: LookAhead, ends: tuple[bytes, ...], most_bytes: int, *, skip: bytes = b"") -> bytes:
    """Returns the bytes up to and with one of the ends; all of them at most if there is none."""
    data = ahead.read_exactly(4096)
    while skip and data and not data.lstrip(skip):
        data = ahead.read_exactly(4096)
    data = data.lstrip(skip)
    while True:
        places = [(at, at + len(end)) for end in ends if (at := data.find(end)) >= 0]
        if places:
            end = min(places)[1]
            ahead.push_back(data[end:])
            return data[:end]
        more = ahead.read_exactly(4096) if len(data) < most_bytes else b""
        if not more:
            return data
        data += more


def _name(record: _Record, index: int) -> bytes:
    kind = record.fields.get(b"warc-type", b"")
    name = record.fields.get(b"warc-target-uri", b"").strip(b"<>") or b"%d" % index
    return name if kind in _CONTENT else kind + b" " + name


def _content(ahead: LookAhead, record: _Record) -> Iterator[bytes]:
    digest = _Digest(record.fields.get(b"warc-block-digest", b""))
    blocks = _blocks(ahead, record, digest)
    if record.fields.get(b"content-type", b"").startswith(b"application/http") and _is_answer(record):
        blocks = _without_header(blocks)
    yield from blocks
    if record.left:
        raise ContainerError(FaultCode.DAMAGED, ENDS_EARLY)
    if not digest.agrees():
        raise ContainerError(FaultCode.DAMAGED, WRONG_CHECKSUM, is_complete=True)


def _is_answer(record: _Record) -> bool:
    return record.fields.get(b"warc-type") == b"response"


def _blocks(ahead: LookAhead, record: _Record, digest: "_Digest") -> Iterator[bytes]:
    while record.left:
        data = ahead.read_exactly(min(record.left, CHUNK_BYTES))
        if not data:
            return
        record.left -= len(data)
        digest.update(data)
        yield data


class _Digest:
    """The digest that a record states of its block, if it is SHA-1."""

    def __init__(self, stated: bytes) -> None:
        name, _, value = stated.partition(b":")
        self._digest = hashlib.sha1(usedforsecurity=False) if name.lower() == b"sha1" else None
        self._stated = value

    def update(self, data: bytes) -> None:
        if self._digest is not None:
            self._digest.update(data)

    def agrees(self) -> bool:
        if self._digest is None:
            return True
        found = self._digest.digest()
        return self._stated.lower() in {found.hex().encode(), base64.b32encode(found).lower()}


def _without_header(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Yields the body of an answer of HTTP."""
    head = b""
    for data in blocks:
        head += data
        if len(head) > MOST_HTTP_BYTES or b"\r\n\r\n" in head or b"\n\n" in head:
            break
    places = [(at, at + len(end)) for end in (b"\r\n\r\n", b"\n\n") if (at := head.find(end)) >= 0]
    if not head.startswith(b"HTTP/") or not places:
        yield head
        yield from blocks
        return
    end = min(places)[1]
    is_chunked = re.search(rb"(?im)^transfer-encoding:[^\r\n]*chunked", head[:end]) is not None
    body = _then(head[end:], blocks)
    yield from _joined_chunks(body) if is_chunked else body


def _then(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    if first:
        yield first
    yield from rest


def _joined_chunks(body: Iterator[bytes]) -> Iterator[bytes]:
    """Undoes the coding in chunks. Some archives state it and have undone it already."""
    data = next(body, b"")
    if _CHUNK_SIZE.match(data) is None:
        yield from _then(data, body)
        return
    while True:
        while (found := _CHUNK_SIZE.match(data)) is None:
            more = next(body, b"") if len(data) < MOST_HTTP_BYTES else b""
            if not more:
                raise ContainerError(FaultCode.DAMAGED, WRONG_CHUNKS)
            data += more
        left, data = int(found[1], 16), data[found.end() :]
        if not left:
            for _ in body:
                pass  # trailing fields
            return
        while left:
            if not data:
                data = next(body, b"")
                if not data:
                    raise ContainerError(FaultCode.DAMAGED, WRONG_CHUNKS)
            yield data[:left]
            left, data = left - min(left, len(data)), data[left:]
