"""Hashes computed by the user's own plug-in: their stored values in lists become hashes to match.

Without a plug-in such values (of PhotoDNA) are only counted and stored; a warning says that they are not matched.
"""

import base64
import binascii

import msgspec

from hashaudit.errors import UsageError
from hashaudit.lists.algorithms import LENGTHS_BYTES, MIN_PERCEPTUAL_BYTES
from hashaudit.lists.interface import ListEntry
from hashaudit.model.results import AlgorithmName

_PLUGIN_LENGTHS: dict[str, int] = {}


def plug_in(name: str, length_bytes: int) -> None:
    """Makes lists match by ``name`` until this process ends.

    Raises:
        UsageError: the name belongs to a built-in hash, was registered with another length, or its values are too
            short.
    """
    if _PLUGIN_LENGTHS.get(name, length_bytes) != length_bytes or (
        name in LENGTHS_BYTES and name not in _PLUGIN_LENGTHS
    ):
        raise UsageError(f"invalid name of a hash plug-in: '{name}'; a hash with this name exists already")
    if length_bytes < MIN_PERCEPTUAL_BYTES:
        raise UsageError(
            f"values of hash plug-in are too short: '{name}'; they need at least {MIN_PERCEPTUAL_BYTES} bytes"
        )
    _PLUGIN_LENGTHS[name] = length_bytes
    LENGTHS_BYTES[AlgorithmName(name)] = length_bytes


def plugin_lengths() -> dict[str, int]:
    """Returns the length of the values of each registered plug-in, in bytes."""
    return dict(_PLUGIN_LENGTHS)


def with_plugin_hashes(entry: ListEntry) -> ListEntry:
    """Returns the entry with the stored values of registered plug-ins among its digests."""
    found = {
        AlgorithmName(name): raw
        for name, length_bytes in _PLUGIN_LENGTHS.items()
        if (text := entry.unsupported.get(name)) is not None and (raw := _decoded(text, length_bytes)) is not None
    }
    if not found:
        return entry
    unmatched = {name: text for name, text in entry.unsupported.items() if name not in found}
    return msgspec.structs.replace(entry, digests={**entry.digests, **found}, unsupported=unmatched)


def _decoded(text: str, length_bytes: int) -> bytes | None:
    """Returns a value written in hexadecimal or base64, as lists write PhotoDNA.

    ``None`` for another length or form.
    """
    try:
        if len(text) == 2 * length_bytes:
            return bytes.fromhex(text)
        raw = base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        return None
    return raw if len(raw) == length_bytes else None
