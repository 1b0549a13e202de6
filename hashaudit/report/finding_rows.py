"""Makes the rows of a report from records."""

from collections.abc import Iterator

from hashaudit.explanations import CAVEATS, FAULT_CODES
from hashaudit.model import paths
from hashaudit.model.audit_outcome import AuditOutcome
from hashaudit.model.results import Caveat, Role
from hashaudit.record.entry_path import content_size, joined_path
from hashaudit.record.schema import AuditRecord, EntryRecord, FaultRecord, FileState, FindingRecord, ObjectState
from hashaudit.report.redaction import HIDDEN, Redact, Redaction
from hashaudit.report.report_values import DETAILS, DifferenceRow, EntryText, FaultRow, FindingRow
from hashaudit.report.visible_text import MAX_LABEL_CHARACTERS, Shown, shown, shown_bytes
from hashaudit.triage.match_view import CATEGORY_FIELDS, Agreement, agreements, deny_matches

CAVEAT_NAMES = {
    Caveat.MD5_ONLY: "MD5 only",
    Caveat.SHA1_ONLY: "SHA-1 only",
    Caveat.PERCEPTUAL_ONLY: "looks alike",
    Caveat.LOW_QUALITY: "low quality",
    Caveat.CONFLICTING_DIGESTS: "digests conflict",
    Caveat.CHANGED_WHILE_READ: "changed while read",
}
"""Short names for people."""

MAX_ENTRIES_SHOWN = 20
"""List entries of one finding that are shown. A file can match a thousand."""

_FILE_LABELS = {"name", "file", "filename", "file_name", "path"}

_OWN_DIGESTS = ("md5", "sha1", "sha256", "sha512", "blake3")
_DETAIL = {label: number for number, label in enumerate(DETAILS)}


def caveat_texts() -> tuple[tuple[str, str], ...]:
    """Returns name and meaning of every caveat, in the order of their numbers in rows."""
    return tuple((CAVEAT_NAMES[one], f"{CAVEATS[one].meaning} {CAVEATS[one].action}") for one in Caveat)


def time_text(time: str) -> str:
    """Returns a time of a record for people: ``2026-11-25 14:00:35 UTC``."""
    return time if time.startswith("@") else f"{time[:19].replace('T', ' ')} UTC"


