"""The run of a scan that writes a findings file: opens what it needs, in order, and yields its events."""

import contextlib
import os
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from typing import TYPE_CHECKING

import msgspec

from hashaudit.content.digests.multidigest import ordered
from hashaudit.errors import UsageError
from hashaudit.host.fork_server import ForkServer
from hashaudit.lists.list_parser import ListParser
from hashaudit.model import paths
from hashaudit.record.header import RunHeader
from hashaudit.record.schema import EndReason
from hashaudit.scan.config import RecordScope, ScanConfig
from hashaudit.scan.events import (
    AlreadyComplete,
    CacheSkipped,
    Event,
    Finished,
    JournalFailed,
    Notice,
    NoticeSource,
    Prepared,
    Started,
)
from hashaudit.scan.key_policy import key_paths, load_signer
from hashaudit.scan.open_output import OpenedScan, open_output
from hashaudit.scan.own_files import OwnFiles
from hashaudit.scan.run_header import run_header
from hashaudit.scan.scan_request import ScanRequest
from hashaudit.scan.session import Session, drained
from hashaudit.signing.key_files import SigningKey
from hashaudit.sources.interface import RootDescription

if TYPE_CHECKING:
    from hashaudit.manifest.load_manifest import LoadedManifest
    from hashaudit.scan.acceptances import Acceptances
    from hashaudit.scan.auditor import Auditor, AuditRequest
    from hashaudit.scan.resume.open_resume import InterruptedScan


