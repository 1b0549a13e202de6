"""Opens the findings file of an interrupted scan with its journal, and continues its chain."""

import contextlib
import os
from collections.abc import Callable, Iterator

import msgspec

from hashaudit.errors import HashauditError, OutputLockedError, UsageError
from hashaudit.host.files import LockState, open_regular
from hashaudit.model.paths import for_terminal
from hashaudit.record import timestamps
from hashaudit.record.header import RunHeader
from hashaudit.record.output import Output
from hashaudit.record.schema import EndReason, Resumption
from hashaudit.record.verify.resume_read import Interrupted
from hashaudit.record.writer import Clock, FindingsWriter
from hashaudit.scan.config import ScanConfig
from hashaudit.scan.events import Event, Resumed
from hashaudit.scan.open_output import OpenedScan, journal_file, new_journal, report_failure
from hashaudit.scan.own_files import OwnFiles
from hashaudit.scan.resume.compatibility import differences, free_settings, root_differences
from hashaudit.scan.resume.journal import SUFFIX, seal_key
from hashaudit.scan.resume.resume_state import JournalContent, ResumeState, load_earlier, read_header, read_journal
from hashaudit.signing.key_files import SigningKey
from hashaudit.signing.signer import FILE_NAMESPACE

_DEFAULTS = ScanConfig(roots=())


class InterruptedScan(msgspec.Struct, frozen=True):
    """An interrupted scan whose findings file is open and locked."""

    path: bytes
    output: Output
    header: RunHeader
    config: ScanConfig
    interrupted: Interrupted
    prior: ResumeState
    exit_code: int | None
    """Exit code of a complete scan; ``None`` if it can be resumed."""


@contextlib.contextmanager
def reopen(path: bytes, signer: SigningKey | None, requested: ScanConfig) -> Iterator[InterruptedScan]:
    """Opens the findings file of an interrupted scan and finds the options of that scan.

    Args:
        path: the findings file.
        signer: the key that signed it; ``None`` for an unsigned scan.
        requested: the options. Without roots, only those that may differ from the interrupted scan's.

    Raises:
        HashauditError: the scan cannot be resumed.
    """
    try:
        output = Output.reopen(path)
    except OutputLockedError as error:
        raise OutputLockedError(f"{error}{_lock_owner(path, signer)}", hint=error.hint) from error
    with contextlib.closing(output):
        with output.reader() as stream:
            header = read_header(stream)
        _require_same_key(path, header, signer)
        journal = read_journal(path + SUFFIX, seal_key(signer, header.run_id), header.run_id)
        if output.lock is LockState.UNSUPPORTED and journal is not None and not journal.begin.holder.is_gone():
            raise OutputLockedError(
                f"cannot resume: {_quoted(path)}; it may still be written{_named(journal)}, "
                "and this filesystem has no locks",
                hint=f"if that scan has ended, remove {_quoted(path + SUFFIX)} and try again",
            )
        key = signer.public_key if signer else None
        interrupted, prior = load_earlier(output, key, journal)
        exit_code = _complete(output, interrupted, signer)
        if exit_code is not None and journal is not None:
            with contextlib.suppress(OSError):
                os.unlink(path + SUFFIX)
        config = requested if exit_code is not None else _config(path, requested, journal)
        yield InterruptedScan(path, output, header, config, interrupted, prior, exit_code)


