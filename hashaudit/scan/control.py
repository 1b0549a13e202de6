"""What is asked of a run while it goes on."""

import math


class Control:
    """Set from signal handlers; the run looks several times a second."""

    def __init__(self) -> None:
        self.signal_number: int | None = None
        """End in order, because of this signal."""
        self.pause = False
        """Read nothing and let the caller suspend this process."""
        self.continued_s = -math.inf
        """When this process was last continued, on the monotonic clock."""
        self.report = False
        """Tell once what every worker is on."""