class ScanRun:
    """The run of one scan.

    Args:
        request: what to do.
        parser: the process that parses the lists.
        server: starts the worker processes; ``None``: each of them is a fresh interpreter.
    """

    def __init__(self, request: ScanRequest, parser: ListParser, server: ForkServer | None) -> None:
        self._request = request
        self._parser = parser
        self._server = server
        self._auditor: Auditor | None = None
        self.result: Finished | None = None
        """The end of the scan, also of one that was closed early; ``None`` before it."""
        self.exit_code: int | None = None
        """As docs/reference/codes.md lists them; ``None`` before the end."""

    def events(self) -> Generator[Event]:
        """Runs the scan and yields its events.

        Raises:
            HashauditError: the scan cannot start or continue.
        """
        request = self._request
        reports: deque[Event] = deque()
        with contextlib.ExitStack() as stack:
            manifests = self._load_manifests(request.audit) if request.audit is not None else ()
            for manifest in manifests:
                name = paths.for_terminal(os.fsencode(manifest.path))
                yield from (Notice(NoticeSource.MANIFEST, f"manifest {name}: {text}") for text in manifest.warnings)
            signer = load_signer(request.signing, reports.append)
            yield from drained(reports)
            config, interrupted = self._configured(manifests), None
            if request.resume is not None:
                # Start-up: most scans are new.
                from hashaudit.scan.resume.open_resume import reopen  # noqa: PLC0415 # as above

                interrupted = stack.enter_context(reopen(request.resume, signer, config))
                config = interrupted.config
                if interrupted.exit_code is not None:
                    self.exit_code = interrupted.exit_code
                    yield AlreadyComplete(interrupted.exit_code)
                    return
            acceptances = None
            if config.accept:
                # Start-up: most scans accept nothing.
                from hashaudit.scan.acceptances import load_acceptances  # noqa: PLC0415 # as above

                acceptances = load_acceptances(config.accept, config.accept_signers)
                algorithms = ordered([*config.algorithms, *acceptances.algorithms])
                config = msgspec.structs.replace(config, algorithms=algorithms)
                yield from _described(acceptances)
            session = stack.enter_context(Session(config, reports, request.signing, self._parser, self._server))
            yield from session.prepare()
            yield Prepared()
            self._auditor = self._new_auditor(manifests, session.roots)
            own_files = OwnFiles(set(session.confidential.identities), set(session.confidential.paths))
            if signer is not None and signer.identity is not None:
                own_files.identities.add(signer.identity)
            header = self._header(session, signer, acceptances)
            if self._auditor is not None:
                own_files.identities.update(self._auditor.own_files)
                own_files.paths.update(self._auditor.own_paths)
            if session.cache is not None:
                own_files.identities.update(session.cache.own_files)
                own_files.paths.update(session.cache.own_paths)
                session.cache.begin(header.run_id if interrupted is None else interrupted.header.run_id)
            if interrupted is None:
                opened = open_output(
                    request.output,
                    config,
                    header,
                    signer=signer,
                    own_files=own_files,
                    report=reports.append,
                    is_resumable=request.audit is None,
                )
            else:
                from hashaudit.scan.resume.open_resume import continue_scan  # noqa: PLC0415 # as above

                opened = continue_scan(interrupted, header, signer=signer, own_files=own_files, report=reports.append)
            stack.enter_context(opened.writer)
            mounts = _mount_points(interrupted)
            yield from self._examine(session, opened, header, own_files, mounts=mounts, acceptances=acceptances)

    def _load_manifests(self, audit: "AuditRequest") -> "Sequence[LoadedManifest]":
        # Start-up: an audit alone needs it.
        from hashaudit.manifest.load_manifest import load_manifests  # noqa: PLC0415 # as above

        # A process of its own: the sandbox of the other one is for lists.
        with ListParser(forks=not self._request.has_secret, hidden=key_paths(self._request.signing)) as parser:
            parser.requires_sandbox = self._request.config.require_sandbox
            return load_manifests(audit.manifests, parser, audit.trust, takes_members=audit.options.takes_members)

    def _new_auditor(self, manifests: "Sequence[LoadedManifest]", roots: Sequence[RootDescription]) -> "Auditor | None":
        if self._request.audit is None:
            return None
        from hashaudit.scan.auditor import Auditor  # noqa: PLC0415 # start-up

        return Auditor(manifests, roots, self._request.audit.options)

    def _configured(self, manifests: "Sequence[LoadedManifest]") -> ScanConfig:
        """Returns the options. An audit computes the digests of its manifests and records every file.

        Raises:
            UsageError: no manifest has a digest that this program computes.
        """
        if self._request.audit is None:
            return self._request.config
        given = dict.fromkeys(name for one in manifests for entry in one.entries for name in entry.digests)
        if not given:
            raise UsageError("cannot audit: no manifest has a digest that can be compared")
        algorithms = tuple(dict.fromkeys((*self._request.config.algorithms, *given)))
        return msgspec.structs.replace(self._request.config, algorithms=algorithms, record=RecordScope.ALL)

    def _header(self, session: Session, signer: SigningKey | None, acceptances: "Acceptances | None") -> RunHeader:
        return run_header(
            session.config,
            argv=self._request.argv,
            workers=session.executor.workers,
            algorithms=session.worker_config.algorithms,
            roots=session.roots,
            lists=session.lists.infos,
            key_fingerprint=signer.fingerprint if signer else None,
            sandbox=session.sandbox,
            cache_state=session.cache.state if session.cache is not None else None,
            against=() if self._auditor is None else self._auditor.sources,
            acceptances=() if acceptances is None else acceptances.files,
        )

    def _examine(
        self,
        session: Session,
        opened: OpenedScan,
        header: RunHeader,
        own_files: OwnFiles,
        *,
        mounts: set[bytes],
        acceptances: "Acceptances | None",
    ) -> Generator[Event]:
        loop = session.main_loop(
            opened.writer,
            self._request.control,
            own_files=own_files,
            opened=opened,
            mount_points=mounts,
            auditor=self._auditor,
            acceptances=acceptances,
        )
        journal_failed = opened.journal is not None and opened.journal.failure is not None
        opening = (*drained(session.reports), Started(header))
        try:
            with contextlib.closing(loop.events(*opening)) as events:
                for event in events:
                    yield from drained(session.reports)
                    if not isinstance(event, Finished):
                        yield event
        finally:
            self.result = loop.finished
            self.exit_code = None if loop.finished is None else loop.finished.exit_code
        if session.cache is not None:
            session.cache.close()
            yield from drained(session.reports)
            if session.cache.passed_over:
                yield CacheSkipped(session.cache.passed_over)
        if loop.finished is None:
            raise RuntimeError("the main loop ended without a result")
        failure = None if opened.journal is None else opened.journal.failure
        if failure is not None and not journal_failed and loop.finished.reason is not EndReason.COMPLETED:
            yield JournalFailed(failure)
        yield loop.finished


def _described(acceptances: "Acceptances") -> Iterator[Notice]:
    for file in acceptances.files:
        signer = "not signed" if file.signed_by is None else f"signed by {file.signed_by}"
        name = paths.for_terminal(paths.from_text(file.path, file.path_uri))
        yield Notice(NoticeSource.ACCEPTANCES, f"acceptances {name}: {file.entries:,}, {signer}")
    if acceptances.expired:
        yield Notice(
            NoticeSource.ACCEPTANCES, f"expired acceptances: {acceptances.expired:,}; their findings count again"
        )


def _mount_points(interrupted: "InterruptedScan | None") -> set[bytes]:
    """Returns the roots of an interrupted scan that were mount points."""
    roots = () if interrupted is None else interrupted.header.roots
    return {paths.from_text(root.path, root.path_uri) for root in roots if root.mount_point == root.path}
