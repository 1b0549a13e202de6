"""Requests to a running scan."""

import math


class Control:
    """Requests to a running scan, set from a signal handler or another thread.

    The scan reads them several times a second while its caller asks for events.
    """

    def __init__(self) -> None:
        self.signal_number: int | None = None
        """End in order because of this signal."""
        self.stop = False
        """End in order. The scan can be resumed."""
        self.pause = False
        """Read nothing until the caller asks for the event after ``Paused``."""
        self.continued_s = -math.inf
        """When this process was last continued, in seconds on the monotonic clock."""
        self.report = False
        """Report once what every worker examines."""

    @property
    def is_stopping(self) -> bool:
        """Returns whether the scan has to end before its walk ends."""
        return self.stop or self.signal_number is not None
