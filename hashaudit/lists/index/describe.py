"""Description of an index that reveals no entry of its lists."""

import msgspec

from hashaudit.lists.index.index_layout import VERSION
from hashaudit.lists.index.index_reader import ListIndex
from hashaudit.lists.interface import ListInfo
from hashaudit.model.results import AlgorithmName


class Description(msgspec.Struct, frozen=True):
    """An index as a whole, and its lists."""

    version: int
    """Version of the index format."""
    size_bytes: int
    checksum: str
    """Checksum in hex; it identifies the whole content."""
    digests: dict[AlgorithmName, int]
    """Number of digests by algorithm, including perceptual hashes."""
    lists: tuple[ListInfo, ...]


def describe(index: ListIndex) -> Description:
    """Returns the description of an open index."""
    return Description(
        version=VERSION,
        size_bytes=index.header.size,
        checksum=index.checksum,
        digests={algorithm: section.count for algorithm, section in index.sections.items()},
        lists=index.infos,
    )
