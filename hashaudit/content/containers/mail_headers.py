"""The fields of a mail header that say what a part is: its type, its encoding and its name.

Headers are read leniently, as mail programs do, because a part that is not recognised would hide what it holds.

Source: RFC 5322 2.2, RFC 2045 5 and 6, RFC 2047, RFC 2183, RFC 2231.
"""

import base64
import binascii
import re

import msgspec

from hashaudit.content.containers.text_codecs import to_utf8

MOST_HEADER_BYTES = 1 << 20
"""Longest header that is searched for its end."""

MOST_VALUE_BYTES = 1 << 14
"""Longest value of a field that is parsed. Boundaries have at most 70 characters, names some hundreds."""

_FIELD = re.compile(rb"[!-9;-~]{1,200}[ \t]*:")
_CONTENT_FIELD = re.compile(rb"(?im)^content-[a-z-]{1,40}[ \t]*:")
_PARAMETER = re.compile(
    rb"""(?:^|(?<=[;\s]))([^\s=;"]{1,80})\s{0,8}=\s{0,8}(?:"((?:[^"\\]|\\.){0,8000})"?|([^;"][^;]{0,8000}))""",
    re.DOTALL,
)
_ENCODED_WORD = re.compile(rb"=\?([^?\s*]{1,40})(?:\*[^?\s]{0,40})?\?([bBqQ])\?([^?]{0,4000})\?=")
_BETWEEN_WORDS = re.compile(rb"\?=\s{1,80}=\?")
_QUOTED_PAIR = re.compile(rb"\\(.)", re.DOTALL)
_COMMENT = re.compile(rb"\([^()]{0,1000}\)")

PARSED = (b"content-type", b"content-transfer-encoding", b"content-disposition")

KNOWN_PLAIN = frozenset((b"", b"7bit", b"8bit", b"binary", b"7-bit", b"8-bit", b"none", b"utf-8", b"us-ascii", b"text"))
"""Values of Content-Transfer-Encoding after which the content stands as it is, with the usual wrong ones."""


class PartHeader(msgspec.Struct, frozen=True):
    """The header of a message or of a part."""

    type: bytes = b"text/plain"
    """Type and subtype, in lower case."""
    encoding: bytes = b""
    boundaries: tuple[bytes, ...] = ()
    """Names of the delimiters of a multipart; several if fields are repeated."""
    name: bytes = b""
    """The file name in UTF-8; empty: it has none."""
    is_contradictory: bool = False
    """Fields are repeated with other values."""
    is_encrypted: bool = False
    smime_type: bytes = b""


def header_end(block: bytes) -> tuple[int, int] | None:
    """Returns where a header ends, and where the body begins.

    Args:
        block: the first bytes of a part.

    Returns:
        Both positions; ``None`` if the block has no empty line.
    """
    if block.startswith((b"\n", b"\r\n")):
        return 0, 1 if block[:1] == b"\n" else 2
    plain, windows = block.find(b"\n\n"), block.find(b"\n\r\n")
    if plain < 0 and windows < 0:
        return None
    if windows < 0 or 0 <= plain < windows:
        return plain + 1, plain + 2
    return windows + 1, windows + 3


def fields_end(block: bytes) -> int:
    """Returns where the fields of a header end: before its end if a line is no field and none follows it.

    A message without an empty line behind its header has its body there. A line that is not a field is skipped if
    fields of MIME follow, because mail programs may believe them.
    """
    at = 0
    while at < len(block):
        end = block.find(b"\n", at) + 1 or len(block)
        is_field = block[at : at + 1] in {b" ", b"\t"} or _FIELD.match(block, at) is not None
        is_envelope = block.startswith((b"From ", b">From "), at)
        if block.startswith(b"--", at):
            return at  # a boundary
        if not is_field and not is_envelope and block[at:end].strip() and not _CONTENT_FIELD.search(block, at):
            return at
        at = end
    return at


