"""Leading words: the first eight bytes of digests as numbers with the same order."""

import numpy as np
import numpy.typing as npt

from hashaudit.lists.index.lookup import Image

Words = npt.NDArray[np.uint64]

WORD_BYTES = 8


def leading_words(
    buffer: "Image | npt.NDArray[np.void]", count: int, width_bytes: int, stride_bytes: int, offset: int = 0
) -> Words:
    """Returns a view of the digests; for digests shorter than eight bytes a zero-padded copy.

    Args:
        buffer: contains the digests.
        count: number of digests.
        width_bytes: size of a digest.
        stride_bytes: distance from one digest to the next.
        offset: of the first digest.
    """
    if width_bytes >= WORD_BYTES:
        return np.ndarray(count, ">u8", buffer, offset, (stride_bytes,))
    padded = np.zeros((count, WORD_BYTES), np.uint8)
    padded[:, :width_bytes] = np.ndarray((count, width_bytes), np.uint8, buffer, offset, (stride_bytes, 1))
    return padded.view(">u8")[:, 0]
