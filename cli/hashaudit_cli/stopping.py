"""Signals that end a run in order."""

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType

from hashaudit.audit.run import StopRequest

STOP_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")


@contextlib.contextmanager
def stopping_on_signals() -> Iterator[StopRequest]:
    """Turns the first of the stop signals into a request; the second acts at once, as without this."""
    stop = StopRequest()
    before = {}

    def request(number: int, _: FrameType | None) -> None:
        stop.signal_number = number
        signal.signal(number, signal.SIG_DFL)

    for name in STOP_SIGNALS:
        if hasattr(signal, name):
            number = getattr(signal, name)
            before[number] = signal.signal(number, request)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
