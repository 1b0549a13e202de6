"""The reader of RPM packages. The payload, a compressed cpio archive, is the one member.

Source: rpm.org, "Package Format", versions 3 and 4; the payload's digest: rpm tags 5092 and 5093.
"""

import hashlib
import struct
from collections.abc import Iterator

from hashaudit.content.containers.interface import CHUNK_BYTES, ContainerError, Found, MemberContent, Source, Trouble
from hashaudit.content.containers.member_source import LookAhead
from hashaudit.model.faults import FaultCode

ENDS_EARLY = "the archive ends early"
DAMAGED_HEADER = "a header of the archive is damaged; members may be missing"
WRONG_CHECKSUM = "the checksum of the member does not agree with its content"

PAYLOAD = b"payload"
"""Name of the member, as the package's tags call it."""

_MAGIC = b"\x8e\xad\xe8\x01"
_DIGEST, _DIGEST_ALGORITHM = 5092, 5093
_SHA256 = 8
"""In OpenPGP's numbers (RFC 4880 9.4)."""

MAX_HEADER_BYTES = 256 << 20
"""As rpm's own limit."""


def read_rpm(source: Source) -> Iterator[Found]:
    """Reads a package: its lead, the header of signatures, the header, the payload."""
    ahead = LookAhead(source)
    ahead.read_exactly(96)
    headers = []
    for _ in range(2):
        start = ahead.read_exactly(16)
        count, size = struct.unpack_from(">8xII", start.ljust(16, b"\0"))
        if not start.startswith(_MAGIC) or 16 * count + size > MAX_HEADER_BYTES:
            yield Trouble(FaultCode.DAMAGED, DAMAGED_HEADER if len(start) == 16 else ENDS_EARLY)
            return
        body = ahead.read_exactly(16 * count + size)
        if len(body) < 16 * count + size:
            yield Trouble(FaultCode.DAMAGED, ENDS_EARLY)
            return
        headers.append((count, body))
        if len(headers) == 1:
            ahead.read_exactly(-ahead.position % 8)
    yield MemberContent(0, PAYLOAD, _payload(ahead, _stated_digest(*headers[1])))


def _payload(ahead: LookAhead, stated: bytes | None) -> Iterator[bytes]:
    digest = hashlib.sha256()
    is_empty = True
    while data := ahead.read_exactly(CHUNK_BYTES):
        is_empty = False
        if stated is not None:
            digest.update(data)
        yield data
    if is_empty:
        raise ContainerError(FaultCode.DAMAGED, ENDS_EARLY)
    if stated is not None and digest.hexdigest().encode() != stated.lower():
        raise ContainerError(FaultCode.DAMAGED, WRONG_CHECKSUM, is_complete=True)


def _stated_digest(count: int, body: bytes) -> bytes | None:
    """Returns the SHA-256 that the header states; ``None``: there is none."""
    found: dict[int, tuple[int, int]] = {}
    for at in range(0, 16 * count, 16):
        tag, kind, offset, _ = struct.unpack_from(">IIII", body, at)
        found[tag] = kind, 16 * count + offset
    kind, at = found.get(_DIGEST, (0, 0))
    if kind != 8:  # an array of texts
        return None
    algorithm_kind, algorithm_at = found.get(_DIGEST_ALGORITHM, (0, 0))
    if algorithm_kind == 4 and body[algorithm_at : algorithm_at + 4] != struct.pack(">I", _SHA256):
        return None
    return body[at:].partition(b"\0")[0]
