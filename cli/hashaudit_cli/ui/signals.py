"""Signals that end, pause or question a command: at once while it prepares, in order while it runs."""

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from types import FrameType

from hashaudit.scan.control import Control
from hashaudit_cli.ui.streams import STANDARD_ERROR
from hashaudit_cli.ui.terminal import log

STOP_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")
QUESTION_SIGNALS = ("SIGUSR1", "SIGINFO")
"""SIGINFO is Ctrl-T on macOS and the BSDs."""

SETTLE_S = 0.05
"""Between a pause and the stop: the workers end their last read, and it shows if the pause is taken back at once. Two
signals that come together are handled in any order; a pause that is lost does less harm than one without an end."""

_Handler = Callable[[int, FrameType | None], None]

_PREPARING = b"hashaudit: preparing: nothing is examined yet\n"


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

    def answer(_number: int, _: FrameType | None) -> None:
        # Not through the stream: the handler may have come in the middle of a word of its own.
        with contextlib.suppress(OSError):
            os.write(STANDARD_ERROR, _PREPARING)

    # There is nothing to finish before a pause: the system's own way will do.
    handlers: dict[str, _Handler | signal.Handlers] = {"SIGTSTP": signal.SIG_DFL}
    handlers |= dict.fromkeys(STOP_SIGNALS, interrupt) | dict.fromkeys(QUESTION_SIGNALS, answer)
    with _handling(handlers):
        yield


@contextlib.contextmanager
def obeying_signals() -> Iterator[Control]:
    """Turns signals into requests to a run. The second stop signal acts at once, as without this."""
    requests = Control()

    def stop(number: int, _: FrameType | None) -> None:
        requests.signal_number = number
        for name in handled.intersection(STOP_SIGNALS):
            signal.signal(getattr(signal, name), signal.SIG_DFL)

    def pause(_number: int, _: FrameType | None) -> None:
        requests.pause = True

    def go_on(_number: int, _: FrameType | None) -> None:
        requests.continued_s = time.monotonic()

    def report(_number: int, _: FrameType | None) -> None:
        requests.report = True

    handlers = dict.fromkeys(STOP_SIGNALS, stop) | dict.fromkeys(QUESTION_SIGNALS, report)
    with _handling(handlers | {"SIGTSTP": pause, "SIGCONT": go_on}) as handled:
        yield requests


def suspend(requests: Control, *, quiet: bool) -> None:
    """Stops this process until it is continued, unless that has happened together with the pause."""
    if not quiet:
        log("paused: nothing is read until SIGCONT")
    time.sleep(SETTLE_S)
    if time.monotonic() - requests.continued_s > 2 * SETTLE_S:
        # SIGSTOP, for SIGTSTP stops no process whose parent is not of its session (a service, a detached one).
        os.kill(os.getpid(), signal.SIGSTOP)
    if not quiet:
        log("continued")


@contextlib.contextmanager
def _handling(handlers: Mapping[str, _Handler | signal.Handlers]) -> Iterator[frozenset[str]]:
    """Sets handlers by the names of the signals; gives the names of those that were set."""
    before = {}
    for name, handler in handlers.items():
        number = getattr(signal, name, None)
        # What the caller has set to be ignored stays so: nohup, and Ctrl-C for jobs in the background of a script.
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            before[name] = signal.signal(number, handler)
    try:
        yield frozenset(before)
    finally:
        for name, former in before.items():
            signal.signal(getattr(signal, name), former)
