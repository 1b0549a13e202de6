"""Takes the records of a scan, and writes the hashes of its files in a form."""

import os
from collections.abc import Callable, Collection

from hashaudit.model.counted import counted
from hashaudit.model.file_pieces import PIECE_FORMAT, parse_piece
from hashaudit.model.member_path import member_path
from hashaudit.record.entry_path import content_size, file_path, member_names
from hashaudit.record.output import Output
from hashaudit.record.schema import AuditRecord, EntryRecord, FaultRecord, FileRecord, FindingRecord
from hashaudit_cli.ui.buffered_lines import BufferedLines
from hashaudit_cli.ui.hash_forms import HashedFile, HashForm
from hashaudit_cli.ui.terminal import log, quote


class HashWriter(BufferedLines):
    """Takes the records of a scan and writes hashes.

    Args:
        output: receives them.
        form: in which they are written; its header is written before.
        digests: those that are asked for.
        name_of: returns the name of an entry, as it is written.
        pieces: records of pieces come before that of their file.
    """

    def __init__(
        self,
        output: Output,
        form: HashForm,
        digests: Collection[str],
        *,
        name_of: Callable[[EntryRecord], bytes] = lambda record: file_path(record.entry),
        pieces: bool = False,
    ) -> None:
        super().__init__(output)
        self._digests = digests
        self._form = form
        self._name_of = name_of
        self._pieces = pieces
        self._has_piece = False
        self.without_hash = 0
        """Images without a perceptual hash."""

    def take_record(self, record: FindingRecord | FaultRecord | FileRecord | AuditRecord) -> None:
        """Adds the lines of the next record; reports a fault."""
        if not isinstance(record, AuditRecord):
            self._report(record)
        if isinstance(record, FileRecord):
            self._pending += self._lines(record)
        elif isinstance(record, FaultRecord):
            fault = record.faults[0]
            log(f"{_shown(record)}: {fault.code}: {quote(os.fsencode(fault.message))}")

    def _lines(self, record: FileRecord) -> bytes:
        digests = {str(name): value for name, value in record.digests.items() if name in self._digests}
        within = record.entry.within
        is_piece = bool(within) and within[-1].format == PIECE_FORMAT
        members = () if is_piece else member_names(record.entry)
        size = content_size(record)
        if is_piece:
            size = None if record.state is None else int(record.state.size)
        file = HashedFile(self._name_of(record), size, digests, record.perceptual, record, members)
        if is_piece:
            self._has_piece = True
            return self._form.piece_lines(file, parse_piece(within[-1].name))
        if not self._pieces:
            return self._form.lines(file)
        if not self._has_piece:
            raise RuntimeError("a file without its pieces")
        self._has_piece = False
        return self._form.after_pieces(file)

    def _report(self, record: FindingRecord | FaultRecord | FileRecord) -> None:
        """Reports what of an image is not hashed."""
        if record.no_hash is not None:
            self.without_hash += 1
            log(f"{_shown(record)}: no perceptual hash: {record.no_hash.replace('_', ' ')}")
        if record.frames_skipped:
            log(f"{_shown(record)}: {counted(record.frames_skipped, 'frame')} beyond --max-frames not hashed")


def _shown(record: FindingRecord | FaultRecord | FileRecord) -> str:
    return quote(member_path(file_path(record.entry), member_names(record.entry)))
