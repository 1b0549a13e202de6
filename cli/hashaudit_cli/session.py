"""From a checked configuration to a finished findings file: opens what a run needs, what fails cheapest first."""

import contextlib
import os
import shlex
import sys

import msgspec

from hashaudit.cache.hash_cache import Cache
from hashaudit.host.sandbox.sandbox import require
from hashaudit.lists.load import LoadedLists, load_lists
from hashaudit.record.schema import EndReason
from hashaudit.scan.config import ScanConfig
from hashaudit.scan.control import Control
from hashaudit.scan.events import Finished
from hashaudit.scan.main_loop import Scan
from hashaudit.scan.plan import plan_for, recipes_for
from hashaudit.scan.run_header import run_header
from hashaudit.sources.filters import WalkOptions
from hashaudit.sources.open_source import open_source
from hashaudit.sources.shard import ShardSource
from hashaudit.workers.local.plugin_probe import plug_in_all
from hashaudit_cli.executors import executor_for
from hashaudit_cli.key_policy import Signing, load_signer
from hashaudit_cli.kindness import apply_low_impact
from hashaudit_cli.open_run import OpenedScan, begin, go_on, reopened, warn_of_failure
from hashaudit_cli.ui.scan_display import follow
from hashaudit_cli.ui.signals import interrupting_on_signals, obeying_signals
from hashaudit_cli.ui.terminal import counted, log, quote


class Destination(msgspec.Struct, frozen=True):
    """Where a run's findings go."""

    output: str | None = None
    """A new file; ``None`` for standard output."""
    resume: str | None = None
    """The file of an interrupted run, to go on with."""


def run_scan(config: ScanConfig, *, destination: Destination, signing: Signing, quiet: bool) -> int:
    """Runs a scan to its end and returns its exit code.

    Args:
        config: what is asked. To resume a run without a ROOT, only what may differ from it.
        destination: where the findings go.
        signing: which key signs.
        quiet: only errors are told.

    Raises:
        HashauditError: it cannot start or go on.
    """
    with contextlib.ExitStack() as stack:
        requests = stack.enter_context(obeying_signals())
        with interrupting_on_signals():
            signer = load_signer(signing, quiet=quiet)
            former = None
            if destination.resume is not None:
                former = stack.enter_context(reopened(destination.resume, signer, config))
                config = former.config
                if former.exit_code is not None:
                    if not quiet:
                        log("that run is complete: there is nothing to go on with")
                    return former.exit_code
            apply_low_impact(config, quiet=quiet)
            roots = open_source(config.roots, buckets=config.buckets).describe_roots()
            # Workers start while the lists are loaded.
            pool = stack.enter_context(executor_for(config, roots, quiet=quiet))
            plug_in_all(config.hashers)
            lists = stack.enter_context(load_lists(config.lists, columns=config.columns, selection=config.selection))
            if not quiet:
                _tell_lists(lists)
            plan = plan_for(config, lists)
            cache = (
                stack.enter_context(Cache(config.cache, config.cache_verify_percent, warn=log))
                if config.cache
                else None
            )
            if cache is not None:
                plan = msgspec.structs.replace(plan, recipes=cache.prepare(recipes_for(plan)))
            pool.begin(plan)
            sandbox = pool.wait_ready()
            if config.require_sandbox:
                require(sandbox)
        own_files = set() if signer is None or signer.identity is None else {signer.identity}
        if cache is not None:
            own_files |= cache.own_files
        walk = WalkOptions(
            include=config.include,
            exclude=config.exclude,
            one_file_system=config.one_file_system,
            follow_links=config.follow_links,
            own_files=own_files,
        )
        header = run_header(
            config,
            argv=sys.argv,
            workers=pool.workers,
            algorithms=plan.algorithms,
            roots=roots,
            lists=lists.infos,
            key_fingerprint=signer.fingerprint if signer else None,
            sandbox=sandbox,
            cache_state=cache.state if cache is not None else None,
        )
        if cache is not None:
            cache.begin(header.run_id if former is None else former.header.run_id)
        if former is not None:
            begun = go_on(former, header, signer, own_files, quiet=quiet)
        else:
            begun = begin(destination.output, config, header, signer, own_files)
        stack.enter_context(begun.writer)
        source = open_source(config.roots, walk, config.buckets)
        if config.shard is not None:
            source = ShardSource(source, config.shard)
        run = Scan(
            config,
            source=source,
            pool=pool,
            writer=begun.writer,
            requests=requests,
            journal=begun.journal,
            earlier=begun.earlier,
            cache=cache,
            list_names={item.number: item.name for item in header.lists},
        )
        finished = _show(run, requests, quiet=quiet)
        if cache is not None and not quiet:
            _tell_passed_over(cache)
        _tell_end(destination, begun, finished, quiet=quiet)
        return finished.exit_code


def _tell_end(destination: Destination, begun: OpenedScan, finished: Finished, *, quiet: bool) -> None:
    path = destination.resume or destination.output
    if path is None or quiet:
        return
    name = quote(os.fsencode(shlex.quote(path)))
    if finished.reason is not EndReason.COMPLETED:
        if begun.journal is not None:
            warn_of_failure(begun.journal)
        log(f"the run can be gone on with: hashaudit scan --resume {name}")
    log(f"the findings can be checked with: hashaudit verify {name}")


def _show(run: Scan, requests: Control, *, quiet: bool) -> Finished:
    """Runs to the end, with a bar while it goes on and tables afterwards. None of that can change the run."""
    # Loaded only now: the workers are at it already.
    from hashaudit_cli.ui.tables import Tables  # noqa: PLC0415 # as above

    tables = Tables()
    finished = follow(run, requests, quiet=quiet, on_record=tables.add)
    if not quiet:
        with contextlib.suppress(OSError, ValueError):
            tables.print(finished)
    return finished


def _tell_passed_over(cache: Cache) -> None:
    if cache.passed_over:
        types = ", ".join(cache.passed_over)
        log(f"files on {types} are read each time: an unchanged state there proves no unchanged content")


def _tell_lists(lists: LoadedLists) -> None:
    for info in lists.infos:
        rejected = ", ".join(f"{count:,} {reason.replace('_', ' ')}" for reason, count in info.rejected.items())
        left_out = f", not kept: {rejected}" if rejected else ""
        held = ", ".join(info.algorithms)
        log(f"list {info.name}: {info.format}, {held}, {counted(info.kept, 'entry', 'entries')}{left_out}")
        for warning in info.warnings:
            log(f"list {info.name}: {warning}")
