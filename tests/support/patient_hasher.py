"""A plugged hasher that waits for a file to appear, so that a test decides when a run goes on."""

import os
import time

import numpy as np
import numpy.typing as npt

GO = "HASHAUDIT_TEST_GO"
"""Names the variable that holds the file's path. A cage lets nothing be read there, but its presence be seen."""


class Patient:
    """Hashes everything to the same value, sooner or later."""

    name = "patient"
    length_bytes = 8
    needs = "luma"
    metric = "hamming"
    threshold = 4

    def hash(self, pixels: npt.NDArray[np.uint8]) -> bytes:
        while not os.path.exists(os.environ[GO]):
            time.sleep(0.02)
        return bytes(8) if pixels.size else b""