class RowMaker:
    """Makes the rows of one run."""

    def __init__(self, run: int, list_indexes: dict[str, int], redaction: Redaction, base: bytes) -> None:
        """Prepares the rows.

        Args:
            run: number of the run in the report.
            list_indexes: position of each list name in the report. Names that are new are added.
            redaction: what is hidden.
            base: what paths begin with and rows omit.
        """
        self._run = run
        self._lists = list_indexes
        self._redaction = redaction
        self._base = base

    def finding(self, record: FindingRecord, *, is_proven: bool, state: str) -> FindingRow:
        """Returns the row of a finding."""
        found = agreements(deny_matches(record))
        directory, name = self._path(record)
        return FindingRow(
            run=self._run,
            seq=record.seq,
            directory=directory,
            name=name,
            size=content_size(record),
            entries=tuple(self._entry(one) for one in found[:MAX_ENTRIES_SHOWN]),
            is_exact=any(one.exact for one in found),
            distance=min((one.distance for one in found), default=0),
            caveats=tuple(record.needs_confirmation),
            category=self._category(found),
            is_proven=is_proven,
            state=state,
            is_accepted=record.accepted is not None,
            details=tuple(
                part for label, value in self._details(record, len(found)) for part in (_DETAIL[label], value)
            ),
        )

    def faults(self, record: EntryRecord, *, is_proven: bool) -> Iterator[FaultRow]:
        """Yields a row for each fault of a record."""
        directory, name = self._path(record)
        path = _joined(directory, name)
        for fault in record.faults:
            explained = FAULT_CODES[fault.code]
            yield FaultRow(
                run=self._run,
                seq=record.seq,
                path=path,
                is_directory=isinstance(record, FaultRecord) and record.directory,
                has_match=isinstance(record, FindingRecord),
                code=fault.code,
                meaning=explained.meaning,
                message=HIDDEN if self._redaction.hides(Redact.PATHS) else shown(fault.message),
                action=explained.action,
                is_proven=is_proven,
            )

    def difference(self, record: AuditRecord, *, is_proven: bool) -> DifferenceRow:
        """Returns the row of a difference from a manifest."""
        expected = record.expected
        is_elsewhere = expected is not None and record.outcome in {AuditOutcome.MOVED, AuditOutcome.COPIED}
        return DifferenceRow(
            run=self._run,
            seq=record.seq,
            outcome=record.outcome,
            path=shown_bytes(self._relative(paths.from_text(record.path, record.path_uri))),
            before=shown_bytes(self._relative(paths.from_text(expected.path, expected.path_uri)))
            if expected is not None and is_elsewhere
            else "",
            note=HIDDEN if record.note and self._redaction.hides(Redact.PATHS) else shown(record.note or ""),
            is_proven=is_proven,
        )

    def _relative(self, path: bytes) -> bytes:
        shown_path = self._redaction.path(path, is_file=True)
        return shown_path.removeprefix(self._base)

    def _path(self, record: EntryRecord) -> tuple[Shown, Shown]:
        path = self._relative(joined_path(record.entry))
        directory, slash, name = path.rpartition(b"/")
        return shown_bytes(directory + slash), shown_bytes(name)

    def _entry(self, found: Agreement) -> EntryText:
        index = self._lists.setdefault(found.list_name, len(self._lists))
        hides = self._redaction.hides(Redact.LABELS)
        labels = {} if found.category is None else {"category": found.category}
        labels |= {name: value for name, value in found.labels.items() if name not in CATEGORY_FIELDS}
        pairs = (
            ()
            if hides
            else tuple(
                (
                    shown(name, MAX_LABEL_CHARACTERS),
                    HIDDEN if self._hides_label(name, value) else shown(value, MAX_LABEL_CHARACTERS),
                )
                for name, value in labels.items()
            )
        )
        return EntryText(index, HIDDEN if hides else shown(found.entry), pairs, found.text)

    def _hides_label(self, name: str, value: str) -> bool:
        """Returns whether a label is the name or path of a file, which a list made from the same files has."""
        is_place = name in _FILE_LABELS or "/" in value or "\\" in value
        return is_place and bool(self._redaction.kinds & {Redact.PATHS, Redact.NAMES})

    def _category(self, found: list[Agreement]) -> str:
        if self._redaction.hides(Redact.LABELS):
            return ""
        return next((one.category for one in found if one.category is not None), "")

    def _acceptance(self, record: FindingRecord) -> Iterator[tuple[str, Shown]]:
        for label, one in (("accepted", record.accepted), ("acceptance expired", record.acceptance_expired)):
            if one is not None:
                hides = self._redaction.hides(Redact.LABELS)
                yield label, HIDDEN if hides else shown(f"until {one.until}, by {one.by}: {one.reason}")

    def _details(self, record: FindingRecord, entries: int) -> Iterator[tuple[str, Shown]]:
        yield from self._acceptance(record)
        if not self._redaction.hides(Redact.DIGESTS):
            for algorithm, value in record.digests.items():
                yield (algorithm, value) if algorithm in _OWN_DIGESTS else ("other digest", f"{algorithm} {value}")
            for one in record.perceptual[:MAX_ENTRIES_SHOWN]:
                quality = "" if one.quality is None else f", quality {one.quality}"
                yield (
                    "perceptual hash",
                    shown(f"{one.algorithm} {one.value}{quality}, frame {one.frame}, {one.variant}"),
                )
        yield "whole path", shown_bytes(self._redaction.path(joined_path(record.entry), is_file=True))
        if record.entry.path_uri is not None and not self._redaction.kinds & {Redact.PATHS, Redact.NAMES}:
            yield "exact path, percent-encoded", record.entry.path_uri
        state = record.state
        # Of a member, the state is that of the file that it is in.
        size_label = "bytes of the container" if record.entry.within else "bytes"
        if isinstance(state, FileState):
            yield size_label, f"{int(state.size):,}"
            yield "last changed", time_text(state.mtime)
            yield "inode, device", f"{state.inode}, {state.device}"
            yield "owner, mode", f"uid {state.uid}, gid {state.gid}, {state.mode}"
        elif isinstance(state, ObjectState):
            yield size_label, f"{int(state.size):,}"
            yield "last changed", time_text(state.last_modified)
            yield "version", shown(f"entity tag {state.etag}, version {state.version or 'none'}")
        schemes = {match.labels.get("category_scheme") for match in record.matches} - {None}
        if not self._redaction.hides(Redact.LABELS):
            yield from (("category scheme", shown(str(one))) for one in sorted(map(str, schemes)))
        yield "read as", record.consistency or "unknown"
        yield "recorded", time_text(record.time)
        for fault in record.faults:
            yield "also not examined", FAULT_CODES[fault.code].meaning
        known = {match.list_entry.name for match in record.matches if match.role is Role.KNOWN}
        for name in sorted(known):
            yield "known as", shown(f"an entry of {name}")
        omitted = record.matches_omitted + max(0, entries - MAX_ENTRIES_SHOWN)
        if omitted:
            yield "further matches not recorded", f"{omitted:,}"


def _joined(first: Shown, second: Shown) -> Shown:
    if isinstance(first, str) and isinstance(second, str):
        return first + second
    left = [first] if isinstance(first, str) else list(first)
    right = [second] if isinstance(second, str) else list(second)
    if len(left) % 2 == 0:
        left.append("")
    return [*left[:-1], left[-1] + right[0], *right[1:]]
