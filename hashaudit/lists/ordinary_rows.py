"""The ordinary rows of a table, converted without the checks that only other rows need.

Most rows of most tables are ordinary: all fields are there, and each hash has its length. Their conversion takes half
the time of the general one, which gives the same entries.
"""

from binascii import Error, unhexlify

from hashaudit.content.digests.digest_registry import DIGESTS
from hashaudit.lists.algorithms import BY_HEX_LENGTH, SHA256, UNDECIDED
from hashaudit.lists.empty_digests import UNUSUAL
from hashaudit.lists.interface import ListEntry
from hashaudit.lists.table_layout import NOT_LABELS, TableLayout
from hashaudit.model.results import AlgorithmName

_MAX_SIZE_DIGITS = 18
"""Digits of a size that fits into 63 bits."""

_BARE = {**BY_HEX_LENGTH, 2 * DIGESTS[SHA256].length_bytes: UNDECIDED}
_SHORTEST_HEX = min(BY_HEX_LENGTH)


class OrdinaryRows:
    """Converter of the ordinary rows of one table.

    Args:
        layout: the columns of the table.
        stated: algorithm given by the user.
    """

    def __init__(self, layout: TableLayout, stated: AlgorithmName | None) -> None:
        fields = dict(layout.others)
        hashes = [(column, AlgorithmName(name)) for column, name in layout.hashes]
        names = {name for _, name in hashes}
        self._width = layout.width
        self.has_some = (
            layout.width is not None
            and layout.kind is None
            and len(names) == len(hashes)
            and DIGESTS.keys() >= names
            and fields.keys().isdisjoint({"role", "algorithm", "hash"})
            and not (layout.bare and stated is not None)
        )
        """False if no row of the table is ordinary."""
        self._hashes = [(column, name, 2 * DIGESTS[name].length_bytes) for column, name in hashes if self.has_some]
        self._bare = layout.bare
        self._id = fields.get("id")
        self._size = fields.get("size")
        self._labels = [(field, column) for field, column in layout.others if field not in NOT_LABELS]
        self._unread = [column for column in range(layout.width or 0) if column not in layout.read_columns]

    def entry(self, number: int, row: list[str]) -> ListEntry | None:
        """Returns the entry of a row; ``None`` if the row is not ordinary."""
        if len(row) != self._width:
            return None
        for column in self._unread:
            if len(row[column]) >= _SHORTEST_HEX:
                return None
        digests = self._digests(row)
        if not digests:
            return None
        size = None
        if self._size is not None and (text := row[self._size]):
            if len(text) > _MAX_SIZE_DIGITS or not (text.isascii() and text.isdecimal()):
                return None
            size = int(text)
        labels = {field: text for field, column in self._labels if (text := row[column].strip())}
        identity = "" if self._id is None else row[self._id].strip()
        return ListEntry(identity or f"line {number}", digests, size, labels)

    def _digests(self, row: list[str]) -> dict[AlgorithmName, bytes] | None:
        digests: dict[AlgorithmName, bytes] = {}
        try:
            for column, name, length in self._hashes:
                if text := row[column]:
                    if len(text) != length:
                        return None
                    digests[name] = raw = unhexlify(text)
                    if raw in UNUSUAL:
                        return None
            for column in self._bare:
                if text := row[column]:
                    bare = _BARE.get(len(text))
                    if bare is None or (bare or SHA256) in digests or bare in digests:
                        return None
                    digests[bare] = raw = unhexlify(text)
                    if raw in UNUSUAL:
                        return None
        except (Error, ValueError):
            return None
        return digests
