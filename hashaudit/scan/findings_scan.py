"""The scan that writes a findings file, as an iterator of events. This is ``hashaudit.scan``.

The processes that parse lists and fork workers start before the rest of a scan is loaded: they load their own code
meanwhile, and are copies of a smaller process.
"""

import contextlib
import os
from collections.abc import Generator, Iterator, Sequence
from typing import TYPE_CHECKING, Self

from hashaudit.errors import UsageError
from hashaudit.host.fork_server import ForkServer
from hashaudit.lists.list_parser import ListParser
from hashaudit.record.output import Output
from hashaudit.scan.check_config import checked
from hashaudit.scan.config import ExecutorKind, ScanConfig
from hashaudit.scan.control import Control
from hashaudit.scan.events import Event, Finished
from hashaudit.scan.key_policy import Signing, key_paths
from hashaudit.scan.scan_request import ScanRequest
from hashaudit.sources.given_roots import require_roots
from hashaudit.workers.local.worker_start import start_server

if TYPE_CHECKING:
    from hashaudit.scan.auditor import AuditRequest
    from hashaudit.scan.scan_run import ScanRun


FilePath = str | bytes | os.PathLike[str]


def scan(
    config: ScanConfig,
    *,
    output: FilePath | Output | None = None,
    resume: FilePath | None = None,
    signing: Signing | None = None,
    control: Control | None = None,
    argv: Sequence[str] = (),
    owns_process: bool = False,
    audit: "AuditRequest | None" = None,
) -> "Scan":
    """Returns a scan: a context manager and an iterator of events. Nothing starts before the first event is requested.

    Args:
        config: the options. To resume a scan without roots, only the options that may differ from it.
        output: the new findings file, or an output that is open. Either this or ``resume`` is required.
        resume: the findings file of an interrupted scan.
        signing: how to sign; default: with the user's own key, which is created at first use.
        control: requests to the running scan, for one scan only.
        argv: the command line, for the header.
        owns_process: this process has nothing secret and does nothing else, so others may start as copies of it, which
            is faster.
        audit: compares the files with manifests. Every file is recorded then, and the scan cannot be resumed.

    Raises:
        UsageError: an option is out of range, or options are mutually exclusive.
    """
    return Scan(
        config,
        output=output,
        resume=resume,
        signing=signing,
        control=control,
        argv=argv,
        owns_process=owns_process,
        audit=audit,
    )


class Scan:
    """A scan that writes a findings file. Iterating runs it; leaving the ``with`` block ends it.

    A scan that ends early has a final checkpoint, leaves no process and no temporary file, and can be resumed. An
    iteration raises ``HashauditError`` if the scan cannot start or continue. Use one thread for all iteration.
    """

    def __init__(
        self,
        config: ScanConfig,
        *,
        output: FilePath | Output | None = None,
        resume: FilePath | None = None,
        signing: Signing | None = None,
        control: Control | None = None,
        argv: Sequence[str] = (),
        owns_process: bool = False,
        audit: "AuditRequest | None" = None,
    ) -> None:
        """Checks the options; see :func:`scan`."""
        if (output is None) is (resume is None):
            raise UsageError("name either a new findings file or one to resume")
        options = checked(config) if resume is None or config.roots else config
        if resume is None:
            require_roots(options.roots[: len(options.roots) - options.listed_roots])
        self._request = ScanRequest(
            config=options,
            output=output if isinstance(output, Output) else os.fsencode(output or b""),
            resume=None if resume is None else os.fsencode(resume),
            signing=signing or Signing(),
            control=control or Control(),
            argv=tuple(argv),
            audit=audit,
        )
        self._owns_process = owns_process
        self._events = self._start()
        self._run: ScanRun | None = None

    @property
    def result(self) -> Finished | None:
        """The end of the scan, also of one that was closed early; ``None`` before it."""
        return None if self._run is None else self._run.result

    @property
    def exit_code(self) -> int | None:
        """As docs/reference/codes.md lists them; ``None`` before the end."""
        return None if self._run is None else self._run.exit_code

    def __iter__(self) -> Iterator[Event]:
        return self

    def __next__(self) -> Event:
        return next(self._events)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the scan in order if it is not over. Repeating this has no effect.

        Raises:
            OutputError: the final checkpoint cannot be written.
        """
        self._events.close()

    def _start(self) -> Generator[Event]:
        with contextlib.ExitStack() as stack:
            # Before the key is in memory: the processes that parse lists and fork workers may be copies of this one.
            parser = stack.enter_context(self._list_parser())
            server = self._server()
            if server is not None:
                stack.enter_context(server)
            from hashaudit.scan.scan_run import ScanRun  # noqa: PLC0415 # start-up, as the module says

            self._run = ScanRun(self._request, parser, server)
            yield from self._run.events()

    def _list_parser(self) -> ListParser:
        request = self._request
        has_lists = bool(request.config.lists) or request.resume is not None
        return ListParser(forks=has_lists and not request.has_secret, hidden=key_paths(request.signing))

    def _server(self) -> ForkServer | None:
        config = self._request.config
        if config.executor is ExecutorKind.DASK:
            return None
        copies = self._owns_process and not self._request.has_secret
        return start_server(copies=copies, low_impact=config.low_impact, images=bool(config.perceptual_algorithms))
