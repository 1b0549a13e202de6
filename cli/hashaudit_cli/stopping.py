"""Signals that end a command: at once and cleanly while it prepares, in order while it runs."""

import contextlib
import signal
from collections.abc import Callable, Collection, Iterator
from types import FrameType

from hashaudit.audit.run import StopRequest

STOP_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")

_Handler = Callable[[int, FrameType | None], None]


class InterruptedBySignalError(Exception):
    """A signal came before anything was begun that has to be ended in order."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@contextlib.contextmanager
def interrupting_on_signals() -> Iterator[None]:
    """Turns the stop signals into :class:`InterruptedBySignalError`, so that what is temporary is removed."""

    def interrupt(number: int, _: FrameType | None) -> None:
        raise InterruptedBySignalError(number)

    with _handling(interrupt):
        yield


@contextlib.contextmanager
def stopping_on_signals() -> Iterator[StopRequest]:
    """Turns the first of the stop signals into a request; the second acts at once, as without this."""
    stop = StopRequest()

    def request(number: int, _: FrameType | None) -> None:
        stop.signal_number = number
        for other in handled:
            signal.signal(other, signal.SIG_DFL)

    with _handling(request) as handled:
        yield stop


@contextlib.contextmanager
def _handling(handler: _Handler) -> Iterator[Collection[int]]:
    before = {}
    for name in STOP_SIGNALS:
        number = getattr(signal, name, None)
        # What the caller has set to be ignored stays so: nohup, and Ctrl-C for jobs in the background of a script.
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            before[number] = signal.signal(number, handler)
    try:
        yield before.keys()
    finally:
        for number, former in before.items():
            signal.signal(number, former)
