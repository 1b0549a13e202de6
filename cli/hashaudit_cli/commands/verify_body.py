"""The body of ``hashaudit verify``: prints what is proven of a findings file and what is not."""

import os

import msgspec

from hashaudit.exit_codes import ExitCode
from hashaudit.record.verify.verify_report import Basis, Problem, Verification
from hashaudit.scan.trust_policy import verify
from hashaudit_cli.ui.terminal import quote


def run_verify(
    file: str,
    *,
    allowed_signers: str | None,
    identity: str | None,
    key: str | None,
    allow_any_signer: bool,
    as_json: bool,
) -> int:
    """Verifies ``file``, prints the outcome and returns the exit code.

    Raises:
        HashauditError: the file, the key or the trust store cannot be read.
    """
    outcome = verify(
        file, allowed_signers=allowed_signers, identity=identity, key=key, allow_any_signer=allow_any_signer
    )
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(_summary(outcome)), indent=2).decode())
    else:
        _print(file, outcome)
    return ExitCode.COMPLETE if outcome.ok else ExitCode.CANNOT_START


def _print(file: str, outcome: Verification) -> None:
    print(f"{quote(os.fsencode(file))}: {_verdict(outcome)}")
    if outcome.header is not None:
        case = f", case {quote(outcome.header.case.encode(errors='surrogateescape'))}" if outcome.header.case else ""
        print(f"run {outcome.header.run_id} of {outcome.header.start} on {quote(outcome.header.host.encode())}{case}")
    for sentence in outcome.proven:
        print(f"  proven:     {sentence}")
    for sentence in outcome.unproven:
        print(f"  not proven: {sentence}")
    for problem in outcome.problems:
        print(f"  problem:    {_described(problem)}")
    if outcome.problems_omitted:
        print(f"  problem:    and {outcome.problems_omitted:,} more")


def _verdict(outcome: Verification) -> str:
    if not outcome.ok:
        return "NOT VERIFIED"
    return "intact, signer UNKNOWN (key not trusted)" if outcome.basis is Basis.NAMED_KEY else "verified"


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
    for name in (
        "basis",
        "fingerprint",
        "principals",
        "lines",
        "checkpoints",
        "intact",
        "resumptions",
        "sidecar",
        "problems",
    ):
        fields[name] = getattr(outcome, name)
    return fields | {"problems_omitted": outcome.problems_omitted, "last": outcome.last}
