"""Begins the findings file of a run with its journal, or goes on with those of an interrupted one."""

import contextlib
import os
from collections.abc import Iterator

import msgspec

from hashaudit.errors import HashauditError, OutputLockedError, UsageError
from hashaudit.host.files import LockState, open_regular
from hashaudit.host.process_owner import this_process
from hashaudit.objectstores.url import parse_root
from hashaudit.record import timestamps
from hashaudit.record.header import RunHeader
from hashaudit.record.output import Output
from hashaudit.record.schema import EndReason, Resumption
from hashaudit.record.verify.resume_read import Interrupted
from hashaudit.record.writer import Clock, FindingsWriter
from hashaudit.scan.config import ScanConfig
from hashaudit.scan.resume.compatibility import FREE_SETTINGS, differences
from hashaudit.scan.resume.journal import SUFFIX, Begin, Journal, seal_key
from hashaudit.scan.resume.journal_file import AuthenticatedLog
from hashaudit.scan.resume.resume_state import JournalContent, ResumeState, load_earlier, read_header, read_journal
from hashaudit.signing.key_files import SigningKey
from hashaudit.signing.signer import FILE_NAMESPACE
from hashaudit_cli.ui.terminal import log, quote, standard_output

_NOTHING = ScanConfig(roots=())

Identity = tuple[int, int]


class OpenedScan(msgspec.Struct, frozen=True):
    """A findings file that takes records."""

    writer: FindingsWriter
    journal: Journal | None = None
    earlier: ResumeState | None = None


class InterruptedScan(msgspec.Struct, frozen=True):
    """An interrupted run whose file is open and locked."""

    path: str
    output: Output
    header: RunHeader
    config: ScanConfig
    interrupted: Interrupted
    earlier: ResumeState
    exit_code: int | None
    """Of a run that is complete."""


def begin(
    path: str | None, config: ScanConfig, header: RunHeader, signer: SigningKey | None, own_files: set[Identity]
) -> OpenedScan:
    """Makes a new findings file, its header signed at once: whatever ends the run, the file says what was begun.

    Raises:
        HashauditError: it cannot be made.
    """
    output = Output.create(path) if path is not None else standard_output()
    own_files |= output.own_files
    writer = FindingsWriter(output, header, signer=signer)
    journal = None
    if path is not None:
        # Before the header, so that a file that has one can be gone on with.
        file = _journal_file(path, header.run_id, signer, own_files)
        journal = _journal(file, header.run_id, config, writer)
        journal.begin()
        warn_of_failure(journal)
    writer.checkpoint()
    return OpenedScan(writer, journal)


@contextlib.contextmanager
def reopened(path: str, signer: SigningKey | None, asked: ScanConfig) -> Iterator[InterruptedScan]:
    """Opens the file of an interrupted run, and finds out what that run was asked.

    Raises:
        HashauditError: it cannot be gone on with.
    """
    try:
        output = Output.reopen(path)
    except OutputLockedError as error:
        raise OutputLockedError(f"{error}{_holder(path, signer)}") from error
    with contextlib.closing(output):
        with output.reader() as stream:
            header = read_header(stream)
        fingerprint = signer.fingerprint if signer else None
        if header.key_fingerprint != fingerprint:
            then = (
                "unsigned: give --unsigned" if header.key_fingerprint is None else f"signed by {header.key_fingerprint}"
            )
            now = "with --unsigned" if fingerprint is None else f"with the key {fingerprint}"
            raise UsageError(f"{quote(os.fsencode(path))} is {then}; it cannot be gone on with {now}")
        journal = read_journal(os.fsencode(path) + SUFFIX, seal_key(signer, header.run_id), header.run_id)
        if output.lock is LockState.UNSUPPORTED and journal is not None and not journal.begin.holder.is_gone():
            raise OutputLockedError(
                f"{quote(os.fsencode(path))} may still be written{_named(journal)}, and this filesystem has no locks: "
                f"if that run is gone, remove {quote(os.fsencode(path) + SUFFIX)} and try again"
            )
        key = signer.public_key if signer else None
        interrupted, earlier = load_earlier(output, key, journal)
        exit_code = _complete(output, interrupted, signer)
        if exit_code is not None and journal is not None:
            with contextlib.suppress(OSError):
                os.unlink(os.fsencode(path) + SUFFIX)
        config = asked if exit_code is not None else _config(path, asked, journal)
        yield InterruptedScan(path, output, header, config, interrupted, earlier, exit_code)


