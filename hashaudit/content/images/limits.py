"""Limits on the decoding of one image. This package enforces them; the worker's own limits are the second line."""

import msgspec

SLOWEST_DECODE_BYTES_PER_S = 1 << 20
"""Encoded bytes per second. Even the slowest decoders on the slowest processors exceed it."""

DECODER_REVISION = 3
"""Raise it when this package gives other pixels, frames or verdicts for the same file and dependencies."""


MAX_COUNTED_FRAMES = 1_000_000
"""Most frames that are counted. The number of skipped frames is at least that of the rest."""
MAX_FAULTY_FRAMES = 16
"""Frames of one file that fail before the rest is given up: each costs a decode, and says the same."""


class DecodeLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Limits on one file. Content beyond a limit is not decoded, and a fault names the limit."""

    max_bytes: int = 256 << 20
    """Size of the encoded file. A decoder reads the whole file. Photographs of the largest sensors are smaller."""
    max_pixels: int = 120_000_000
    """Pixels of one frame, as decoded: a JPEG is counted after scaling. Telephones have up to 200 million. A decoded
    pixel of a large image takes up to 7 bytes, so luma costs at most 840 MB. A colour hash takes several times as
    much."""
    max_frames: int = 1_000
    """Frames examined of one file that differ from the one before."""
    max_frames_passed: int = 20_000
    """Frames decoded to find the ones that differ."""
    timeout_s: float = 60.0
    """Time limit for a small file; see :meth:`deadline_s`."""

    def deadline_s(self, size_bytes: int) -> float:
        """Returns the time limit for decoding a file, in seconds.

        It is checked between frames. Within a frame only the parent's watchdog can end the worker.
        """
        return self.timeout_s + size_bytes / SLOWEST_DECODE_BYTES_PER_S
