"""ILook's hash files, versions 1, 3 and 4: text with MD5 first.

Source: observation of published ILook sets.
"""

from hashaudit.lists.syntax.fixed_width import FixedTable

_SHARED_LABELS = {"FileName": "name", "FilePath": "directory"}

ILOOK_V1 = FixedTable(
    name="ilook-1",
    hashes={"V1Hash": "md5"},
    marks=frozenset({"HashType", "FileName"}),
    labels={**_SHARED_LABELS, "SetDescription": "set"},
    size="FileSize",
)
"""Reader of version 1. Strict."""

_SHA_COLUMNS = {"HashSHA1": "sha1", "HashSHA256": "sha256", "HashSHA384": "sha384", "HashSHA512": "sha512"}

ILOOK_V3 = FixedTable(
    name="ilook-3",
    hashes={"V3Hash": "md5", **_SHA_COLUMNS},
    labels=_SHARED_LABELS,
    size="FileSize",
)
"""Reader of version 3. Strict."""

ILOOK_V4 = FixedTable(
    name="ilook-4",
    hashes={"V4Hash": "md5", **_SHA_COLUMNS},
    labels=_SHARED_LABELS,
    size="FileSize",
)
"""Reader of version 4, which adds times to version 3. Strict."""
