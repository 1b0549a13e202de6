"""Reads a findings file of ``scan --record all`` or of an audit as a manifest."""

import hashlib
import os

import msgspec

from hashaudit.errors import FindingsError
from hashaudit.host.files import open_regular
from hashaudit.lists.manifests.manifest_entry import ManifestEntry, ManifestInfo
from hashaudit.model import paths
from hashaudit.model.member_path import member_path
from hashaudit.model.results import AlgorithmName
from hashaudit.record.codec import decode_line
from hashaudit.record.entry_path import content_size, file_path, member_names
from hashaudit.record.header import RootType
from hashaudit.record.schema import EndReason, FaultRecord, FileRecord, FindingRecord
from hashaudit.record.verify.record_lines import pieces, without_newline
from hashaudit.record.verify.trust import Trust
from hashaudit.record.verify.verifier import verify_file
from hashaudit.record.verify.verify_report import ProblemCode, Verification, is_about_trust

_BEGINNING = b'{"kind":"run"'

NOT_TRUSTED = "it is not signed by a signer that you trust, so anyone may have written it"
NOT_LISTED = "directories that could not be listed when it was made; their files may be new"


class FindingsManifest(msgspec.Struct, frozen=True):
    """The content of a findings file."""

    info: ManifestInfo
    entries: list[ManifestEntry]
    root: bytes | None
    """The directory that was scanned, if it was one."""
    run_id: str
    signed_by: str | None
    warnings: tuple[str, ...]


def is_findings_file(path: str) -> bool:
    """Returns whether a file begins as a findings file."""
    try:
        with open_regular(os.fsencode(path)) as stream:
            return stream.read(len(_BEGINNING)) == _BEGINNING
    except OSError:
        return False


def read_findings(path: str, trust: Trust, *, takes_members: bool = False) -> FindingsManifest:
    """Verifies a findings file and returns its files.

    Args:
        path: the findings file.
        trust: whose signatures count.
        takes_members: members of containers are entries too.

    Raises:
        FindingsError: the file is damaged, incomplete, or has no record of files without a finding.
    """
    report = verify_file(path, trust)
    warnings = _check(report, path)
    entries: list[ManifestEntry] = []
    digest = hashlib.sha256()
    unlisted = 0
    with open_regular(os.fsencode(path)) as stream:
        for piece, _ in pieces(stream):
            digest.update(piece)
            record = decode_line(without_newline(piece))
            if isinstance(record, FaultRecord) and record.directory:
                unlisted += 1
            elif isinstance(record, FileRecord | FindingRecord | FaultRecord) and (
                takes_members or not record.entry.within
            ):
                entries.append(_entry(record))
        size = stream.tell()
    header = report.header
    if header is None:
        raise FindingsError("it has no header")
    if unlisted:
        warnings += (f"it has {unlisted} {NOT_LISTED}",)
    roots = [paths.from_text(root.path, root.path_uri) for root in header.roots if root.type is RootType.DIRECTORY]
    return FindingsManifest(
        ManifestInfo("findings", size, digest.hexdigest()),
        entries,
        os.path.normpath(roots[0]) if len(header.roots) == len(roots) == 1 else None,
        header.run_id,
        report.fingerprint if report.verified else None,
        warnings,
    )


def _check(report: Verification, path: str) -> tuple[str, ...]:
    """Returns warnings about a findings file that can be used.

    Raises:
        FindingsError: it cannot be used.
    """
    hint = f"hashaudit verify {paths.for_terminal(os.fsencode(path))}"
    damage = [one for one in report.problems if not is_about_trust(one) and one.code is not ProblemCode.UNSIGNED]
    if not report.complete or report.end_reason is not EndReason.COMPLETED or report.last is None:
        raise FindingsError("its scan did not complete, so it does not have all files", hint="resume the scan first")
    if damage:
        raise FindingsError(f"it does not verify: {damage[0].message}", hint=f"see what is damaged: {hint}")
    totals = report.last.totals
    if totals.clean + totals.known != totals.file_lines:
        raise FindingsError("it has no record of files without a finding", hint="make it with scan --record all")
    return () if report.verified else (NOT_TRUSTED,)


def _entry(record: FileRecord | FindingRecord | FaultRecord) -> ManifestEntry:
    path = member_path(file_path(record.entry), member_names(record.entry))
    digests = {AlgorithmName(name): bytes.fromhex(value) for name, value in record.digests.items()}
    size = content_size(record)
    # A digest beside a fault may be of a part of the file.
    return ManifestEntry(path, {} if record.faults else digests, size)
