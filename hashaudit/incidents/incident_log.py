"""The log of an incident: signed lines, each of which names the line before it.

A line is ``{"body": TEXT, "sshsig": TEXT}``. The signature is over the exact bytes of the body, with the namespace of
whole files, so ``ssh-keygen -Y verify`` checks a line.
"""

import hashlib
import os
import time
from enum import StrEnum

import msgspec

from hashaudit.errors import FindingsError, OutputError
from hashaudit.host.files import LockState, lock_file, open_regular
from hashaudit.model.paths import for_terminal
from hashaudit.record import timestamps
from hashaudit.record.verify.trust import SignatureCheck, Trust
from hashaudit.signing.signer import FILE_NAMESPACE, Signer

LOG_NAME = "log.jsonl"
KIND = "incident-log"
VERSION = 1
MAX_LOG_BYTES = 16 << 20
"""More than 10,000 lines. A log is written by people's actions."""


class Action(StrEnum):
    """Something that happened to an incident."""

    CREATED = "created"
    EXPORTED = "exported"
    """Findings were written in the form of another system."""
    NOTE = "note"
    """A statement of a person, such as that the report was filed."""


class LogBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The signed content of a line."""

    v: int
    kind: str
    incident: str
    """Id of the incident."""
    seq: int
    time: str
    action: Action
    text: str
    file: str | None = None
    """Name of an export, percent-encoded."""
    sha256: str | None = None
    """Hash of the file that the line is about: of the checksums at creation, or of an export."""
    prev_sha256: str | None
    """Hash of the line before, with its newline; null for the first."""


class LogLine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A line of the log."""

    body: str
    sshsig: str


class LogReport(msgspec.Struct, frozen=True, kw_only=True):
    """The result of reading a log."""

    entries: tuple[LogBody, ...]
    """Entries up to the first problem."""
    fingerprint: str | None
    """Fingerprint of the key that signed."""
    problem: str | None
    """The first thing that is wrong; later lines are not used."""
    last_sha256: str | None
    """Hash of the last line that is used."""


def read_log(directory: str, trust: Trust) -> LogReport:
    """Reads and checks a log.

    Args:
        directory: of the incident.
        trust: whose signatures count; ``None`` accepts any key.

    Raises:
        FindingsError: the log cannot be read.
    """
    path = os.fsencode(os.path.join(directory, LOG_NAME))
    try:
        with open_regular(path) as stream:
            content = stream.read(MAX_LOG_BYTES + 1)
    except OSError as error:
        raise FindingsError(f"cannot read the log: '{for_terminal(path)}'; {error.strerror}") from error
    if len(content) > MAX_LOG_BYTES:
        raise FindingsError(f"cannot read the log: '{for_terminal(path)}'; longer than {MAX_LOG_BYTES} bytes")
    entries: list[LogBody] = []
    check, previous = SignatureCheck(trust), None
    for number, raw in enumerate(content.splitlines(keepends=True), 1):
        problem = _problem(raw, number, previous, entries, check)
        if problem is not None:
            return _report(entries, check, f"line {number}: {problem}", previous)
        previous = hashlib.sha256(raw).hexdigest()
    return _report(entries, check, None if entries else "it is empty", previous)


def append_log(
    directory: str,
    incident: str,
    action: Action,
    text: str,
    *,
    signer: Signer,
    trust: Trust,
    file: str | None = None,
    sha256: str | None = None,
) -> LogBody:
    """Adds a line to the log of an incident, or begins the log.

    Args:
        directory: of the incident.
        incident: its id.
        action: what happened.
        text: what is stated about it.
        signer: signs the line.
        trust: whose lines may be before it.
        file: name of the file that the line is about, percent-encoded.
        sha256: hash of that file.

    Raises:
        FindingsError: the log cannot be read, or is damaged.
        OutputError: the log cannot be written, or another process writes it.
    """
    path = os.path.join(directory, LOG_NAME)
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
    shown = for_terminal(os.fsencode(path))
    is_new = not os.path.lexists(path)
    try:
        with open(os.open(path, flags, 0o600), "wb", buffering=0) as stream:
            if lock_file(stream.fileno()) is LockState.HELD:
                raise OutputError(f"log in use: '{shown}'; another process writes it")
            found = None if is_new else read_log(directory, trust)
            if found is not None and found.problem is not None:
                raise FindingsError(
                    f"damaged log: '{shown}'; {found.problem}", hint="nothing is added to a damaged log"
                )
            body = LogBody(
                v=VERSION,
                kind=KIND,
                incident=incident,
                seq=len(found.entries) + 1 if found else 1,
                time=timestamps.to_text(time.time_ns()),
                action=action,
                text=text,
                file=file,
                sha256=sha256,
                prev_sha256=found.last_sha256 if found else None,
            )
            content = msgspec.json.encode(body).decode()
            line = LogLine(body=content, sshsig=signer.sign(content.encode(), FILE_NAMESPACE))
            stream.write(msgspec.json.encode(line) + b"\n")
            os.fsync(stream.fileno())
    except OSError as error:
        raise OutputError(f"cannot write the log: '{shown}'; {error.strerror}") from error
    return body


def _problem(
    raw: bytes, number: int, previous: str | None, entries: list[LogBody], check: SignatureCheck
) -> str | None:
    """Takes a line, or returns the reason why it is not valid."""
    try:
        line = msgspec.json.decode(raw, type=LogLine)
        body = msgspec.json.decode(line.body, type=LogBody)
        time_s = timestamps.to_seconds(body.time)
    except (msgspec.DecodeError, FindingsError) as error:
        return f"not a line of a log; {ascii(str(error))[1:-1]}"
    if not raw.endswith(b"\n") or body.kind != KIND or body.v != VERSION:
        return "not a line of a log of this version"
    if body.seq != number or body.prev_sha256 != previous:
        return "lines are missing, repeated or out of order"
    if entries and entries[0].incident != body.incident:
        return "it belongs to another incident"
    refusal = check.refusal(line.sshsig, hashlib.sha512(line.body.encode()).digest(), FILE_NAMESPACE, time_s)
    if refusal is not None:
        return refusal.message
    entries.append(body)
    return None


def _report(entries: list[LogBody], check: SignatureCheck, problem: str | None, last: str | None) -> LogReport:
    fingerprint = check.key.fingerprint if check.key else None
    return LogReport(entries=tuple(entries), fingerprint=fingerprint, problem=problem, last_sha256=last)
