"""The reader of mailboxes in one file, mbox. Each message is a member, which is then opened itself.

A message begins behind a line ``From `` that has a time, or that stands behind an empty line and before a field. The
lines ``>From `` of a message stay as they are, because the forms of mbox disagree on what they were.

Source: RFC 4155; the manual page mbox(5) of qmail.
"""

import re
from collections.abc import Iterator

from hashaudit.content.containers.interface import CHUNK_BYTES, Found, MemberContent, Source
from hashaudit.model.containers import ContainerKind

_TIMED = re.compile(rb"From [^\r\n]{0,200}? (?:[01]?\d|2[0-3]):[0-5]\d(?::[0-6]\d)?[^\r\n]{0,60}\r?\n")
_FIELD = re.compile(rb"From [^\r\n]{0,1000}\r?\n[!-9;-~]{1,200}[ \t]{0,20}:")
_MESSAGE_ID = re.compile(rb"^message-id[ \t]{0,20}:\s{0,80}(\S{1,1000})", re.IGNORECASE | re.MULTILINE)

BEFORE_TEXT = b"\xef\xbb\xbf\r\n"
"""Bytes of a byte-order mark and of line ends."""

_LOOK_BYTES = 4096
"""Bytes behind the start of a line that decide whether it begins a message."""


def read_mbox(source: Source) -> Iterator[Found]:
    """Reads a mailbox in its order. A message has its Message-ID as its name, or else its number, from 1."""
    reader = _Mailbox(source)
    number = 0
    while (name := reader.begin()) is not None:
        yield MemberContent(number, name or b"%d" % (number + 1), reader.content(), kind=ContainerKind.EML)
        reader.finish()
        number += 1


class _Mailbox:
    def __init__(self, source: Source) -> None:
        self._source = source
        self._data = b""
        self._has_ended = False
        self._is_within = False
        self._is_first = True

    def begin(self) -> bytes | None:
        """Skips the line before the next message, and returns the message's name; ``None`` at the end."""
        self._fill(2 * _LOOK_BYTES)
        if self._is_first:
            # Some programs write a byte-order mark or empty lines before the first message.
            self._data, self._is_first = self._data.lstrip(BEFORE_TEXT), False
        if not self._data:
            return None
        if self._data.startswith(b"From "):
            self._data = self._data[self._data.find(b"\n") + 1 or len(self._data) :]
        self._is_within = True
        header = re.split(rb"\r?\n\r?\n", self._data[: 2 * _LOOK_BYTES], maxsplit=1)[0]
        found = _MESSAGE_ID.search(header)
        return b"" if found is None else found[1]

    def content(self) -> Iterator[bytes]:
        """Yields the message, without the empty line behind it."""
        while self._is_within:
            self._fill(CHUNK_BYTES)
            end = self._next_message()
            if end is None and not self._has_ended:
                # The last bytes may belong to a line that begins a message.
                piece = self._data[:-_LOOK_BYTES].rpartition(b"\n")[0].rstrip(b"\r\n")
                self._data = self._data[len(piece) :]
            else:
                self._is_within = False
                end = len(self._data) if end is None else end
                piece, self._data = _without_separator(self._data[:end]), self._data[end:]
            if piece:
                yield piece
            elif self._is_within:
                # One line is longer than a chunk, or all lines are empty.
                piece, self._data = self._data[:-_LOOK_BYTES], self._data[-_LOOK_BYTES:]
                yield piece

    def finish(self) -> None:
        """Skips what is left of a message."""
        for _ in self.content():
            pass

    def _next_message(self) -> int | None:
        """Returns where the next message begins in what is read; ``None``: not there, or not decided yet."""
        data, at = self._data, 0
        last = len(data) if self._has_ended else len(data) - _LOOK_BYTES
        while 0 <= (at := data.find(b"\nFrom ", at)) < last:
            line = at + 1
            is_behind_blank = data[max(0, at - 2) : at].endswith((b"\n", b"\n\r"))
            is_timed = _TIMED.match(data, line) is not None
            if (is_timed and (is_behind_blank or _FIELD.match(data, line))) or (
                is_behind_blank and _FIELD.match(data, line)
            ):
                return line
            at = line
        return None

    def _fill(self, count: int) -> None:
        parts, length = [self._data], len(self._data)
        while length < count and not self._has_ended:
            data = self._source.read(CHUNK_BYTES)
            self._has_ended = not data
            parts.append(data)
            length += len(data)
        self._data = b"".join(parts)


def _without_separator(text: bytes) -> bytes:
    """Returns a message without the empty line that separates it from the next one."""
    for separator in (b"\r\n", b"\n"):
        if text.endswith(b"\n" + separator):
            return text[: -len(separator)]
    return text
