"""The items of a walk without the pauses in which it gives control back."""

from collections.abc import Iterator

from hashaudit.model.entry import Entry, NotReady
from hashaudit.model.faults import PathFault, Skipped
from hashaudit.sources.interface import Position, Source


def items_of(source: Source, start: Position | None = None) -> Iterator[Entry | PathFault | Skipped]:
    return (item for item in source.walk(start) if not isinstance(item, NotReady))
