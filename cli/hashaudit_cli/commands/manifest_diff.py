"""``hashaudit diff``: compares two manifests without reading a file."""

from collections import Counter
from typing import Annotated

import msgspec

from hashaudit.exit_codes import ExitCode
from hashaudit.model.audit_outcome import AuditOutcome, count_differences
from hashaudit.record.schema import AuditRecord
from hashaudit.scan.option import Option, options_of
from hashaudit_cli.command import command
from hashaudit_cli.findings_options import TrustOptions
from hashaudit_cli.options import JsonOption, QuietOption
from hashaudit_cli.settings import Settings
from hashaudit_cli.ui.audit_lines import outcome_line, outcomes_text
from hashaudit_cli.ui.terminal import log, print_json, quote


class DiffOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options of the command."""

    old: Annotated[
        str, Option("old", "The earlier manifest or findings file.", argument=True, metavar="OLD", is_input=True)
    ]
    new: Annotated[
        str, Option("new", "The later manifest or findings file.", argument=True, metavar="NEW", is_input=True)
    ]
    ignore_case: Annotated[bool, Option("ignore-case", "Treat names that differ only in case as equal.", short="E")] = (
        False
    )


@command(
    "diff",
    options_of(DiffOptions),
    options_of(TrustOptions),
    options_of(JsonOption),
    options_of(QuietOption),
    examples=(
        "hashaudit diff monday.jsonl tuesday.jsonl",
        "hashaudit diff evidence.hashdeep copy.hashdeep",
    ),
)
def diff(settings: Settings) -> int:
    """Compare two manifests, or the findings files of two scans, without reading a file.

    Takes the same manifests as `audit --against`; findings files need `scan --record all`. The exit code has 8 if they
    differ, and 16 if an entry has no digest that can be compared.
    """
    from hashaudit.lists.list_parser import ListParser
    from hashaudit.manifest.compare_manifests import ManifestDifference
    from hashaudit.manifest.load_manifest import load_manifests
    from hashaudit.scan.auditor import record_of
    from hashaudit.scan.trust_policy import choose_trust

    own, quiet = settings.make(DiffOptions), settings.make(QuietOption).quiet
    trust = choose_trust(**msgspec.structs.asdict(settings.make(TrustOptions)), key=None)
    loaded = []
    for name in (own.old, own.new):
        with ListParser(forks=True) as parser:
            loaded.append(load_manifests([name], parser, trust, takes_members=True))
    for manifest in (one for part in loaded for one in part):
        for warning in manifest.warnings:
            log(f"manifest {quote(manifest.path.encode(errors='surrogateescape'))}: {warning}")
    differences = ManifestDifference(loaded[0], loaded[1], ignores_case=own.ignore_case)
    found = iter(differences)
    records = (record_of(one) for one in found)
    counts: Counter[AuditOutcome] = Counter({AuditOutcome.MATCHED: differences.matched})
    if settings.make(JsonOption).as_json:
        listed = list(records)
        counts.update(record.outcome for record in listed)
        print_json({"outcomes": +counts, "differences": [_fields(record) for record in listed]})
    else:
        for record in records:
            counts[record.outcome] += 1
            print(outcome_line(record))
    code = ExitCode.FINDINGS if count_differences(counts) else 0
    code |= ExitCode.INCOMPLETE if counts[AuditOutcome.UNREADABLE] else 0
    if code or not quiet:
        log(f"diff: {outcomes_text(counts) or 'no files'}.")
    return code


def _fields(record: AuditRecord) -> dict[str, object]:
    fields: dict[str, object] = msgspec.to_builtins(record)
    return {name: value for name, value in fields.items() if name not in {"kind", "seq", "time"}}
