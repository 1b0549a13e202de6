"""The reader of texts that hold files in uuencode, its form with base64, or yEnc, outside of mail.

Source: POSIX.1-2017 uuencode; yEnc draft 1.3.
"""

from collections.abc import Iterator

from hashaudit.content.containers.interface import CHUNK_BYTES, Found, MemberContent, Source
from hashaudit.content.containers.transfer_decoding import encoded_blocks


def read_uuencode(source: Source) -> Iterator[Found]:
    """Reads the files of a text in their order."""
    for number, (name, content) in enumerate(encoded_blocks(iter(lambda: source.read(CHUNK_BYTES), b""))):
        yield MemberContent(number, name, content)
