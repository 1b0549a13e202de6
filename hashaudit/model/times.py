"""Times of files, in any of which a filesystem can hold more than 64 bits of nanoseconds."""

from decimal import Decimal

LAST_NS = (1 << 63) - 1
"""2262-04-11."""

TimeNs = int | Decimal
"""Nanoseconds since 1970-01-01T00:00:00Z, exact. A ``Decimal`` outside of 64 bits, which MessagePack has no number for.

A filesystem keeps seconds of 64 bits, and any owner of a file can set its mtime to year 3000 (utimensat(2)). The file
must not stop the scan.
"""


def time_ns(nanoseconds: int) -> TimeNs:
    """Returns a time that can be encoded."""
    return nanoseconds if -LAST_NS <= nanoseconds <= LAST_NS else Decimal(nanoseconds)


TICK_NS = 20 * 10**6
"""Two changes within two ticks of the kernel's clock may get the same time (ktime_get_coarse_real_ts64; CONFIG_HZ is at
least 100)."""

COARSE_NS = 2 * 10**9
"""The same for filesystems that store whole seconds, or every second one."""


def uncertain_ns(mtime_ns: int, ctime_ns: int) -> int:
    """Returns for how long after these times of a file or directory another change may leave them as they are."""
    return COARSE_NS if mtime_ns % 10**9 == 0 and ctime_ns % 10**9 == 0 else TICK_NS


def uncertain_left_ns(mtime_ns: int, ctime_ns: int, now_ns: int) -> int:
    """Returns how long another change may still leave these times as they are; 0 if it cannot, or they are ahead."""
    limit_ns = uncertain_ns(mtime_ns, ctime_ns)
    latest_ns = max(mtime_ns, ctime_ns)
    return max(0, latest_ns + limit_ns - now_ns) if abs(now_ns - latest_ns) < limit_ns else 0
