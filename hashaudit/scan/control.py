"""Requests to a scan in progress."""

import math


class Control:
    """Requests set from signal handlers. The scan checks them several times a second."""

    def __init__(self) -> None:
        self.signal_number: int | None = None
        """Signal because of which the scan ends in order."""
        self.pause = False
        """True to stop reading and let the caller suspend this process."""
        self.continued_s = -math.inf
        """Time at which this process was last continued, on the monotonic clock."""
        self.report = False
        """True to report once what each worker examines."""
