"""Retries after errors that may pass: how often, how long to wait, when to stop, and which errors are transient.

The walk, the reading of files and every access to an object store use it. It decides nothing about content: a caller
that retries a read has to compare the states itself.
"""

import errno
import os
import time
from collections.abc import Callable
from typing import TypeVar

import msgspec

from hashaudit.model.faults import FaultCode

ResultT = TypeVar("ResultT")

TRANSIENT_ERRORS = frozenset({errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.ECONNRESET, errno.EAGAIN, errno.ENOTCONN})
"""Errors of a mount whose daemon or server does not answer, and of a handle that the server has forgotten."""

_TRANSIENT_FAULTS = frozenset({FaultCode.STALE_HANDLE, FaultCode.TIMEOUT})
"""A server came back, or another process gave up a lease."""

_TRANSIENT_FAULTS_ON_MOUNTS = _TRANSIENT_FAULTS | {FaultCode.IO_ERROR}
"""A FUSE daemon or a file server reports every network error as EIO."""


class RetryPolicy(msgspec.Struct, frozen=True):
    """Limits of the attempts at one operation."""

    attempts: int
    """Most attempts in a row without :attr:`progress_bytes`."""
    backoff_s: float
    """Pause before the second attempt, doubled before each further one."""
    jitter: float = 0.0
    """Largest share of a pause that is skipped at random, so that many requests that a slow server refused together do
    not return together."""
    deadline_s: float | None = None
    """Time without progress after which no further attempt begins; ``None``: no limit."""
    progress_bytes: int | None = None
    """Bytes of progress that restart the count of attempts and the deadline; ``None``: nothing restarts them."""

    def pause_s(self, failures: int) -> float:
        """Returns the pause after a number of failures in a row, from 1."""
        pause_s: float = self.backoff_s * 2 ** (failures - 1)
        return pause_s * (1 - self.jitter * os.urandom(1)[0] / 255) if self.jitter else pause_s


ON_MOUNT = RetryPolicy(attempts=3, backoff_s=0.25)
"""For the walk behind a FUSE daemon or a file server: a lost connection may come back."""


class Retry:
    """The attempts at one operation. The deadline counts from its creation."""

    def __init__(self, policy: RetryPolicy) -> None:
        self._policy = policy
        self._position = 0
        self._since_s = time.monotonic()
        self.failures = 0
        """Failures in a row."""

    def wait(self, *, transient: bool, position: int = 0) -> bool:
        """Counts a failure and waits before the next attempt.

        Args:
            transient: the error may pass.
            position: number of bytes that have arrived so far.

        Returns:
            Whether to try again. If not, it did not wait.
        """
        policy, now_s = self._policy, time.monotonic()
        if policy.progress_bytes is not None and position - self._position >= policy.progress_bytes:
            self.failures, self._position, self._since_s = 0, position, now_s
        self.failures += 1
        in_time = policy.deadline_s is None or now_s - self._since_s < policy.deadline_s
        if not (transient and in_time and self.failures < policy.attempts):
            return False
        time.sleep(policy.pause_s(self.failures))
        return True


def retry(action: Callable[[], ResultT], policy: RetryPolicy, is_transient: Callable[[Exception], bool]) -> ResultT:
    """Returns the result of an action, which is repeated after transient errors.

    Args:
        action: the operation. May be called several times.
        policy: the limits.
        is_transient: returns whether an error may pass.

    Raises:
        Exception: the error of the last attempt.
    """
    attempts = Retry(policy)
    while True:
        try:
            return action()
        except Exception as error:
            if not attempts.wait(transient=is_transient(error)):
                raise


def retry_on_mount(action: Callable[[], ResultT]) -> ResultT:
    """Returns the result of an action on a mount, repeated by :data:`ON_MOUNT`.

    Raises:
        OSError: the error of the last attempt, or one that is not transient.
    """
    return retry(action, ON_MOUNT, lambda error: isinstance(error, OSError) and error.errno in TRANSIENT_ERRORS)


def is_transient_fault(code: FaultCode, *, on_mount: bool) -> bool:
    """Returns whether a fault of reading a file may be absent at the next attempt.

    Args:
        code: of the fault.
        on_mount: a FUSE daemon or a file server provides the file.
    """
    return code in (_TRANSIENT_FAULTS_ON_MOUNTS if on_mount else _TRANSIENT_FAULTS)
