"""The last word on each record of a list that tells its own history: replacements and withdrawals."""

from collections.abc import Hashable, Iterator, Sequence

from hashaudit.lists.interface import ListEntry, Rejected, RejectReason


class LatestRecords:
    """Keeps the latest items for each key. Holds the whole list, because the last record may withdraw the first."""

    def __init__(self) -> None:
        self._items: dict[Hashable, tuple[str, int, Sequence[ListEntry | Rejected]]] = {}

    def put(self, key: Hashable, line: int, items: Sequence[ListEntry | Rejected], time: str = "") -> Rejected | None:
        """Takes a record; gives the one that is thereby void, be it the earlier or this one.

        Args:
            key: what the list identifies records by.
            line: of this record.
            items: what it says.
            time: when, in a form that sorts but for a ``Z`` at its end; of equal times the later record counts.
        """
        time = time.removesuffix("Z")
        earlier = self._items.get(key)
        if earlier is not None and time < earlier[0]:
            return _replaced(line)
        self._items[key] = (time, line, items)
        return None if earlier is None else _replaced(earlier[1])

    def items(self) -> Iterator[ListEntry | Rejected]:
        """What holds in the end."""
        for _, _, items in self._items.values():
            yield from items


def _replaced(line: int) -> Rejected:
    return Rejected(line, RejectReason.DUPLICATE, "replaced by a later record of the same list")


def withdrawn(line: int) -> Rejected:
    """The reject for a record that says that an entry no longer holds."""
    return Rejected(line, RejectReason.WITHDRAWN)
