"""The types of the fields of a findings file, and the base of its values."""

from typing import Annotated

import msgspec
from msgspec import Meta

from hashaudit.errors import FindingsError
from hashaudit.model import paths
from hashaudit.record.timestamps import FILE_TIME_PATTERN, TIME_PATTERN

MAX_SAFE_INTEGER = 2**53
"""Largest integer that readers with IEEE 754 doubles (jq, JavaScript) keep exactly (RFC 8259 section 6)."""

Natural = Annotated[int, Meta(ge=0, le=MAX_SAFE_INTEGER)]
Decimal = Annotated[str, Meta(pattern=r"^(0|[1-9][0-9]{0,29})\Z")]
Size = Natural | Decimal
"""Bytes: a number up to 2^53, decimal text above (a sparse file can say 2^63-1)."""
Time = Annotated[str, Meta(pattern=TIME_PATTERN)]
FileTime = Annotated[str, Meta(pattern=FILE_TIME_PATTERN)]
Mode = Annotated[str, Meta(pattern=r"^[0-7]{4}\Z")]
"""Permission bits in octal."""
MEMBER_TIME_PATTERN = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z?\Z"
"""RFC 3339, without ``Z`` if the container's format has no time zone."""
Hex = Annotated[str, Meta(pattern=r"^([0-9a-f]{2})+\Z")]
Sha256 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
RunId = Annotated[str, Meta(pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\Z")]
"""UUID version 7 (RFC 9562 section 5.7)."""
Setting = bool | Natural | str | tuple[str, ...] | None


class Value(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Base of all values in the file: unknown fields are refused, absent ones are not written."""


def check_path(path: str, path_uri: str | None) -> None:
    """Refuses a ``path_uri`` that names another path than ``path``.

    Raises:
        ValueError: they do not belong together.
    """
    if path_uri is None:
        return
    try:
        paths.from_text(path, path_uri)
    except FindingsError as error:
        raise ValueError(str(error)) from error


def large(number: int) -> int | str:
    """Returns a count that may exceed 2^53 in the form of a :data:`Size` field."""
    return number if number <= MAX_SAFE_INTEGER else str(number)
