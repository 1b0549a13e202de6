"""``hashaudit verify``: what a findings file proves, and what it does not."""

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from hashaudit.errors import HashauditError
from hashaudit.exit_codes import ExitCode
from hashaudit.model.counted import counted
from hashaudit.model.paths import to_text
from hashaudit.record.schema import EndReason, Totals
from hashaudit.record.verify.verify_report import Basis, Problem, Verification
from hashaudit.scan.option import Option, options_of
from hashaudit_cli.command import command
from hashaudit_cli.findings_options import HOW_TO_TRUST, SignerOption, TrustOptions
from hashaudit_cli.options import JsonOption
from hashaudit_cli.settings import Settings
from hashaudit_cli.ui.audit_lines import audit_text
from hashaudit_cli.ui.terminal import log_error, print_json, quote

if TYPE_CHECKING:
    from hashaudit.record.verify.trust import Trust
    from hashaudit.scan.verify_merged import MergedVerification


class VerifyOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options of the command."""

    files: Annotated[
        tuple[str, ...],
        Option(
            "files",
            "Findings files, or results of merge -o. FILE.sig next to each is checked too.",
            argument=True,
            metavar="FILE",
            is_input=True,
        ),
    ]
    extract: Annotated[
        bool,
        Option(
            "extract",
            "Accept an extract (`show --extract`): segments may be absent if the chain of checkpoints is complete.",
            setting="verify-extract",
        ),
    ] = False


@command(
    "verify",
    options_of(VerifyOptions),
    options_of(SignerOption),
    options_of(TrustOptions),
    options_of(JsonOption),
    examples=(
        "hashaudit verify findings.jsonl",
        "hashaudit verify findings.jsonl --allowed-signers team_signers",
    ),
)
def verify(settings: Settings) -> int:
    """Check findings files: every line, the chain, every signature, the totals and the end.

    Prints what is proven and what is not. Exit code 0: everything verifies, and you trust the signer. 3: intact, signer
    unknown (--allow-any-signer). 4: something does not verify; the output names each damaged segment with its lines,
    and the records that are still proven. With several files, the worst code counts.

    The same can be checked with ssh-keygen, jq and sha256sum alone: see docs/reference/findings-format.md.
    """
    from hashaudit.scan.trust_policy import choose_trust

    own, stated, as_json = settings.make(VerifyOptions), settings.make(TrustOptions), settings.make(JsonOption).as_json
    trust = choose_trust(**msgspec.structs.asdict(stated), key=settings.make(SignerOption).signer)
    worst = ExitCode.COMPLETE
    results = []
    for file in own.files:
        try:
            report = _verified(file, trust, allow_any_signer=stated.allow_any_signer, extract=own.extract)
        except HashauditError as error:
            if len(own.files) == 1:
                raise
            worst = ExitCode.CANNOT_START
            log_error(str(error), error.hint)
            results.append(
                _named(settings.given_name(file)) | {"verified": False, "intact": False, "error": str(error)}
            )
            continue
        worst = max(worst, report.code)
        results.append(_named(settings.given_name(file)) | report.fields)
        if not as_json:
            print(f"{quote(os.fsencode(settings.given_name(file)))}: {report.headline}")
            for line in report.lines:
                print(line)
    if as_json:
        whole: object = results[0] if len(own.files) == 1 else {"files": results}
        print_json(whole)
    return worst


class _Report(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome for one file, ready to print."""

    headline: str
    code: ExitCode
    lines: list[str]
    fields: dict[str, Any]


def _named(file: str) -> dict[str, Any]:
    name, uri = to_text(os.fsencode(file))
    return {"file": name} if uri is None else {"file": name, "file_uri": uri}


def _verified(file: str, trust: "Trust", *, allow_any_signer: bool, extract: bool) -> _Report:
    from hashaudit.record.verify.verifier import verify_file
    from hashaudit.scan.verify_merged import is_merge_result, verify_merged

    if is_merge_result(file):
        return _merge_report(verify_merged(file, trust), any_signer=allow_any_signer)
    return _findings_report(verify_file(file, trust, extract=extract), any_signer=allow_any_signer)


def _findings_report(outcome: Verification, *, any_signer: bool) -> _Report:
    fields = _fields(outcome)
    if not outcome.recognised:
        why = "it is empty" if not outcome.lines else "no line is a record"
        return _Report(headline=f"not a findings file; {why}", code=ExitCode.CANNOT_START, lines=[], fields=fields)
    code, headline = _verdict(outcome, any_signer=any_signer)
    if outcome.undisclosed_records:
        headline += f"; EXTRACT: {counted(outcome.undisclosed_records, 'record')} of the scan not in this file"
    if outcome.end_reason is not EndReason.COMPLETED:
        headline += f"; scan INCOMPLETE ({outcome.end_reason or 'no end is recorded'})"
    lines = []
    if outcome.header is not None:
        case = f", case {quote(outcome.header.case.encode(errors='surrogateescape'))}" if outcome.header.case else ""
        lines.append(
            f"run {outcome.header.run_id} of {outcome.header.start} on {quote(outcome.header.host.encode())}{case}"
        )
    if outcome.last is not None:
        lines.append(_counts(outcome.last.totals))
    lines += [f"  proven:     {sentence}" for sentence in outcome.proven]
    lines += [f"  not proven: {sentence}" for sentence in outcome.unproven]
    lines += _problem_lines(outcome.problems)
    if outcome.problems_omitted:
        lines.append(f"  problem:    and {outcome.problems_omitted:,} more")
    return _Report(headline=headline, code=code, lines=lines + _how_to_trust(outcome, code), fields=fields)


