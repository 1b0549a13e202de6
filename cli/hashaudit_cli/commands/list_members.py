"""``hashaudit ls``: lists what a scan examines inside containers."""

import contextlib

from hashaudit.model.counted import counted
from hashaudit.scan.config import RecordScope, ScanConfig
from hashaudit.scan.option import options_of
from hashaudit_cli.command import command
from hashaudit_cli.options import JsonOption, QuietOption, select
from hashaudit_cli.settings import Settings
from hashaudit_cli.ui.member_listing import MemberListing
from hashaudit_cli.ui.scan_display import follow, show_preparation
from hashaudit_cli.ui.signals import obeying_signals
from hashaudit_cli.ui.terminal import log, standard_output


@command(
    "ls",
    select(
        ScanConfig,
        "inside_depth",
        "inside_bytes",
        "passwords",
        "workers",
        roots="Containers to list: files, directories or s3://BUCKET/PREFIX.",
        inside="List the members of these containers: archives, documents, mail, databases, images, all or none.",
    ),
    options_of(JsonOption),
    options_of(QuietOption),
    examples=(
        "hashaudit ls backup.tar.gz",
        "hashaudit ls disk.E01 --inside all",
        "hashaudit ls mail.zip --passwords words.txt --json",
    ),
)
def list_members(settings: Settings) -> int:
    """List what a scan examines inside containers, at all depths.

    Each line has the kind of container, the state, the size in bytes, and the path with each member behind `//`.
    Members come before the file that they are in. The state is `examined`, `deleted` (and
    examined), `opened`, `not opened`, `same as N` (equal
    to the container that the first N members of the path name, 0 being the file), or the code of a fault with its
    reason. Members are read as by a scan, in the sandboxed workers, and nothing is written anywhere. With --json, each
    line is a record of the findings format.

    Exit code 0: everything is examined. 16: something is not, and its lines say why.
    """
    from hashaudit.scan.check_config import checked
    from hashaudit.scan.own_files import OwnFiles
    from hashaudit.scan.session import Session
    from hashaudit.workers.local.worker_start import start_server

    quiet = settings.make(QuietOption).quiet
    config = checked(settings.make(ScanConfig, variants="none", record=RecordScope.ALL))
    server = start_server(copies=True, low_impact=False, images=False)
    with (
        contextlib.closing(standard_output()) as out,
        obeying_signals() as control,
        server or contextlib.nullcontext(),
        Session(config, server=server) as session,
    ):
        show_preparation(session.prepare(), quiet=quiet)
        writer = MemberListing(out, as_json=settings.make(JsonOption).as_json)
        confidential = session.confidential
        own_files = OwnFiles(set(confidential.identities), set(confidential.paths))
        loop = session.main_loop(writer, control, own_files=own_files)
        follow(loop.events(), control, quiet=True)
        finished = loop.finished
    if finished is None:
        raise RuntimeError("the main loop ended without a result")
    if not quiet:
        totals = finished.totals
        log(f"{counted(totals.members, 'member')}, {counted(sum(totals.faults.values()), 'fault')}")
    return finished.exit_code
