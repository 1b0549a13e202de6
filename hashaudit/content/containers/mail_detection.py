"""Detects a message or a mailbox from its first bytes.

Sources: RFC 5322, RFC 4155, RFC 2045.
"""

import re

from hashaudit.content.containers.signatures import HEAD_BYTES
from hashaudit.lazy import lazy_pattern
from hashaudit.model.containers import ContainerKind

_HEADERS = (
    rb"received|return-path|delivered-to|from|to|cc|subject|date|message-id|mime-version|x-[a-z-]+|dkim-signature"
    rb"|arc-seal|authentication-results|content-type|reply-to|sender|x-mailer|user-agent|in-reply-to|references"
    rb"|envelope-to|status|importance|thread-topic|content-transfer-encoding|received-spf|xref|newsgroups|path"
)

FIRST_FIELD = lazy_pattern(rb"([!-9;-~]{1,76})[ \t]?:[ \t\r\n]")

_EVERY_HEADER = lazy_pattern(rb"^(" + _HEADERS + rb"):[ \t\r\n]", re.IGNORECASE | re.MULTILINE)

_TYPICAL = frozenset((b"received", b"message-id", b"mime-version", b"date", b"from", b"return-path"))

_LETTER = frozenset((b"from", b"to", b"subject"))

_NAMES = frozenset(_HEADERS.split(b"|"))

_TYPICAL_LINES = (b"\nContent-", b"\nFrom:", b"\nReceived:", b"\nMIME-Version:", b"\nMime-Version:")
"""Without one of these, a text that begins with an unknown field is not looked at further."""

_BLANK_LINE = lazy_pattern(rb"\r?\n\r?\n")

_MIME = lazy_pattern(rb"^content-type:[^:]{0,200}multipart/[^:]{0,400}boundary", re.IGNORECASE | re.MULTILINE)

_TYPED = lazy_pattern(rb"^content-type[ \t]?:[ \t\r\n]*[a-z]{1,20}/[!-~]", re.IGNORECASE | re.MULTILINE)

_ENCODED = lazy_pattern(
    rb"^content-transfer-encoding[ \t]?:[ \t\r\n]*\"?(?:base64|quoted-printable|[78]bit|binary|x-)",
    re.IGNORECASE | re.MULTILINE,
)
"""The two fields of a part of MIME that is a file of its own (RFC 2045 5 and 6)."""

LONGEST_FIELD = 76
"""Length of the longest name of a first field that is looked for."""

LEAST_HEADERS = 3
"""Fields of a message, two of them typical, without which a text is not taken for mail unless it has MIME's."""

_MBOX = lazy_pattern(rb"From [^\r\n]{0,200}? (?:[01]?\d|2[0-3]):[0-5]\d(?::[0-6]\d)?[^\r\n]{0,60}\r?\n")


def long_mail(head: bytes) -> ContainerKind | None:
    """Returns the kind of a text whose first fields need more than :data:`HEAD_BYTES`."""
    begins = FIRST_FIELD.match(head) is not None and _BLANK_LINE.search(head, 0, HEAD_BYTES) is None
    return mail_kind(head) if begins else None


def mail_kind(head: bytes) -> ContainerKind | None:
    """Returns the kind of a text that begins a message or a mailbox; ``None``: it does not."""
    if head.startswith(b"From ") and (_MBOX.match(head) or mail_kind(head.partition(b"\n")[2]) is not None):
        return ContainerKind.MBOX
    # Nearly every text fails here, without the cost of a pattern of many words.
    if head.find(b":", 0, LONGEST_FIELD + 1) < 0 or (field := FIRST_FIELD.match(head)) is None:
        return None
    name = field[1].lower()
    if name not in _NAMES and not name.startswith(b"x-") and not any(map(head.__contains__, _TYPICAL_LINES)):
        return None
    block = _BLANK_LINE.split(head, maxsplit=1)[0]
    if _MIME.search(block) or (_ENCODED.search(block) and _TYPED.search(block)):
        return ContainerKind.EML
    names = {name.lower() for name in _EVERY_HEADER.findall(block)}
    is_typical = len(names & _TYPICAL) > 1 or names >= _LETTER
    return ContainerKind.EML if len(names) >= LEAST_HEADERS and is_typical else None