def parse_header(block: bytes, default_type: bytes = b"text/plain") -> PartHeader:
    """Returns what a header says."""
    values: dict[bytes, list[bytes]] = {name: [] for name in PARSED}
    name: bytes | None = None
    parts: list[bytes] = []
    for line in (*block.splitlines(), b"end:"):
        if line[:1] in {b" ", b"\t"}:
            if name is not None:
                parts.append(line)
            continue
        if name is not None:
            value = b"".join(parts)[:MOST_VALUE_BYTES]
            # Some programs encode a field as a whole.
            values[name].append(decode_words(value) if value.lstrip().startswith(b"=?") else value)
        key, colon, rest = line.partition(b":")
        key = key.strip().lower()
        name = key if colon and key in values else None
        parts = [rest]
    types = values[b"content-type"]
    parsed = [_parameters(value) for value in types]
    boundaries = tuple(dict.fromkeys(b for items in parsed if (b := items.get(b"boundary", b"").rstrip())))
    kinds = list(dict.fromkeys(_first_word(value) for value in types))
    encodings = list(dict.fromkeys(map(_first_word, values[b"content-transfer-encoding"])))
    multipart = next((kind for kind in kinds if kind.startswith(b"multipart/")), None)
    first = parsed[0] if parsed else {}
    file_name = next(
        filter(None, (_parameters(value).get(b"filename") for value in values[b"content-disposition"])), b""
    ) or first.get(b"name", b"")
    return PartHeader(
        multipart or (kinds[0] if kinds and b"/" in kinds[0] else default_type),
        encodings[0] if encodings else b"",
        boundaries,
        file_name,
        is_contradictory=len(encodings) > 1 or len(kinds) > 1,
        smime_type=first.get(b"smime-type", b"").lower(),
    )


def _first_word(value: bytes) -> bytes:
    return _COMMENT.sub(b"", value.partition(b";")[0]).strip(b" \t\r\n\"'").lower().partition(b" ")[0]


def _parameters(value: bytes) -> dict[bytes, bytes]:
    """Returns the parameters of a field, with continuations joined and names decoded (RFC 2231 3, 4)."""
    pieces: dict[bytes, list[tuple[int, bool, bytes]]] = {}
    for found in _PARAMETER.finditer(value):
        key, is_quoted = found[1].lower(), found[2] is not None
        text = _QUOTED_PAIR.sub(rb"\1", found[2]) if is_quoted else found[3].strip()
        if not is_quoted:
            text = _without_next(text)
        name, star, rest = key.partition(b"*")
        number = rest.rstrip(b"*")
        position = int(number) if number.isdigit() and len(number) < 6 else 0
        pieces.setdefault(name, []).append((position, bool(star) and (key.endswith(b"*")), text))
    return {name: _joined(items) for name, items in pieces.items()}


def _without_next(text: bytes) -> bytes:
    """Returns the value without a parameter that follows it without a semicolon."""
    head, space, tail = text.partition(b" ")
    return head if space and re.match(rb"[a-zA-Z*0-9-]{1,40}=", tail.lstrip()) else text


def _joined(items: list[tuple[int, bool, bytes]]) -> bytes:
    items.sort(key=lambda item: item[0])
    if not any(is_encoded for _, is_encoded, _ in items):
        if any(position for position, _, _ in items):
            return b"".join(text for _, _, text in items)
        return decode_words(items[0][2])
    charset = ""
    parts = []
    for number, (_, is_encoded, value) in enumerate(items):
        text = value
        if is_encoded:
            if not number and text.count(b"'") >= 2:
                label, _, text = text.split(b"'", 2)
                charset = label.decode("ascii", "replace")
            text = _percent_decoded(text)
        parts.append(text)
    return to_utf8(b"".join(parts), charset or "utf-8")


def _percent_decoded(text: bytes) -> bytes:
    return re.sub(rb"%([0-9A-Fa-f]{2})", lambda found: bytes([int(found[1], 16)]), text)


def decode_words(text: bytes) -> bytes:
    """Returns a text in UTF-8 with its encoded words decoded; those that are invalid stay as they are."""
    if b"=?" not in text:
        return text
    return _ENCODED_WORD.sub(_decoded_word, _BETWEEN_WORDS.sub(b"?==?", text))


def _decoded_word(found: re.Match[bytes]) -> bytes:
    charset, encoding, content = found.groups()
    if encoding in b"qQ":
        raw = binascii.a2b_qp(content, header=True)
    else:
        try:
            raw = base64.b64decode(content + b"=" * (-len(content) % 4))
        except ValueError:
            return found[0]
    return to_utf8(raw, charset.decode("ascii", "replace"))
