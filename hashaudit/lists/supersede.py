"""Replacements and withdrawals of an append-only list: keeps the latest state of each record."""

from collections.abc import Hashable, Iterator, Sequence

from hashaudit.lists.interface import ListEntry, Rejected, RejectReason


class LatestRecords:
    """The latest items for each key. Holds the whole list, because the last record may withdraw the first."""

    def __init__(self) -> None:
        self._items: dict[Hashable, tuple[str, int, Sequence[ListEntry | Rejected]]] = {}

    def put(self, key: Hashable, line: int, items: Sequence[ListEntry | Rejected], time: str = "") -> Rejected | None:
        """Adds a record and returns the reject for the record that it supersedes, which may be the new one.

        Args:
            key: identifies the record in the list.
            line: number of the record.
            items: the items that the record gives.
            time: of the record, in a form that sorts except for a ``Z`` at its end; of equal times the later record
                counts.
        """
        time = time.removesuffix("Z")
        earlier = self._items.get(key)
        if earlier is not None and time < earlier[0]:
            return _superseded(line)
        self._items[key] = (time, line, items)
        return None if earlier is None else _superseded(earlier[1])

    def items(self) -> Iterator[ListEntry | Rejected]:
        """Yields the items of the latest record of each key."""
        for _, _, items in self._items.values():
            yield from items


def _superseded(line: int) -> Rejected:
    return Rejected(line, RejectReason.DUPLICATE, "superseded by a later record of the list")


def withdrawn(line: int) -> Rejected:
    """Returns the reject for a record that withdraws its entry."""
    return Rejected(line, RejectReason.WITHDRAWN)
