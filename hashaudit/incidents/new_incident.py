"""Creates the directory of an incident: a copy of the signed findings, the report, drafts, checksums and a log."""

import hashlib
import os
import secrets
from collections.abc import Iterator
from typing import BinaryIO

import msgspec

from hashaudit import __version__
from hashaudit.errors import FindingsError, OutputError
from hashaudit.exports.cybertip_export import Incident
from hashaudit.exports.write_export import exported_runs, write_drafts
from hashaudit.host.files import open_regular
from hashaudit.incidents.incident_log import Action, append_log
from hashaudit.model.paths import for_terminal
from hashaudit.record.output import SIDECAR_SUFFIX, Output
from hashaudit.record.verify.trust import Trust
from hashaudit.report.build_report import build_report
from hashaudit.report.html_page import render_page
from hashaudit.signing.signer import FILE_NAMESPACE, Signer
from hashaudit.triage.findings_input import VerifiedInput

SUMS_NAME = "SHA256SUMS"
FACTS_NAME = "incident.json"
_COPY_BYTES = 1 << 20


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
    human_viewed: bool = False


class NewIncident(msgspec.Struct, frozen=True, kw_only=True):
    """The statements of a person about an incident."""

    title: str | None = None
    legal_basis: str | None = None
    retain_until: str | None = None
    drafts: Incident = Incident()


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
    names = [os.path.basename(one.source.path) for one in files]
    if len(set(names)) < len(names):
        raise FindingsError("two findings files have the same name", hint="rename one of them")
    shown = for_terminal(os.fsencode(directory))
    try:
        os.mkdir(directory, 0o700)
        os.mkdir(os.path.join(directory, "findings"), 0o700)
        for one, name in zip(files, names, strict=True):
            _copy(one.source.path, os.path.join(os.fsencode(directory), b"findings", name), one.sha256)
        report = build_report(files, made=now.replace("T", " ").replace("Z", " UTC"), tool=f"hashaudit {__version__}")
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
        )
        _write(os.path.join(directory, FACTS_NAME), msgspec.json.format(msgspec.json.encode(facts), indent=2) + b"\n")
        sums = b"".join(_sums(os.fsencode(directory)))
        _write(os.path.join(directory, SUMS_NAME), sums)
        _write(os.path.join(directory, SUMS_NAME + ".sig"), signer.sign(sums, FILE_NAMESPACE).encode())
    except OSError as error:
        raise OutputError(f"cannot create the incident: '{shown}'; {error.strerror}") from error
    append_log(directory, facts.incident, Action.CREATED, f"{written.records} findings", signer=signer, trust=trust)
    return facts


def _copy(source: bytes, target: bytes, sha256: str) -> None:
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
    if digest.hexdigest() != sha256:
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


def _sha256(stream: BinaryIO) -> str:
    digest = hashlib.sha256()
    while data := stream.read(_COPY_BYTES):
        digest.update(data)
    return digest.hexdigest()


def _sums(directory: bytes) -> Iterator[bytes]:
    """Yields a line of ``sha256sum`` for each file, in the order of their names."""
    for parent, directories, names in os.walk(directory):
        directories.sort()
        for name in sorted(names):
            path = os.path.join(parent, name)
            with open_regular(path) as stream:
                value = _sha256(stream)
            relative = os.path.relpath(path, directory)
            escaped = relative.replace(b"\\", b"\\\\").replace(b"\n", b"\\n").replace(b"\r", b"\\r")
            mark = b"\\" if escaped != relative else b""
            yield b"%s%s  %s\n" % (mark, value.encode(), escaped)
