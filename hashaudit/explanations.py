"""The meaning of every code that a scan reports, and what to do about it, in one table.

``hashaudit explain`` prints it, and docs/reference/codes.md is generated from it. Tests require an entry for each
member of the enumerations.
"""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import NamedTuple, TypeVar

from hashaudit.exit_codes import ExitCode
from hashaudit.model.audit_outcome import AuditOutcome
from hashaudit.model.entry import Consistency
from hashaudit.model.faults import FaultCode, SkipReason, Stage
from hashaudit.model.results import Caveat

MAX_SIGNAL = 64
"""The largest signal number on Linux, signal(7)."""


class Explanation(NamedTuple):
    """One code in plain words."""

    meaning: str
    """One sentence: what the code says."""
    action: str
    """One sentence: what to do about it."""


EXIT_CODES: dict[ExitCode, Explanation] = {
    ExitCode.COMPLETE: Explanation(
        "Everything was examined, and no deny match is open; for `verify`: everything is proven, by a trusted signer.",
        "Nothing to do; keep the findings file and its signature as the record of the scan.",
    ),
    ExitCode.INTERNAL_ERROR: Explanation(
        "A defect in hashaudit. Says nothing about the scanned data.",
        "Report the traceback, then continue the scan with `scan --resume FILE`.",
    ),
    ExitCode.USAGE: Explanation(
        "The command line is wrong; nothing was examined.",
        "Correct the option that the message names, and see `--help` of the command.",
    ),
    ExitCode.SIGNER_UNKNOWN: Explanation(
        "For `verify --allow-any-signer`: the file is intact, but anyone could have signed it.",
        "Get the signer's public key or fingerprint from the signer, and verify again with `--key`.",
    ),
    ExitCode.CANNOT_START: Explanation(
        "Cannot start or continue: a list, key, output or this host; for `verify`: something does not verify.",
        "Fix what the message names, or run `hashaudit doctor` with the options of the scan to find all causes.",
    ),
    ExitCode.FINDINGS: Explanation(
        "Everything was examined, and at least one file has a deny match that is not accepted; for `audit`: the tree "
        "differs.",
        "Review the `finding` records, first those without a caveat; after an audit, the `audit` records.",
    ),
    ExitCode.INCOMPLETE: Explanation(
        "No deny match, but something was not examined: see the `fault` records.",
        "Explain each fault code with `hashaudit explain CODE`, fix the causes and scan the affected paths again.",
    ),
    ExitCode.TIME_LIMIT: Explanation(
        "The limit of `--max-time` ended the scan, so something was not examined (16 + 32); no deny match until then.",
        "Continue with `scan --resume FILE`; give the scan more time, or read less with `--cache`.",
    ),
    ExitCode.FINDINGS_TIME_LIMIT: Explanation(
        "The limit of `--max-time` ended the scan, and at least one file has a deny match (8 + 16 + 32).",
        "Review the `finding` records, then continue with `scan --resume FILE`.",
    ),
    ExitCode.FINDINGS_INCOMPLETE: Explanation(
        "At least one file has a deny match, and something was not examined (8 + 16).",
        "Review the `finding` records, then fix the causes of the faults and scan the affected paths again.",
    ),
    ExitCode.SIGNAL: Explanation(
        "Ended by signal N (130 Ctrl-C, 143 SIGTERM). Everything signed until then verifies.",
        "Continue the scan with `scan --resume FILE`.",
    ),
    ExitCode.CLOSED_PIPE: Explanation(
        "The reader of standard output closed its end (128 + 13, SIGPIPE).",
        "Write the findings to a file with `-o FILE`, so that no reader can end the scan.",
    ),
}

