"""Names of hashes as columns, keys and tables of indicators write them, such as ``FileHash-SHA256`` and ``sha_256``.

Source: observation of Sophos, MISP, AlienVault OTX, Microsoft Defender and ThreatFox indicator tables.
"""

from functools import lru_cache

from hashaudit.lists.algorithms import algorithm_named, is_unsupported

ANY_HASH = "hash"
"""The kind of a hash whose algorithm follows from its length."""

_PREFIXES = ("filename|", "malware-sample|")
_AROUND = ("filehash", "samplehash", "malwarehash", "contenthash", "file", "hashes", "hash", "sample", "malware")
_AFTER = ("hashvalue", "filehash", "checksum", "hash", "digest", "sum", "value", "hashes", "ofsample", "offile")
_BARE = frozenset({"", "hash", "filehash", "hashvalue", "digest", "checksum", "filechecksum", "hashes", "samplehash"})


@lru_cache(maxsize=4096)
def kind_of_hash(name: str) -> str | None:
    """Returns the algorithm that a kind or column means, :data:`ANY_HASH`, or the name of an unsupported hash.

    ``None`` if the name is not that of a hash of a file.
    """
    text = name.strip().lower()
    for prefix in _PREFIXES:
        text = text.removeprefix(prefix)
    folded = folded_name(text)
    if not folded:
        return None
    for candidate in (text, text.replace("_", "-").replace(" ", "-"), folded):
        if is_unsupported(candidate):
            return candidate
        if (algorithm := algorithm_named(candidate)) is not None:
            return algorithm
    if folded in _BARE:
        return ANY_HASH
    stripped = _stripped(folded)
    return stripped if is_unsupported(stripped) else algorithm_named(stripped)


def _stripped(folded: str) -> str:
    """Returns the name without the words around the algorithm."""
    before = ""
    while before != folded:
        before = folded
        for word in _AROUND:
            folded = folded.removeprefix(word)
        for word in _AFTER:
            folded = folded.removesuffix(word)
    return folded


def folded_name(name: str) -> str:
    """Returns the letters and digits of a name in lower case."""
    return "".join(mark for mark in name.lower() if mark.isalnum())
