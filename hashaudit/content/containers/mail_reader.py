"""The reader of mail messages: eml, the files of a maildir, and emlx.

Each part is a member: texts, inline parts, attachments, the texts around the parts of a multipart, and whole messages,
which are then opened themselves. Blocks of uuencode and yEnc in a text are members too, and so are parts that no header
announces. A part without a file name has its section number (RFC 3501 6.4.5) as its name.

Source: RFC 5322, RFC 2045, RFC 2046, RFC 3501.
"""

import re
from collections.abc import Iterator

import msgspec

from hashaudit.content.containers.byte_search import ByteSearch
from hashaudit.content.containers.format_checks import is_signed_content
from hashaudit.content.containers.interface import (
    ContainerError,
    Found,
    MemberContent,
    RandomSource,
    Trouble,
)
from hashaudit.content.containers.mail_headers import (
    KNOWN_PLAIN,
    MOST_HEADER_BYTES,
    PartHeader,
    fields_end,
    header_end,
    parse_header,
)
from hashaudit.content.containers.member_source import chunks_of
from hashaudit.content.containers.transfer_decoding import (
    decode_base64,
    decode_quoted_printable,
    encoded_blocks,
    may_hold_blocks,
)
from hashaudit.model.containers import ContainerKind
from hashaudit.model.faults import FaultCode

ENDS_EARLY = "the message ends before its last boundary"
NO_BOUNDARY = "a multipart of the message does not have its boundary"
LONG_HEADER = f"a header of the message is longer than {MOST_HEADER_BYTES} bytes"
DEEP = "parts are within one another too often in the message"
CONTRADICTION = "fields of the header of the member contradict one another"
UNKNOWN_ENCODING = "the transfer encoding of the member is not supported"
ENCRYPTED = "the member is encrypted"
SIGNED = "the member is within its signature, which is not opened"
PARTIAL = "the member is a part of a content that several messages hold"

MOST_LEVELS = 100
"""Multiparts within one another. Mail has less than ten."""

MOST_HIDDEN_LEVELS = 4
"""Parts that no header announces, within one another."""

_LONGEST_DELIMITER = 1 << 12
_BLANK_BYTES = 1 << 16
"""A text around parts that is longer is a member without a look at whether it is blank."""

_EMLX = re.compile(rb"(\d{1,12}) *\r?\n")
_HIDDEN = re.compile(rb"(?:^|(?<=\n))--([^\r\n]{1,200}?)[ \t]{0,20}\r?\nContent-[A-Za-z-]{1,40}:", re.IGNORECASE)
_MESSAGES = frozenset((b"message/rfc822", b"message/global", b"message/news"))
_SMIME = frozenset((b"application/pkcs7-mime", b"application/x-pkcs7-mime"))
_BASE64 = frozenset((b"base64", b"b", b"base-64"))
_QUOTED = frozenset((b"quoted-printable", b"qp", b"q"))
_IN_TEXT = frozenset((b"x-uuencode", b"uuencode", b"x-uue", b"uue", b"x-uu", b"x-yenc", b"yenc"))


class _Level(msgspec.Struct):
    """A multipart whose parts are being read."""

    boundaries: tuple[bytes, ...]
    section: bytes
    default_type: bytes
    count: int = 0
    is_closed: bool = False
    is_encrypted: bool = False
    is_hidden: bool = False


class _Delimiter(msgspec.Struct, frozen=True):
    level: int
    content_end: int
    """Where the content before it ends: the line end before a delimiter belongs to it."""
    next: int
    """Where its line ends."""
    is_close: bool


def read_mail(source: RandomSource) -> Iterator[Found]:
    """Reads a message in the order of its parts."""
    reader = _Message(source)
    head = source.read_at(0, _BLANK_BYTES)
    start, end = len(head) - len(head.lstrip(b"\xef\xbb\xbf\r\n")), source.size
    envelope = _EMLX.match(head)
    if envelope is not None:
        start = envelope.end()
        end = min(source.size, start + int(envelope[1]))
    yield from reader.parts(start, end)
    if envelope is not None:
        if end - start < int(envelope[1]):
            yield Trouble(FaultCode.DAMAGED, ENDS_EARLY)
        if end < source.size:
            yield from reader.text(b"plist", end, source.size)