FAULT_CODES: dict[FaultCode, Explanation] = {
    FaultCode.PERMISSION_DENIED: Explanation(
        "The user of the scan may not read the entry or list the directory.",
        "Scan again as a user who may read it, or grant the bucket permission that the message names.",
    ),
    FaultCode.NOT_FOUND: Explanation(
        "The entry was listed, and no longer existed when it was opened.",
        "If it should exist, scan again when nothing deletes files, or scan a snapshot.",
    ),
    FaultCode.FILE_REPLACED: Explanation(
        "The opened entry is not the listed one: its type, device or inode differs, so it was not read.",
        "Scan the path again when nothing replaces files there, or scan a snapshot.",
    ),
    FaultCode.CHANGED_WHILE_READ: Explanation(
        "Every reading found a change other than growth at the end; or the object was overwritten after its listing.",
        "Scan a snapshot, or scan the path again when nothing writes to it.",
    ),
    FaultCode.IO_ERROR: Explanation(
        "The device, filesystem or network failed while the entry was listed or read.",
        "Check the system log and the device; copy a failing disk first, and scan the copy.",
    ),
    FaultCode.STALE_HANDLE: Explanation(
        "The file server no longer knows the opened file, usually because another client deleted or moved it.",
        "Mount the share again and scan the path again.",
    ),
    FaultCode.NOT_VISIBLE_ON_MOUNT: Explanation(
        "The bucket has this key, and its mount does not show it as a file, so the mount alone would miss it.",
        "Scan again with `--read-unlisted`, or scan the bucket by its URL instead of the mount.",
    ),
    FaultCode.ROOT_EMPTY: Explanation(
        "The ROOT is not a mount point although `--require-mount` is given, or the scan found fewer files than "
        "`--min-files`.",
        "Mount the storage and check the patterns and the prefix, then scan again; `--min-files 0` allows none.",
    ),
    FaultCode.LIST_TOO_SMALL: Explanation(
        "A hash list has fewer list entries than `--min-entries`, so a part of it may be missing; `path` is the list.",
        "Get the whole list, then scan again.",
    ),
    FaultCode.LIST_TOO_OLD: Explanation(
        "The file of a hash list is older than `--max-list-age`; `path` is the list.",
        "Find out why the list is no longer updated, then scan again.",
    ),
    FaultCode.CHANGED_WHILE_WALKED: Explanation(
        "Names kept appearing in the directory, or a filesystem was mounted or unmounted there, after it was listed."
        " Files in it may be unseen.",
        "Scan the directory again while nothing changes it, or scan a snapshot.",
    ),
    FaultCode.LINK_LOOP: Explanation(
        "Resolving the path went through too many symbolic links, which usually form a loop.",
        "Scan the link's target by its real path if it matters.",
    ),
    FaultCode.BROKEN_LINK: Explanation(
        "A symbolic link that the scan was asked to follow leads to nothing.",
        "Mount or restore the target and scan again, if its content matters.",
    ),
    FaultCode.NAME_TOO_LONG: Explanation(
        "The name or path is longer than the system or its file server accepts.",
        "Give a directory nearer to the entry as ROOT, or scan on the server itself.",
    ),
    FaultCode.TOO_MANY_OPEN_FILES: Explanation(
        "The limit on open files of the process or of the whole system was reached.",
        "Raise it with `ulimit -n`, use fewer workers with `-j`, and scan the path again.",
    ),
    FaultCode.TIMEOUT: Explanation(
        "No data arrived within the limit, or it arrived far slower than any working storage delivers.",
        "Check the disk, mount or network, then scan the path again with a longer `--file-timeout`.",
    ),
    FaultCode.WORKER_CRASHED: Explanation(
        "The worker process crashed on this entry on every attempt, and `signal` names the signal that ended it.",
        "Treat the file as suspicious, examine it in an isolated environment, and report the crash.",
    ),
    FaultCode.OUT_OF_MEMORY: Explanation(
        "The entry needs more memory than a worker may use.",
        "Scan the path again with a larger `--max-memory` and fewer workers with `-j`.",
    ),
    FaultCode.DECODE_ERROR: Explanation(
        "The decoder rejects the image, even as a truncated file; its digests were still compared with the lists.",
        "Open the file with another viewer if its appearance matters, because no perceptual hash was compared.",
    ),
    FaultCode.DECODE_TIMEOUT: Explanation(
        "Decoding the image took longer than the limit for its size.",
        "Scan the path again with a longer `--decode-timeout`.",
    ),
    FaultCode.UNSUPPORTED_IMAGE: Explanation(
        "The content is an image in a format that is not decoded; its digests were still compared with the lists.",
        "Install the decoder that the message names, if any, or convert the image and scan the converted copy.",
    ),
    FaultCode.TOO_MANY_BYTES: Explanation(
        "The encoded image, or the manifest of an inventory, is larger than the fixed limit.",
        "Examine the image by other means; its digests were still compared with the lists.",
    ),
    FaultCode.TOO_MANY_PIXELS: Explanation(
        "The image has more pixels than the fixed limit of the decoder.",
        "Scale the image down with another program, and scan the smaller copy.",
    ),
    FaultCode.TOO_MANY_FRAMES: Explanation(
        "The image has more different frames than --max-frames, and a list has perceptual hashes to match.",
        "Raise --max-frames, or split the image with another program and scan the parts.",
    ),
    FaultCode.ARCHIVED: Explanation(
        "The object is in an archive tier: the store returns it only after a restore, which a scan never requests.",
        "Restore the object with the store's own tools, then scan it again.",
    ),
    FaultCode.CHECKSUM_MISMATCH: Explanation(
        "The content read differs from the checksum that the store keeps for the object.",
        "Read the object again with another tool, and assume that it is damaged if the checksum still differs.",
    ),
    FaultCode.CACHE_MISMATCH: Explanation(
        "The cache had other hashes for the same file state; the record has the hashes of the new read.",
        "Suspect a silent change or a failing disk, and scan again without `--cache`.",
    ),
    FaultCode.ENCRYPTED: Explanation(
        "A member of a container, or its directory, is encrypted, so its content was not examined.",
        "Give its password with `--passwords FILE`, or unpack it into a directory and scan that.",
    ),
    FaultCode.UNSUPPORTED: Explanation(
        "The container or its member has a form that hashaudit does not read; the message names it.",
        "Unpack it with another program into a directory, and scan that.",
    ),
    FaultCode.DAMAGED: Explanation(
        "A checksum, the structure or the end of a container is wrong; digests beside it are of what is there.",
        "Compare with another copy of the container, or repair it and scan the result.",
    ),
    FaultCode.LIMIT_REACHED: Explanation(
        "Members of a container were not examined, because a limit was reached; the message names it and its value.",
        "Raise `--inside-depth` or `--inside-bytes`, or unpack the container into a directory and scan that.",
    ),
    FaultCode.INCOMPLETE: Explanation(
        "A part of a split container is missing, so members that begin in it were not examined.",
        "Put all parts together and scan the result.",
    ),
    FaultCode.TRAILING_DATA: Explanation(
        "Other data follows the end of a container or of a member's data, or lies between the members of a zip file. "
        "No member that it may hold was examined.",
        "Look at the file with another program.",
    ),
    FaultCode.READER_MISSING: Explanation(
        "A container was not opened, because no reader for its kind is installed or exists, so a listed member is not "
        "found. It is a fault only in a scan with a list of hashes to look for, and in the categories of `--inside`.",
        "Install the extra that the message names, or unpack the container into a directory and scan that. `--inside` "
        "without the category counts such containers instead.",
    ),
    FaultCode.INTERNAL_ERROR: Explanation(
        "A defect in hashaudit prevented the examination of this entry.",
        "Report the message, and examine the entry by other means.",
    ),
}

