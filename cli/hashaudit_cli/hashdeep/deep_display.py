"""Takes the records of a run, and writes what hashdeep or one of md5deep's family writes."""

import os
import sys
from collections.abc import Callable

from hashaudit.manifest.known_files import Agreement, KnownFile, KnownFiles
from hashaudit.model.entry import Entry
from hashaudit.model.faults import FaultCode, Skipped
from hashaudit.model.file_pieces import PIECE_FORMAT, Piece, parse_piece
from hashaudit.model.results import AlgorithmName
from hashaudit.record.convert import of_state
from hashaudit.record.entry_path import file_path
from hashaudit.record.output import Output
from hashaudit.record.schema import AuditRecord, EntryRecord, FaultRecord, FileRecord, FindingRecord
from hashaudit_cli.hashdeep.deep_flags import DeepFlags, Mode
from hashaudit_cli.hashdeep.deep_lines import DeepFile, DeepLines
from hashaudit_cli.hashdeep.deep_roots import NOT_READ
from hashaudit_cli.ui.buffered_lines import BufferedLines
from hashaudit_cli.ui.hash_forms import HashedFile, HashForm, piece_mark
from hashaudit_cli.ui.terminal import quote

MESSAGES = {
    FaultCode.NOT_FOUND: "No such file or directory",
    FaultCode.BROKEN_LINK: "No such file or directory",
    FaultCode.PERMISSION_DENIED: "Permission denied",
    FaultCode.LINK_LOOP: "symlink creates cycle",
}
"""Messages for which scripts may look. Other faults have the message of this program."""

HARMLESS = frozenset({FaultCode.BROKEN_LINK, FaultCode.LINK_LOOP})
"""Faults of links that hide no content."""

NameOf = Callable[[int, bytes], bytes]

LINE_END = "the name has a line end, which a line cannot hold; use -0 or -d"

_VERBOSE, _MORE_VERBOSE, _MOST_VERBOSE = 1, 2, 3


