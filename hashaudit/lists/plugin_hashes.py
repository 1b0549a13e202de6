"""Hashes that the user's own hasher computes: what lists carry of them becomes something to match.

Without a hasher such values (PhotoDNA's) are counted and carried, and told to be "stored, not matched".
"""

import base64
import binascii

import msgspec

from hashaudit.errors import UsageError
from hashaudit.lists.algorithms import LENGTHS_BYTES, MIN_PERCEPTUAL_BYTES
from hashaudit.lists.interface import ListEntry
from hashaudit.model.results import AlgorithmName

_PLUGGED: dict[str, int] = {}


def plug_in(name: str, length_bytes: int) -> None:
    """Lets lists be matched by ``name`` for the life of this process.

    Raises:
        UsageError: the name is taken by a hash that is computed here, or was plugged in with another length; or its
            values are too short.
    """
    if _PLUGGED.get(name, length_bytes) != length_bytes or (name in LENGTHS_BYTES and name not in _PLUGGED):
        raise UsageError(f"a hasher cannot be called {name}: that is a hash already")
    if length_bytes < MIN_PERCEPTUAL_BYTES:
        raise UsageError(
            f"the values of {name} are too short to find anything by: at least {MIN_PERCEPTUAL_BYTES} bytes"
        )
    _PLUGGED[name] = length_bytes
    LENGTHS_BYTES[AlgorithmName(name)] = length_bytes


def with_plugged(entry: ListEntry) -> ListEntry:
    """The entry with the carried values that a plugged hasher computes among its digests."""
    found = {
        AlgorithmName(name): raw
        for name, length_bytes in _PLUGGED.items()
        if (text := entry.unsupported.get(name)) is not None and (raw := _decoded(text, length_bytes)) is not None
    }
    if not found:
        return entry
    carried = {name: text for name, text in entry.unsupported.items() if name not in found}
    return msgspec.structs.replace(entry, digests={**entry.digests, **found}, unsupported=carried)


def _decoded(text: str, length_bytes: int) -> bytes | None:
    """A value in hexadecimal or base64, as lists write PhotoDNA; ``None`` if it is of another length or form."""
    try:
        if len(text) == 2 * length_bytes:
            return bytes.fromhex(text)
        raw = base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        return None
    return raw if len(raw) == length_bytes else None
