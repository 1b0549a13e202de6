"""``hashaudit extract-check``: reads a recorded member again and compares its digests."""

import contextlib
import os
from typing import TYPE_CHECKING, Annotated

import msgspec

from hashaudit.errors import FindingsError, UsageError
from hashaudit.exit_codes import ExitCode
from hashaudit.record.schema import AuditRecord, EndReason, EntryRecord, FaultRecord, FileRecord, FindingRecord
from hashaudit.record.totals import TotalsCounter
from hashaudit.scan.config import RecordScope, ScanConfig
from hashaudit.scan.option import Option, options_of
from hashaudit_cli.command import command
from hashaudit_cli.findings_options import FindingsArgument, SignerOption, TrustOptions
from hashaudit_cli.options import JsonOption, select
from hashaudit_cli.settings import Settings
from hashaudit_cli.ui.scan_display import follow, show_preparation
from hashaudit_cli.ui.signals import obeying_signals
from hashaudit_cli.ui.terminal import print_json, quote

if TYPE_CHECKING:
    from hashaudit.triage.member_check import CheckedEntry, RecordedDigests


class ExtractCheckOptions(FindingsArgument, frozen=True, kw_only=True):
    """The options of the command."""

    path: Annotated[
        str | None,
        Option(
            "path",
            "Check the records of this path, such as /srv/a.zip//b.",
            metavar="PATH",
            setting="extract-check-path",
        ),
    ] = None
    record: Annotated[
        int | None,
        Option(
            "record", "Check the record with this number.", metavar="SEQ", minimum=1, setting="extract-check-record"
        ),
    ] = None
    unverified: Annotated[
        bool, Option("unverified", "Check records that are not proven too.", setting="extract-check-unverified")
    ] = False


@command(
    "extract-check",
    options_of(ExtractCheckOptions),
    select(ScanConfig, "passwords"),
    options_of(SignerOption),
    options_of(TrustOptions),
    options_of(JsonOption),
    examples=(
        "hashaudit extract-check findings.jsonl --path '/srv/a.zip//b/c.jpg'",
        "hashaudit extract-check findings.jsonl --record 17 --passwords words.txt",
    ),
)
def extract_check(settings: Settings) -> int:
    """Read a recorded member again, and say whether its digests still agree.

    The file is read as by a scan, in a sandboxed worker. No content is written or shown. A member is identified by
    every step to it: format, exact name and position.

    Exit code 0: all agree. 4: the record is not proven. 8: a digest differs, or the member is gone. 16: something could
    not be read. 24: both.
    """
    from hashaudit.scan.trust_policy import choose_trust
    from hashaudit.triage.findings_input import find_inputs
    from hashaudit.triage.member_check import CheckState, RecordedDigests

    own, stated = settings.make(ExtractCheckOptions), settings.make(TrustOptions)
    if (own.path is None) == (own.record is None):
        raise UsageError("missing option: '--path' or '--record'", hint="see hashaudit show for paths and numbers")
    trust = choose_trust(**msgspec.structs.asdict(stated), key=settings.make(SignerOption).signer)
    any_signer = stated.allow_any_signer or own.unverified
    sources = [one for path in own.files for one in find_inputs(path, trust, any_signer=any_signer)]
    records: list[EntryRecord] = []
    for source in sources:
        for item in source.reader():
            record = item.record
            if isinstance(record, EntryRecord) and _is_wanted(record, own):
                if not (source.accepts(item) or own.unverified):
                    raise FindingsError(
                        f"not proven: record {record.seq} of '{source.name}'; no accepted signature covers it",
                        hint="see hashaudit verify; --unverified checks it all the same",
                    )
                records.append(record)
    if not records:
        raise FindingsError("no record with digests has this path or number", hint="see hashaudit show --files")
    wanted = RecordedDigests(records)
    _examine(settings, wanted)
    results = wanted.results()
    for result in results:
        _show(result, as_json=settings.make(JsonOption).as_json)
    states = {result.state for result in results}
    code = ExitCode.FINDINGS if states & {CheckState.DIFFERS, CheckState.MISSING} else ExitCode.COMPLETE
    return code | ExitCode.INCOMPLETE if CheckState.NOT_READ in states else code


def _is_wanted(record: EntryRecord, own: ExtractCheckOptions) -> bool:
    from hashaudit.record.entry_path import joined_path

    if not record.digests:
        return False
    return record.seq == own.record if own.path is None else os.fsencode(own.path) == joined_path(record.entry)


def _examine(settings: Settings, wanted: "RecordedDigests") -> None:
    """Reads the files that the records are of, with all their members."""
    from hashaudit.model.containers import ContainerCategory
    from hashaudit.scan.check_config import checked
    from hashaudit.scan.session import Session
    from hashaudit.workers.local.worker_start import start_server

    config = checked(
        settings.make(
            ScanConfig,
            roots=wanted.files,
            algorithms=wanted.algorithms,
            variants="none",
            record=RecordScope.ALL,
            inside=tuple(ContainerCategory),
            inside_known=True,
            rasters=True,
        )
    )
    server = start_server(copies=True, low_impact=False, images=False)
    with obeying_signals() as control, server or contextlib.nullcontext(), Session(config, server=server) as session:
        show_preparation(session.prepare(), quiet=True)
        loop = session.main_loop(_Observer(wanted), control)
        follow(loop.events(), control, quiet=True)
        finished = loop.finished
    if finished is None or finished.reason is not EndReason.COMPLETED:
        raise FindingsError("the check was stopped before its end", hint="run it again")


class _Observer:
    """Takes the records of a scan for the comparison."""

    def __init__(self, wanted: "RecordedDigests") -> None:
        self.tally = TotalsCounter()
        self.deadline_s = None
        self._wanted = wanted
        self._count = 0

    def write(self, record: FindingRecord | FaultRecord | FileRecord | AuditRecord) -> int:
        """Takes the next record."""
        self.tally.count_line(record)
        if isinstance(record, EntryRecord):
            self._wanted.observe(record)
        self._count += 1
        return self._count

    def tick(self) -> None:
        """Does nothing: no write is due by the clock."""

    def checkpoint(self) -> None:
        """Does nothing: nothing is written."""

    def finish(self, reason: EndReason, exit_code: int) -> None:
        """Does nothing: nothing is written."""


def _show(result: "CheckedEntry", *, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "path": quote(result.path),
                "state": result.state,
                "algorithms": result.algorithms,
                "reason": result.reason,
            }
        )
        return
    details = ", ".join(result.algorithms) if result.reason is None else quote(os.fsencode(result.reason))
    print(f"{result.state.replace('_', ' ')}: {quote(result.path)}: {details}")
