"""Times of files, in any of which a filesystem can hold more than 64 bits of nanoseconds."""

from decimal import Decimal

_LAST_NS = (1 << 63) - 1
"""2262-04-11."""

TimeNs = int | Decimal
"""Nanoseconds since 1970-01-01T00:00:00Z, exact. A ``Decimal`` outside of 64 bits, which MessagePack has no number for.

A filesystem keeps seconds of 64 bits, and any owner of a file can set its mtime to year 3000 (utimensat(2)). The file
must not stop the scan.
"""


def time_ns(nanoseconds: int) -> TimeNs:
    """Returns a time that can be encoded."""
    return nanoseconds if -_LAST_NS <= nanoseconds <= _LAST_NS else Decimal(nanoseconds)
