"""Creates the directory of an incident: a copy of the signed findings, the report, drafts, checksums and a log."""

import hashlib
import os
import secrets
from collections.abc import Iterator
from urllib.parse import quote

import msgspec

from hashaudit import __version__
from hashaudit.errors import FindingsError, OutputError
from hashaudit.exports.cybertip_export import Incident
from hashaudit.exports.write_export import exported_runs, write_drafts
from hashaudit.host.files import open_regular
from hashaudit.incidents.incident_log import Action, append_log
from hashaudit.model.paths import for_terminal
from hashaudit.record.output import SIDECAR_SUFFIX, Output
from hashaudit.record.schema import FindingRecord
from hashaudit.record.verify.trust import Trust
from hashaudit.report.build_report import build_report
from hashaudit.report.html_page import render_page
from hashaudit.scan.merge_shards import RESULT_SUFFIX
from hashaudit.signing.signer import FILE_NAMESPACE, Signer
from hashaudit.triage.extract import write_extract
from hashaudit.triage.findings_input import FindingsInput, VerifiedInput, verify_input

SUMS_NAME = "SHA256SUMS"
FACTS_NAME = "incident.json"
FINDINGS_NAME = "findings"
EXPORTS_NAME = "exports"
_COPY_BYTES = 1 << 20


class IncidentFile(msgspec.Struct, frozen=True, kw_only=True):
    """A findings file of an incident."""

    name: str
    """In the directory ``findings``, percent-encoded if it is not printable ASCII."""
    sha256: str
    is_extract: bool
    """It holds the run header, the segments with findings and all checkpoints of another file, and nothing else."""
    of_sha256: str
    """Hash of the file that the scan wrote."""
    is_covered: bool
    """A merge result in the directory vouches for it, by its SHA-256."""


class IncidentFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The file ``incident.json``."""

    v: int = 1
    kind: str = "incident"
    incident: str
    """Random id."""
    created: str
    tool: str
    title: str | None
    legal_basis: str | None
    """As a person stated it."""
    retain_until: str | None
    """Date after which the directory may be deleted, as a person stated it. Nothing is deleted by itself."""
    findings: int
    run_ids: tuple[str, ...]
    files: tuple[IncidentFile, ...]
    merge_results: tuple[str, ...] = ()
    """Names of merge results in the directory ``findings``."""
    human_viewed: bool = False


class NewIncident(msgspec.Struct, frozen=True, kw_only=True):
    """The statements of a person about an incident."""

    title: str | None = None
    legal_basis: str | None = None
    retain_until: str | None = None
    drafts: Incident = Incident()
    segments: bool = False
    """Copy only the segments that hold findings, so that the records of other files are not disclosed."""
    merge_results: tuple[str, ...] = ()
    """Paths of the merge results that name the files."""


def create_incident(
    directory: str, stated: NewIncident, files: list[VerifiedInput], signer: Signer, trust: Trust, *, now: str
) -> IncidentFacts:
    """Creates the directory with mode 0700 and everything in it.

    Args:
        directory: a new directory.
        stated: what a person states.
        files: verified findings files.
        signer: signs the checksums and the log.
        trust: whose lines may be in the log.
        now: time of creation, RFC 3339.

    Raises:
        FindingsError: a file does not verify, or two have the same name.
        OutputError: the directory exists, or something cannot be written.
    """
    runs = exported_runs(files, any_signer=False)
    if stated.segments and stated.merge_results:
        raise FindingsError(
            "a merge result vouches for whole files only", hint="name the shards instead, or omit --segments"
        )
    names = [os.path.basename(one.source.path) for one in files]
    names = [_extract_name(name) for name in names] if stated.segments else names
    merged = [os.path.basename(os.fsencode(path)) for path in stated.merge_results]
    if len({*names, *merged}) < len(names) + len(merged):
        raise FindingsError("two findings files have the same name", hint="rename one of them")
    shown = for_terminal(os.fsencode(directory))
    try:
        os.mkdir(directory, 0o700)
        target = os.path.join(os.fsencode(directory), os.fsencode(FINDINGS_NAME))
        os.mkdir(target, 0o700)
        copies = [_take(one, os.path.join(target, name), stated, trust) for one, name in zip(files, names, strict=True)]
        for path, name in zip(stated.merge_results, merged, strict=True):
            for suffix in (b"", RESULT_SUFFIX):
                _copy(os.fsencode(path) + suffix, os.path.join(target, name) + suffix, None)
        report = build_report(
            copies,
            made=now.replace("T", " ").replace("Z", " UTC"),
            tool=f"hashaudit {__version__}",
        )
        _write(os.path.join(directory, "report.html"), b"".join(render_page(report)))
        written = write_drafts(os.path.join(directory, "drafts"), stated.drafts, files, runs)
        facts = IncidentFacts(
            incident=secrets.token_hex(16),
            created=now,
            tool=f"hashaudit {__version__}",
            title=stated.title,
            legal_basis=stated.legal_basis,
            retain_until=stated.retain_until,
            findings=written.records,
            run_ids=tuple(run.header.run_id for run in runs),
            files=tuple(
                IncidentFile(
                    name=quote(name),
                    sha256=copy.sha256,
                    is_extract=stated.segments,
                    of_sha256=one.sha256,
                    is_covered=one.source.sha256 is not None,
                )
                for one, copy, name in zip(files, copies, names, strict=True)
            ),
            merge_results=tuple(quote(name) for name in merged),
        )
        _write(os.path.join(directory, FACTS_NAME), msgspec.json.format(msgspec.json.encode(facts), indent=2) + b"\n")
        sums = b"".join(_sums(os.fsencode(directory)))
        _write(os.path.join(directory, SUMS_NAME), sums)
        _write(os.path.join(directory, SUMS_NAME + ".sig"), signer.sign(sums, FILE_NAMESPACE).encode())
    except OSError as error:
        raise OutputError(f"cannot create the incident: '{shown}'; {error.strerror}") from error
    text = f"{written.records:,} {'finding' if written.records == 1 else 'findings'}"
    sha256 = hashlib.sha256(sums).hexdigest()
    append_log(directory, facts.incident, Action.CREATED, text, signer=signer, trust=trust, sha256=sha256)
    return facts


def _extract_name(name: bytes) -> bytes:
    stem, suffix = os.path.splitext(name)
    return stem + b".extract" + suffix


def _take(one: VerifiedInput, target: bytes, stated: NewIncident, trust: Trust) -> VerifiedInput:
    """Copies a file, or its segments with findings, and returns the copy."""
    if not stated.segments:
        _copy(one.source.path, target, one.sha256)
        return one
    seqs = frozenset(item.record.seq for item in one.records() if isinstance(item.record, FindingRecord))
    output = Output.create(target)
    try:
        write_extract(one.source.path, seqs, output)
    finally:
        output.close()
    copy = verify_input(FindingsInput(path=target, trust=trust, extract=True))
    exported_runs([copy], any_signer=False)
    found = {item.record.seq for item in copy.records() if isinstance(item.record, FindingRecord)}
    if found != seqs:
        raise FindingsError(f"findings file changed while it was read: '{one.source.name}'")
    return copy


def _copy(source: bytes, target: bytes, sha256: str | None) -> None:
    digest = hashlib.sha256()
    output = Output.create(target)
    try:
        with open_regular(source) as stream:
            while data := stream.read(_COPY_BYTES):
                digest.update(data)
                output.write(data)
        output.sync()
    finally:
        output.close()
    if sha256 is not None and digest.hexdigest() != sha256:
        raise FindingsError(f"findings file changed while it was read: '{for_terminal(source)}'")
    if os.path.lexists(source + SIDECAR_SUFFIX):
        with open_regular(source + SIDECAR_SUFFIX) as stream:
            _write(target + SIDECAR_SUFFIX, stream.read(_COPY_BYTES))


def _write(path: str | bytes, content: bytes) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
    with open(os.open(path, flags, 0o600), "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def file_sha256(path: bytes) -> str:
    """Returns the SHA-256 of a file, in hex.

    Raises:
        FindingsError: it cannot be read.
    """
    digest = hashlib.sha256()
    try:
        with open_regular(path) as stream:
            while data := stream.read(_COPY_BYTES):
                digest.update(data)
    except OSError as error:
        raise FindingsError(f"cannot read: '{for_terminal(path)}'; {error.strerror}") from error
    return digest.hexdigest()


def _sums(directory: bytes) -> Iterator[bytes]:
    """Yields a line of ``sha256sum`` for each file, in the order of their names."""
    for parent, directories, names in os.walk(directory):
        directories.sort()
        for name in sorted(names):
            path = os.path.join(parent, name)
            value = file_sha256(path)
            relative = os.path.relpath(path, directory)
            escaped = relative.replace(b"\\", b"\\\\").replace(b"\n", b"\\n").replace(b"\r", b"\\r")
            mark = b"\\" if escaped != relative else b""
            yield b"%s%s  %s\n" % (mark, value.encode(), escaped)
