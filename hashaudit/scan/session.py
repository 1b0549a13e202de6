"""Composes the parts that examine: executor, lists, workers' configuration, cache, source and main loop."""

import contextlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Self

import msgspec

from hashaudit.content.containers.member_filter import is_member_pattern
from hashaudit.host.fork_server import ForkServer
from hashaudit.host.priority import RESOURCES, lower_priority
from hashaudit.host.sandbox.sandbox import require
from hashaudit.lists.list_parser import ListParser
from hashaudit.lists.load import LoadedLists, load_lists
from hashaudit.model.faults import Fault, FaultCode, PathFault, Stage
from hashaudit.scan.confidential import Confidential, confidential_files, require_one_name
from hashaudit.scan.config import ScanConfig
from hashaudit.scan.control import Control
from hashaudit.scan.events import Event, ListLoaded, Notice, NoticeSource, PriorityNotLowered
from hashaudit.scan.executors import ScanExecutor, executor_for
from hashaudit.scan.guards import guard_faults
from hashaudit.scan.key_policy import Signing, key_paths
from hashaudit.scan.main_loop import MainLoop, RecordWriter
from hashaudit.scan.open_output import OpenedScan
from hashaudit.scan.own_files import OwnFiles
from hashaudit.scan.plan import plan_for, recipes_for
from hashaudit.sources.filters import WalkOptions
from hashaudit.sources.interface import RootDescription, Source
from hashaudit.sources.open_source import open_source
from hashaudit.sources.shard import ShardSource
from hashaudit.workers.protocol import WorkerConfig

if TYPE_CHECKING:
    from hashaudit.cache.hash_cache import Cache
    from hashaudit.scan.acceptances import Acceptances
    from hashaudit.scan.auditor import Auditor


