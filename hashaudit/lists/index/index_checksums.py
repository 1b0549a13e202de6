"""Verification of the checksums of an index."""

import blake3

from hashaudit.errors import ListError
from hashaudit.lists.index import index_layout
from hashaudit.lists.index.index_reader import ListIndex


def verify_checksums(index: ListIndex) -> None:
    """Reads every byte and compares checksums. Finds all accidental damage, but not a deliberately wrong index.

    Raises:
        ListError: a section is damaged; the message names it.
    """
    with memoryview(index.image) as image:
        end = index_layout.HEADER_BYTES
        for section in index.header.sections:
            if any(image[end : section.offset]):
                raise _damaged("bytes between sections")
            end = section.offset + section.size
            with image[section.offset : section.offset + section.size] as content:
                digest = blake3.blake3(content, max_threads=blake3.blake3.AUTO).digest()
            if digest != section.checksum:
                raise _damaged(f"checksum of {section.name}")


def _damaged(what: str) -> ListError:
    return ListError(f"compiled index is damaged: {what}")