def continue_scan(
    opened: InterruptedScan,
    header: RunHeader,
    *,
    signer: SigningKey | None,
    own_files: OwnFiles,
    report: Callable[[Event], None],
) -> OpenedScan:
    """Continues the chain of an interrupted scan.

    Args:
        opened: the interrupted scan.
        header: the header that a new scan with these options would have.
        signer: the key; ``None`` for an unsigned scan.
        own_files: the files that the walk excludes; the files written here are added.
        report: receives the resumption, and a failure of the journal.

    Raises:
        HashauditError: the options differ in what they would find, or the file cannot be continued.
    """
    different = differences(opened.header, header)
    if different:
        raise UsageError(
            f"cannot resume: {_quoted(opened.path)}; this scan has {'; '.join(different)}",
            hint="use the original options, or start a new scan",
        )
    different_roots = root_differences(opened.header, header)
    if different_roots and not opened.config.allow_different_root:
        raise UsageError(
            f"cannot resume: {_quoted(opened.path)}; the storage differs: {'; '.join(different_roots)}",
            hint="mount the storage of the interrupted scan, or record the difference with --allow-different-root",
        )
    interrupted, prior = opened.interrupted, opened.prior
    quarantined = opened.output.quarantine_tail(interrupted.end.size)
    own_files.identities.update(opened.output.own_files)
    own_files.paths.update(opened.output.own_paths)
    resumption = Resumption(
        time=timestamps.to_text(Clock().wall_ns()),
        moved_bytes=quarantined.size if quarantined else 0,
        moved_sha256=quarantined.sha256 if quarantined else None,
        different_roots=different_roots,
        journal=prior.resume_point is not None,
    )
    writer = FindingsWriter.continued(
        opened.output,
        interrupted.end,
        tally=prior.tally,
        lines=prior.unsigned,
        resumed=resumption,
        signer=signer,
    )
    run_id = opened.header.run_id
    # A permission counts for one resume only.
    config = msgspec.structs.replace(opened.config, allow_different_root=False)
    journal = new_journal(journal_file(opened.path, run_id, signer, own_files), run_id, config, writer)
    resume_point = () if prior.resume_point is None else (prior.resume_point,)
    journal.begin((*resume_point, *prior.links, *prior.batches, *prior.parts))
    report_failure(journal, report)
    report(
        Resumed(
            begun=opened.header.start,
            last_record=interrupted.end.last,
            quarantined=quarantined if quarantined is not None and quarantined.size else None,
            journal_used=prior.resume_point is not None,
            different_roots=different_roots,
        )
    )
    return OpenedScan(writer, journal, prior)


def _require_same_key(path: bytes, header: RunHeader, signer: SigningKey | None) -> None:
    fingerprint = signer.fingerprint if signer else None
    if header.key_fingerprint == fingerprint:
        return
    if header.key_fingerprint is None:
        raise UsageError(f"cannot resume: {_quoted(path)}; it is unsigned", hint="give --unsigned")
    now = "without a key" if fingerprint is None else f"with the key {fingerprint}"
    raise UsageError(
        f"cannot resume {now}: {_quoted(path)}; it is signed by {header.key_fingerprint}",
        hint="name the key that signed it with --key",
    )


def _complete(output: Output, interrupted: Interrupted, signer: SigningKey | None) -> int | None:
    """Returns the exit code of a complete scan. Writes its sidecar if the end was interrupted."""
    ended = interrupted.ended
    if ended is None or ended.reason is not EndReason.COMPLETED:
        return None
    if signer is not None:
        output.complete_sidecar(signer.sign_sha512(interrupted.whole_sha512, FILE_NAMESPACE))
    return ended.exit_code


def _config(path: bytes, requested: ScanConfig, journal: JournalContent | None) -> ScanConfig:
    if requested.roots:
        return requested
    given = {
        name: value for name, value in msgspec.structs.asdict(requested).items() if value != getattr(_DEFAULTS, name)
    }
    if given.keys() - free_settings():
        raise UsageError(
            "--resume without ROOT uses the original scan's options",
            hint="omit options that decide what is found, or repeat all of them and the ROOTs",
        )
    if journal is None or journal.begin.config is None:
        raise UsageError(
            f"cannot resume without options: {_quoted(path)}; its journal {_quoted(path + SUFFIX)} is missing",
            hint="repeat the original ROOTs and options",
        )
    return msgspec.structs.replace(journal.begin.config, **given)


def _lock_owner(path: bytes, signer: SigningKey | None) -> str:
    """Returns the process that holds the lock, if the journal names it."""
    try:
        with open_regular(path) as stream:
            run_id = read_header(stream).run_id
        journal = read_journal(path + SUFFIX, seal_key(signer, run_id), run_id)
    except (OSError, HashauditError):
        return ""
    return "" if journal is None else _named(journal)


def _named(journal: JournalContent) -> str:
    return f" (by process {journal.begin.holder.pid} on {journal.begin.holder.host})"


def _quoted(path: bytes) -> str:
    return f"'{for_terminal(path)}'"
