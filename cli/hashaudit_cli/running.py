"""From a checked configuration to a finished findings file: opens what a run needs, what fails cheapest first."""

import contextlib
import os
import shlex
import sys
from collections.abc import Sequence

from hashaudit.audit.dispatch import Ticket
from hashaudit.audit.events import Finished
from hashaudit.audit.header import run_header
from hashaudit.audit.requests import Requests
from hashaudit.audit.run import Run
from hashaudit.audit.workers import deadlines, plan_for, worker_count
from hashaudit.config import AuditConfig
from hashaudit.findings.header import HashList
from hashaudit.findings.output import Output
from hashaudit.findings.writer import FindingsWriter
from hashaudit.hashlists.load import LoadedLists, load_lists
from hashaudit.host.sandbox import require
from hashaudit.pool.supervisor import Pool
from hashaudit.sources.opening import open_source
from hashaudit.sources.rules import WalkOptions
from hashaudit.worker.hashers import plug_in_all
from hashaudit_cli.following import follow
from hashaudit_cli.kindness import be_kind
from hashaudit_cli.signals import interrupting_on_signals, obeying_signals
from hashaudit_cli.signing import Signing, load_signer
from hashaudit_cli.terminal import counted, say, shown, standard_output


def run_scan(config: AuditConfig, *, output: str | None, signing: Signing, quiet: bool) -> int:
    """Runs a scan to its end and returns its exit code.

    Raises:
        HashauditError: it cannot start or go on.
    """
    with contextlib.ExitStack() as stack:
        requests = stack.enter_context(obeying_signals())
        with interrupting_on_signals():
            be_kind(config, quiet=quiet)
            signer = load_signer(signing, quiet=quiet)
            roots = open_source(config.roots, buckets=config.buckets).describe_roots()
            workers = worker_count(config, roots)
            # Workers start while the lists are loaded.
            pool = stack.enter_context(
                Pool[Ticket](
                    workers=workers,
                    deadlines=deadlines(config),
                    max_rate_bytes_per_s=config.max_rate_bytes_per_s,
                )
            )
            plug_in_all(config.hashers)
            lists = stack.enter_context(load_lists(config.lists, columns=config.columns, selection=config.selection))
            if not quiet:
                _tell_lists(lists)
            plan = plan_for(config, lists)
            pool.begin(plan)
            sandbox = pool.wait_ready()
            if config.require_sandbox:
                require(sandbox)
        findings = Output.create(output) if output is not None else standard_output()
        stack.callback(findings.close)
        walk = WalkOptions(
            include=config.include,
            exclude=config.exclude,
            one_file_system=config.one_file_system,
            follow_links=config.follow_links,
            own_files=findings.own_files,
        )
        header = run_header(
            config,
            argv=sys.argv,
            workers=workers,
            algorithms=plan.algorithms,
            roots=roots,
            lists=lists.infos,
            key_fingerprint=signer.fingerprint if signer else None,
            sandbox=sandbox,
        )
        writer = stack.enter_context(FindingsWriter(findings, header, signer=signer))
        # The header is signed at once: whatever ends the run, the file says what was begun.
        writer.checkpoint()
        source = open_source(config.roots, walk, config.buckets)
        run = Run(config, source=source, pool=pool, writer=writer, requests=requests)
        finished = _show(run, requests, header.lists, quiet=quiet)
        if output is not None and not quiet:
            say(f"the findings can be checked with: hashaudit verify {shown(os.fsencode(shlex.quote(output)))}")
        return finished.exit_code


def _show(run: Run, requests: Requests, lists: Sequence[HashList], *, quiet: bool) -> Finished:
    """Runs to the end, with a bar while it goes on and tables afterwards. None of that can change the run."""
    # Loaded only now: the workers are at it already.
    from hashaudit_cli.render import Tables  # noqa: PLC0415 # as above

    tables = Tables(lists)
    finished = follow(run, requests, quiet=quiet, on_record=tables.add)
    if not quiet:
        with contextlib.suppress(OSError, ValueError):
            tables.print(finished)
    return finished


def _tell_lists(lists: LoadedLists) -> None:
    for info in lists.infos:
        rejected = ", ".join(f"{count:,} {reason.replace('_', ' ')}" for reason, count in info.rejected.items())
        left_out = f", not kept: {rejected}" if rejected else ""
        held = ", ".join(info.algorithms)
        say(f"list {info.name}: {info.format}, {held}, {counted(info.kept, 'entry', 'entries')}{left_out}")
        for warning in info.warnings:
            say(f"list {info.name}: {warning}")
