"""The id of a scan: unique without a registry, and sorted by time."""

import os
import uuid

_NS_PER_MS = 1_000_000
_VERSION = 7
_VARIANT = 0b10


def new_run_id(time_ns: int) -> str:
    """A UUID version 7.

    Args:
        time_ns: now, nanoseconds since the epoch.

    Source: RFC 9562 section 5.7: 48 bits of milliseconds, version, 12 random bits, variant, 62 random bits.
    """
    milliseconds = (time_ns // _NS_PER_MS) & (2**48 - 1)
    random_high = int.from_bytes(os.urandom(2)) >> 4
    random_low = int.from_bytes(os.urandom(8)) >> 2
    number = milliseconds << 80 | _VERSION << 76 | random_high << 64 | _VARIANT << 62 | random_low
    return str(uuid.UUID(int=number))
