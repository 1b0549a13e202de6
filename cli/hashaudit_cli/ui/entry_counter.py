"""Displays how many entries of a list are taken."""

import sys
import time
from dataclasses import dataclass

from hashaudit.model.counted import counted

PROGRESS_INTERVAL_S = 0.2


@dataclass
class EntryCounter:
    """Shows how many entries have been taken, on a terminal only."""

    quiet: bool
    entries: int = 0
    next_s: float = 0.0

    def __call__(self, more: int) -> None:
        """Counts ``more`` entries."""
        self.entries += more
        if not self.quiet and sys.stderr.isatty() and time.monotonic() >= self.next_s:
            self.next_s = time.monotonic() + PROGRESS_INTERVAL_S
            print(f"\r{counted(self.entries, 'entry', 'entries')}", end="", file=sys.stderr, flush=True)

    def finish(self) -> None:
        """Clears the line."""
        if self.next_s:
            print("\r" + " " * 40 + "\r", end="", file=sys.stderr, flush=True)
