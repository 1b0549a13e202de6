"""The reader of BinHex 4.0, in which old Macintosh programs send files.

Source: RFC 1741, appendix A.
"""

import binascii
import re
from collections.abc import Iterator

from hashaudit.content.containers.interface import CHUNK_BYTES, ContainerError, Found, MemberContent, Source, Trouble
from hashaudit.content.containers.member_source import LookAhead, StreamSource
from hashaudit.model.faults import FaultCode

BEGINNING = b"(This file must be converted with BinHex"
ENDS_EARLY = "the archive ends early"
DAMAGED = "the archive is damaged; members may be missing"
WRONG_CHECKSUM = "the checksum of the member does not agree with its content"

_ALPHABET = b"!\"#$%&'()*+,-012345689@ABCDEFGHIJKLMNPQRSTUVXYZ[`abcdefhijklmpqr"
_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_TABLE = bytes(_BASE64[_ALPHABET.index(value)] if value in _ALPHABET else 0 for value in range(256))
_SPACE = b"\r\n\t "
_REPEATED = re.compile(rb"\x90(.)", re.DOTALL)
_MARK = b"\x90"


def read_binhex(source: Source) -> Iterator[Found]:
    """Reads the data fork and the resource fork of the file."""
    try:
        ahead = LookAhead(StreamSource(_expanded(_decoded(source))))
        name = ahead.read_exactly(ahead.read_exactly(1)[0])
        head = ahead.read_exactly(21)
        if len(head) < 21 or binascii.crc_hqx(bytes((len(name),)) + name + head[:19], 0) != _number(head[19:]):
            yield Trouble(FaultCode.DAMAGED, DAMAGED)
            return
    except (ContainerError, IndexError):
        yield Trouble(FaultCode.DAMAGED, ENDS_EARLY)
        return
    forks = ((name, _number(head[11:15])), (name + b":rsrc", _number(head[15:19])))
    for index, (of_fork, length) in enumerate(forks):
        content = _checked(ahead, length)
        if length:
            yield MemberContent(index, of_fork, content, length)
        try:
            for _ in content:
                pass
        except ContainerError as error:
            yield Trouble(error.code, DAMAGED)
            return


def _checked(ahead: LookAhead, length: int) -> Iterator[bytes]:
    crc = 0
    while length:
        data = ahead.read_exactly(min(length, CHUNK_BYTES))
        if not data:
            raise ContainerError(FaultCode.DAMAGED, ENDS_EARLY)
        length -= len(data)
        crc = binascii.crc_hqx(data, crc)
        yield data
    if crc != _number(ahead.read_exactly(2)):
        raise ContainerError(FaultCode.DAMAGED, WRONG_CHECKSUM, is_complete=True)


def _decoded(source: Source) -> Iterator[bytes]:
    """Yields the bytes that the text between the colons stands for."""
    text, rest = b"", b""
    while b":" not in text:
        more = source.read(CHUNK_BYTES)
        if not more or len(text) > CHUNK_BYTES:
            raise ContainerError(FaultCode.DAMAGED, ENDS_EARLY)
        text += more
    text = text.partition(b":")[2]
    while True:
        body, end, _ = text.partition(b":")
        packed = rest + body.translate(_TABLE, _SPACE)
        whole = len(packed) // 4 * 4
        if b"\0" in packed:
            raise ContainerError(FaultCode.DAMAGED, DAMAGED)
        yield binascii.a2b_base64(packed[:whole])
        rest = packed[whole:]
        if end:
            if len(rest) > 1:
                yield binascii.a2b_base64(rest.ljust(4, b"="))
            return
        text = source.read(CHUNK_BYTES)
        if not text:
            raise ContainerError(FaultCode.DAMAGED, ENDS_EARLY)


def _expanded(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Undoes the repetition of bytes: 0x90 and a count behind a byte; 0x90 0x00 is that byte itself."""
    rest = last = b""
    for chunk in chunks:
        data, at = rest + chunk, 0
        found = []
        for mark in _REPEATED.finditer(data):
            plain, count = data[at : mark.start()], mark[1][0]
            last = _MARK if not count else plain[-1:] or last
            found += [plain, last * (count - 1) if count else _MARK]
            at = mark.end()
        end = len(data) - data.endswith(_MARK, at)
        last = data[at:end][-1:] or last
        yield b"".join((*found, data[at:end]))
        rest = data[end:]


def _number(data: bytes) -> int:
    return int.from_bytes(data, "big")
