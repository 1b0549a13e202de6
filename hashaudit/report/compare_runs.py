"""Compares the findings of each run of a series with those of the run before it."""

import hashlib

import msgspec

from hashaudit.model.results import Role
from hashaudit.record.entry_path import joined_path
from hashaudit.record.header import RunHeader
from hashaudit.record.schema import EntryRecord, FindingRecord
from hashaudit.report.redaction import Redaction
from hashaudit.report.report_values import Comparison
from hashaudit.report.visible_text import shown_bytes
from hashaudit.triage.match_view import agreements, deny_matches

MAX_GONE_ROWS = 200
"""Findings that are gone and listed. More are counted."""

_KEY_BYTES = 16


class _Known(msgspec.Struct, frozen=True, gc=False):
    path: bytes
    text: str


class RunIndex:
    """The findings of one run by identity, and its faults by path."""

    def __init__(self) -> None:
        self._findings: dict[bytes, _Known] = {}
        self._faulted: set[bytes] = set()
        self._paths: set[bytes] = set()

    def add(self, record: EntryRecord) -> None:
        """Takes a record."""
        path = joined_path(record.entry)
        if isinstance(record, FindingRecord):
            text = ", ".join(dict.fromkeys(one.list_name for one in agreements(deny_matches(record))))
            self._findings[finding_key(record)] = _Known(path, text)
            self._paths.add(_digest(path))
        elif record.faults:
            self._faulted.add(_digest(path))

    def __contains__(self, key: bytes) -> bool:
        return key in self._findings

    def compared_with(self, before: "RunIndex", redaction: Redaction) -> Comparison:
        """Returns what is new and gone against the run before."""
        gone = [known for key, known in before._findings.items() if key not in self._findings]  # noqa: SLF001 # another of this class
        same = len(before._findings) - len(gone)  # noqa: SLF001 # as above
        rows = tuple(
            (shown_bytes(redaction.path(known.path, is_file=True)), known.text, self._reason(known.path))
            for known in gone[:MAX_GONE_ROWS]
        )
        return Comparison(new=len(self._findings) - same, gone=len(gone), same=same, gone_rows=rows)

    def _reason(self, path: bytes) -> str:
        key = _digest(path)
        if key in self._faulted:
            return "not fully examined in the later run, so it may still be there"
        if key in self._paths:
            return "the file is still a finding, by other list entries"
        return "no longer there, changed, not in the later scan, or no longer on a list"


def finding_key(record: FindingRecord) -> bytes:
    """Returns the identity of a finding across runs: the path, the version, and the list entries that match."""
    entries = sorted(
        (match.list_entry.name, match.list_entry.entry) for match in record.matches if match.role is Role.DENY
    )
    whole = msgspec.msgpack.encode((joined_path(record.entry), record.entry.version, entries))
    return hashlib.blake2b(whole, digest_size=_KEY_BYTES).digest()


def is_series(headers: list[RunHeader | None]) -> bool:
    """Returns whether runs are one scan repeated: the same roots on the same host, and the same shard."""
    if len(headers) < 2 or any(header is None for header in headers):
        return False
    return len({series_key(header) for header in headers if header is not None}) == 1


def series_key(header: RunHeader) -> object:
    """Returns what the runs of one series have in common: host, roots and shard."""
    return header.host, tuple((root.path, root.path_uri) for root in header.roots), header.config.get("shard")


def _digest(path: bytes) -> bytes:
    return hashlib.blake2b(path, digest_size=_KEY_BYTES).digest()