class _Message:
    def __init__(self, source: RandomSource) -> None:
        self._source = source
        self._search = ByteSearch(source)
        self._count = 0

    def parts(  # noqa: C901, PLR0912 # one grammar
        self, start: int, end: int, levels: list[_Level] | None = None, hidden: int = 0
    ) -> Iterator[Found]:
        """Yields the parts of a message, or of a multipart whose boundaries are known."""
        levels = levels or []
        boundaries = _numbered(levels)
        at, is_part, section = start, not levels, b""
        while True:
            header = PartHeader()
            if is_part:
                default = levels[-1].default_type if levels else b"text/plain"
                header, at, is_long = self._header(at, end, boundaries, default)
                if levels and levels[-1].is_encrypted and header.type == b"application/octet-stream":
                    header = msgspec.structs.replace(header, is_encrypted=True)  # RFC 1847 2.2
                if is_long:
                    yield Trouble(FaultCode.DAMAGED, LONG_HEADER)
            is_multipart = header.type.startswith(b"multipart/")
            has_level = is_multipart and bool(header.boundaries) and len(levels) < MOST_LEVELS
            if has_level:
                default = b"message/rfc822" if header.type == b"multipart/digest" else b"text/plain"
                level = _Level(header.boundaries, section, default, is_encrypted=header.type == b"multipart/encrypted")
                levels.append(level)
                boundaries = boundaries | dict.fromkeys(header.boundaries, len(levels) - 1)
            elif is_multipart:
                yield Trouble(FaultCode.DAMAGED, DEEP if header.boundaries else NO_BOUNDARY)
            found = self._delimiter(at, end, boundaries)
            content_end = end if found is None else found.content_end
            if is_part and not has_level:
                yield from self._leaf(header, section or b"1", at, content_end, hidden)
            elif has_level and (found is None or found.level < len(levels) - 1):
                # Without a part of its own, all of it is one text.
                yield Trouble(FaultCode.DAMAGED, NO_BOUNDARY)
                yield from self._leaf(header, section or b"1", at, content_end, hidden)
                levels[-1].is_closed = True
            elif not self._is_blank(at, content_end):
                around = levels[-1].section + b"." if levels and levels[-1].section else b""
                name = around + (b"preamble" if has_level else b"epilogue")
                yield from self.text(name, at, content_end, hidden)
            if found is None:
                break
            if len(levels) - 1 > found.level:
                del levels[found.level + 1 :]
                boundaries = _numbered(levels)
            level = levels[-1]
            at, is_part = found.next, not found.is_close
            for other in levels:
                if other.boundaries == level.boundaries:
                    # Some programs give a multipart within another the same boundary.
                    other.is_closed = found.is_close
            if is_part:
                level.count += 1
                section = b"%s%d" % (level.section + b"." if level.section else b"", level.count)
        if not all(level.is_closed or level.is_hidden for level in levels):
            yield Trouble(FaultCode.DAMAGED, ENDS_EARLY)

    def text(self, name: bytes, start: int, end: int, hidden: int = 0) -> Iterator[Found]:
        """Yields a text as it stands, and what is encoded or hidden in it."""
        yield from self._leaf(PartHeader(name=name), name, start, end, hidden)

    def _header(
        self, at: int, end: int, boundaries: dict[bytes, int], default_type: bytes
    ) -> tuple[PartHeader, int, bool]:
        """Reads the header of a part; returns it, where the body begins, and whether its end was not found."""
        block, ends = b"", None
        for most in (1 << 13, 1 << 16, MOST_HEADER_BYTES):
            block = self._search.slice(at, min(end, at + most))
            ends = header_end(block)
            if ends is not None or at + most >= end:
                break
        is_long = ends is None and at + len(block) < end
        length, body = ends if ends is not None else (len(block), len(block))
        # A header without an empty line ends at the next delimiter.
        found = self._delimiter(at, at + length, boundaries) if boundaries else None
        if found is not None:
            length = body = max(0, found.content_end - at)
        fields = fields_end(block[:length])
        if fields < length:
            length = body = fields
        return parse_header(block[:length], default_type), at + body, is_long

    def _delimiter(self, at: int, end: int, boundaries: dict[bytes, int]) -> _Delimiter | None:
        """Returns the next delimiter line (RFC 2046 5.1.1)."""
        if not boundaries:
            return None
        search, start, is_first = self._search, at, True
        while True:
            if is_first and search.slice(at, min(end, at + 2)) == b"--":
                line = at
            else:
                found = search.find(b"\n--", at, end)
                if found < 0:
                    return None
                line = found + 1
            is_first = False
            text = search.slice(line, min(end, line + _LONGEST_DELIMITER))
            length = text.find(b"\n") + 1 or len(text)
            token = text[2:length].rstrip()
            level = boundaries.get(token)
            is_close = level is None and token.endswith(b"--")
            if is_close:
                level = boundaries.get(token[:-2])
            if level is not None:
                before = search.slice(max(start, line - 2), line)
                ending = 2 if before == b"\r\n" else 1 if before.endswith(b"\n") else 0
                return _Delimiter(level, max(start, line - ending), line + length, is_close)
            at = line + 1

    def _is_blank(self, start: int, end: int) -> bool:
        return end - start <= _BLANK_BYTES and not self._search.slice(start, end).strip()

    def _leaf(  # start and end are one place
        self, header: PartHeader, section: bytes, start: int, end: int, hidden: int
    ) -> Iterator[Found]:
        """Yields a part as a member, then what is encoded or hidden in its text."""
        has_blocks = False
        holds_parts = False
        is_opened: bool | None = None
        encoding = header.encoding
        is_text = header.type.startswith(b"text/") or encoding not in _BASE64

        def content() -> Iterator[bytes]:
            nonlocal has_blocks, holds_parts, is_opened
            before = b"\n"
            for chunk in self._decoded(encoding, start, end):
                if is_opened is None:
                    is_opened = is_signed_content(chunk[:1024])  # its reader opens the member
                if is_text:
                    text = before + chunk
                    has_blocks = has_blocks or may_hold_blocks(text)
                    holds_parts = holds_parts or (b"\n--" in text and _HIDDEN.search(text) is not None)
                    before = text[-1000:]
                yield chunk
            if not is_opened:
                self._confirm(header)

        kind = ContainerKind.EML if header.type in _MESSAGES else None
        yield MemberContent(self._next(), header.name or section, content(), kind=kind)
        if kind is not None:
            return
        if has_blocks:
            for name, block in encoded_blocks(self._lenient(encoding, start, end)):
                yield MemberContent(self._next(), name, block)
        if holds_parts and encoding not in _BASE64:
            yield from self._hidden(section, start, end, hidden)

    def _hidden(self, section: bytes, start: int, end: int, hidden: int) -> Iterator[Found]:
        """Yields the parts in a text that is not a multipart, or not as its header says."""
        found = self._search.search(_HIDDEN, start, end, 1000)
        if found is None:
            return
        if hidden >= MOST_HIDDEN_LEVELS:
            yield Trouble(FaultCode.DAMAGED, DEEP)
            return
        line = self._search.origin + found.start()
        boundary = found[1]
        yield from self.parts(line, end, [_Level((boundary,), section, b"text/plain", is_hidden=True)], hidden + 1)

    def _confirm(self, header: PartHeader) -> None:
        """Raises what is wrong with a part whose content was given."""
        code, message = None, ""
        if header.is_encrypted:
            code, message = FaultCode.ENCRYPTED, ENCRYPTED
        elif header.type in _SMIME:
            is_signed = header.smime_type in {b"signed-data", b"certs-only", b"compressed-data"}
            code, message = (FaultCode.UNSUPPORTED, SIGNED) if is_signed else (FaultCode.ENCRYPTED, ENCRYPTED)
        elif header.type == b"message/partial":
            code, message = FaultCode.INCOMPLETE, PARTIAL
        elif header.encoding not in KNOWN_PLAIN | _BASE64 | _QUOTED | _IN_TEXT:
            code, message = FaultCode.UNSUPPORTED, UNKNOWN_ENCODING
        elif header.is_contradictory:
            code, message = FaultCode.DAMAGED, CONTRADICTION
        if code is not None:
            raise ContainerError(code, message, is_complete=True)

    def _decoded(self, encoding: bytes, start: int, end: int) -> Iterator[bytes]:
        raw = self._raw(start, end)
        if encoding in _BASE64:
            return decode_base64(raw)
        if encoding in _QUOTED:
            return decode_quoted_printable(raw)
        return raw

    def _lenient(self, encoding: bytes, start: int, end: int) -> Iterator[bytes]:
        """Yields the content again, without the fault that the member has already."""
        try:
            yield from self._decoded(encoding, start, end)
        except ContainerError:
            return

    def _raw(self, start: int, end: int) -> Iterator[bytes]:
        return chunks_of(self._source, start, end, ENDS_EARLY)

    def _next(self) -> int:
        self._count += 1
        return self._count - 1


def _numbered(levels: list[_Level]) -> dict[bytes, int]:
    """Returns the number of the level of each boundary; of the innermost if several have it."""
    return {boundary: number for number, level in enumerate(levels) for boundary in level.boundaries}