STAGES: dict[Stage, Explanation] = {
    Stage.WALK: Explanation(
        "Listing a directory or bucket failed, so entries below it may be unseen.",
        "Scan that directory again after fixing the cause, because its entries are not in the totals.",
    ),
    Stage.OPEN: Explanation(
        "Opening the entry failed; nothing of it was read.",
        "Fix the cause and scan the entry again, because none of its hashes was computed.",
    ),
    Stage.READ: Explanation(
        "Reading the content failed before its end.",
        "Fix the cause and scan the entry again, because a digest needs the complete content.",
    ),
    Stage.DECODE: Explanation(
        "Decoding the image failed after its content was read.",
        "Rely on the digests of the record, if it has any, and not on perceptual hashes.",
    ),
    Stage.UNPACK: Explanation(
        "Reading the members of a container failed, for one member or from there on.",
        "Follow the fault code; what was found in other members stays valid.",
    ),
    Stage.HASH: Explanation(
        "Computing a hash failed, or a recomputed hash contradicts the cache.",
        "Follow the fault code, and treat the hash that the message names as missing.",
    ),
    Stage.MATCH: Explanation(
        "Comparing the hashes with the lists failed.",
        "Report the message, and compare the hashes of the entry by other means.",
    ),
}

SKIP_REASONS: dict[SkipReason, Explanation] = {
    SkipReason.EXCLUDED: Explanation(
        "The name matches an `--exclude` pattern.",
        "Remove or narrow the pattern to examine the entry.",
    ),
    SkipReason.NOT_INCLUDED: Explanation(
        "The name matches none of the `--include` patterns.",
        "Add a pattern that matches, or omit `--include` to examine everything.",
    ),
    SkipReason.SYMBOLIC_LINK: Explanation(
        "The entry is a symbolic link, and links are not followed by default.",
        "Use `--follow-links`, or give the target as a ROOT.",
    ),
    SkipReason.FIFO: Explanation(
        "The entry is a named pipe, which has no content of its own.",
        "Nothing to do; opening a pipe could block the scan or disturb another program.",
    ),
    SkipReason.SOCKET: Explanation(
        "The entry is a socket, which has no content of its own.",
        "Nothing to do; a socket cannot be read like a file.",
    ),
    SkipReason.DEVICE: Explanation(
        "The entry is a device node; opening one can have effects on the hardware.",
        "Give a disk image, or mount the device read-only, and scan its files.",
    ),
    SkipReason.PSEUDO_FILESYSTEM: Explanation(
        "The entry is on a filesystem that the kernel generates, such as /proc or /sys, which stores no user data.",
        "Nothing to do; give the directory as a ROOT to examine it all the same.",
    ),
    SkipReason.OTHER_FILESYSTEM: Explanation(
        "The directory is on another filesystem than its ROOT, and `--one-file-system` is in use.",
        "Omit `--one-file-system`, or give the directory as a ROOT of its own.",
    ),
    SkipReason.OTHER_ROOT: Explanation(
        "The entry is another ROOT of the same scan and is examined there.",
        "Nothing to do; the entry is counted once.",
    ),
    SkipReason.ALREADY_VISITED: Explanation(
        "A followed link leads to a directory that the scan has already entered.",
        "Nothing to do; its entries are examined under the first path.",
    ),
    SkipReason.OWN_OUTPUT: Explanation(
        "The file belongs to this scan: its findings, journal, cache, signature, key, trust store or list.",
        "Keep the files of the scan outside of the ROOTs if the directory must be examined completely.",
    ),
    SkipReason.DELETE_MARKER: Explanation(
        "The version of the object is a delete marker, which has no content.",
        "Nothing to do; earlier versions of the key are examined with `--all-versions`.",
    ),
}

