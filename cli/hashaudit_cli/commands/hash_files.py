"""``hashaudit hash``: hashes a user's own files, to make lists from them."""

import contextlib
import os
from collections.abc import Iterator
from typing import Annotated

import msgspec

from hashaudit.errors import UsageError
from hashaudit.model.results import AlgorithmName
from hashaudit.record.output import Output
from hashaudit.scan.config import RecordScope, ScanConfig
from hashaudit.scan.option import Group, Option, options_of
from hashaudit_cli.command import command
from hashaudit_cli.options import QuietOption, select
from hashaudit_cli.settings import Settings
from hashaudit_cli.ui.hash_writer import HashWriter, JsonLines, LineFormat, Table, TaggedLines
from hashaudit_cli.ui.scan_display import follow, show_preparation
from hashaudit_cli.ui.signals import obeying_signals
from hashaudit_cli.ui.terminal import counted, log, standard_output

FORMS = ("list", "jsonl", "csv", "hashdeep", "sums", "dfxml")


class HashOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options of the command, besides those of a scan."""

    form: Annotated[
        str, Option("format", "Choose what to write for each file.", Group.OUTPUT, metavar="|".join(FORMS))
    ] = "list"
    output: Annotated[
        str | None,
        Option("output", "Write to this new file.", Group.OUTPUT, short="o", metavar="FILE", shown="standard output"),
    ] = None


@command(
    "hash",
    select(
        ScanConfig,
        "max_frames",
        "workers",
        "max_rate_bytes_per_s",
        "low_impact",
        "endpoint_url",
        "request_payer",
        "path_style",
        roots="Directories, files or s3://BUCKET/PREFIX to hash.",
        algorithms="Compute these digests and perceptual hashes, such as pdq,phash,sha256. Without it: sha256.",
    ),
    options_of(HashOptions),
    options_of(QuietOption),
    examples=(
        "hashaudit hash images -a pdq,sha256 -o reference.txt",
        "hashaudit hash /srv --format hashdeep -o files.hashdeep",
    ),
)
def hash_files(settings: Settings) -> int:
    """Hash files, to make a list or a manifest.

    The result is a list for `scan --list` and `lists build`, and a manifest for `audit --against`. A path that a format
    cannot hold is refused. A signed manifest is the findings file of `scan --record all -o FILE`.
    """
    from hashaudit.scan.check_config import checked
    from hashaudit.scan.session import Session
    from hashaudit.workers.local.worker_start import start_server
    from hashaudit_cli.ui.manifest_lines import HASHDEEP_ALGORITHMS, ChecksumLines, HashdeepLines

    own, quiet = settings.make(HashOptions), settings.make(QuietOption).quiet
    config = checked(settings.make(ScanConfig, variants="none", record=RecordScope.ALL, inside=()))
    if own.form not in FORMS:
        raise UsageError(f"invalid --format: '{own.form}'; must be one of {', '.join(FORMS)}")
    if own.form == "hashdeep" and not config.algorithms:
        config = msgspec.structs.replace(config, algorithms=(AlgorithmName("md5"), AlgorithmName("sha256")))
    if own.form == "hashdeep" and not set(config.algorithms) <= set(HASHDEEP_ALGORITHMS):
        raise UsageError(
            f"invalid --algorithm for --format hashdeep; its columns are {', '.join(HASHDEEP_ALGORITHMS)}",
            hint="use --format csv, sums or dfxml for other digests",
        )
    finished, without_hash = None, 0
    server = start_server(copies=True, low_impact=config.low_impact, images=bool(config.perceptual_algorithms))
    with obeying_signals() as control, server or contextlib.nullcontext(), Session(config, server=server) as session:
        show_preparation(session.prepare(), quiet=quiet)
        perceptual = session.worker_config.perceptual
        pictures = perceptual.algorithms if perceptual else ()
        # If only perceptual hashes are requested, the digest that identifies the file is not part of the list.
        digests = config.algorithms if pictures else session.worker_config.algorithms
        line_form: dict[str, LineFormat] = {
            "list": TaggedLines(),
            "jsonl": JsonLines(),
            "csv": Table((*digests, *pictures)),
            "hashdeep": HashdeepLines(digests),
            "sums": ChecksumLines(),
        }
        if own.form == "dfxml":
            from hashaudit_cli.ui.dfxml_lines import Dfxml

            line_form["dfxml"] = Dfxml()
        with _output(own.output) as out:
            writer = HashWriter(out, line_form[own.form], digests)
            loop = session.main_loop(writer, control)
            follow(loop.events(), control, quiet=quiet)
            finished = loop.finished
            # An image without a perceptual hash is examined, but not hashed if only such hashes are wanted.
            without_hash = writer.without_hash if pictures and not config.algorithms else 0
    if finished is None:
        raise RuntimeError("the main loop ended without a result")
    if not quiet:
        totals = finished.totals
        log(
            f"{counted(totals.examined - without_hash, 'file')} hashed, {counted(sum(totals.faults.values()), 'fault')}"
        )
    return finished.exit_code


@contextlib.contextmanager
def _output(path: str | None) -> Iterator[Output]:
    """Gives the output, and removes a new file after an error: a part of a manifest looks like a whole one."""
    with contextlib.closing(Output.create(path) if path is not None else standard_output()) as output:
        try:
            yield output
        except BaseException:
            if path is not None:
                with contextlib.suppress(OSError):
                    os.unlink(path)
            raise
