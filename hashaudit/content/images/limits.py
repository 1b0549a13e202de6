"""Limits on the decoding of one image. This package enforces them; the worker's own limits are the second line."""

import msgspec

SLOWEST_DECODE_BYTES_PER_S = 1 << 20
"""Encoded bytes. The slowest decoders on the slowest processors are still above it."""

DECODER_REVISION = 1
"""Raise it when this package gives other pixels, frames or verdicts for the same file and dependencies."""


class DecodeLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Limits on one file. What is beyond one is not decoded, and a fault names the limit."""

    max_bytes: int = 256 << 20
    """Of the encoded file. Photographs of the largest sensors stay below; a decoder reads the whole file."""
    max_pixels: int = 120_000_000
    """Of one frame. Telephones take 108 million; a decoded pixel of a large picture takes up to 7 bytes,
    so 840 MB is the most that luma costs. A colour hash takes several times as much."""
    max_frames: int = 33
    """Frames given of one file. Of more, evenly spaced ones are taken: the first, the last and, the number being odd,
    the middle one."""
    max_frames_passed: int = 2_000
    """Frames gone through to reach those. What lies behind is not examined, and that is a fault."""
    timeout_s: float = 60.0
    """For a small file; see :meth:`deadline_s`."""

    def deadline_s(self, size_bytes: int) -> float:
        """How long decoding a file may take.

        Looked at between frames; within a frame only the worker's supervisor can end it.
        """
        return self.timeout_s + size_bytes / SLOWEST_DECODE_BYTES_PER_S
