"""HashKeeper's ``.hsh`` files (MD5). The ``.hke`` beside one only describes the set and holds no hashes.

Source: observation of published HashKeeper sets.
"""

from hashaudit.lists.syntax.fixed_width import FixedTable

HASHKEEPER = FixedTable(
    name="hashkeeper",
    hashes={"hash": "md5"},
    marks=frozenset({"file_id", "hashset_id", "file_name", "directory"}),
    labels={"hashset_id": "set", "file_name": "name", "directory": "directory", "comments": "comment"},
    id="file_id",
    size="file_size",
)
"""Reader of ``.hsh`` files. Strict."""
