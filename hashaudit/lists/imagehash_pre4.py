"""Conversion of lists written by imagehash before 4.0. The file does not mark the format, so the user must select it.

Imported only for such lists, because it needs the table of perceptual hashes and with it numpy and Pillow.
"""

import msgspec

from hashaudit.content.digests.digest_registry import DIGESTS
from hashaudit.content.perceptual.hex import from_hex
from hashaudit.content.perceptual.perceptual_registry import PDQ, algorithm_named
from hashaudit.errors import ListError
from hashaudit.lists.algorithms import LENGTHS_BYTES
from hashaudit.lists.interface import DigestBlock, ListEntry
from hashaudit.model.results import AlgorithmName


def convert_entry(entry: ListEntry) -> ListEntry:
    """Returns the entry with its imagehash values in the bit order of imagehash 4.0.

    Raises:
        ListError: a hash did not exist before imagehash 4.0.
    """
    return msgspec.structs.replace(
        entry, digests={name: _convert_hash(name, raw) for name, raw in entry.digests.items()}
    )


def convert_block(block: DigestBlock) -> DigestBlock:
    """Same as :func:`convert_entry`, for a block."""
    width = LENGTHS_BYTES[block.algorithm]
    parts = (block.digests[begin : begin + width] for begin in range(0, len(block.digests), width))
    return msgspec.structs.replace(block, digests=b"".join(_convert_hash(block.algorithm, part) for part in parts))


def _convert_hash(name: AlgorithmName, raw: bytes) -> bytes:
    algorithm = algorithm_named(name)
    if name in DIGESTS or name == PDQ.name or algorithm is None:
        return raw
    try:
        return from_hex(algorithm, raw.hex(), imagehash_pre4=True)
    except ValueError as error:
        raise ListError(str(error)) from None
