"""The common part of disk images that map blocks of a disk to places in a file."""

from abc import abstractmethod
from collections import OrderedDict

from hashaudit.content.containers.interface import ContainerError, RandomSource
from hashaudit.content.containers.member_source import ReadInOrder
from hashaudit.model.faults import FaultCode

CACHED_BYTES = 4 << 20
"""Unpacked blocks that are kept, because file systems read the same ones again and again."""

MAX_BLOCK_BYTES = 256 << 20
MAX_TABLE_BYTES = 256 << 20
"""Longest block of a format (VHDX), and longest table of blocks: that of a disk of some 16 TiB."""

DAMAGED = "the image is damaged; members may be missing"
DAMAGED_BLOCK = "a block of the image is damaged"
ENDS_EARLY = "the image ends early"
ENCRYPTED = "the image is encrypted"
UNSUPPORTED = "this form of the image is not supported"
OTHER_FILE = "a part of the image is in another file"


class BlockMap(ReadInOrder):
    """A disk in an image, at any position.

    Args:
        source: the image.
        size: length of the disk in bytes.
        block_bytes: length of a block.

    Raises:
        ContainerError: the numbers are impossible.
    """

    def __init__(self, source: RandomSource, size: int, block_bytes: int) -> None:
        if not 0 < block_bytes <= MAX_BLOCK_BYTES or not 0 <= size < 1 << 62:
            raise ContainerError(FaultCode.DAMAGED, DAMAGED)
        self.source = source
        self.size = size
        self.block_bytes = block_bytes
        self._blocks: OrderedDict[int, bytes] = OrderedDict()

    @abstractmethod
    def stored_at(self, number: int) -> int | None:
        """Returns where a block stands as it is; ``None``: it is zeros, or :meth:`unpacked` gives it."""

    def unpacked(self, number: int) -> bytes | None:
        """Returns a block that is packed; ``None``: it is not.

        Raises:
            ContainerError: it cannot be unpacked.
        """
        del number
        return None

    def read_at(self, offset: int, count: int) -> bytes:
        """Returns the bytes at a position, fewer at the end."""
        count = min(count, self.size - offset)
        if offset < 0:
            return b""
        parts = []
        while count > 0:
            number, within = divmod(offset, self.block_bytes)
            length = min(count, self.block_bytes - within)
            parts.append(self._part(number, within, length))
            offset += length
            count -= length
        return b"".join(parts)

    def _part(self, number: int, within: int, length: int) -> bytes:
        block = self._blocks.get(number)
        if block is not None:
            self._blocks.move_to_end(number)
        else:
            at = self.stored_at(number)
            if at is not None:
                data = self.source.read_at(at + within, length)
                if len(data) < length:
                    raise ContainerError(FaultCode.DAMAGED, ENDS_EARLY)
                return data
            block = self.unpacked(number)
            if block is None:
                return bytes(length)
            self._blocks[number] = block
            if len(self._blocks) > max(1, CACHED_BYTES // self.block_bytes):
                self._blocks.popitem(last=False)
        if len(block) < within + length:
            raise ContainerError(FaultCode.DAMAGED, DAMAGED_BLOCK)
        return block[within : within + length]


def read_table(source: RandomSource, at: int, count: int, word_bytes: int) -> bytes:
    """Returns a table of numbers.

    Raises:
        ContainerError: it is not whole, or impossibly long.
    """
    length = count * word_bytes
    if not 0 <= length <= MAX_TABLE_BYTES:
        raise ContainerError(FaultCode.DAMAGED, DAMAGED)
    data = source.read_at(at, length)
    if len(data) < length:
        raise ContainerError(FaultCode.DAMAGED, ENDS_EARLY)
    return data
