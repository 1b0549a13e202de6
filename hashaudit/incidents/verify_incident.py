"""Checks the directory of an incident: checksums and their signature, findings, drafts, exports and log."""

import hashlib
import os
import re
from collections.abc import Iterator
from urllib.parse import unquote_to_bytes

import msgspec

from hashaudit.errors import FindingsError
from hashaudit.host.files import open_regular
from hashaudit.incidents.incident_log import LOG_NAME, MAX_LOG_BYTES, Action, LogReport, read_log
from hashaudit.incidents.new_incident import (
    EXPORTS_NAME,
    FACTS_NAME,
    FINDINGS_NAME,
    SUMS_NAME,
    IncidentFacts,
    file_sha256,
)
from hashaudit.model.paths import for_terminal
from hashaudit.record import timestamps
from hashaudit.record.verify.trust import SignatureCheck, Trust
from hashaudit.signing.signer import FILE_NAMESPACE
from hashaudit.triage.findings_input import FindingsInput, VerifiedInput, find_inputs, verify_input

MAX_SMALL_FILE_BYTES = MAX_LOG_BYTES
"""Size of the checksums and of the facts. A directory with more files than fit was not made by this program."""

_SUM = re.compile(rb"(\\?)([0-9a-f]{64})  (.+)")
_ESCAPE = re.compile(rb"\\(.)")
_ESCAPED = {b"n": b"\n", b"r": b"\r", b"\\": b"\\"}


