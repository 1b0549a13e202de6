"""Undoes the encodings in which mail carries bytes: base64, quoted-printable, uuencode and yEnc.

Source: RFC 2045 6.7 and 6.8; POSIX.1-2017 uuencode; yEnc draft 1.3.
"""

import base64
import binascii
import re
import string
import zlib
from collections.abc import Iterator

from hashaudit.content.containers.interface import CHUNK_BYTES, ContainerError
from hashaudit.model.faults import FaultCode

WRONG_CHARACTERS = "the encoded content has characters that its encoding does not allow"
ENDS_EARLY = "the encoded content ends early"
TRAILING = "other data follows the end of the encoded content"
WRONG_CHECKSUM = "the checksum of the member does not agree with its content"
WRONG_SIZE = "the size of the member does not agree with its content"
SPLIT = "the member is a part of a content that several messages hold"

_SPACE = b" \t\r\n\0\x0b\x0c"
_ALPHABET = (string.ascii_letters + string.digits + "+/=").encode()
_PADDING = re.compile(rb"=+")
_BEGIN = re.compile(rb"begin(?:(-base64)? ([0-7]{3,4})| (?=line=)) ?([^\r\n]{1,1000})\r?\n")
_SIGN = b"begin"
MOST_LINE_BYTES = 1 << 16