CAVEATS: dict[Caveat, Explanation] = {
    Caveat.MD5_ONLY: Explanation(
        "Only MD5 matched, and anyone can construct a different file with the same MD5.",
        "Confirm with SHA-256 of the listed file, or by looking at the content.",
    ),
    Caveat.SHA1_ONLY: Explanation(
        "Only SHA-1 matched, and collisions of SHA-1 can be constructed.",
        "Confirm with SHA-256 of the listed file, or by looking at the content.",
    ),
    Caveat.PERCEPTUAL_ONLY: Explanation(
        "The image is similar to a listed one, not identical; unrelated images can be similar by chance.",
        "Have a person compare the images before acting, and use `hashaudit compare` for the distances.",
    ),
    Caveat.LOW_QUALITY: Explanation(
        "The image has too little detail for its perceptual hash to mean much.",
        "Do not act on the match without looking at the image.",
    ),
    Caveat.CONFLICTING_DIGESTS: Explanation(
        "One digest of a list entry agrees and another does not: a collision, or an error in the list.",
        "Trust the stronger digest, and ask the publisher of the list about the entry.",
    ),
    Caveat.CHANGED_WHILE_READ: Explanation(
        "The content changed during the read, so the hashed bytes may never have existed as one file.",
        "Scan a snapshot, or scan the file again when nothing writes to it.",
    ),
}

CONSISTENCY: dict[Consistency, Explanation] = {
    Consistency.STABLE: Explanation(
        "The file's state before the read equals its state after it.",
        "Nothing to do; the digests describe one state of the file.",
    ),
    Consistency.ETAG_PINNED: Explanation(
        "The object store served one entity tag throughout the read.",
        "Nothing to do; the digests describe one state of the object.",
    ),
    Consistency.VERSION_PINNED: Explanation(
        "The object store served one immutable version of the object.",
        "Nothing to do; the version id in the record identifies the content.",
    ),
    Consistency.UNVERIFIED_MOUNT: Explanation(
        "The file is on a network or FUSE mount, where a read that mixes two states cannot be detected.",
        "Scan the underlying storage or bucket directly, or scan a snapshot, if this matters.",
    ),
    Consistency.CHANGED_WHILE_READ: Explanation(
        "The content changed while it was read.",
        "Scan a snapshot, or scan the file again when nothing writes to it.",
    ),
    Consistency.APPENDED_WHILE_READ: Explanation(
        "The file grew while it was read; digests and `size` are of its content when the reading began, which two "
        "readings found unchanged.",
        "Nothing to do for a log; the next scan reads what was appended since.",
    ),
}


class Code(NamedTuple):
    """One code as a user sees it."""

    code: str
    """The value in a record, or the number of an exit code; ``128+N`` for signals."""
    name: str | None
    """The name of an exit code."""
    meaning: str
    action: str


