"""Merges the findings files of all shards into one result that refers to them.

The result is a list of SHA-256 sums as coreutils reads it, so that ``sha256sum -c`` and ``ssh-keygen`` check all of it.
It copies only the counts of the shards; each findings file stays the record of its part.
"""

import hashlib
import os
import time
from collections import Counter
from collections.abc import Sequence

import msgspec

from hashaudit import __version__, exit_codes
from hashaudit.errors import FindingsError
from hashaudit.host.files import open_regular
from hashaudit.model import paths
from hashaudit.model.faults import FaultCode, SkipReason, Stage
from hashaudit.model.location import ResumeKey
from hashaudit.model.paths import for_terminal
from hashaudit.record import timestamps
from hashaudit.record.codec import decode_line
from hashaudit.record.fields import Natural, Setting, Sha256, Time, Value
from hashaudit.record.header import HashList, Root, RunHeader, Tool
from hashaudit.record.output import SIDECAR_SUFFIX
from hashaudit.record.schema import CheckpointBody, EndReason, FaultRecord, Totals
from hashaudit.record.totals import TotalsCounter
from hashaudit.record.verify.record_lines import without_newline
from hashaudit.record.verify.trust import Trust
from hashaudit.record.verify.verifier import MAX_SIDECAR_BYTES, verify
from hashaudit.record.verify.verify_report import Verification
from hashaudit.scan.resume.compatibility import root_differences, shard_differences
from hashaudit.sources.shard import Shard

FORMAT_VERSION = 1
"""Version of the result's format."""

RESULT_SUFFIX = b".json"
"""Suffix of the summary beside the checksums."""

_SHOWN_NUMBERS = 20


class ShardResult(Value, frozen=True, kw_only=True):
    """One shard."""

    shard: str
    file: str
    file_uri: str | None = None
    sha256: Sha256
    run_id: str
    key_fingerprint: str
    exit_code: Natural
    totals: Totals


class MergedResult(Value, frozen=True, kw_only=True):
    """The sum of all shards."""

    v: int
    kind: str
    time: Time
    tool: Tool
    shards: tuple[ShardResult, ...]
    roots: tuple[Root, ...]
    """Header of the first shard."""
    different_roots: tuple[str, ...] = ()
    """Differences of the storage of other shards that the user accepted."""
    lists: tuple[HashList, ...]
    config: dict[str, Setting]
    totals: Totals
    """A fault of the walk in several shards counts once."""
    exit_code: Natural


class ShardFile(msgspec.Struct, frozen=True):
    """A findings file that was verified."""

    path: bytes
    sha256: str
    header: RunHeader
    shard: Shard
    fingerprint: str
    end: CheckpointBody
    walk_faults: dict[ResumeKey, tuple[FaultCode, bool]]
    """Entry -> fault code, and whether it is a directory."""


def merge_shards(
    files: Sequence[bytes], trust: Trust, *, allow_different_root: bool = False
) -> tuple[MergedResult, tuple[ShardFile, ...]]:
    """Verifies all shards and adds them up.

    Args:
        files: their findings files, in any order.
        trust: the accepted signers; ``None`` accepts the key that each file names.
        allow_different_root: merge shards although the storage at a root differs, and record that.

    Returns:
        The result, whose ``file`` names are the paths given, and the shards in order.

    Raises:
        FindingsError: a file does not verify, belongs to another scan, is not a shard or incomplete, or one is
            missing.
    """
    shards = sorted((_read(path, trust) for path in files), key=lambda shard: shard.shard.number)
    different_roots = _check_same(shards, allow_different_root=allow_different_root)
    _check_whole(shards)
    totals = _totals(shards)
    first = shards[0].header
    result = MergedResult(
        v=FORMAT_VERSION,
        kind="merge",
        time=timestamps.to_text(time.time_ns()),
        tool=Tool(name="hashaudit", version=__version__),
        shards=tuple(_result(shard) for shard in shards),
        roots=first.roots,
        different_roots=different_roots,
        lists=first.lists,
        config={name: value for name, value in first.config.items() if name != "shard"},
        totals=totals,
        exit_code=exit_codes.of_run(findings=totals.open_findings, faults=sum(totals.faults.values())),
    )
    return result, tuple(shards)


def checksum_line(sha256: str, name: bytes) -> bytes:
    """Returns a line as ``sha256sum`` of coreutils writes and checks it."""
    escaped = name.replace(b"\\", b"\\\\").replace(b"\n", b"\\n").replace(b"\r", b"\\r")
    return b"%s%s  %s\n" % (b"\\" if escaped != name else b"", sha256.encode(), escaped)


def _read(path: bytes, trust: Trust) -> ShardFile:
    shown = for_terminal(path)
    try:
        with open_regular(path) as stream, open_regular(path + SIDECAR_SUFFIX) as sidecar:
            outcome = verify(stream, trust, sidecar.read(MAX_SIDECAR_BYTES + 1))
            end = _require_complete(outcome, shown)
            stream.seek(0)
            whole, before_end = hashlib.sha256(), ""
            walk_faults: dict[ResumeKey, tuple[FaultCode, bool]] = {}
            for line in stream:
                before_end = whole.hexdigest()
                whole.update(line)
                _note_walk_fault(line, walk_faults)
    except OSError as error:
        name = for_terminal(os.fsencode(error.filename or path))
        raise FindingsError(f"cannot read the findings file: '{name}'; {error.strerror}") from error
    if before_end != end.file_sha256 or outcome.header is None or outcome.fingerprint is None:
        raise FindingsError(f"the findings file changed during reading: '{shown}'")
    setting = outcome.header.config.get("shard")
    if not isinstance(setting, str):
        raise FindingsError(f"not a shard: '{shown}'; it was not written with --shard")
    return ShardFile(
        path, whole.hexdigest(), outcome.header, Shard.parse(setting), outcome.fingerprint, end, walk_faults
    )


