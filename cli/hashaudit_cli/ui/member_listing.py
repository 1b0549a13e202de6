"""Takes the records of a scan, and lists files and members with their kinds, sizes and reasons."""

import os

from hashaudit.record.codec import encode_line
from hashaudit.record.entry_path import content_size, joined_path
from hashaudit.record.output import Output
from hashaudit.record.schema import (
    AuditRecord,
    Container,
    EntryRecord,
    FaultRecord,
    FileRecord,
    FindingRecord,
)
from hashaudit_cli.ui.buffered_lines import BufferedLines
from hashaudit_cli.ui.terminal import quote

NO_CONTAINER = "-"
UNKNOWN_SIZE = "?"


class MemberListing(BufferedLines):
    """Takes the records of a scan and writes one line for each.

    Args:
        output: receives them.
        as_json: write the records as the findings file has them.
    """

    def __init__(self, output: Output, *, as_json: bool) -> None:
        super().__init__(output)
        self._as_json = as_json

    def take_record(self, record: FindingRecord | FaultRecord | FileRecord | AuditRecord) -> None:
        """Adds the line of the next record."""
        if self._as_json:
            self._pending += encode_line(record)
        elif not isinstance(record, AuditRecord):
            self._pending += listing_line(record).encode() + b"\n"


def listing_line(record: EntryRecord) -> str:
    """Returns kind, state, size and path of a file or member, and what kept it from being examined."""
    kind = NO_CONTAINER if record.container is None else record.container.kind.value
    size = content_size(record)
    reasons = "".join(f"; {quote(os.fsencode(fault.message))}" for fault in record.faults)
    return (
        f"{kind:<10} {_state(record):<13} {UNKNOWN_SIZE if size is None else size:>14}"
        f" {quote(joined_path(record.entry))}{reasons}"
    )


def _state(record: EntryRecord) -> str:
    if record.faults:
        return record.faults[0].code.value
    if record.container is not None:
        return _state_of_container(record.container)
    return "deleted" if any(member.deleted for member in record.entry.within) else "examined"


def _state_of_container(container: Container) -> str:
    if container.same_as is not None:
        return f"same as {container.same_as}"
    return "opened" if container.opened else "not opened"