def decode_base64(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yields what base64 encodes. Parts that are each padded are joined, as mail programs do.

    Raises:
        ContainerError: it is damaged, or other data follows; with the bytes of the content given before.
    """
    rest, is_wrong, is_padded = b"", False, False
    for chunk in chunks:
        text = chunk.translate(None, _SPACE)
        if text.translate(None, _ALPHABET):
            if is_padded or (b"=" in text and _ends_before_text(chunk)):
                yield from () if is_padded else _until_padding(rest + text)
                raise ContainerError(FaultCode.TRAILING_DATA, TRAILING, is_complete=True)
            is_wrong = True
            text = bytes(byte for byte in text if byte in _ALPHABET)
        is_padded = text.endswith(b"=") or (is_padded and not text)
        text = rest + text
        if b"=" in text:
            pieces = _PADDING.split(text)
            for piece in pieces[:-1]:
                yield from _quads(piece + b"=" * (-len(piece) % 4))
                is_wrong = is_wrong or len(piece) % 4 == 1
            text = pieces[-1]
        whole = len(text) // 4 * 4
        rest = text[whole:]
        if whole:
            yield binascii.a2b_base64(text[:whole])
    if len(rest) > 1:
        yield from _quads(rest + b"=" * (-len(rest) % 4))
    elif rest:
        raise ContainerError(FaultCode.DAMAGED, ENDS_EARLY, is_complete=True)
    if is_wrong:
        raise ContainerError(FaultCode.DAMAGED, WRONG_CHARACTERS, is_complete=True)


def _ends_before_text(chunk: bytes) -> bool:
    """Returns whether only what stands behind the padding is no base64, such as the footer of a mailing list."""
    head = chunk.partition(b"=")[0]
    return not head.translate(None, _SPACE + _ALPHABET)


def _until_padding(text: bytes) -> Iterator[bytes]:
    piece = text.partition(b"=")[0]
    if b"=" in text:
        yield from _quads(piece + b"=" * (-len(piece) % 4))


def _quads(text: bytes) -> Iterator[bytes]:
    if len(text) >= 4 and text[-3:] != b"===":
        yield binascii.a2b_base64(text)
    elif len(text) > 4:
        yield binascii.a2b_base64(text[:-4])


_SPACE_BEFORE_END = re.compile(rb"[ \t]{1,1000}(?=\r?\n)")


def decode_quoted_printable(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yields what quoted-printable encodes. Invalid sequences stay as they are, as RFC 2045 6.7 advises."""
    rest = b""
    for chunk in chunks:
        text = rest + chunk
        cut = text.rfind(b"\n") + 1
        if not cut and len(text) > MOST_LINE_BYTES:
            # Without line ends: a sequence has three bytes.
            equal = text.rfind(b"=", len(text) - 2)
            cut = equal if equal >= 0 else len(text)
        rest = text[cut:]
        if cut:
            yield _unquoted(text[:cut])
    if rest:
        yield _unquoted(rest)


def _unquoted(text: bytes) -> bytes:
    if b" \n" in text or b" \r\n" in text or b"\t\n" in text or b"\t\r\n" in text:
        text = _SPACE_BEFORE_END.sub(b"", text)
    return binascii.a2b_qp(text)


class _Lines:
    """The lines of a content, with their ends. A line that is too long is given in pieces."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._data = b""
        self._at = 0

    def next(self) -> bytes:
        """Returns the next line; empty at the end."""
        while True:
            end = self._data.find(b"\n", self._at) + 1
            if not end and len(self._data) - self._at < MOST_LINE_BYTES:
                more = next(self._chunks, b"")
                if more:
                    self._data, self._at = self._data[self._at :] + more, 0
                    continue
                end = len(self._data)
            elif not end:
                end = self._at + MOST_LINE_BYTES
            line, self._at = self._data[self._at : end], end
            return line

    def back(self, line: bytes) -> None:
        """Returns a line, to be given again."""
        self._at -= len(line)

    def skip_to_block(self) -> re.Match[bytes] | None:
        """Skips to behind the next line that may begin a block; returns it."""
        while True:
            found = next_block(self._data, self._at)
            if found is not None:
                self._at = found.end()
                return found
            # The rest of the last line may become one.
            line_start = max(self._data.rfind(b"\n") + 1, self._at, len(self._data) - MOST_LINE_BYTES)
            more = next(self._chunks, b"")
            if not more:
                self._data, self._at = b"", 0
                return None
            before = self._data[line_start - 1 : line_start] if line_start > self._at else b""
            self._data, self._at = before + self._data[line_start:] + more, len(before)


def may_hold_blocks(text: bytes) -> bool:
    """Returns whether a block of uuencode or yEnc may begin in a text."""
    return next_block(text, 0) is not None


def next_block(text: bytes, at: int) -> re.Match[bytes] | None:
    """Returns the next line from a position on that may begin a block; ``None``: there is none."""
    while (at := text.find(_SIGN, at)) >= 0:
        found = _BEGIN.match(text, at)
        if found is not None:
            line = at if found[2] is not None else at - 2
            is_yenc = found[2] is None and text[max(line, 0) : at] == b"=y"
            if (found[2] is not None or is_yenc) and (line == 0 or text[line - 1 : line] == b"\n"):
                return found
        at += len(_SIGN)
    return None


def encoded_blocks(chunks: Iterator[bytes]) -> Iterator[tuple[bytes, Iterator[bytes]]]:
    """Yields name and content of each block of uuencode, of its form with base64, and of yEnc in a text.

    Each content has to be read before the next block is requested.
    """
    lines = _Lines(chunks)
    while (found := lines.skip_to_block()) is not None:
        if found[2] is None:
            fields = dict(re.findall(rb"(\w{1,10})=(\S{1,40})", found[3].partition(b" name=")[0]))
            if b"size" in fields:
                yield found[3].partition(b" name=")[2].strip(), _yenc(lines, fields)
        elif found[1] is not None:
            yield found[3].strip(), _base64_block(lines)
        else:
            first = lines.next()
            lines.back(first)
            if _is_uu_line(first):
                yield found[3].strip(), _uu(lines)


def _is_uu_line(line: bytes) -> bool:
    text = line.rstrip(b"\r\n")
    if text in {b"`", b" ", b"", b"end"}:
        return True
    if not 33 <= text[0] <= 96 or any(byte < 32 or byte > 96 for byte in text):
        return False
    needed = ((text[0] - 32) * 4 + 2) // 3
    # Some programs drop spaces at the end of a line, others add a checksum or fill the last group.
    return len(text) - 1 <= needed + 6


def _uu(lines: _Lines) -> Iterator[bytes]:
    pieces: list[bytes] = []
    length = 0
    while True:
        line = lines.next()
        text = line.rstrip(b"\r\n")
        if not line:
            yield b"".join(pieces)
            raise ContainerError(FaultCode.DAMAGED, ENDS_EARLY)
        if text == b"end":
            break
        if not text or text in {b"`", b" "}:
            continue
        count = (text[0] - 32) & 63
        if not _is_uu_line(line):
            lines.back(line)
            yield b"".join(pieces)
            raise ContainerError(FaultCode.DAMAGED, WRONG_CHARACTERS)
        body = text[: 1 + (count * 4 + 2) // 3]
        pieces.append(binascii.a2b_uu(body))
        length += count
        if length > CHUNK_BYTES - 64:
            yield b"".join(pieces)
            pieces, length = [], 0
    yield b"".join(pieces)


def _base64_block(lines: _Lines) -> Iterator[bytes]:
    while True:
        line = lines.next()
        text = line.strip()
        if not line:
            raise ContainerError(FaultCode.DAMAGED, ENDS_EARLY)
        if text == b"====":
            return
        try:
            yield base64.b64decode(text, validate=True)
        except ValueError:
            raise ContainerError(FaultCode.DAMAGED, WRONG_CHARACTERS) from None


_YENC = bytes((byte - 42) % 256 for byte in range(256))
_YENC_ESCAPE = re.compile(rb"=(.)", re.DOTALL)


def _yenc(lines: _Lines, fields: dict[bytes, bytes]) -> Iterator[bytes]:
    count = crc = 0
    stated = _number(fields[b"size"])
    is_split = False
    while True:
        line = lines.next()
        if not line:
            raise ContainerError(FaultCode.DAMAGED, ENDS_EARLY)
        if line.startswith(b"=ypart "):
            found = dict(re.findall(rb"(\w{1,10})=(\S{1,40})", line))
            begin, end = _number(found.get(b"begin", b"")), _number(found.get(b"end", b""))
            if begin is not None and end is not None:
                is_split, stated = (begin, end) != (1, stated), end - begin + 1
            continue
        if line.startswith(b"=yend"):
            break
        text = line.rstrip(b"\n")
        text = text[:-1] if text.endswith(b"\r") else text
        if b"=" in text:
            text = _YENC_ESCAPE.sub(lambda found: bytes([(found[1][0] - 64) % 256]), text)
        data = text.translate(_YENC)
        crc = zlib.crc32(data, crc)
        count += len(data)
        yield data
    ends = dict(re.findall(rb"(\w{1,10})=([0-9a-fA-F]{1,16})", line))
    expected = ends.get(b"pcrc32") or (None if is_split else ends.get(b"crc32"))
    if count != stated:
        raise ContainerError(FaultCode.DAMAGED, WRONG_SIZE, is_complete=True)
    if expected is not None and int(expected, 16) != crc:
        raise ContainerError(FaultCode.DAMAGED, WRONG_CHECKSUM, is_complete=True)
    if is_split:
        raise ContainerError(FaultCode.INCOMPLETE, SPLIT, is_complete=True)


def _number(text: bytes) -> int | None:
    return int(text) if text.isdigit() and len(text) < 20 else None