def _require_complete(outcome: Verification, shown: str) -> CheckpointBody:
    if outcome.problems:
        problem = outcome.problems[0]
        place = "" if problem.first_line is None else f"line {problem.first_line}: "
        raise FindingsError(f"verification failed: '{shown}'; {place}{problem.message} [{problem.code}]")
    if outcome.last is None or outcome.last.reason is not EndReason.COMPLETED:
        raise FindingsError(f"incomplete shard: '{shown}'; its scan ended early", hint="resume it with scan --resume")
    return outcome.last


def _note_walk_fault(line: bytes, found: dict[ResumeKey, tuple[FaultCode, bool]]) -> None:
    record = decode_line(without_newline(line))
    # What a guard says of a list is in every shard too.
    if isinstance(record, FaultRecord) and (record.directory or record.faults[0].stage is Stage.WALK):
        found[record.entry.resume_key] = (record.faults[0].code, record.directory)


def _check_same(shards: Sequence[ShardFile], *, allow_different_root: bool) -> tuple[str, ...]:
    """Returns the accepted differences of the storage."""
    first = shards[0]
    accepted: list[str] = []
    for other in shards[1:]:
        different = shard_differences(first.header, other.header)
        if different:
            raise FindingsError(
                f"not of the same scan: '{for_terminal(other.path)}' and '{for_terminal(first.path)}'; "
                f"the first has {'; '.join(different)}"
            )
        if other.shard.count != first.shard.count:
            raise FindingsError(
                f"{for_terminal(other.path)} is shard {other.shard}, and {for_terminal(first.path)} {first.shard}: "
                "they are parts of different wholes"
            )
        roots = root_differences(first.header, other.header)
        if roots and not allow_different_root:
            raise FindingsError(
                f"not of the same storage: '{for_terminal(first.path)}' and '{for_terminal(other.path)}'; "
                f"{'; '.join(roots)}",
                hint="scan the shard again with the storage mounted, or record it with --allow-different-root",
            )
        accepted += [f"shard {other.shard}: {different}" for different in roots]
    return tuple(accepted)


def _check_whole(shards: Sequence[ShardFile]) -> None:
    by_number: dict[int, ShardFile] = {}
    for shard in shards:
        twin = by_number.setdefault(shard.shard.number, shard)
        if twin is not shard:
            raise FindingsError(
                f"duplicate shard {shard.shard}: '{for_terminal(twin.path)}' and '{for_terminal(shard.path)}'"
            )
    missing = [number for number in range(1, shards[0].shard.count + 1) if number not in by_number]
    if missing:
        shown = ", ".join(map(str, missing[:_SHOWN_NUMBERS]))
        more = f" and {len(missing) - _SHOWN_NUMBERS} more" if len(missing) > _SHOWN_NUMBERS else ""
        raise FindingsError(f"shards missing of {shards[0].shard.count}: {shown}{more}")


def _totals(shards: Sequence[ShardFile]) -> Totals:
    """Returns the sums. Everything that each shard walks, and each fault there, counts once."""
    tally = TotalsCounter()
    skipped: Counter[SkipReason] = Counter()
    faults: Counter[FaultCode] = Counter()
    seen_faults: set[ResumeKey] = set()
    for shard in shards:
        totals = shard.end.totals
        tally.seen += totals.seen
        tally.clean += totals.clean
        tally.known += totals.known
        tally.matched += totals.matched
        tally.faulted += totals.faulted
        tally.directories = max(tally.directories, totals.directories)
        tally.directories_faulted += totals.directories_faulted
        tally.bytes_read += int(totals.bytes)
        tally.file_lines += totals.file_lines
        tally.from_cache += totals.from_cache
        tally.bytes_from_cache += int(totals.bytes_from_cache)
        skipped.update(totals.skipped)
        tally.members_clean += totals.members_clean
        tally.members_known += totals.members_known
        tally.members_skipped += totals.members_skipped
        tally.members_deleted_unreadable += totals.members_deleted_unreadable
        tally.members_matched += totals.members_matched
        tally.accepted += totals.accepted
        tally.appended += totals.appended
        tally.members_faulted += totals.members_faulted
        tally.member_file_lines += totals.member_file_lines
        tally.member_bytes += int(totals.member_bytes)
        tally.containers.update(totals.containers)
        tally.containers_unopened.update(totals.containers_unopened)
        faults.update(totals.faults)
        for path, (code, is_directory) in shard.walk_faults.items():
            if path not in seen_faults:
                seen_faults.add(path)
                continue
            faults[code] -= 1
            if is_directory:
                tally.directories_faulted -= 1
            else:
                tally.faulted -= 1
                tally.seen -= 1
    tally.skipped = skipped
    tally.faults = +faults
    return tally.totals()


def _result(shard: ShardFile) -> ShardResult:
    file, file_uri = paths.to_text(shard.path)
    return ShardResult(
        shard=str(shard.shard),
        file=file,
        file_uri=file_uri,
        sha256=shard.sha256,
        run_id=shard.header.run_id,
        key_fingerprint=shard.fingerprint,
        exit_code=shard.end.exit_code or 0,
        totals=shard.end.totals,
    )
