"""From a checked configuration to a finished findings file: opens what a run needs, what fails cheapest first."""

import contextlib
import os
import shlex
import sys

from hashaudit.audit.dispatch import Ticket
from hashaudit.audit.events import Finished, Progress, Recorded
from hashaudit.audit.header import run_header
from hashaudit.audit.run import Run
from hashaudit.audit.workers import plan_for, worker_count
from hashaudit.config import AuditConfig
from hashaudit.findings.output import Output
from hashaudit.findings.writer import FindingsWriter
from hashaudit.hashlists.load import LoadedLists, load_lists
from hashaudit.pool.supervisor import Pool
from hashaudit.sources.local import LocalSource
from hashaudit.sources.rules import WalkOptions
from hashaudit.worker.hashers import plug_in_all
from hashaudit_cli.progress import display
from hashaudit_cli.signing import Signing, load_signer
from hashaudit_cli.stopping import stopping_on_signals
from hashaudit_cli.terminal import counted, say, shown


def run_scan(config: AuditConfig, *, output: str | None, signing: Signing, quiet: bool) -> int:
    """Runs a scan to its end and returns its exit code.

    Raises:
        HashauditError: it cannot start or go on.
    """
    with contextlib.ExitStack() as stack:
        stop = stack.enter_context(stopping_on_signals())
        roots = LocalSource(config.roots).describe_roots()
        workers = worker_count(config, roots)
        # Workers start while the lists are loaded.
        pool = stack.enter_context(Pool[Ticket](workers=workers, stall_timeout_s=config.stall_timeout_s))
        plug_in_all(config.hashers)
        lists = stack.enter_context(load_lists(config.lists, columns=config.columns, selection=config.selection))
        signer = load_signer(signing, quiet=quiet)
        if not quiet:
            _tell_lists(lists)
        plan = plan_for(config, lists)
        findings = Output.create(output) if output is not None else Output.of_descriptor(sys.stdout.fileno())
        stack.callback(findings.close)
        walk = WalkOptions(
            include=config.include,
            exclude=config.exclude,
            one_file_system=config.one_file_system,
            follow_links=config.follow_links,
            own_files=findings.own_files,
        )
        source = LocalSource(config.roots, walk)
        pool.begin(plan)
        header = run_header(
            config,
            argv=sys.argv,
            workers=workers,
            algorithms=plan.algorithms,
            roots=roots,
            lists=lists.infos,
            key_fingerprint=signer.fingerprint if signer else None,
            sandbox=pool.wait_ready(),
        )
        writer = stack.enter_context(FindingsWriter(findings, header, signer=signer))
        # Loaded only now: the workers are at it already.
        from hashaudit_cli.render import Tables  # noqa: PLC0415 # as above

        tables = Tables(header.lists)
        finished = None
        with display(quiet=quiet) as bar:
            for event in Run(config, source=source, pool=pool, writer=writer, stop=stop).events():
                match event:
                    case Progress():
                        bar.show(event)
                    case Recorded(record=record):
                        tables.add(record)
                    case Finished():
                        finished = event
        if finished is None:
            raise RuntimeError("a run ended without saying how")
        if not quiet:
            tables.print(finished)
            if output is not None:
                say(f"the findings can be checked with: hashaudit verify {shown(os.fsencode(shlex.quote(output)))}")
        return finished.exit_code


def _tell_lists(lists: LoadedLists) -> None:
    for info in lists.infos:
        rejected = ", ".join(f"{count:,} {reason.replace('_', ' ')}" for reason, count in info.rejected.items())
        left_out = f", not kept: {rejected}" if rejected else ""
        say(f"list {info.name}: {info.format}, {counted(info.kept, 'entry', 'entries')}{left_out}")
        for warning in info.warnings:
            say(f"list {info.name}: {warning}")
