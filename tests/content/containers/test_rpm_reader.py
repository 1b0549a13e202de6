"""RPM packages, whose payload is a compressed archive."""

import gzip
import hashlib
import struct
from pathlib import Path

from hashaudit.model.containers import ContainerKind
from inside_lab import examine, sha256
from kind_lab import read


def header(tags: list[tuple[int, int, bytes]]) -> bytes:
    index, store = b"", b""
    for tag, kind, value in tags:
        store += bytes(-len(store) % 4)
        index += struct.pack(">IIII", tag, kind, len(store), 1)
        store += value
    return b"\x8e\xad\xe8\x01" + bytes(4) + struct.pack(">II", len(tags), len(store)) + index + store


def package(payload: bytes, digest: bytes) -> bytes:
    signatures = header([(1000, 6, b"text\0")])
    tags = [(5092, 8, digest + b"\0"), (5093, 4, struct.pack(">I", 8))]
    lead = b"\xed\xab\xee\xdb\x03\0" + bytes(90)
    return lead + signatures + bytes(-(96 + len(signatures)) % 8) + header(tags) + payload


def test_the_payload_is_checked_and_opened(tmp_path: Path) -> None:
    path, payload = tmp_path / "a.rpm", gzip.compress(bytes(3000))
    whole = package(payload, hashlib.sha256(payload).hexdigest().encode())
    path.write_bytes(whole)
    found = examine(path)
    assert found.codes == []
    assert found.digests[b"payload", b""] == sha256(bytes(3000))
    path.write_bytes(package(payload, b"0" * 64))
    assert examine(path).codes == ["damaged"], "the payload's digest is another"
    for cut in range(50, len(whole), 20):
        assert read(ContainerKind.RPM, whole[:cut]).codes == ["damaged"], cut
