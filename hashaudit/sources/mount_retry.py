"""Asking again where a FUSE daemon or a file server failed: a connection that was lost may come back."""

import errno
import time
from collections.abc import Callable
from typing import TypeVar

ATTEMPTS = 3

BACKOFF_S = 0.25
"""Before the second attempt, doubled before the third."""

TRANSIENT = frozenset({errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.ECONNRESET, errno.EAGAIN, errno.ENOTCONN})
"""What a mount says when its other side does not answer, and for a handle that the server forgot."""

ResultT = TypeVar("ResultT")


def retry_on_mount(action: Callable[[], ResultT]) -> ResultT:
    """Does something on a mount, again after an error that may pass.

    Raises:
        OSError: the last attempt's, or one that does not pass.
    """
    for attempt in range(ATTEMPTS - 1):
        try:
            return action()
        except OSError as error:
            if error.errno not in TRANSIENT:
                raise
        time.sleep(BACKOFF_S * 2**attempt)
    return action()