OUTCOMES: dict[AuditOutcome, Explanation] = {
    AuditOutcome.MATCHED: Explanation(
        "The file is at its path, and all digests and the size agree with the manifest.",
        "Nothing to do; the file is unchanged.",
    ),
    AuditOutcome.CHANGED: Explanation(
        "The file is at its path with other content.", "Find out who changed it; its `state` has the times."
    ),
    AuditOutcome.MOVED: Explanation(
        "The content is at another path, and its own path is gone.",
        "Compare `path` with `expected.path`, and find out who moved it.",
    ),
    AuditOutcome.COPIED: Explanation(
        "The content is at a further path that the manifest does not have.",
        "Compare `path` with `expected.path`, and find out why there is a copy.",
    ),
    AuditOutcome.NEW: Explanation(
        "The manifest has neither the path nor the content.",
        "Find out where the file comes from, and make a new manifest if it belongs there.",
    ),
    AuditOutcome.MISSING: Explanation(
        "The path is gone, and the content is at no other path.",
        "Check that the storage is mounted, then find out who deleted the file.",
    ),
    AuditOutcome.UNREADABLE: Explanation(
        "The file exists and could not be compared: it has a fault, was skipped by rule, or the manifest has no digest "
        "for it.",
        "See its `fault` record and the options that skip files, then audit again.",
    ),
    AuditOutcome.CONFLICT: Explanation(
        "Some digests agree and others do not, or the size does not agree with the digests.",
        "Take it for an attack on the weaker digest, or for a damaged manifest, until you know better.",
    ),
}


class CodeGroup(NamedTuple):
    """The codes of one enumeration, in its order."""

    kind: str
    """Name of the group in JSON."""
    title: str
    introduction: str
    """One sentence: where the codes appear."""
    codes: tuple[Code, ...]


_Member = TypeVar("_Member", bound=StrEnum)


def _codes(members: type[_Member], table: Mapping[_Member, Explanation]) -> tuple[Code, ...]:
    return tuple(Code(member.value, None, *table[member]) for member in members)


def _exit_codes() -> Iterator[Code]:
    for member in ExitCode:
        shown = "128+N" if member is ExitCode.SIGNAL else str(member.value)
        yield Code(shown, member.name, *EXIT_CODES[member])


GROUPS: tuple[CodeGroup, ...] = (
    CodeGroup(
        "exit_code",
        "Exit codes",
        "Every command ends with one; the last record of a findings file has that of the scan.",
        tuple(_exit_codes()),
    ),
    CodeGroup(
        "fault_code",
        "Fault codes",
        "The `code` of a fault: why an entry was not examined completely.",
        _codes(FaultCode, FAULT_CODES),
    ),
    CodeGroup("fault_stage", "Fault stages", "The `stage` of a fault: the step that failed.", _codes(Stage, STAGES)),
    CodeGroup(
        "skip_reason",
        "Skip reasons",
        "The keys of `skipped` in the totals: why entries were counted and deliberately not opened.",
        _codes(SkipReason, SKIP_REASONS),
    ),
    CodeGroup(
        "caveat",
        "Caveats",
        "The values of `needs_confirmation` in a finding: why it should not be acted on alone.",
        _codes(Caveat, CAVEATS),
    ),
    CodeGroup(
        "consistency",
        "Consistency values",
        "The `consistency` of a record: what is known about changes during the read.",
        _codes(Consistency, CONSISTENCY),
    ),
    CodeGroup(
        "audit_outcome",
        "Outcomes of an audit",
        "The `outcome` of an `audit` record and the keys of `audit` in the totals: a file beside a manifest.",
        _codes(AuditOutcome, OUTCOMES),
    ),
)


def find_codes(text: str) -> list[tuple[CodeGroup, Code]]:
    """Returns every code with this value or name; some words are in several groups.

    Case is ignored. A number above 128 that has no entry of its own is the exit code for a signal.
    """
    wanted = text.strip().lower().replace("-", "_")
    found = [(group, code) for group in GROUPS for code in group.codes if wanted in _words(code)]
    if not found and wanted.isascii() and wanted.isdigit() and 0 < int(wanted) - ExitCode.SIGNAL <= MAX_SIGNAL:
        return find_codes(ExitCode.SIGNAL.name)
    return found


def _words(code: Code) -> tuple[str, ...]:
    return code.code.lower(), (code.name or code.code).lower()
