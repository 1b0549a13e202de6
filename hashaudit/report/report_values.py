"""The values of a report, ready to be shown in any form."""

from enum import StrEnum

import msgspec

from hashaudit.report.visible_text import Shown

MAX_ROWS = 100_000
"""Findings in the page. More are counted; ``export csv`` has all."""

MAX_STATIC_ROWS = 500
"""Findings that are in the page without scripts too. Each costs the browser 0.6 ms of processor time."""

MAX_STATIC_DETAILS = 200
"""Findings with all details there. The details are four fifths of what a row costs."""

DETAILS = (
    *("md5", "sha1", "sha256", "sha512", "blake3", "other digest", "perceptual hash", "whole path", "bytes"),
    *("last changed", "inode, device", "owner, mode", "version", "read as", "recorded", "exact path, percent-encoded"),
    *("also not examined", "further matches not recorded", "known as", "category scheme", "bytes of the container"),
    *("accepted", "acceptance expired"),
)
"""Labels of the details of a finding."""

MAX_FAULT_ROWS = 1_000
"""Fault records in the page. More are counted."""

MAX_DIFFERENCE_ROWS = 2_000
"""Differences from a manifest in the page. More are counted."""


class Trust(StrEnum):
    """The result of a verification, from best to worst."""

    VERIFIED = "verified"
    SIGNER_UNKNOWN = "signer_unknown"
    """Intact, by a signer whom the reader does not know."""
    UNSIGNED = "unsigned"
    INTERRUPTED = "interrupted"
    """No final checkpoint; what is there is intact."""
    DAMAGED = "damaged"


class Point(msgspec.Struct, frozen=True):
    """One thing that is proven, not proven, or a problem."""

    kind: str
    """``proven``, ``open`` or ``problem``."""
    text: str


class Bar(msgspec.Struct, frozen=True):
    """A count with its label."""

    label: Shown
    count: int
    kind: str = ""
    """Style of the bar."""
    note: str = ""


class EntryText(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A list entry that a file matches."""

    list_index: int
    entry: Shown
    labels: tuple[tuple[Shown, Shown], ...]
    agreement: str


class FindingRow(msgspec.Struct, frozen=True, kw_only=True, array_like=True, gc=False):
    """One finding. The script of the page reads it as a list of its fields."""

    run: int
    """Number of the run in the report, from 0."""
    seq: int
    directory: Shown
    name: Shown
    size: int | None
    entries: tuple[EntryText, ...]
    is_exact: bool
    distance: int
    caveats: tuple[str, ...]
    category: str
    is_proven: bool
    state: str
    """``new`` or ``same`` against the run before; empty if there is none."""
    is_accepted: bool
    """A person accepts the finding, and the acceptance is in force."""
    details: tuple[int | Shown, ...]
    """Position in :data:`DETAILS` and value in turn. One flat list takes half of the memory in a browser."""


class FaultRow(msgspec.Struct, frozen=True, kw_only=True):
    """One fault of a record."""

    run: int
    seq: int
    path: Shown
    is_directory: bool
    has_match: bool
    code: str
    meaning: str
    message: Shown
    action: str
    is_proven: bool


class DifferenceRow(msgspec.Struct, frozen=True, kw_only=True):
    """A file that differs from the manifest of an audit, or could not be compared."""

    run: int
    seq: int
    outcome: str
    path: Shown
    before: Shown
    """The path of the same content in the manifest, if the file was moved or copied; else empty."""
    note: Shown
    is_proven: bool


class ListFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One hash list of a run."""

    name: Shown
    role: str
    form: str
    algorithms: str
    entries: int
    rejected: int
    matched: int
    sha256: str
    date: str
    warnings: tuple[Shown, ...]


class RunFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One findings file: what it proves, what it counts and how it was made."""

    number: int
    file: Shown
    shell_file: str
    """The name, quoted for a shell."""
    sha256: str
    is_extract: bool
    """The file holds some segments of the scan's file only."""
    trust: Trust
    is_trusted: bool
    points: tuple[Point, ...]
    is_complete: bool
    """The scan ended by itself at the end of its roots."""
    has_end: bool
    """The file has the scan's last totals. Without them, counts go up to the last signed checkpoint."""
    ended: str
    """How it ended, in words."""
    run_id: str
    start: str
    end: str
    duration: str
    host: Shown
    title: Shown
    examiner: Shown
    fingerprint: str
    accounting: tuple[Bar, ...]
    seen: int
    examined: int
    matched: int
    unexamined: int
    pending: int
    """Entries that were found and not reached before the end. They have no record."""
    directories_faulted: int
    """Without those of guards."""
    guards_faulted: int
    """Guards against an empty result that found something."""
    known: int
    bytes_read: int
    has_totals: bool
    looked_for: bool
    """The scan had a deny list."""
    lists: tuple[ListFacts, ...]
    scope: tuple[tuple[str, Shown], ...]
    settings: tuple[tuple[str, Shown], ...]
    skipped: tuple[Bar, ...]
    members: tuple[Bar, ...]
    """Members of containers by result; empty if no container was opened."""
    unopened: tuple[Bar, ...]
    """Containers that were read as files alone, by kind."""
    opened: tuple[Bar, ...]
    """Containers that were opened, by kind."""
    is_audit: bool
    """The scan was compared with a manifest."""
    audit: tuple[Bar, ...]
    """Files by outcome, if the scan was compared with a manifest."""
    not_shown: int
    """Records that are not proven and not in the report."""
    clock: str


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """The findings of one run against those of the run before it."""

    new: int
    gone: int
    same: int
    gone_rows: tuple[tuple[Shown, str, str], ...]
    """Path, match and what is known of the reason; the first ones."""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a report shows."""

    title: Shown
    marking: Shown
    made: str
    tool: str
    redacted: tuple[str, ...]
    runs: tuple[RunFacts, ...]
    """All runs, oldest first."""
    current: tuple[int, ...]
    """Numbers of the runs whose findings the report lists."""
    is_series: bool
    comparisons: tuple[Comparison | None, ...]
    """For each run of a series."""
    outcome: str
    """``findings``, ``incomplete`` or ``none``."""
    sentences: tuple[str, ...]
    warning: str
    """Why the report must not be relied on; empty if every file verifies."""
    findings: int
    exact: int
    without_caveats: int
    rows: tuple[FindingRow, ...]
    """The first :data:`MAX_STATIC_ROWS`."""
    row_json: tuple[bytes, ...]
    """The first :data:`MAX_ROWS`, each as JSON."""
    rows_omitted: int
    list_names: tuple[Shown, ...]
    base: Shown
    """The beginning of all paths."""
    by_list: tuple[Bar, ...]
    by_distance: tuple[tuple[str, tuple[Bar, ...]], ...]
    by_directory: tuple[Bar, ...]
    by_caveat: tuple[Bar, ...]
    caveats: tuple[tuple[str, str], ...]
    categories: tuple[str, ...]
    faults: tuple[FaultRow, ...]
    faults_omitted: int
    by_fault: tuple[Bar, ...]
    accepted: int
    """Findings that a person accepts."""
    differences: tuple[DifferenceRow, ...]
    differences_omitted: int

    @property
    def is_trusted(self) -> bool:
        """True if every file verifies."""
        return all(run.is_trusted for run in self.runs)
