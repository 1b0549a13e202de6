"""Lists that imagehash wrote before its version 4.0: nothing in them shows it, so the user has to say.

Loaded only for such lists, because it needs the table of perceptual hashes and with it numpy and Pillow.
"""

import msgspec

from hashaudit.content.digests.digest_registry import DIGESTS
from hashaudit.content.perceptual.hex import from_hex
from hashaudit.content.perceptual.perceptual_registry import PDQ, algorithm_named
from hashaudit.errors import ListError
from hashaudit.lists.algorithms import LENGTHS_BYTES
from hashaudit.lists.interface import DigestBlock, ListEntry
from hashaudit.model.results import AlgorithmName


def entry_of_today(entry: ListEntry) -> ListEntry:
    """The entry with its imagehash values in today's order of bits.

    Raises:
        ListError: a hash has no form from before imagehash 4.0.
    """
    return msgspec.structs.replace(entry, digests={name: _of_today(name, raw) for name, raw in entry.digests.items()})


def block_of_today(block: DigestBlock) -> DigestBlock:
    """As :func:`entry_of_today`."""
    width = LENGTHS_BYTES[block.algorithm]
    parts = (block.digests[place : place + width] for place in range(0, len(block.digests), width))
    return msgspec.structs.replace(block, digests=b"".join(_of_today(block.algorithm, part) for part in parts))


def _of_today(name: AlgorithmName, raw: bytes) -> bytes:
    algorithm = algorithm_named(name)
    if name in DIGESTS or name == PDQ.name or algorithm is None:
        return raw
    try:
        return from_hex(algorithm, raw.hex(), imagehash_pre4=True)
    except ValueError as error:
        raise ListError(str(error)) from None
