"""Streaming reader for records of JSON texts: sets of millions are never in memory as a whole."""

import io
import json
import sys
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import BinaryIO

import ijson  # type: ignore[import-untyped]  # it ships no annotations

from hashaudit.errors import ListError
from hashaudit.lists.syntax.json_depth import MAX_DEPTH, DepthMeter

Record = dict[str, object]

MAX_RECORD_BYTES = 32 << 20
"""Maximum size of a record. The largest known ones are events of some hundred thousand attributes; a hostile one
must not fill memory."""

_READ_BYTES = 64 << 10

_MAX_DIGITS = min(4_000, sys.get_int_max_str_digits() or 4_000)
_DIGITS = b"0123456789"
_ZERO_FOR_DIGIT = bytes(ord("0") if byte in _DIGITS else ord(" ") for byte in range(256))
_LONG_NUMBER = b"0" * _MAX_DIGITS
"""A run of digits at which the parser's conversion to an integer fails: the parser in C then ends the process (ijson
3.6.0 with ``use_float=False``). It is sought in a text whose digits are replaced by zeros, which is many times faster
than a regular expression."""

_OUTLINE_NODES = 2_000
_OUTLINE_TEXT = 300
"""Values of an outline, and characters of a text in it: its size stays below that of the head of a list."""

_BROKEN = (ijson.JSONError, ValueError, ArithmeticError)
"""Errors of the parser for truncated or invalid JSON, or for excessive numbers."""


def shape(head: bytes) -> dict[str, object]:
    """Returns the beginning of a JSON text as path (``value.item.MD5``) -> its first value or opening event."""
    found: dict[str, object] = {}
    if head.lstrip()[:1] not in (b"{", b"[") or DepthMeter().exceeds(head):
        return found
    long_number = head.translate(_ZERO_FOR_DIGIT).find(_LONG_NUMBER)
    head = head if long_number < 0 else head[:long_number]
    try:
        for path, event, value in ijson.parse(io.BytesIO(head), use_float=False):
            if event not in ("map_key", "end_map", "end_array"):
                found.setdefault(path, event if value is None else value)
    except _BROKEN:
        pass  # The head usually ends in the middle of a value.
    return found


def records(stream: BinaryIO, path: str) -> Iterator[tuple[int, Record | None]]:
    """Yields (number from 1, object) for everything at ``path``; ``None`` for anything that is not an object.

    Raises:
        ListError: same as :func:`values`.
    """
    for number, value in values(stream, path):
        yield number, value if isinstance(value, dict) else None


def values(stream: BinaryIO, path: str) -> Iterator[tuple[int, object]]:
    """Yields (number from 1, value) for everything at ``path``.

    Several concatenated JSON texts, such as saved pages of an interface, count as one list.

    Raises:
        ListError: a text is truncated or invalid JSON, or a record is over a limit.
    """
    metered = _Metered(stream)
    found = ijson.items(metered, path, use_float=False, multiple_values=True, buf_size=_READ_BYTES)
    number = 0
    while True:
        number += 1
        try:
            value = next(found)
        except StopIteration:
            return
        except _BROKEN:
            # The parser's own message quotes the text.
            raise ListError(
                f"record {number}: the JSON text is damaged or truncated", hint="download it again"
            ) from None
        metered.since_record_bytes = 0
        yield number, value


def values_at(stream: BinaryIO, paths: frozenset[str]) -> Iterator[tuple[str, object]]:
    """Yields (path, value) for everything at one of several paths, none of which is inside another.

    Raises:
        ListError: same as :func:`values`.
    """
    metered = _Metered(stream)
    builder: ijson.ObjectBuilder | None = None
    inside, number = "", 1
    try:
        for path, event, value in ijson.parse(metered, use_float=False, multiple_values=True, buf_size=_READ_BYTES):
            if builder is None:
                metered.since_record_bytes = 0
                if path not in paths or event.startswith("end_"):
                    continue
                builder, inside = ijson.ObjectBuilder(), path
            builder.event(event, value)
            if path == inside and not event.startswith("start_") and event != "map_key":
                number += 1
                yield inside, builder.value
                builder = None
    except _BROKEN:
        raise ListError(f"record {number}: the JSON text is damaged or truncated", hint="download it again") from None


