"""The texts of a report, in one place for each language."""

from enum import StrEnum


class Language(StrEnum):
    """A language that reports can be written in."""

    ENGLISH = "en"


TEXTS = {
    "skip": "Skip to the content",
    "contents": "Contents",
    "brand": "hashaudit findings report",
    "outcome": "Outcome",
    "proof": "Can this be trusted?",
    "accounting": "Account of every entry",
    "accounting_short": "Every entry",
    "series": "Compared with the runs before",
    "series_short": "Runs",
    "summary": "At a glance",
    "findings": "Findings",
    "faults": "Not examined",
    "lists": "Lists that were looked for",
    "lists_short": "Looked for",
    "scope": "Extent and method of the scan",
    "scope_short": "Extent and method",
    "limits": "This report does not say",
    "limits_short": "Limits",
    "verify": "Check it yourself",
    "settings": "Settings in force",
    "settings_short": "Settings",
    "examiner": "examiner as stated:",
    "redacted": "Hidden in this report on request:",
    "unknown_start": "start unknown",
    "not_verified": "NOT VERIFIED",
    "not_shown": "{records} not shown here, because nothing proves them.",
    "not_viewed": (
        "No person has viewed any of these files for this report. A match says that a file has a hash that a list "
        "names. It does not say what the file shows, and the list may be wrong."
    ),
    "tile_differences": "files differ from the manifest",
    "tile_findings": "findings",
    "tile_without_caveat": "of them need no confirmation",
    "unknown": "unknown",
    "at_least": "at least",
    "tile_unexamined": "entries or members not fully examined",
    "tile_examined": "files examined",
    "tile_read": "read",
    "proof_ask": (
        "Checked when this report was made, {made}. Anyone can alter a report; the findings file cannot be altered "
        "without trace."
    ),
    "point_proven": "✓ proven",
    "point_open": "○ not proven",
    "point_problem": "✗ problem",
    "accounting_caption": (
        "Every name that the scan found in a directory, except the directories that it walked. The rows add up."
    ),
    "counts_unproven": "The file does not verify, so these counts are only what it states.",
    "counts_partial": "The file has no end: these counts go up to the last signed checkpoint.",
    "became": "Result",
    "entries": "Entries",
    "share": "Share",
    "all_entries": "all entries",
    "directories_faulted": "not completely listed: a directory. Entries below it may be unseen.",
    "guards_faulted": "less than a guard expects: the faults say what is missing.",
    "series_caption": (
        "Each run is compared with the one before it. A finding is the same if its path and its list entries are. "
        "This report lists the findings of the last run."
    ),
    "run": "Run",
    "started": "Started",
    "new": "New",
    "gone": "Gone",
    "same": "Unchanged",
    "trust": "State",
    "trust_verified": "verified",
    "trust_signer_unknown": "signer unknown",
    "trust_unsigned": "not signed",
    "trust_interrupted": "interrupted",
    "trust_damaged": "does not verify",
    "state_verified": "The findings file verifies: nothing in it was changed, and you trust the signer.",
    "state_signer_unknown": "The findings file is intact, but its signer is unknown.",
    "state_unsigned": "The findings file is not signed.",
    "state_interrupted": "The findings file has no end. Its signed part is intact.",
    "state_damaged": "The findings file does not verify.",
    "gone_title": "Findings of the run before that are not in the last run",
    "more_rows": "{number} more are not listed here.",
    "by_list": "Findings by list and category",
    "by_distance": "Near matches only, by distance of {algorithm}",
    "by_directory": "Directories with most findings",
    "by_caveat": "To confirm before acting: {number} of {all} findings",
    "search": "Find in path, list, entry, labels, digests",
    "list": "List",
    "category": "Category",
    "kind": "Match",
    "exact": "exact",
    "near": "perceptual only",
    "caveats": "Confirmation",
    "without_caveat": "not needed",
    "with_caveat": "needed",
    "since": "Since the run before",
    "all": "all",
    "findings_caption": "One row for each file, in the order of the findings file.",
    "below": "Paths are below",
    "no_links": "Nothing here is a link: opening such a file can be an offence and changes traces.",
    "record": "Record",
    "path": "Path",
    "size": "Size",
    "entry": "List, entry, labels",
    "agreement": "Match, caveats",
    "details": "details",
    "also_matches": "also matches",
    "not_proven": "not proven",
    "state_new": "new",
    "state_same": "seen before",
    "previous": "Previous",
    "next": "Next",
    "first_details": "Without scripts, this page shows the details of the first {shown} findings.",
    "first_rows": "Without scripts, this page shows the first {shown} of {all} findings.",
    "rows_omitted": "{number} more findings are counted above and not listed here. All are in the file of",
    "faults_ask": "A match among these entries may have been missed.",
    "reason": "Reason",
    "action": "Action",
    "directory_unseen": "directory: entries below may be unseen",
    "also_finding": "also a finding",
    "faults_not_shown": "The records of these entries are not shown, because nothing proves them.",
    "faults_undisclosed": "The records of these entries are not in this extract.",
    "extract": (
        "Made from an extract, which holds the segments with findings. Totals are those of the whole scan; records of "
        "other segments are not disclosed."
    ),
    "pending": (
        "entries were found and not reached before the end. They have no record. "
        "`hashaudit scan --resume FILE` examines them."
    ),
    "not_reached": "The file has no end, so it does not say which entries were not examined.",
    "no_faults": "No record says that anything was not examined.",
    "skipped": "Skipped by rule",
    "unopened": "Containers that were read as files, and not opened",
    "unopened_text": "Their own content was compared. Their members were not, so a match inside may have been missed.",
    "members": "Members of containers, which are counted apart",
    "audit": "Compared with a manifest",
    "audit_short": "Manifest",
    "audit_caption": "Every file that is found or expected has exactly one outcome.",
    "differences": "Files that differ, or could not be compared",
    "before": "Path in the manifest",
    "containers": "Containers, by kind. Members of a container that was not opened are not examined.",
    "container": "Container",
    "number": "Number",
    "opened": "opened",
    "not_opened": "not opened",
    "accepted": "accepted",
    "acceptance": "Acceptance",
    "open": "open",
    "lists_caption": (
        "Each list is identified by its SHA-256. Entries are confidential: only the identifiers and labels of those "
        "that matched are in this report."
    ),
    "role": "Role",
    "form": "Form",
    "rejected": "Rejected",
    "matched": "Files matched",
    "date": "Date of the list",
    "no_lists": "The scan had no list.",
    "verify_text": (
        "This report is a reading of the findings file and is not evidence itself. The file is identified by its "
        "SHA-256. Its signature needs ssh-keygen and the signer's public key, from a source other than this report."
    ),
    "file": "Findings file",
    "signing_key": "Signing key",
    "unsigned": "not signed",
    "made": "Made by {tool}, {made}.",
    "history_warning": (
        "A file that does not verify was damaged, changed, interrupted, not signed, or signed by somebody whom you do "
        "not trust. Its figures are only what it states."
    ),
    "skipped_short": "Other files",
    "role_deny": "looked for",
    "role_known": "known files",
    "history_brand": "hashaudit history of scans",
    "history_title": "Scans over time",
    "history_runs": "scans",
    "history_unverified": "files that do not verify",
    "history_gaps": "gaps",
    "history_overlaps": "overlaps",
    "history_latest": "open findings in the latest run",
    "history_on": "on host",
    "history_shard": "shard",
    "history_charts": "Charts",
    "history_key": (
        "One bar for each scan, oldest first; the last {number}. An empty hatched place is a gap. A bar under ! is "
        "from a file that does not verify. The table has the same figures."
    ),
    "history_key_new": "new",
    "history_key_same": "seen before",
    "history_key_uncompared": "not compared",
    "history_chart_findings": "Findings",
    "history_chart_unexamined": "Not fully examined",
    "history_chart_entries": "Entries found",
    "history_chart_bytes": "Bytes read",
    "history_chart_alt": "{title} of {scans}, at most {most}. The table of scans has the figures.",
    "history_most": "highest:",
    "history_table": "Scans, latest first",
    "history_caption": (
        "NEW and GONE compare with the last intact scan before. A gap is a pause of more than twice the usual one."
    ),
    "history_usual": "The usual pause, the median, is {pause}.",
    "history_no_usual": "Fewer than four scans: the usual pause is not known, so gaps are not looked for.",
    "history_duration": "Duration",
    "history_read": "Read",
    "history_unexamined": "Not examined",
    "history_lists": "Hash lists over time",
    "history_lists_caption": "Another SHA-256 is another version. An old scan did not look for new entries.",
    "history_version": "Version",
    "history_used": "Used by scans of",
    "history_scans": "Scans",
    "history_no_lists": "No scan had a list.",
    "history_skipped": "Files that are not findings files, or have no readable header",
    "history_limits_series": (
        "That no scan is missing at the end of a series, and that no other scan took place, cannot be seen from the "
        "files. Times come from the clock of the scanning host."
    ),
    "history_limits_findings": (
        "The figures come from signed findings files, verified when this page was made. "
        "`hashaudit report` with several of these files lists the findings themselves."
    ),
}
"""Text by key, in English."""

_MATCHES = (
    "A match is a match of numbers. An exact match of two digests leaves no practical doubt that the content is the "
    "listed one. A match of MD5 or SHA-1 alone can be made on purpose. A perceptual match says that two images look "
    "alike."
)
_NO_MATCH = (
    "Lists hold what is known. A changed file has other digests, and a cropped or edited image may have another "
    "perceptual hash."
)
_NOT_A_FILE = (
    "Deleted data, slack space and encrypted content are not examined. Members of a container are examined only if "
    "the container was opened."
)

LIMITS = (
    ("What a file shows.", _MATCHES),
    ("That a file without a match is harmless.", _NO_MATCH),
    ("Anything that is not stored as a file.", _NOT_A_FILE),
    ("When it happened.", "Times come from the clock of the scanning host. Only a time stamp by others proves a date."),
    ("Who did it.", "Case, exhibit, examiner and note are what somebody typed."),
)
"""The things that a report does not say: headings and texts."""

CATALOGUES = {Language.ENGLISH: TEXTS}
