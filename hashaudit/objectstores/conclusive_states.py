"""Decides whether a listed state of an object proves its content.

The reasons are in docs/adr/0028-trust-object-states-for-cached-hashes.md.
A strong entity tag changes with the content. The tags of S3 are MD5 digests, of which anyone can make two equal ones,
so the time of modification has to prove it as well: it does once no later write can get the same second.
"""

import email.utils
from datetime import datetime

SETTLED_NS = 2 * 10**9
"""Age of the last write from which a later one certainly has another second."""

_WEAK = "W/"


def is_strong(etag: str) -> bool:
    """Returns whether an entity tag, as sent, stands for exact bytes (RFC 9110, 8.8.1)."""
    return bool(etag.strip('"')) and not etag.startswith(_WEAK)


def is_settled(last_modified_ns: int, now_ns: int | None) -> bool:
    """Returns whether no later write can have the same time of modification.

    Args:
        last_modified_ns: of the object; 0: unknown.
        now_ns: the time on the clock of the store when it listed the object; ``None``: unknown.
    """
    return now_ns is not None and 0 < last_modified_ns <= now_ns - SETTLED_NS


def http_date_ns(text: str | None) -> int | None:
    """Returns the time in a header field, in nanoseconds since the epoch; ``None``: it has none."""
    try:
        date: datetime = email.utils.parsedate_to_datetime(text or "")
        return int(date.timestamp()) * 10**9
    except (IndexError, OverflowError, TypeError, ValueError):
        return None