class Session:
    """The parts of a scan that examine: executor, lists, cache and the workers' configuration.

    A context manager: it ends the workers and removes temporary files when it exits.
    """

    executor: ScanExecutor
    lists: LoadedLists
    worker_config: WorkerConfig

    def __init__(
        self,
        config: ScanConfig,
        reports: deque[Event] | None = None,
        signing: Signing | None = None,
        parser: ListParser | None = None,
        server: ForkServer | None = None,
    ) -> None:
        """Takes the options; :meth:`prepare` opens everything.

        Args:
            config: the options.
            reports: receives the events that the parts report while no event is requested.
            signing: names the key that workers may not read; ``None``: no key is in use.
            parser: the process that parses the lists; default: a new one.
            server: starts the worker processes; ``None``: each of them is a fresh interpreter.
        """
        self.config = config
        self.confidential = Confidential()
        """The files that only this process may read, for the walk to skip."""
        self._signing = signing
        self._server = server
        self._parser = parser or ListParser(hidden=() if signing is None else key_paths(signing))
        self._parser.requires_sandbox = config.require_sandbox
        self.roots: Sequence[RootDescription] = ()
        self.unmatched = {pattern: None for pattern in config.include if not is_member_pattern(pattern)}
        """Patterns to include, other than those of members, that have matched no file yet."""
        self.cache: Cache | None = None
        self.sandbox: tuple[str, ...] = ()
        """Layers of the sandbox in force in all workers."""
        self.reports: deque[Event] = deque() if reports is None else reports
        self._guard_faults: tuple[PathFault, ...] = ()
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def prepare(self) -> Iterator[Event]:
        """Opens everything, the cheapest failure first, and yields what happens.

        Raises:
            HashauditError: something cannot be opened or used.
        """
        config = self.config
        if self._signing is not None:
            require_one_name(config, self._signing)
        if config.low_impact:
            lowered = lower_priority()
            yield from (PriorityNotLowered(name) for name in RESOURCES if name not in lowered)
        self.roots = self._described_roots()
        # Workers, or the server that forks them, start while the lists are loaded.
        self.executor = self._stack.enter_context(executor_for(config, self.roots, self._report_executor, self._server))
        if config.hashers:
            from hashaudit.workers.local.plugin_probe import plug_in_all  # noqa: PLC0415 # start-up: few scans have one

            plug_in_all(config.hashers)
        self.lists = self._stack.enter_context(
            load_lists(
                config.lists,
                columns=config.columns,
                selection=config.selection,
                tolerance=config.tolerance,
                parser=self._parser,
            )
        )
        yield from map(ListLoaded, self.lists.infos)
        self._guard_faults = guard_faults(config, self.roots, self.lists.infos)
        if self._signing is not None or config.passwords is not None:
            self.confidential = confidential_files(config, self.lists, self._signing)
        plan = plan_for(config, self.lists, self.confidential.paths)
        if config.cache:
            # Start-up: it imports SQLite.
            from hashaudit.cache.eligibility import Eligibility  # noqa: PLC0415 # as above
            from hashaudit.cache.hash_cache import Cache  # noqa: PLC0415 # as above

            self.cache = self._stack.enter_context(
                Cache(
                    config.cache,
                    config.cache_verify_percent,
                    warn=self._report_cache,
                    places=Eligibility(site_of=self._site_of),
                )
            )
            plan = msgspec.structs.replace(plan, recipes=self.cache.prepare(recipes_for(plan)))
            yield from drained(self.reports)
        self.worker_config = plan
        self.executor.begin(plan)
        while (sandbox := self.executor.poll_ready()) is None:
            yield from drained(self.reports)
        self.sandbox = sandbox
        if config.require_sandbox:
            require(sandbox)
        yield from drained(self.reports)

    def main_loop(
        self,
        writer: RecordWriter,
        control: Control,
        *,
        own_files: OwnFiles | None = None,
        opened: OpenedScan | None = None,
        mount_points: AbstractSet[bytes] = frozenset(),
        auditor: "Auditor | None" = None,
        acceptances: "Acceptances | None" = None,
        selection: Callable[[Source], Source] = lambda source: source,
    ) -> MainLoop:
        """Returns the main loop over the roots.

        Args:
            writer: takes the records.
            control: requests to the scan.
            own_files: the files that the walk excludes, those that the scan writes.
            opened: the findings file; ``None`` for another kind of output.
            mount_points: roots that were mount points when an interrupted scan began.
            auditor: compares the files with manifests.
            acceptances: the accepted findings.
            selection: returns a source that passes on what is wanted of another.
        """
        config, own_files = self.config, own_files or OwnFiles()
        walk = WalkOptions(
            include=config.include,
            exclude=config.exclude,
            one_file_system=config.one_file_system,
            follow_links=config.follow_links,
            unmatched=self.unmatched,
            own_files=own_files.identities,
            own_paths=own_files.paths,
            each_path=config.follows_each_path,
            named_in_list=bool(config.listed_roots),
        )
        expected = mount_points | {root.path for root in self.roots if root.mount_point == root.path}
        source = open_source(config.roots, walk, config.buckets)
        if config.shard is not None:
            source = ShardSource(source, config.shard)
        return MainLoop(
            config,
            source=selection(source),
            pool=self.executor,
            writer=writer,
            control=control,
            journal=opened.journal if opened is not None else None,
            earlier=opened.prior if opened is not None else None,
            cache=self.cache,
            list_names={number: info.name for number, info in enumerate(self.lists.infos, 1)},
            at_end=lambda: self._unmounted(expected),
            roots=[root.path for root in self.roots],
            auditor=auditor,
            acceptances=acceptances,
            unmatched=self.unmatched,
        )

    def _unmounted(self, expected: AbstractSet[bytes]) -> Iterator[PathFault]:
        """Yields what the guards found, and a fault for each root that is no longer a mount point at the end."""
        yield from self._guard_faults
        if not expected:
            return
        before = {root.path: root for root in self.roots}
        for number, root in enumerate(self._described_roots()):
            if root.path not in expected:
                continue
            begun = before.get(root.path, root)
            same = (root.fs_type, root.source) == (begun.fs_type, begun.source)
            if root.mount_point != root.path or not same:
                text = "ROOT is not the mount point that it was when the scan began"
                fault = Fault(Stage.WALK, FaultCode.FILE_REPLACED, text)
                yield PathFault(root.path, fault, directory=True, root=number)

    def _described_roots(self) -> Sequence[RootDescription]:
        walk = WalkOptions(named_in_list=bool(self.config.listed_roots))
        return open_source(self.config.roots, walk, self.config.buckets).describe_roots()

    def _site_of(self, scheme: str) -> str:
        """Returns the place where the buckets of a scheme are, from the store as it is configured."""
        from hashaudit.objectstores.store_registry import Stores  # noqa: PLC0415 # start-up: most scans read no store

        return Stores(self.config.buckets.store).of(scheme).site

    def _report_executor(self, message: str) -> None:
        self.reports.append(Notice(NoticeSource.EXECUTOR, message))

    def _report_cache(self, message: str) -> None:
        self.reports.append(Notice(NoticeSource.CACHE, message))


def drained(reports: deque[Event]) -> Iterator[Event]:
    """Takes events out and yields them."""
    while reports:
        yield reports.popleft()
