"""The name and state under which the cache has an object.

An object has the fields of a file, so that blocks have one form. Name, version and entity tag are in a digest, because
the tag of a store may be of any length. See docs/adr/0028-trust-object-states-for-cached-hashes.md.
"""

import hashlib

import msgspec

from hashaudit.model.entry import Entry, ObjectState, Stat
from hashaudit.model.location import Kind

_ENCODER = msgspec.msgpack.Encoder()
_BITS = (1 << 63) - 1


def name_of_object(key: bytes, version: str | None) -> bytes:
    """Returns the name of an object in the cache. Names are in the order of keys, so that a batch needs few blocks.

    A key may contain NUL, so two objects could share a name; their states differ.
    """
    return key if version is None else b"%s\0%s" % (key, version.encode(errors="surrogatepass"))


def stat_of_object(key: bytes, state: ObjectState) -> Stat:
    """Returns the state of an object in the fields of a file: a digest takes those of inode and ctime."""
    identity = (key, state.version, state.etag.encode(errors="surrogatepass"))
    digest = int.from_bytes(hashlib.blake2b(_ENCODER.encode(identity), digest_size=16).digest())
    return Stat(0, 0, digest & _BITS, 1, state.size, state.last_modified_ns, digest >> 64 & _BITS)


def place_of(entry: Entry) -> tuple[bytes, Stat]:
    """Returns the name and state of a file or an object in the cache."""
    location, state = entry.location, entry.state
    if state.kind is Kind.FILE:
        return location.cache_name if location.within else location.name, state
    if location.within:
        return location.cache_name, stat_of_object(location.name, state)
    return name_of_object(location.name, location.version), stat_of_object(location.name, state)