class DeepDisplay(BufferedLines):
    """The output of one run.

    Args:
        flags: of the run.
        lines: makes its lines.
        known: the known files.
        algorithms: that are compared, in the order of hashdeep's columns.
        output: receives the lines.
        banner: written before the first line with hashes; empty for none.
        dfxml: the form of ``-d``.
    """

    def __init__(
        self,
        flags: DeepFlags,
        lines: DeepLines,
        known: KnownFiles,
        algorithms: tuple[AlgorithmName, ...],
        output: Output,
        *,
        banner: bytes = b"",
        dfxml: HashForm | None = None,
    ) -> None:
        super().__init__(output)
        self.is_incomplete = False
        """True if something was not examined or not written."""
        self.name_of: NameOf = _path
        """Returns the name of an entry by its root and path."""
        self.full_name_of: NameOf = _path
        """Returns the same with its directories."""
        self.agreements = dict.fromkeys(Agreement, 0)
        self._flags = flags
        self._lines = lines
        self._known = known
        self._algorithms = algorithms
        self._banner = banner
        self._dfxml = dfxml
        if dfxml is not None:
            self._pending += dfxml.header()
        self._end = b"\0" if flags.ends_with_nul else b"\n"
        self._first_block = ""
        self._has_piece = False
        self._larger: list[Entry] = []

    # What the main loop calls.

    def take_record(self, record: FindingRecord | FaultRecord | FileRecord | AuditRecord) -> None:
        """Takes the next record."""
        if isinstance(record, FaultRecord):
            self._take_fault(record)
        elif isinstance(record, FileRecord):
            self._take_file(record)

    # What is not examined.

    def report(self, name: bytes, message: str, *, is_miss: bool = True) -> None:
        """Reports something that was not examined.

        Args:
            name: as it is written.
            message: the reason.
            is_miss: content was not seen that should have been.
        """
        self.is_incomplete |= is_miss
        if not self._flags.is_silent:
            print(f"{quote(name)}: {message}", file=sys.stderr, flush=True)

    def report_skip(self, skipped: Skipped) -> None:
        """Reports something without content, such as a FIFO, which would be read without end."""
        self.report(skipped.path, NOT_READ.format(skipped.reason), is_miss=False)

    def take_larger(self, entry: Entry) -> None:
        """Takes a file over the limit of size."""
        if self._flags.shows_larger:
            self._larger.append(entry)

    def _take_fault(self, record: FaultRecord) -> None:
        fault = record.faults[0]
        name = self.full_name_of(record.entry.root, file_path(record.entry))
        self.report(
            name, MESSAGES.get(fault.code, quote(os.fsencode(fault.message))), is_miss=fault.code not in HARMLESS
        )

    # What is examined.

    def _name(self, record: EntryRecord) -> bytes:
        return self.name_of(record.entry.root, file_path(record.entry))

    def _take_file(self, record: FileRecord) -> None:
        within, flags = record.entry.within, self._flags
        has_pieces = flags.is_triage or flags.piece_bytes is not None
        if within and within[-1].format == PIECE_FORMAT:
            self._has_piece = True
            if flags.is_triage:
                self._first_block = record.digests[self._algorithms[0]]
            else:
                self.take(self._name(record), None, dict(record.digests), parse_piece(within[-1].name), record)
            return
        if has_pieces and not self._has_piece:
            raise RuntimeError("a file without its pieces")
        self._has_piece = False
        if flags.piece_bytes is None:
            self.take(self._name(record), None, dict(record.digests), None, record)
        elif self._dfxml is not None and flags.mode is Mode.COMPUTE:
            self._pending += self._dfxml.after_pieces(self._hashed(self._name(record), record, dict(record.digests)))

    def take(
        self,
        name: bytes,
        size: int | None,
        digests: dict[AlgorithmName, str],
        piece: Piece | None,
        record: FileRecord | None,
    ) -> None:
        """Takes a file or a piece.

        Args:
            name: as it is written.
            size: bytes; ``None``: as the record or the piece states it.
            digests: by algorithm, in hex.
            piece: ``None`` for a whole file.
            record: ``None`` for standard input.
        """
        if piece is not None:
            size = piece.length
        elif size is None:
            size = 0 if record is None or record.state is None else int(record.state.size)
        if b"\n" in name and not self._flags.ends_with_nul and self._dfxml is None:
            self.report(name, LINE_END)
            return
        mark = b"" if piece is None else piece_mark(piece)
        state = None if record is None else record.state
        file = DeepFile(name, size, digests, mark, state, self._first_block)
        if self._dfxml is not None:
            self._take_dfxml(file, piece, record)
        elif self._flags.mode is Mode.COMPUTE:
            self._write_hashes(file)
        elif self._flags.mode is Mode.AUDIT:
            self._audit(file)
        else:
            self._match(file)

    def _found(self, file: DeepFile) -> tuple[Agreement, KnownFile | None]:
        digests = {name: bytes.fromhex(value) for name, value in file.digests.items() if name in self._algorithms}
        if self._flags.is_hashdeep:
            agreement, known = self._known.search(self._algorithms, digests, file.size, file.full_name)
        else:
            known = self._known.find(self._algorithms[0], digests[self._algorithms[0]], file.full_name)
            agreement = Agreement.NONE if known is None else Agreement.EXACT
        self.agreements[agreement] += 1
        return agreement, known

    def _audit(self, file: DeepFile) -> None:
        agreement, known = self._found(file)
        verbosity, name = self._flags.verbosity, self._lines.shown_name(file.full_name)
        of_known = b"" if known is None else known.name
        match agreement:
            case Agreement.EXACT if verbosity >= _MOST_VERBOSE:
                self._line(name + b": Ok")
            case Agreement.NONE if verbosity >= _MORE_VERBOSE:
                self._line(name + b": No match")
            case Agreement.MOVED if verbosity >= _MORE_VERBOSE:
                self._line(name + b": Moved from " + of_known)
            case Agreement.COLLISION:
                # A collision is shown always.
                self._line(name + b": Hash collision with " + of_known)
            case _:
                pass

    def _match(self, file: DeepFile) -> None:
        agreement, known = self._found(file)
        is_known = agreement in {Agreement.EXACT, Agreement.MOVED}
        if agreement is Agreement.COLLISION and known is not None:
            self.report(file.full_name, f"Hash collision with {quote(known.name)}")
        if is_known is not (self._flags.mode is Mode.MATCH) or self._flags.shows_unused:
            return
        if self._flags.is_hashdeep and self._flags.shows_hash:
            self._write_banner()
        self._line(self._lines.matched(file, known.name if is_known and known is not None else None))

    def _take_dfxml(self, file: DeepFile, piece: Piece | None, record: FileRecord | None) -> None:
        if self._dfxml is None:
            return
        if self._flags.mode is not Mode.COMPUTE:
            agreement, _ = self._found(file)
            if (agreement in {Agreement.EXACT, Agreement.MOVED}) is not (self._flags.mode is Mode.MATCH):
                return
        hashed = self._hashed(file.name, record, file.digests)
        if piece is None:
            self._pending += self._dfxml.lines(hashed)
        else:
            self._pending += self._dfxml.piece_lines(hashed, piece)

    def _hashed(self, name: bytes, record: FileRecord | None, digests: dict[AlgorithmName, str]) -> HashedFile:
        size = None if record is None or record.state is None else int(record.state.size)
        return HashedFile(name, size, {str(key): value for key, value in digests.items()}, (), record)

    def _write_hashes(self, file: DeepFile) -> None:
        self._write_banner()
        self._line(self._lines.hashes(file))

    def _write_banner(self) -> None:
        self._pending += self._banner
        self._banner = b""

    def _line(self, line: bytes) -> None:
        self._pending += line + self._end

    # The end.

    def end(self) -> None:
        """Writes what comes behind the last file: larger files, unused hashes and the result of an audit."""
        flags = self._flags
        for entry in self._larger:
            stars = {name: "*" * (2 * length) for name, length in _LENGTHS.items()}
            name = self.name_of(entry.location.root, entry.path)
            file = DeepFile(name, entry.state.size, stars, state=of_state(entry.state))
            if flags.mode is Mode.COMPUTE and self._dfxml is None:
                self._write_hashes(file)
        if flags.shows_unused:
            for known in self._known.unused():
                self._line(known.name)
        if self._dfxml is not None:
            self._pending += self._dfxml.footer()
        if flags.mode is Mode.AUDIT:
            self._end_audit()
        self.checkpoint()

    def has_passed(self) -> bool:
        """Returns whether every known file was found unchanged, and nothing else was found or left unexamined."""
        others = sum(count for agreement, count in self.agreements.items() if agreement is not Agreement.EXACT)
        return not others and not self._known.unused() and not self.is_incomplete

    def _end_audit(self) -> None:
        unused, verbosity = self._known.unused(), self._flags.verbosity
        if verbosity >= _MORE_VERBOSE:
            for known in unused:
                self._line(known.name + b": Known file not used")
        counts = self.agreements
        rows = [
            ("Input files examined", sum(counts.values()), _MORE_VERBOSE),
            ("Known files expecting", len(self._known), _MORE_VERBOSE),
            ("Files matched", counts[Agreement.EXACT], _VERBOSE),
            ("Files partially matched", counts[Agreement.COLLISION], _VERBOSE),
            ("Files moved", counts[Agreement.MOVED], _VERBOSE),
            ("New files found", counts[Agreement.NONE], _VERBOSE),
            ("Known files not found", len(unused), _VERBOSE),
        ]
        self._line(f"{self._flags.program}: Audit {'passed' if self.has_passed() else 'failed'}".encode())
        for label, count, least in rows:
            if verbosity >= least:
                self._line(f"{label:>23}: {count}".encode())


_LENGTHS = {AlgorithmName("md5"): 16, AlgorithmName("sha1"): 20, AlgorithmName("sha256"): 32}
"""Bytes of each digest."""


def _path(_root: int, path: bytes) -> bytes:
    return path