def _merge_report(outcome: "MergedVerification", *, any_signer: bool) -> _Report:
    code, headline = _verdict(outcome, any_signer=any_signer)
    result = outcome.result
    lines = []
    if result is not None:
        lines += [f"{counted(len(result.shards), 'shard')} merged at {result.time}", _counts(result.totals)]
        keys = ", ".join(sorted({ascii(shard.key_fingerprint)[1:-1] for shard in result.shards}))
        lines.append(f"  shards signed by: {keys}")
    if outcome.basis in {Basis.ALLOWED_SIGNERS, Basis.GIVEN_KEY}:
        lines.append(f"  proven:     the merge was signed by {outcome.fingerprint}")
    elif outcome.fingerprint is not None:
        lines.append(f"  not proven: the owner of key {outcome.fingerprint}")
    lines.append(f"  {counted(outcome.files, 'file')} as signed")
    lines += _problem_lines(outcome.problems)
    fields = {
        "verified": outcome.verified,
        "intact": outcome.unmodified,
        "merge": True,
        "exit_code": None if result is None else result.exit_code,
        **_count_fields(None if result is None else result.totals),
        "shards": [] if result is None else result.shards,
        "basis": outcome.basis,
        "fingerprint": outcome.fingerprint,
        "principals": outcome.principals,
        "problems": outcome.problems,
    }
    return _Report(headline=headline, code=code, lines=lines + _how_to_trust(outcome, code), fields=fields)


def _verdict(outcome: "Verification | MergedVerification", *, any_signer: bool) -> tuple[ExitCode, str]:
    if outcome.verified:
        return ExitCode.COMPLETE, "verified"
    if not outcome.unmodified:
        return ExitCode.CANNOT_START, "NOT VERIFIED"
    if outcome.problems:
        return ExitCode.CANNOT_START, f"NOT VERIFIED: intact, by another signer ({outcome.fingerprint})"
    if any_signer:
        return ExitCode.SIGNER_UNKNOWN, "intact, signer UNKNOWN (key not trusted)"
    return ExitCode.CANNOT_START, "NOT VERIFIED: intact, signer UNKNOWN"


def _how_to_trust(outcome: "Verification | MergedVerification", code: ExitCode) -> list[str]:
    asked = code is ExitCode.CANNOT_START and outcome.basis is Basis.NAMED_KEY
    return [f"  hint:       {HOW_TO_TRUST}"] if asked else []


def _counts(totals: Totals) -> str:
    return (
        f"{counted(totals.seen, 'file')} seen, {totals.examined:,} examined; "
        f"{counted(totals.findings, 'finding')}{f', {totals.accepted:,} of them accepted' if totals.accepted else ''}; "
        f"{counted(sum(totals.faults.values()), 'fault')}{audit_text(totals)}"
    )


def _count_fields(totals: Totals | None) -> dict[str, int | None]:
    counts: dict[str, Callable[[Totals], int]] = {
        "files": lambda of: of.seen,
        "examined": lambda of: of.examined,
        "findings": lambda of: of.findings,
        "accepted": lambda of: of.accepted,
        "faults": lambda of: sum(of.faults.values()),
    }
    return {name: None if totals is None else count(totals) for name, count in counts.items()}


def _problem_lines(problems: Sequence[Problem]) -> list[str]:
    return [f"  problem:    {_described(problem)}" for problem in problems]


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


def _fields(outcome: Verification) -> dict[str, Any]:
    last = outcome.last
    return {
        "verified": outcome.verified,
        "intact": outcome.unmodified,
        "complete": outcome.complete and not outcome.undisclosed_records,
        "undisclosed_records": outcome.undisclosed_records,
        "undisclosed_ranges": outcome.undisclosed,
        "end_reason": outcome.end_reason,
        "run_id": outcome.header.run_id if outcome.header else None,
        **_count_fields(last.totals if last is not None else None),
        "proven": outcome.proven,
        "not_proven": outcome.unproven,
        "basis": outcome.basis,
        "fingerprint": outcome.fingerprint,
        "principals": outcome.principals,
        "lines": outcome.lines,
        "checkpoints": outcome.checkpoints,
        "intact_ranges": outcome.intact,
        "resumptions": outcome.resumptions,
        "sidecar": outcome.sidecar,
        "problems": outcome.problems,
        "problems_omitted": outcome.problems_omitted,
        "last": last,
    }
