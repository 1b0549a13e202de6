"""The reader of asar archives, in which programs made with Electron keep their files.

Source: github.com/electron/asar, "Format"; its checks of integrity.
"""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

from hashaudit.content.containers.interface import ContainerError, Found, MemberContent, RandomSource, Trouble
from hashaudit.content.containers.member_source import chunks_of
from hashaudit.model.faults import FaultCode

DAMAGED = "the archive is damaged; members may be missing"
ENDS_EARLY = "the archive ends early"
WRONG_CHECKSUM = "the checksum of the member does not agree with its content"

MOST_HEADER_BYTES = 64 << 20
MOST_LEVELS = 200
"""Directories within one another."""


def read_asar(source: RandomSource) -> Iterator[Found]:
    """Reads the files in the order of the header. Those that it says to be beside the archive are not members."""
    head = source.read_at(0, 16)
    header_bytes, length = int.from_bytes(head[4:8], "little"), int.from_bytes(head[12:16], "little")
    if len(head) < 16 or not 0 < length <= min(header_bytes, MOST_HEADER_BYTES):
        yield Trouble(FaultCode.DAMAGED, DAMAGED)
        return
    try:
        tree = json.loads(source.read_at(16, length))
        found = list(_files(tree, b"", 0))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        yield Trouble(FaultCode.DAMAGED, DAMAGED)
        return
    end = base = 8 + header_bytes
    for number, (name, start, size, digest) in enumerate(found):
        yield MemberContent(number, name, _content(source, base + start, size, digest), size)
        end = max(end, base + start + size)
    if end > source.size:
        yield Trouble(FaultCode.DAMAGED, ENDS_EARLY)


def _files(node: dict[str, Any], above: bytes, level: int) -> Iterator[tuple[bytes, int, int, str | None]]:
    if level > MOST_LEVELS:
        raise ValueError("too many levels")
    for text, one in node["files"].items():
        name = above + str(text).encode("utf-8", "surrogatepass")
        if "files" in one:
            yield from _files(one, name + b"/", level + 1)
        elif "link" not in one and not one.get("unpacked"):
            start, size = int(one["offset"]), int(one["size"])
            if start < 0 or size < 0:
                raise ValueError("a negative number")
            integrity = one.get("integrity") or {}
            yield name, start, size, integrity.get("hash") if integrity.get("algorithm") == "SHA256" else None


def _content(source: RandomSource, start: int, size: int, digest: str | None) -> Iterator[bytes]:
    sum_ = hashlib.sha256()
    for data in chunks_of(source, start, start + size, ENDS_EARLY):
        sum_.update(data)
        yield data
    if digest is not None and sum_.hexdigest() != digest.lower():
        raise ContainerError(FaultCode.DAMAGED, WRONG_CHECKSUM, is_complete=True)
