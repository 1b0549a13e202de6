"""A bar while a run goes on: files, bytes, rate, time left where the total is known, findings and faults so far."""

import contextlib
import sys
import time
from types import TracebackType
from typing import Any, Protocol, Self

from hashaudit.model.counted import counted
from hashaudit.scan.events import Progress
from hashaudit_cli.ui.terminal import bytes_shown, log, logs_json

LINE_INTERVAL_S = 60.0
"""Seconds between progress lines where standard error is not a terminal, so that a log shows life and stays short."""


class ProgressDisplay(Protocol):
    """Shows how far a run is."""

    def show(self, progress: Progress) -> None:
        """Takes the newest state."""
        ...

    def clear(self) -> None:
        """Makes room for other lines until the next state."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Silent:
    """Shows nothing."""

    def show(self, progress: Progress) -> None:
        """Takes the newest state."""

    def clear(self) -> None:
        """Nothing is in the way."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass


class Lines(Silent):
    """One line a minute, for logs."""

    def __init__(self) -> None:
        self._next_s = time.monotonic() + LINE_INTERVAL_S

    def show(self, progress: Progress) -> None:
        """Takes the newest state."""
        if time.monotonic() >= self._next_s:
            self._next_s = time.monotonic() + LINE_INTERVAL_S
            log(described(progress) + f", {bytes_shown(progress.bytes_done)} read")


class Bar:
    """A bar on the terminal."""

    def __init__(self) -> None:
        # Start-up: tqdm is loaded only where a bar is shown.
        from tqdm import tqdm  # noqa: PLC0415 # as above

        # Its monitor thread is of no use here: the run reports several times a second.
        tqdm.monitor_interval = 0
        self._bar: Any = tqdm(
            unit="B",
            unit_scale=True,
            unit_divisor=1024,
            dynamic_ncols=True,
            file=sys.stderr,
            leave=False,
            mininterval=0.1,
        )

    def show(self, progress: Progress) -> None:
        """Takes the newest state."""
        # The total is known once the walk has ended; before that a percentage would be a guess.
        self._bar.total = max(progress.bytes_walked, progress.bytes_done) if progress.walk_ended else None
        self._bar.n = progress.bytes_done
        self._bar.set_postfix_str(described(progress), refresh=False)
        # A terminal that went away changes nothing of the run.
        with contextlib.suppress(OSError, ValueError):
            self._bar.refresh()

    def clear(self) -> None:
        """Takes the bar away until the next state."""
        with contextlib.suppress(OSError, ValueError):
            self._bar.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._bar.close()


def display(*, quiet: bool) -> ProgressDisplay:
    """The display that suits standard error."""
    if quiet:
        return Silent()
    return Bar() if sys.stderr.isatty() and not logs_json() else Lines()


def described(progress: Progress) -> str:
    """Files, findings and faults so far."""
    of = f" of {progress.files_walked:,}" if progress.walk_ended else ""
    findings, faults = counted(progress.findings, "finding"), counted(progress.faults, "fault")
    return f"{progress.files_done:,}{of} files, {findings}, {faults}"
