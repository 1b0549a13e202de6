"""Limit on the malformed records of a list: beyond it, the list is refused."""

import math
import re

import msgspec

from hashaudit.lazy import lazy_pattern
from hashaudit.lists.interface import RejectReason

MALFORMED_REASONS = frozenset({RejectReason.MALFORMED, RejectReason.WRONG_LENGTH, RejectReason.TOO_LONG})
"""Reasons that count as malformed: damage, a wrong format or a wrong algorithm. Other rejects occur in intact lists."""

_FORM = lazy_pattern(r"(\d{1,18})|(\d{1,3}(?:\.\d{1,6})?)\s*%", re.ASCII)
_MAX_PERCENT = 100.0


class MalformedLimit(msgspec.Struct, frozen=True):
    """The number of malformed records that a list may have."""

    records: int | None = None
    """Maximum number; ``None`` for no such limit."""
    percent: float | None = None
    """Maximum share of all records; ``None`` for no such limit."""
    always: int = 0
    """Number that is allowed in the shortest list too: a title above the hashes."""

    def allowed(self, read: int) -> int:
        """Returns how many of ``read`` records may be malformed."""
        share = read if self.percent is None else math.floor(read * self.percent / _MAX_PERCENT)
        return max(self.always, share if self.records is None else min(share, self.records))


DEFAULT_LIMIT = MalformedLimit(records=100, percent=1.0, always=1)
"""One in a hundred and never more than a hundred, but one in any list: editing by hand leaves as many behind."""

NO_MALFORMED = MalformedLimit(records=0)
"""The limit of strict formats, whose records were all written by a program."""


def malformed_limit(text: str) -> MalformedLimit:
    """Returns the limit of ``20`` (records) or ``5%`` (a share of all records).

    Raises:
        ValueError: the text is neither.
    """
    form = _FORM.fullmatch(text.strip())
    if form is None or (form[2] is not None and float(form[2]) > _MAX_PERCENT):
        raise ValueError("must be a number of lines or a percentage, such as 20 or 5%")
    return MalformedLimit(records=int(form[1])) if form[1] else MalformedLimit(percent=float(form[2]))


def malformed_limit_text(text: str) -> str:
    """Returns the text of a limit without white space.

    Raises:
        ValueError: the text is not a limit.
    """
    malformed_limit(text)
    return "".join(text.split())
