"""Whether an index is whole: what opening it does not look at because it would take longer than a scan may wait."""

import blake3

from hashaudit.errors import ListError
from hashaudit.hashlists.index.reader import ListIndex


def verify_checksums(index: ListIndex) -> None:
    """Reads every section and compares its checksum: finds all damage, and nothing that whoever made the index meant.

    Raises:
        ListError: a section is damaged; the message names it.
    """
    with memoryview(index.image) as image:
        for section in index.header.sections:
            with image[section.offset : section.offset + section.size] as content:
                digest = blake3.blake3(content, max_threads=blake3.blake3.AUTO).digest()
            if digest != section.checksum:
                raise ListError(f"compiled index is damaged: checksum of {section.name}")