class IncidentCheck(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a check."""

    incident: str | None
    """Id of the incident, if it could be read."""
    proven: tuple[str, ...]
    unproven: tuple[str, ...]
    problems: tuple[str, ...]
    fingerprint: str | None
    """Fingerprint of the key that signed the checksums."""


def incident_inputs(directory: str, facts: IncidentFacts, trust: Trust, *, any_signer: bool) -> list[FindingsInput]:
    """Returns the findings files of an incident, in the order of its facts.

    Raises:
        FindingsError: a merge result cannot be read or is not proven.
    """
    folder = os.path.join(directory, FINDINGS_NAME)
    covered = {
        os.path.basename(one.path): one
        for name in facts.merge_results
        for one in find_inputs(os.path.join(folder, _name(name)), trust, any_signer=any_signer)
    }
    inputs = []
    for one in facts.files:
        name = os.fsencode(_name(one.name))
        own = FindingsInput(
            path=os.path.join(os.fsencode(folder), name), trust=trust, any_signer=any_signer, extract=one.is_extract
        )
        inputs.append(covered.get(name, own) if one.is_covered else own)
    return inputs


def read_facts(directory: str) -> IncidentFacts:
    """Returns the facts of an incident.

    Raises:
        FindingsError: they cannot be read, or are not those of an incident.
    """
    content = _small_file(os.path.join(directory, FACTS_NAME))
    try:
        return msgspec.json.decode(content, type=IncidentFacts)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise FindingsError(f"not the directory of an incident: '{_shown(directory)}'; {str(error)!a}") from error


def verify_incident(directory: str, trust: Trust) -> IncidentCheck:
    """Checks everything in the directory of an incident.

    Args:
        directory: of the incident.
        trust: whose signatures count; ``None`` accepts any key.

    Raises:
        FindingsError: the directory is not that of an incident, or a file cannot be read.
    """
    facts = read_facts(directory)
    sums = _small_file(os.path.join(directory, SUMS_NAME))
    check = SignatureCheck(trust)
    proven: list[str] = []
    unproven = ["what a person stated: title, legal basis, retention date and notes"]
    problems = list(_signature_problems(directory, facts, sums, check))
    if not problems:
        proven.append(f"{SUMS_NAME} is signed by the key {check.key.fingerprint if check.key else ''}")
    changed, count = _file_problems(directory, sums)
    problems += changed
    if not changed:
        proven.append(f"{_counted(count, 'file')}: unchanged since creation, and none was added or removed")
    found = list(_findings_problems(directory, facts, trust))
    problems += found
    if not found:
        number = _counted(len(facts.files), "file")
        proven.append(f"the signed findings: {number}, {_counted(facts.findings, 'finding')}")
    log = read_log(directory, trust)
    found = list(_log_problems(log, facts, sums))
    problems += found
    if not found:
        proven.append(f"the log: {_counted(len(log.entries), 'line')} in an unbroken chain, of this incident")
        unproven.append("that no line was removed from the end of the log")
    own, gone = _export_problems(directory, log)
    problems += own
    unproven += gone
    fingerprint = check.key.fingerprint if check.key else None
    return IncidentCheck(
        incident=facts.incident,
        proven=tuple(proven),
        unproven=tuple(unproven),
        problems=tuple(problems),
        fingerprint=fingerprint,
    )


def _counted(number: int, name: str) -> str:
    return f"{number:,} {name}{'' if number == 1 else 's'}"


def _signature_problems(directory: str, facts: IncidentFacts, sums: bytes, check: SignatureCheck) -> Iterator[str]:
    signature = _small_file(os.path.join(directory, f"{SUMS_NAME}.sig")).decode(errors="replace")
    try:
        created_s = timestamps.to_seconds(facts.created)
    except FindingsError:
        yield f"{FACTS_NAME}: the time of creation is not a time"
        return
    refusal = check.refusal(signature, hashlib.sha512(sums).digest(), FILE_NAMESPACE, created_s)
    if refusal is not None:
        yield f"{SUMS_NAME}: {refusal.message}"


def _file_problems(directory: str, sums: bytes) -> tuple[list[str], int]:
    """Compares the files with the checksums. Returns the problems and the number of files."""
    problems = []
    listed: dict[bytes, str] = {}
    for number, line in enumerate(sums.splitlines(), 1):
        match = _SUM.fullmatch(line)
        if match is None:
            problems.append(f"{SUMS_NAME}, line {number}: not a checksum")
            continue
        name = _ESCAPE.sub(lambda found: _ESCAPED.get(found[1], found[0]), match[3]) if match[1] else match[3]
        listed[name] = match[2].decode("ascii")
    present = dict(_files(os.fsencode(directory)))
    own = {os.fsencode(name) for name in (SUMS_NAME, f"{SUMS_NAME}.sig", LOG_NAME)}
    for name in sorted(listed.keys() | present.keys()):
        text = for_terminal(name)
        if name not in present:
            problems.append(f"'{text}' is missing")
        elif not present[name]:
            problems.append(f"'{text}' is not a regular file")
        elif name not in listed:
            if name not in own and not name.startswith(os.fsencode(EXPORTS_NAME) + b"/"):
                problems.append(f"'{text}' was added after creation")
        elif file_sha256(os.path.join(os.fsencode(directory), name)) != listed[name]:
            problems.append(f"'{text}' was changed")
    return problems, len(listed)


def _files(directory: bytes) -> Iterator[tuple[bytes, bool]]:
    """Yields each name below a directory that is not a directory, and whether it is a regular file."""
    waiting = [directory]
    while waiting:
        parent = waiting.pop()
        try:
            entries = list(os.scandir(parent))
        except OSError as error:
            raise FindingsError(f"cannot read: '{for_terminal(parent)}'; {error.strerror}") from error
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                waiting.append(entry.path)
            else:
                yield os.path.relpath(entry.path, directory), entry.is_file(follow_symlinks=False)


def _findings_problems(directory: str, facts: IncidentFacts, trust: Trust) -> Iterator[str]:
    for one, source in zip(
        facts.files, incident_inputs(directory, facts, trust, any_signer=trust is None), strict=True
    ):
        verified = verify_input(source)
        problem = _findings_problem(verified, any_signer=trust is None)
        if problem is not None:
            yield f"'{for_terminal(source.path)}' does not verify: {problem}"
        elif verified.sha256 != one.sha256:
            yield f"'{for_terminal(source.path)}' is not the file that {FACTS_NAME} names"


def _findings_problem(verified: VerifiedInput, *, any_signer: bool) -> str | None:
    outcome = verified.outcome
    if verified.is_verified or (any_signer and outcome.unmodified):
        return None
    return outcome.problems[0].message if outcome.problems else f"signer unknown ({outcome.fingerprint})"


def _log_problems(log: LogReport, facts: IncidentFacts, sums: bytes) -> Iterator[str]:
    if log.problem is not None:
        yield f"{LOG_NAME}: {log.problem}"
    if not log.entries:
        return
    first = log.entries[0]
    if first.incident != facts.incident:
        yield f"{LOG_NAME} belongs to another incident"
    if first.action is not Action.CREATED or first.sha256 != hashlib.sha256(sums).hexdigest():
        yield f"{LOG_NAME} begins with other checksums than {SUMS_NAME}"


def _export_problems(directory: str, log: LogReport) -> tuple[list[str], list[str]]:
    """Compares the files in the directory of exports with the log. Returns problems and what is not proven."""
    folder = os.path.join(directory, EXPORTS_NAME)
    present = {name for name, _ in _files(os.fsencode(folder))} if os.path.isdir(folder) else set()
    problems, unproven = [], []
    named = set()
    for entry in log.entries:
        if entry.action is not Action.EXPORTED or entry.file is None:
            continue
        name = os.fsencode(_name(entry.file))
        named.add(name)
        text = for_terminal(name)
        if name not in present:
            unproven.append(f"the export '{text}': it is not in the directory")
        elif file_sha256(os.path.join(os.fsencode(folder), name)) != entry.sha256:
            problems.append(f"the export '{text}' was changed")
    problems += [f"the export '{for_terminal(name)}' is not in the log" for name in sorted(present - named)]
    return problems, unproven


def _name(text: str) -> str:
    """Returns the name of a file of the directory.

    Raises:
        FindingsError: it is not a plain name, so it could lead out of the directory.
    """
    name = os.fsdecode(unquote_to_bytes(text))
    if name in {"", ".", ".."} or "/" in name or "\0" in name:
        raise FindingsError(f"not the name of a file of an incident: {text!a}")
    return name


def _small_file(path: str) -> bytes:
    try:
        with open_regular(path) as stream:
            content = stream.read(MAX_SMALL_FILE_BYTES + 1)
    except OSError as error:
        raise FindingsError(f"cannot read: '{_shown(path)}'; {error.strerror}") from error
    if len(content) > MAX_SMALL_FILE_BYTES:
        raise FindingsError(f"cannot read: '{_shown(path)}'; longer than {MAX_SMALL_FILE_BYTES} bytes")
    return content


def _shown(path: str) -> str:
    return for_terminal(os.fsencode(path))
