"""Verifies the result of ``merge``: checksums of the shards, a signature over them, and a summary."""

import hashlib
import os
import re
import time
from collections.abc import Iterator

import msgspec

from hashaudit.errors import FindingsError
from hashaudit.model.paths import for_terminal
from hashaudit.record import timestamps
from hashaudit.record.output import SIDECAR_SUFFIX
from hashaudit.record.verify.trust import KeyRefusal, SignatureCheck, Trust
from hashaudit.record.verify.verify_report import Basis, Problem, ProblemCode, is_about_trust
from hashaudit.scan.merge_shards import RESULT_SUFFIX, MergedResult
from hashaudit.signing.signer import FILE_NAMESPACE

_LINE = re.compile(rb"(\\?)([0-9a-f]{64})  ([^\n]+)\n")
"""A line as ``sha256sum`` of coreutils writes it."""

_ESCAPES = {b"\\\\": b"\\", b"\\n": b"\n", b"\\r": b"\r"}

_MAX_BYTES = 64 << 20
"""More than a checksum line for each of 100,000 shards."""

_READ_BYTES = 1 << 20


class MergedVerification(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of a verification of a merge result."""

    result: MergedResult | None
    """The summary; ``None`` if it does not match its checksum."""
    basis: Basis
    fingerprint: str | None
    """Fingerprint of the key that signed."""
    principals: tuple[str, ...]
    """Names for which the trust store trusts that key."""
    files: int
    """Number of files that match their checksums."""
    problems: tuple[Problem, ...]

    @property
    def unmodified(self) -> bool:
        """True if all files agree with the signature, by any signer."""
        return all(is_about_trust(problem) for problem in self.problems)

    @property
    def verified(self) -> bool:
        """True if there is no problem and the reader trusts the signer."""
        return not self.problems and self.basis in {Basis.ALLOWED_SIGNERS, Basis.GIVEN_KEY}


def is_merge_result(path: str) -> bool:
    """Returns whether ``path`` is a regular file that begins like the checksums of ``merge``."""
    try:
        if not os.path.isfile(path):
            return False
        with open(path, "rb") as stream:
            return _LINE.match(stream.readline(_READ_BYTES)) is not None
    except OSError:
        return False


def verify_merged(path: str, trust: Trust) -> MergedVerification:
    """Verifies the signature over ``path`` and every file that it names.

    Args:
        path: the checksums, as ``merge -o`` writes them.
        trust: whose signature counts; ``None`` accepts any key.

    Raises:
        FindingsError: ``path`` cannot be read.
    """
    raw = os.fsencode(path)
    try:
        with open(raw, "rb") as stream:
            content = stream.read(_MAX_BYTES + 1)
    except OSError as error:
        raise FindingsError(f"cannot read the merge result: '{for_terminal(raw)}'; {error.strerror}") from error
    problems: list[Problem] = []
    matching, summary = _check_files(raw, content, problems)
    result = _parsed(summary, problems)
    time_s = time.time() if result is None else timestamps.to_seconds(result.time)
    signatures, refusal = _check_signature(raw, content, trust, time_s)
    if refusal is not None:
        problems.insert(0, Problem(refusal.code, f"the signature: {refusal.message}"))
    return MergedVerification(
        result=result,
        basis=signatures.basis,
        fingerprint=signatures.key.fingerprint if signatures.key else None,
        principals=signatures.principals,
        files=matching,
        problems=tuple(problems),
    )


def _check_signature(
    path: bytes, content: bytes, trust: Trust, time_s: float
) -> tuple[SignatureCheck, KeyRefusal | None]:
    signature = None
    sidecar = path + SIDECAR_SUFFIX
    if os.path.isfile(sidecar):
        try:
            with open(sidecar, "rb") as stream:
                signature = stream.read(_READ_BYTES).decode("ascii", errors="replace")
        except OSError as error:
            raise FindingsError(f"cannot read the signature: '{for_terminal(sidecar)}'; {error.strerror}") from error
    digest = hashlib.sha512(content).digest()
    check = SignatureCheck(trust)
    refusal = check.refusal(signature, digest, FILE_NAMESPACE, time_s)
    if check.distrust is not None:
        check = SignatureCheck(None)
        check.refusal(signature, digest, FILE_NAMESPACE, time_s)
    return check, refusal


def _check_files(path: bytes, content: bytes, problems: list[Problem]) -> tuple[int, bytes | None]:
    """Returns the number of files that match, and the content of the summary if it is one of them."""
    folder = os.path.dirname(os.path.abspath(path))
    matching, summary = 0, None
    for number, name, expected in _lines(content, problems):
        own = os.path.join(folder, name)
        try:
            found = _sha256(own)
        except OSError as error:
            text = f"cannot read: '{for_terminal(own)}'; {error.strerror}"
            problems.append(Problem(ProblemCode.FILE_MISSING, text, None, number, number))
            continue
        if found != expected:
            text = f"'{for_terminal(own)}' was modified"
            problems.append(Problem(ProblemCode.FILE_CHANGED, text, None, number, number))
            continue
        matching += 1
        if name == os.path.basename(path) + RESULT_SUFFIX:
            with open(own, "rb") as stream:
                summary = stream.read(_MAX_BYTES)
            summary = summary if hashlib.sha256(summary).hexdigest() == expected else None
    return matching, summary


def _lines(content: bytes, problems: list[Problem]) -> Iterator[tuple[int, bytes, str]]:
    for number, line in enumerate(content.splitlines(keepends=True), 1):
        match = _LINE.fullmatch(line)
        if match is None:
            text = "not a line of sha256sum"
            problems.append(Problem(ProblemCode.UNREADABLE_LINE, text, None, number, number))
            continue
        name = match[3]
        if match[1]:
            name = re.sub(rb"\\[\\nr]", lambda found: _ESCAPES[found[0]], name)
        yield number, name, match[2].decode()


def _sha256(path: bytes) -> str:
    if not os.path.isfile(path):
        os.stat(path)
        raise OSError(0, "not a regular file")
    whole = hashlib.sha256()
    with open(path, "rb") as stream:
        while piece := stream.read(_READ_BYTES):
            whole.update(piece)
    return whole.hexdigest()


def _parsed(summary: bytes | None, problems: list[Problem]) -> MergedResult | None:
    try:
        if summary is not None:
            return msgspec.json.decode(summary, type=MergedResult)
    except msgspec.DecodeError as error:
        problems.append(Problem(ProblemCode.UNREADABLE_LINE, f"the summary: {ascii(str(error))[1:-1]}"))
        return None
    if not problems:
        problems.append(Problem(ProblemCode.FILE_MISSING, "the checksums do not name the summary"))
    return None
