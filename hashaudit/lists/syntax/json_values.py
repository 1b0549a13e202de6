"""Records of JSON texts, streamed: sets of millions of them never stand in memory as a whole."""

import io
from collections.abc import Iterator, Mapping
from typing import BinaryIO

import ijson  # type: ignore[import-untyped]  # it ships no annotations

from hashaudit.errors import ListError
from hashaudit.lists.parse_record import size_or_none
from hashaudit.lists.syntax.json_depth import MAX_DEPTH, DepthMeter

Record = dict[str, object]

MAX_RECORD_BYTES = 32 << 20
"""The largest records known are events of some hundred thousand attributes; a hostile one must not fill memory."""

_READ_BYTES = 64 << 10

_BROKEN = (ijson.JSONError, ValueError, ArithmeticError)
"""What the parser raises for text that is cut short or is no JSON, or for numbers beyond all reason."""


def shape(head: bytes) -> dict[str, object]:
    """What the beginning of a JSON text holds: path (``value.item.MD5``) -> its first value, or how it begins."""
    found: dict[str, object] = {}
    if head.lstrip()[:1] not in (b"{", b"[") or DepthMeter().exceeds(head):
        return found
    try:
        for path, event, value in ijson.parse(io.BytesIO(head), use_float=True):
            if event not in ("map_key", "end_map", "end_array"):
                found.setdefault(path, event if value is None else value)
    except _BROKEN:
        pass  # Where the head ends the text does too, as a rule in the middle of something.
    return found


def records(stream: BinaryIO, path: str) -> Iterator[tuple[int, Record | None]]:
    """Yields (number from 1, object) for everything at ``path``; ``None`` for what is no object.

    Raises:
        ListError: as :func:`values`.
    """
    for number, value in values(stream, path):
        yield number, value if isinstance(value, dict) else None


def values(stream: BinaryIO, path: str) -> Iterator[tuple[int, object]]:
    """Yields (number from 1, value) for everything at ``path``.

    Several JSON texts one after the other, as saved pages of an interface are, count as one list.

    Raises:
        ListError: a text is cut short or is no JSON, or a record is over a limit.
    """
    metered = _Metered(stream)
    found = ijson.items(metered, path, use_float=True, multiple_values=True, buf_size=_READ_BYTES)
    number = 0
    while True:
        number += 1
        try:
            value = next(found)
        except StopIteration:
            return
        except _BROKEN:
            # The parser's own message quotes the text.
            raise ListError(f"record {number}: the JSON text is damaged or cut short; get it again") from None
        metered.since_record_bytes = 0
        yield number, value


class _Metered:
    """A stream that refuses to give more for one record than the limit, or to nest deeper than another."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._depth = DepthMeter()
        self.since_record_bytes = 0

    def read(self, size: int) -> bytes:
        data = self._stream.read(size)
        self.since_record_bytes += len(data)
        if self.since_record_bytes > MAX_RECORD_BYTES:
            raise ListError(f"a record is over {MAX_RECORD_BYTES >> 20} MiB")
        if self._depth.exceeds(data):
            raise ListError(f"the JSON text is nested over {MAX_DEPTH} deep")
        return data


def text_of(value: object) -> str:
    """Text of a JSON value for a label: nothing for ``null``, objects and what is empty; lists joined by spaces."""
    if isinstance(value, str):
        text = value.strip()
        # Half a surrogate pair cannot be written as UTF-8.
        return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, list):
        return " ".join(text for item in value if (text := text_of(item)))
    return ""


def flag_of(value: object) -> bool | None:
    """A truth value as exports write it (``true``, ``"True"``, ``"Y"``, 1); ``None`` where it is absent or unclear."""
    return _FLAGS.get(text_of(value).lower())


_FLAGS = {"true": True, "yes": True, "y": True, "t": True, "1": True} | {
    "false": False,
    "no": False,
    "n": False,
    "f": False,
    "0": False,
}


def size_of(value: object) -> int | None:
    """A size in bytes, which some exports write as text."""
    return size_or_none(text_of(value))


def labels_of(record: Mapping[str, object], names: Mapping[str, str]) -> dict[str, str]:
    """Labels from fields: field -> label; fields that are absent or empty give none."""
    return {label: text for field, label in names.items() if (text := text_of(record.get(field)))}


def objects_in(value: object) -> list[Record]:
    """The objects of a JSON list; none where it is no list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def object_or_empty(value: object) -> Record:
    """A JSON object, or an empty one where it is none."""
    return value if isinstance(value, dict) else {}
