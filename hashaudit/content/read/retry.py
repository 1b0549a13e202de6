"""How often and how long a store is asked for one object."""

import random
import time
from collections.abc import Callable
from typing import TypeVar

import msgspec

from hashaudit.model.faults import Fault, Stage
from hashaudit.objectstores.interface import StoreError

T = TypeVar("T")


class FetchLimits(msgspec.Struct, frozen=True):
    """How much trouble one object is worth."""

    states: int = 3
    """Read at most; each but the first after an overwriting."""
    attempts: int = 5
    """In a row without :attr:`progress_bytes`."""
    progress_bytes: int = 1 << 20
    """After as much the count of attempts begins anew."""
    backoff_s: float = 0.2
    """Before the second attempt, doubled before each further one; by chance up to half of it less, so that the many
    requests that a slow store refused at once do not come again at once."""
    patience_s: float = 60.0
    """Without progress, after which no further attempt is made. With the time that the last one may take it is still
    below the time after which a silent worker is ended."""


class FailedError(Exception):
    """An object was not to be had."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.message)
        self.fault = fault


class Retry:
    """Counts the failures of one request."""

    def __init__(self, limits: FetchLimits) -> None:
        self._limits = limits
        self._failures = 0
        self._position = 0
        self._since_s = time.monotonic()

    def meet(self, error: StoreError, position: int) -> None:
        """Waits before the next attempt, where there is to be one.

        Args:
            error: what went wrong.
            position: how many bytes have come so far.

        Raises:
            FailedError: there is to be none.
        """
        now_s = time.monotonic()
        if position - self._position >= self._limits.progress_bytes:
            self._failures, self._position, self._since_s = 0, position, now_s
        self._failures += 1
        patient = self._failures < self._limits.attempts and now_s - self._since_s < self._limits.patience_s
        if not (error.passing and patient):
            stage = Stage.READ if error.passing else Stage.OPEN
            raise FailedError(Fault(stage, error.code, str(error), self._failures)) from error
        pause_s = self._limits.backoff_s * 2 ** (self._failures - 1)
        time.sleep(pause_s * random.uniform(0.5, 1.0))  # noqa: S311 # spreads requests, guards nothing


def retry(ask: Callable[[], T], limits: FetchLimits) -> T:
    """What a request gives, asked again while that may help.

    Raises:
        FailedError: it gave nothing.
    """
    patience = Retry(limits)
    while True:
        try:
            return ask()
        except StoreError as error:
            patience.meet(error, 0)