class _Metered:
    """A stream with limits on the size of one record and on the nesting depth."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._depth = DepthMeter()
        self._last_digits = 0
        self.since_record_bytes = 0

    def read(self, size: int) -> bytes:
        data = self._stream.read(size)
        self.since_record_bytes += len(data)
        if self.since_record_bytes > MAX_RECORD_BYTES:
            raise ListError(f"a record is larger than {MAX_RECORD_BYTES >> 20} MiB")
        if self._has_long_number(data):
            raise ListError(f"a number or text has over {_MAX_DIGITS} digits in a row")
        if self._depth.exceeds(data):
            raise ListError(f"the JSON text is nested more than {MAX_DEPTH} levels deep")
        return data

    def _has_long_number(self, data: bytes) -> bool:
        # A run may begin in one piece and end in another.
        first = len(data) - len(data.lstrip(_DIGITS))
        spans = self._last_digits + first >= _MAX_DIGITS
        last = len(data) - len(data.rstrip(_DIGITS))
        self._last_digits = self._last_digits + last if last == len(data) else last
        return spans or _LONG_NUMBER in data.translate(_ZERO_FOR_DIGIT)


def text_of(value: object) -> str:
    """Returns the text of a JSON value for a label: empty for ``null`` and objects; lists are joined by spaces."""
    if isinstance(value, str):
        text = value.strip()
        # Half a surrogate pair cannot be written as UTF-8.
        return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float | Decimal):
        return str(value)
    if isinstance(value, list):
        return " ".join(text for item in value if (text := text_of(item)))
    return ""


def flag_of(value: object) -> bool | None:
    """Returns a truth value as exports write it (``true``, ``"True"``, ``"Y"``, 1); ``None`` if absent or unclear."""
    return _FLAGS.get(text_of(value).lower())


_FLAGS = {"true": True, "yes": True, "y": True, "t": True, "1": True} | {
    "false": False,
    "no": False,
    "n": False,
    "f": False,
    "0": False,
}


def outline(stream: BinaryIO) -> bytes:
    """Returns a small JSON text with the keys of a text: all of the root, and one item of each array.

    Formats are recognised by keys, which may stand anywhere in a text. Returns nothing for damaged JSON.
    """
    metered = _Metered(stream)
    abridged = _Abridged()
    try:
        for event, value in ijson.basic_parse(metered, use_float=False, buf_size=_READ_BYTES):
            metered.since_record_bytes = 0
            abridged.add(event, value)
    except (*_BROKEN, ListError):
        return b""
    return json.dumps(abridged.root).encode()


class _Abridged:
    """The containers of a JSON text with one item of each array, and short texts."""

    def __init__(self) -> None:
        self.root: object = None
        self._open: list[tuple[object, list[str]]] = []
        self._nodes = 0

    def add(self, event: str, value: object) -> None:
        """Adds an event of ``ijson.basic_parse``."""
        if event == "map_key":
            self._open[-1][1][:] = [str(value)]
        elif event in {"end_map", "end_array"}:
            self._open.pop()
        elif event in {"start_map", "start_array"}:
            container: object = {} if event == "start_map" else []
            self._open.append((container if self._attach(container) else None, []))
        else:
            self._attach(value[:_OUTLINE_TEXT] if isinstance(value, str) else text_of(value))

    def _attach(self, value: object) -> bool:
        if self._nodes >= _OUTLINE_NODES:
            return False
        if not self._open:
            self.root = value
        else:
            container, key = self._open[-1]
            if isinstance(container, list) and not container:
                container.append(value)
            elif isinstance(container, dict) and key and key[0] not in container:
                container[key[0]] = value
            else:
                return False
        self._nodes += 1
        return True


def labels_of(record: Mapping[str, object], names: Mapping[str, str]) -> dict[str, str]:
    """Returns labels from fields, given as field -> label; absent or empty fields give none."""
    return {label: text for field, label in names.items() if (text := text_of(record.get(field)))}


def objects_in(value: object) -> list[Record]:
    """Returns the objects in a JSON list; none if ``value`` is not a list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def object_or_empty(value: object) -> Record:
    """Returns a JSON object, or an empty one if ``value`` is not an object."""
    return value if isinstance(value, dict) else {}
