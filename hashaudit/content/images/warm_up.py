"""Decodes one tiny image of each kind before the sandbox closes, so that every decoder has loaded what it needs.

Libraries import parts of themselves at the first image of a kind: Pillow imports ``copy`` at its first GIF with a local
palette. In the sandbox such an import is refused (hashaudit/workers/child/import_guard.py).
"""

import functools
import os
from collections.abc import Iterator

import msgspec

from hashaudit.content.images.decode import Frame, decode
from hashaudit.content.images.limits import DecodeLimits

SAMPLES = os.path.join(os.path.dirname(__file__), "samples")
"""The directory of the images; tests/support/warm_up_samples.py makes them."""


@functools.cache
def warm_up() -> None:
    """Decodes each sample, cut in half, and against limits that refuse it; those decoded in grey in colour too."""
    limits = DecodeLimits()
    refusing = msgspec.structs.replace(limits, max_pixels=2)
    for name in sorted(os.listdir(SAMPLES)):
        with open(os.path.join(SAMPLES, name), "rb") as file:
            data = file.read()
        if any(isinstance(item, Frame) and item.colour is None for item in decode(data, limits)):
            _exhaust(decode(data, limits, colour=True))
        _exhaust(decode(data[: len(data) // 2], limits))
        _exhaust(decode(data, refusing))


def _exhaust(items: Iterator[object]) -> None:
    for _ in items:
        pass
