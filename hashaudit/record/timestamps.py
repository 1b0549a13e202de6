"""Instants as the findings file writes them: RFC 3339 in UTC, with nanoseconds.

Source: RFC 3339 section 5.6. A file's time can lie outside the years 1 to 9999 that RFC 3339 can name (64-bit
filesystems hold any number that a file's owner sets); it is then written ``@`` and the signed number of nanoseconds
since 1970-01-01T00:00:00Z, so that no file can stop a scan by its date.
"""

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from hashaudit.errors import FindingsError
from hashaudit.lazy import lazy_pattern

NS_PER_S = 1_000_000_000

TIME_PATTERN = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?Z\Z"
FILE_TIME_PATTERN = TIME_PATTERN.removesuffix(r"\Z").replace("^", "^(", 1) + r"|@-?[0-9]{1,30})\Z"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND_LENGTH = len("1970-01-01T00:00:00")
_TIME = lazy_pattern(TIME_PATTERN, re.ASCII)


def to_text(time_ns: int) -> str:
    """Nanoseconds since the epoch as the findings file writes them."""
    seconds, fraction_ns = divmod(time_ns, NS_PER_S)
    try:
        return f"{_second(seconds)}.{fraction_ns:09d}Z"
    except OverflowError:
        return f"@{time_ns}"


def to_seconds(text: str) -> float:
    """Seconds since the epoch of a line's ``time``: the inverse of :func:`to_text` for the years 1 to 9999.

    Raises:
        FindingsError: the text is no such instant.
    """
    if not _TIME.match(text):
        raise FindingsError("not a time in RFC 3339 form, UTC, with Z")
    try:
        instant = datetime.fromisoformat(text[:_SECOND_LENGTH]).replace(tzinfo=UTC)
    except ValueError as error:
        raise FindingsError("no such day or time of day") from error
    return (instant - _EPOCH).total_seconds() + float("0" + text[_SECOND_LENGTH:-1])


@lru_cache(maxsize=4096)  # A line has three times, and most share their second with the line before.
def _second(seconds: int) -> str:
    return (_EPOCH + timedelta(seconds=seconds)).isoformat()[:_SECOND_LENGTH]