def go_on(
    former: InterruptedScan, header: RunHeader, signer: SigningKey | None, own_files: set[Identity], *, quiet: bool
) -> OpenedScan:
    """Goes on with an interrupted run in the same chain.

    Args:
        former: the run.
        header: that a new run like this would have.
        signer: signs.
        own_files: what the walk leaves out; what is written here is added.
        quiet: nothing is told.

    Raises:
        HashauditError: it would find something else, or its file cannot be continued.
    """
    different = differences(former.header, header)
    if different:
        raise UsageError(
            f"{quote(os.fsencode(former.path))} cannot be gone on with, for this run has {'; '.join(different)}: "
            "give what was given then, or begin a new run"
        )
    interrupted, earlier = former.interrupted, former.earlier
    aside = former.output.quarantine_tail(interrupted.end.size)
    own_files |= former.output.own_files
    resumed = Resumption(
        time=timestamps.to_text(Clock().wall_ns()),
        set_aside_bytes=aside.size if aside else 0,
        set_aside_sha256=aside.sha256 if aside else None,
        journal=earlier.resume_point is not None,
    )
    writer = FindingsWriter.continued(
        former.output,
        interrupted.end,
        tally=earlier.tally,
        lines=earlier.unsigned,
        resumed=resumed,
        signer=signer,
    )
    run_id = former.header.run_id
    journal = _journal(_journal_file(former.path, run_id, signer, own_files), run_id, former.config, writer)
    cut = () if earlier.resume_point is None else (earlier.resume_point,)
    journal.begin((*cut, *earlier.links, *earlier.batches))
    warn_of_failure(journal)
    if not quiet:
        log(f"going on with the run of {former.header.start} after record {interrupted.end.last:,}")
        if aside is not None and aside.size:
            log(f"{aside.size:,} bytes behind its last signature are set aside in {quote(aside.path)}")
        if earlier.resume_point is None:
            log("its journal tells nothing: what has no line in the findings is examined again")
    return OpenedScan(writer, journal, earlier)


def warn_of_failure(journal: Journal) -> None:
    """Says what it costs that a journal could not be kept, if that is so."""
    if journal.failure is not None:
        log(
            f"the journal cannot be kept ({journal.failure}): the run is not affected; "
            "should it be interrupted, what has no line in the findings then is examined again"
        )


def _complete(output: Output, interrupted: Interrupted, signer: SigningKey | None) -> int | None:
    """The exit code of a run that is complete. Where it was ended in its very end, what it had left to do is done."""
    ended = interrupted.ended
    if ended is None or ended.reason is not EndReason.COMPLETED:
        return None
    if signer is not None:
        output.complete_sidecar(signer.sign_sha512(interrupted.whole_sha512, FILE_NAMESPACE))
    return ended.exit_code


def _journal(file: AuthenticatedLog, run_id: str, config: ScanConfig, writer: FindingsWriter) -> Journal:
    return Journal(file, Begin(run_id, _absolute(config), this_process()), writer.unsigned)


def _journal_file(path: str, run_id: str, signer: SigningKey | None, own_files: set[Identity]) -> AuthenticatedLog:
    return AuthenticatedLog(os.fsencode(path) + SUFFIX, seal_key(signer, run_id), own_files)


def _absolute(config: ScanConfig) -> ScanConfig:
    """The same configuration, whatever folder it is used from."""
    lists = tuple(msgspec.structs.replace(item, path=os.path.abspath(item.path)) for item in config.lists)
    # Not os.path.abspath: what .. behind a link means is for the system to say.
    return msgspec.structs.replace(
        config,
        roots=tuple(
            root if parse_root(root) is not None else os.path.join(os.getcwdb(), root) for root in config.roots
        ),
        lists=lists,
    )


def _config(path: str, asked: ScanConfig, journal: JournalContent | None) -> ScanConfig:
    if asked.roots:
        return asked
    given = {name: value for name, value in msgspec.structs.asdict(asked).items() if value != getattr(_NOTHING, name)}
    if given.keys() - FREE_SETTINGS:
        raise UsageError(
            "--resume without ROOT takes all that decides what is found from the run: "
            "leave such options out, or give all that was given then, the ROOTs as well"
        )
    if journal is None or journal.begin.config is None:
        raise UsageError(
            f"there is no journal {quote(os.fsencode(path) + SUFFIX)} that says what {quote(os.fsencode(path))} was "
            "begun with: give the ROOTs and all options as then"
        )
    return msgspec.structs.replace(journal.begin.config, **given)


def _holder(path: str, signer: SigningKey | None) -> str:
    """Which process holds the lock, where its journal tells."""
    try:
        with open_regular(path) as stream:
            run_id = read_header(stream).run_id
        journal = read_journal(os.fsencode(path) + SUFFIX, seal_key(signer, run_id), run_id)
    except (OSError, HashauditError):
        return ""
    return "" if journal is None else _named(journal)


def _named(journal: JournalContent) -> str:
    return f" (by process {journal.begin.holder.pid} on {journal.begin.holder.host})"
