"""The first eight bytes of digests as numbers that order as the digests do."""

import numpy as np
import numpy.typing as npt

from hashaudit.lists.index.lookup import Image

Words = npt.NDArray[np.uint64]

WORD_BYTES = 8


def leading_words(
    buffer: "Image | npt.NDArray[np.void]", count: int, width_bytes: int, stride_bytes: int, offset: int = 0
) -> Words:
    """A view on the digests; of digests that are shorter than eight bytes a copy, zeros after each.

    Args:
        buffer: holds them.
        count: how many.
        width_bytes: of a digest.
        stride_bytes: from one to the next.
        offset: of the first.
    """
    if width_bytes >= WORD_BYTES:
        return np.ndarray(count, ">u8", buffer, offset, (stride_bytes,))
    padded = np.zeros((count, WORD_BYTES), np.uint8)
    padded[:, :width_bytes] = np.ndarray((count, width_bytes), np.uint8, buffer, offset, (stride_bytes, 1))
    return padded.view(">u8")[:, 0]
