"""Opens the findings file of a new scan, with its journal."""

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import msgspec

from hashaudit.host.process_owner import this_process
from hashaudit.lists.interface import ListSpec
from hashaudit.objectstores.url import parse_root
from hashaudit.record.header import RunHeader
from hashaudit.record.output import Output
from hashaudit.record.writer import FindingsWriter
from hashaudit.scan.config import ScanConfig
from hashaudit.scan.events import Event, JournalFailed
from hashaudit.scan.own_files import OwnFiles
from hashaudit.scan.resume.journal import SUFFIX, Begin, Journal, seal_key
from hashaudit.scan.resume.journal_file import AuthenticatedLog
from hashaudit.signing.key_files import SigningKey

if TYPE_CHECKING:
    from hashaudit.scan.resume.resume_state import ResumeState


class OpenedScan(msgspec.Struct, frozen=True):
    """A findings file that takes records."""

    writer: FindingsWriter
    journal: Journal | None = None
    """``None`` where there is no file to resume, as on standard output."""
    prior: "ResumeState | None" = None
    """The results of the interrupted scan; ``None`` for a new one."""


def open_output(
    target: bytes | Output,
    config: ScanConfig,
    header: RunHeader,
    *,
    signer: SigningKey | None,
    own_files: OwnFiles,
    report: Callable[[Event], None],
    is_resumable: bool = True,
) -> OpenedScan:
    """Creates a findings file and signs its header at once, so that the file always shows how the scan began.

    Args:
        target: the path of the new file, or an output that is open.
        config: the options of the scan.
        header: the first record.
        signer: the key; ``None`` for an unsigned scan.
        own_files: the files that the walk excludes; the new files are added.
        report: receives a failure of the journal.
        is_resumable: keep a journal beside a new file.

    Raises:
        HashauditError: the file cannot be created.
    """
    output = target if isinstance(target, Output) else Output.create(target)
    own_files.identities.update(output.own_files)
    own_files.paths.update(output.own_paths)
    writer = FindingsWriter(output, header, signer=signer)
    journal = None
    if is_resumable and not isinstance(target, Output):
        # Before the header: every file that has a header can then be resumed.
        file = journal_file(target, header.run_id, signer, own_files)
        journal = new_journal(file, header.run_id, config, writer)
        journal.begin()
        report_failure(journal, report)
    writer.checkpoint()
    return OpenedScan(writer, journal)


def new_journal(file: AuthenticatedLog, run_id: str, config: ScanConfig, writer: FindingsWriter) -> Journal:
    """Returns the journal of a scan; its ``begin`` creates the file."""
    return Journal(file, Begin(run_id, _absolute(config), this_process()), writer.unsigned)


def journal_file(path: bytes, run_id: str, signer: SigningKey | None, own_files: OwnFiles) -> AuthenticatedLog:
    """Returns the file of a journal, beside the findings file at ``path``.

    Raises:
        SigningKeyError: the key cannot be used now.
    """
    own_files.paths.add(os.path.realpath(path + SUFFIX))
    return AuthenticatedLog(path + SUFFIX, seal_key(signer, run_id), own_files.identities)


def report_failure(journal: Journal, report: Callable[[Event], None]) -> None:
    """Reports a journal that cannot be written."""
    if journal.failure is not None:
        report(JournalFailed(journal.failure))


def _absolute_lists(lists: Sequence[ListSpec]) -> tuple[ListSpec, ...]:
    return tuple(msgspec.structs.replace(item, path=os.path.abspath(item.path)) for item in lists)


def _absolute(config: ScanConfig) -> ScanConfig:
    """Returns the same configuration for use from any directory."""
    # Not os.path.abspath: the system decides what .. behind a link means.
    return msgspec.structs.replace(
        config,
        roots=tuple(
            root if parse_root(root) is not None else os.path.join(os.getcwdb(), root) for root in config.roots
        ),
        deny_lists=_absolute_lists(config.deny_lists),
        known_lists=_absolute_lists(config.known_lists),
    )
