"""Verifies a findings file and says, sentence by sentence, what is proven and what is not."""

import os

import msgspec

from hashaudit.errors import FindingsError, UsageError
from hashaudit.exitcodes import ExitCode
from hashaudit.findings.allowed_signers import AllowedSigners
from hashaudit.findings.codec import MAX_LINE_BYTES, decode_line
from hashaudit.findings.header import RunHeader
from hashaudit.findings.public_key import KEY_TYPE, PublicKey, load_public_key, pack_string
from hashaudit.findings.trust import Trust, TrustedNames
from hashaudit.findings.verification import Problem, Verification
from hashaudit.findings.verify import verify_file
from hashaudit_cli.signing import default_allowed_signers_path
from hashaudit_cli.terminal import shown

_ED25519 = pack_string(KEY_TYPE)
"""With what the blob of such a key begins; the store may hold keys of other types."""


def run_verify(file: str, *, allowed_signers: str | None, identity: str | None, key: str | None, as_json: bool) -> int:
    """Verifies ``file``, prints the outcome and returns the exit code.

    Raises:
        HashauditError: the file, the key or the trust store cannot be read.
    """
    outcome = verify_file(file, _trust(file, allowed_signers=allowed_signers, identity=identity, key=key))
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(_summary(outcome)), indent=2).decode())
    else:
        _print(file, outcome)
    return ExitCode.COMPLETE if outcome.ok else ExitCode.CANNOT_START


def _trust(file: str, *, allowed_signers: str | None, identity: str | None, key: str | None) -> Trust:
    if key is not None:
        if allowed_signers is not None or identity is not None:
            raise UsageError("--key says who must have signed; leave out --allowed-signers and --identity")
        return load_public_key(key)
    if allowed_signers is not None or identity is not None:
        return TrustedNames(AllowedSigners.load(allowed_signers or default_allowed_signers_path()), identity)
    own = default_allowed_signers_path()
    if not os.path.exists(own):
        return None
    # The user's own store vouches for the keys in it. A file by anybody else is checked against the key that it names,
    # and said to be by a key whose owner is not proven.
    store = AllowedSigners.load(own)
    named = _named_fingerprint(file)
    return TrustedNames(store, None) if named in _fingerprints(store) else None


def _fingerprints(store: AllowedSigners) -> set[str]:
    return {
        PublicKey.from_blob(signer.key_blob).fingerprint
        for signer in store.signers
        if signer.key_blob.startswith(_ED25519)
    }


def _named_fingerprint(file: str) -> str | None:
    try:
        with open(file, "rb") as stream:
            header = decode_line(stream.readline(MAX_LINE_BYTES).rstrip(b"\n"))
    except (OSError, FindingsError):
        return None  # verifying says what is wrong with it
    return header.key_fingerprint if isinstance(header, RunHeader) else None


def _print(file: str, outcome: Verification) -> None:
    print(f"{shown(os.fsencode(file))}: {'verified' if outcome.ok else 'NOT VERIFIED'}")
    if outcome.header is not None:
        case = f", case {shown(outcome.header.case.encode(errors='surrogateescape'))}" if outcome.header.case else ""
        print(f"run {outcome.header.run_id} of {outcome.header.start} on {shown(outcome.header.host.encode())}{case}")
    for sentence in outcome.proven:
        print(f"  proven:     {sentence}")
    for sentence in outcome.unproven:
        print(f"  not proven: {sentence}")
    for problem in outcome.problems:
        print(f"  problem:    {_described(problem)}")
    if outcome.problems_omitted:
        print(f"  problem:    and {outcome.problems_omitted:,} more")


def _described(problem: Problem) -> str:
    place = []
    if problem.segment is not None:
        place.append(f"segment {problem.segment}")
    if problem.first_line is not None:
        last = problem.last_line
        place.append(
            f"line {problem.first_line}" if last in {None, problem.first_line} else f"lines {problem.first_line}-{last}"
        )
    return f"{', '.join(place)}: {problem.message} [{problem.code}]" if place else f"{problem.message} [{problem.code}]"


def _summary(outcome: Verification) -> dict[str, object]:
    fields: dict[str, object] = {
        "verified": outcome.ok,
        "complete": outcome.complete,
        "run_id": outcome.header.run_id if outcome.header else None,
        "proven": outcome.proven,
        "not_proven": outcome.unproven,
    }
    for name in ("basis", "fingerprint", "principals", "lines", "checkpoints", "intact", "sidecar", "problems"):
        fields[name] = getattr(outcome, name)
    return fields | {"problems_omitted": outcome.problems_omitted, "last": outcome.last}
