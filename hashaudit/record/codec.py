"""Records as bytes: ASCII JSON out, strict decoding in.

Decoding takes nothing on trust: an unknown kind, field or value, a field twice, a float or a byte that is not ASCII is
an error (RFC 8259 leaves the meaning of a repeated name open, so that two readers could see two findings in one line).
"""

import re
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from hashaudit.errors import FindingsError
from hashaudit.lazy import lazy, lazy_pattern
from hashaudit.record.schema import Checkpoint, CheckpointBody, Line

MAX_LINE_BYTES = 16 * 1024 * 1024
"""Longest record with its newline. It bounds what a hostile file makes a reader hold; a path of 10^6 bytes fits."""

_MAX_MESSAGE_CHARACTERS = 200

_ENCODER = msgspec.json.Encoder()
_LINE_DECODER: msgspec.json.Decoder[Line] = lazy(lambda: msgspec.json.Decoder(Line))
_BODY_DECODER = lazy(lambda: msgspec.json.Decoder(CheckpointBody))
_NON_ASCII = lazy_pattern("[^\x00-\x7f]")

_Decoded = TypeVar("_Decoded", Line, CheckpointBody)


def encode_line(line: Line) -> bytes:
    """Returns one record of the file with its newline."""
    return _encode(line) + b"\n"


def encode_body(body: CheckpointBody) -> str:
    """Returns a checkpoint's ``body``."""
    return _encode(body).decode("ascii")


def decode_line(raw: bytes) -> Line:
    """Returns the record in one line without its newline.

    Raises:
        FindingsError: it is no line of this format.
    """
    line = _decode(raw, _LINE_DECODER.decode)
    if not isinstance(line, Checkpoint) and line.seq < 1:
        raise FindingsError("the line has no number")
    return line


def decode_body(body: str) -> CheckpointBody:
    """Returns the value of a checkpoint's ``body``.

    Raises:
        FindingsError: it is no body of this format.
    """
    try:
        raw = body.encode("ascii")
    except UnicodeEncodeError as error:
        raise FindingsError("not ASCII") from error
    return _decode(raw, _BODY_DECODER.decode)


def _encode(value: Line | CheckpointBody) -> bytes:
    try:
        raw = _ENCODER.encode(value)
    except UnicodeEncodeError:
        raw = _ENCODER.encode(_without_surrogates(msgspec.to_builtins(value)))
    return as_ascii(raw)


def as_ascii(raw: bytes) -> bytes:
    """Returns JSON with everything beyond ASCII escaped."""
    return raw if raw.isascii() else _NON_ASCII.sub(_escape, raw.decode()).encode("ascii")


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x10000:
        return f"\\u{code:04x}"
    high, low = divmod(code - 0x10000, 0x400)
    return f"\\u{0xD800 + high:04x}\\u{0xDC00 + low:04x}"


def _without_surrogates(value: Any) -> Any:
    # An argument or a list's label that is not UTF-8 reaches the program with lone surrogates in it (PEP 383). JSON
    # cannot hold them; they become the six characters \udcNN, which cannot be mistaken for the original.
    if isinstance(value, str):
        return value.encode(errors="backslashreplace").decode()
    if isinstance(value, dict):
        return {_without_surrogates(key): _without_surrogates(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_surrogates(item) for item in value]
    return value


def _decode(raw: bytes, decode: Callable[[bytes], _Decoded]) -> _Decoded:
    if len(raw) >= MAX_LINE_BYTES:
        raise FindingsError(f"longer than {MAX_LINE_BYTES} bytes")
    if not raw.isascii():
        raise FindingsError("not ASCII")
    if not (raw.startswith(b"{") and raw.endswith(b"}")):
        raise FindingsError("not one JSON object")
    try:
        value = decode(raw)
        if _ENCODER.encode(value) != raw:
            # The line may differ from what this program writes, but a repeated field is still refused.
            import json  # noqa: PLC0415 # start-up: a scan writes only

            json.loads(raw, object_pairs_hook=_refuse_repeated)
    except (msgspec.DecodeError, UnicodeError, ValueError) as error:
        raise FindingsError(_printable(str(error))) from error
    except RecursionError as error:
        raise FindingsError("nested too deeply") from error
    return value


def _refuse_repeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a field stands twice in one object")
    return fields


def _printable(message: str) -> str:
    # The message may repeat part of a hostile line, and is shown on a terminal.
    escaped = message.encode("unicode_escape").decode("ascii")
    return escaped if len(escaped) <= _MAX_MESSAGE_CHARACTERS else escaped[:_MAX_MESSAGE_CHARACTERS] + "..."
