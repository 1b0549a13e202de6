"""``hashaudit audit``: compares a tree with a manifest."""

import contextlib
import os
import shlex
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import msgspec

import hashaudit
from hashaudit.errors import UsageError
from hashaudit.model.counted import counted
from hashaudit.model.secret_masking import mask_options
from hashaudit.record.header import ManifestSource
from hashaudit.record.schema import EndReason, FaultRecord
from hashaudit.scan.config import RecordScope, ScanConfig
from hashaudit.scan.events import Audited, Event, Finished, Recorded, Started
from hashaudit.scan.option import Group, Option, options_of, secret_options
from hashaudit_cli.command import command
from hashaudit_cli.findings_options import TrustOptions
from hashaudit_cli.named_files import NamedFilesOptions, with_named_files
from hashaudit_cli.options import EndOptions, QuietOption, SigningOptions, members_of, select
from hashaudit_cli.reported_run import run_and_report
from hashaudit_cli.settings import Settings
from hashaudit_cli.ui.audit_lines import audit_summary, fault_line, outcome_line, outside_line, source_line
from hashaudit_cli.ui.scan_display import follow, show_preparation
from hashaudit_cli.ui.signals import interrupting_on_signals, obeying_signals
from hashaudit_cli.ui.terminal import log, null_output, quote

if TYPE_CHECKING:
    from hashaudit.scan.auditor import AuditRequest
    from hashaudit.scan.key_policy import Signing

MAX_LINES = 1_000
"""Differences that are listed without --verbose; all of them are counted, and recorded with -o."""


class AuditCommandOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options of the command, besides those of a scan."""

    against: Annotated[
        tuple[str, ...],
        Option(
            "against",
            "Compare with this manifest: a findings file, hashdeep, md5sum to b3sum, CSV, DFXML, mtree, or a BagIt "
            "directory. Use ALGO=FILE if its digests have no name.",
            Group.LISTS,
            metavar="MANIFEST",
            is_input=True,
        ),
    ] = ()
    base: Annotated[
        bytes | None,
        Option(
            "base",
            "Relative paths of the manifest are below DIR.",
            Group.LISTS,
            metavar="DIR",
            shown="the directory where most of them exist",
        ),
    ] = None
    strip: Annotated[
        bytes | None,
        Option(
            "strip",
            "Remove DIR from absolute paths of the manifest.",
            Group.LISTS,
            metavar="DIR",
            shown="nothing, if the paths exist",
        ),
    ] = None
    ignore_case: Annotated[
        bool,
        Option("ignore-case", "Treat names that differ only in case as equal.", Group.LISTS, short="E"),
    ] = False
    verbose: Annotated[bool, Option("verbose", "List every difference, however many.", short="v")] = False
    output: Annotated[
        str | None,
        Option(
            "output",
            "Write the audit to this new findings file, and its signature to FILE.sig. It is the next manifest.",
            Group.OUTPUT,
            short="o",
            metavar="FILE",
            shown="none",
        ),
    ] = None


@command(
    "audit",
    select(
        ScanConfig,
        "include",
        "exclude",
        "one_file_system",
        "follow_links",
        "require_mount",
        "workers",
        "max_rate_bytes_per_s",
        "low_impact",
        "max_time_s",
        "cache",
        "cache_verify_percent",
        "require_sandbox",
        "endpoint_url",
        "request_payer",
        "path_style",
        "case",
        "exhibit",
        "examiner",
        "note",
        roots="Directories, files or s3://BUCKET/PREFIX to compare.",
        algorithms="Compute these digests as well as those of the manifest.",
    ),
    members_of("Compare also the members of these containers, as A!/B: archives, documents, mail, all or none."),
    options_of(NamedFilesOptions),
    options_of(AuditCommandOptions),
    options_of(SigningOptions),
    options_of(TrustOptions),
    options_of(EndOptions),
    options_of(QuietOption),
    examples=(
        "hashaudit audit /srv --against files.hashdeep -o audit.jsonl",
        "hashaudit audit /srv --against audit.jsonl -o next.jsonl",
        "hashaudit audit /mnt/evidence --against sha256=sums.txt --strip /home/lab/case7",
    ),
)
def audit(settings: Settings) -> int:
    """Compare every file below each ROOT with a manifest.

    Each file has one outcome: matched, changed, moved, copied, new, missing, unreadable or conflict. The exit code has
    8 if the tree differs, and 16 if anything was not compared.

    With -o, the result is signed and can be verified, and is itself a manifest: the next audit compares with it.

    An interrupted audit cannot be resumed, because only at its end it is known which files are missing, moved or new.
    Start it again; with --cache, it does not read unchanged files again.
    """
    from hashaudit.scan.auditor import AuditOptions, AuditRequest
    from hashaudit.scan.trust_policy import choose_trust
    from hashaudit_cli.passphrase import signing_options

    for first, second in (("key", "unsigned"), ("passphrase_file", "passphrase_fd")):
        settings.prefer_stronger(first, second)
    own, quiet = settings.make(AuditCommandOptions), settings.make(QuietOption).quiet
    if not own.against:
        raise UsageError(
            "missing option: '--against'", hint="name a manifest to compare with, or make one with hashaudit hash"
        )
    path = settings.config_file.path if settings.config_file is not None else None
    config = settings.make(
        ScanConfig,
        origins=settings.origins(ScanConfig),
        config_file=path,
        record=RecordScope.ALL,
        perceptual=False,
    )
    config = with_named_files(settings, config)
    request = AuditRequest(
        own.against,
        choose_trust(**msgspec.structs.asdict(settings.make(TrustOptions)), key=None),
        AuditOptions(own.base, own.strip, own.ignore_case, bool(config.inside)),
    )
    signing = signing_options(**msgspec.structs.asdict(settings.make(SigningOptions)))
    return run_and_report(
        settings.make(EndOptions),
        own.output,
        lambda take: _run(config, request, own, signing, _Display(take, quiet=quiet, verbose=own.verbose)),
    )


def _run(
    config: ScanConfig, request: "AuditRequest", own: AuditCommandOptions, signing: "Signing", display: "_Display"
) -> int:
    """Runs the audit to its end and returns its exit code.

    Raises:
        HashauditError: the audit cannot start or continue.
    """
    with contextlib.ExitStack() as stack:
        output = own.output
        if output is None:
            # Nothing is kept, so nothing is signed.
            signing = msgspec.structs.replace(signing, key=None, unsigned=True, passphrase=None)
        target = null_output(stack) if output is None else output
        control = stack.enter_context(obeying_signals())
        argv = mask_options(sys.argv, secret_options((SigningOptions,)))
        with interrupting_on_signals():
            events = hashaudit.scan(
                config, output=target, signing=signing, control=control, argv=argv, owns_process=True, audit=request
            )
        stack.enter_context(events)
        with interrupting_on_signals():
            show_preparation(events, quiet=display.quiet)
        follow(events, control, quiet=display.quiet, on_event=display.take)
        display.show(output)
    if events.exit_code is None:
        raise RuntimeError("an audit ended without an exit code")
    return events.exit_code


class _Display:
    """Lists the differences on standard output, and the counts on standard error."""

    def __init__(self, on_event: Callable[[Event], None], *, quiet: bool, verbose: bool) -> None:
        self.quiet = quiet
        self._on_event = on_event
        self._limit = None if verbose else MAX_LINES
        self._listed = 0
        self._sources: tuple[ManifestSource, ...] = ()
        self._finished: Finished | None = None

    def take(self, event: Event) -> None:
        """Takes the next event."""
        self._on_event(event)
        match event:
            case Started(header=header):
                self._sources = header.against
                for source in header.against:
                    self._log_source(source)
            case Audited(record=record):
                if self._limit is None or self._listed < self._limit:
                    print(outcome_line(record))
                self._listed += 1
            case Recorded(record=FaultRecord() as record):
                log(fault_line(record))
            case Finished():
                self._finished = event
            case _:
                pass

    def _log_source(self, source: ManifestSource) -> None:
        if not self.quiet:
            log(source_line(source))
        if source.outside:
            log(outside_line(source))

    def show(self, path: str | None) -> None:
        """Displays the end of an audit.

        Args:
            path: the findings file; ``None`` if nothing is kept.
        """
        finished = self._finished
        if finished is None:
            return
        if self._limit is not None and self._listed > self._limit:
            more = counted(self._listed - self._limit, "further difference is", "further differences are")
            log(f"{more} not listed; use --verbose")
        if finished.reason is not EndReason.COMPLETED:
            log("the audit did not reach its end, so no file is called missing, moved or new; start it again")
        if not self.quiet or finished.exit_code:
            log(audit_summary(finished.totals))
        if path is not None and not self.quiet:
            log(f"to verify the audit: hashaudit verify {quote(os.fsencode(shlex.quote(path)))}")
