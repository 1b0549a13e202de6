"""``hashaudit hash``: hashes a user's own files, to make lists and manifests from them."""

import contextlib
import os
from collections.abc import Iterator
from typing import Annotated

import msgspec

from hashaudit.errors import OutputError, UsageError
from hashaudit.exit_codes import ExitCode
from hashaudit.model.counted import counted
from hashaudit.model.file_pieces import PieceConfig
from hashaudit.model.member_path import MEMBER_MARK
from hashaudit.model.results import AlgorithmName
from hashaudit.record.entry_path import file_path
from hashaudit.record.output import Output
from hashaudit.record.schema import EndReason, EntryRecord
from hashaudit.scan.config import RecordScope, ScanConfig
from hashaudit.scan.events import Finished
from hashaudit.scan.option import Group, Option, options_of
from hashaudit.scan.option_values import bytes_amount
from hashaudit.scan.own_files import OwnFiles
from hashaudit.sources.given_names import GivenNames
from hashaudit_cli.command import command
from hashaudit_cli.named_files import NamedFilesOptions, named_files
from hashaudit_cli.options import QuietOption, members_of, output_option, select
from hashaudit_cli.settings import Settings
from hashaudit_cli.standard_input import STANDARD_INPUT_NAME, hash_standard_input
from hashaudit_cli.ui.hash_forms import ChecksumLines, HashedFile, HashForm, JsonLines, Table, TaggedLines
from hashaudit_cli.ui.hash_writer import HashWriter
from hashaudit_cli.ui.hashdeep_lines import HASHDEEP_ALGORITHMS, HashdeepLines
from hashaudit_cli.ui.scan_display import follow, show_preparation
from hashaudit_cli.ui.signals import obeying_signals
from hashaudit_cli.ui.terminal import log, quote, standard_output

FORMS = ("list", "jsonl", "csv", "hashdeep", "sums", "dfxml")
ZERO_FORMS = ("list", "sums")
"""Forms whose lines may end with NUL."""
PERCEPTUAL_FORMS = ("list", "jsonl", "csv", "dfxml")
"""Forms that can hold a perceptual hash."""
HASHDEEP_DEFAULT = (AlgorithmName("md5"), AlgorithmName("sha256"))
DEFAULT = (AlgorithmName("sha256"),)


class HashOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options of the command, besides those of a scan."""

    form: Annotated[
        str, Option("format", "Choose what to write for each file.", Group.OUTPUT, metavar="|".join(FORMS))
    ] = "list"
    output: Annotated[
        str | None,
        output_option("Write to this new file.", "FILE"),
    ] = None
    relative: Annotated[
        bool,
        Option("relative", "Write names as their ROOT is given, not absolute paths.", Group.OUTPUT, short="l"),
    ] = False
    zero: Annotated[
        bool,
        Option(
            "zero", "End each line with NUL and escape no name, in the formats list and sums.", Group.OUTPUT, short="z"
        ),
    ] = False
    piece_bytes: Annotated[
        int | None,
        Option(
            "piece",
            "Hash pieces of this size, such as 1M, instead of whole files.",
            Group.OUTPUT,
            short="p",
            metavar="SIZE",
            unit="bytes",
            shown="whole files",
            parse=bytes_amount,
        ),
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
        roots="Directories, files or s3://BUCKET/PREFIX to hash, or - for standard input.",
        algorithms="Compute these digests and perceptual hashes, such as pdq,phash,sha256. Without it: sha256.",
    ),
    members_of("Hash also the members of these containers, as A!/B: archives, documents, mail, all or none."),
    options_of(NamedFilesOptions),
    options_of(HashOptions),
    options_of(QuietOption),
    examples=(
        "hashaudit hash images -a pdq,sha256 -o reference.txt",
        "hashaudit hash /srv --format hashdeep -o files.hashdeep",
        "hashaudit hash -l . --format sums -o SHA256SUMS",
        "git ls-files -z | hashaudit hash -0 --files-from - -l",
    ),
)
def hash_files(settings: Settings) -> int:
    """Hash files, to make a list or a manifest.

    The result is a list for `scan --list` and `lists build`, and a manifest for `audit --against`. What a format cannot
    hold is refused. A signed manifest is the findings file of `scan --record all -o FILE`.
    """
    own, quiet = settings.make(HashOptions), settings.make(QuietOption).quiet
    config, takes_input = _config(settings, own)
    _require_possible(own, config)
    if own.form == "hashdeep" and not config.algorithms:
        config = msgspec.structs.replace(config, algorithms=HASHDEEP_DEFAULT)
    if not config.algorithms and not config.perceptual_algorithms:
        config = msgspec.structs.replace(config, algorithms=DEFAULT)
    form = _form(own, config)
    with _output(own.output) as out:
        out.write(form.header())
        if takes_input:
            _hash_input(out, form, config, own.piece_bytes)
        finished = _hash_roots(config, own, form, out, quiet=quiet) if config.roots else None
        is_whole = finished is None or finished.reason is EndReason.COMPLETED
        if is_whole:
            out.write(form.footer())
        out.sync()
    if own.output is not None and not is_whole:
        os.unlink(own.output)
        log(f"the hashing did not reach its end, so nothing is kept: '{own.output}'")
    return ExitCode.COMPLETE if finished is None else finished.exit_code


def _config(settings: Settings, own: HashOptions) -> tuple[ScanConfig, bool]:
    """Returns the configuration, whose roots may be none, and whether standard input is hashed."""
    from hashaudit.scan.check_config import checked

    names = settings.make(NamedFilesOptions)
    given = settings.make(ScanConfig).roots
    takes_input = os.fsencode(STANDARD_INPUT_NAME) in given
    if takes_input and names.files_from == STANDARD_INPUT_NAME:
        raise UsageError("standard input cannot be both a file and a list of files", hint="name the list")
    listed = named_files(names)
    roots = (*(root for root in given if root != os.fsencode(STANDARD_INPUT_NAME)), *listed)
    pieces = None if own.piece_bytes is None else PieceConfig(own.piece_bytes)
    fixed = {"variants": "none", "record": RecordScope.ALL, "pieces": pieces, "listed_roots": len(listed)}
    # Without a ROOT there is nothing to walk, but the other options are checked all the same.
    config = checked(settings.make(ScanConfig, **fixed, roots=roots or given))
    return msgspec.structs.replace(config, roots=roots), takes_input


def _require_possible(own: HashOptions, config: ScanConfig) -> None:
    """Refuses what a form cannot hold, and names one that can.

    Raises:
        UsageError: the options conflict.
    """
    if own.form not in FORMS:
        raise UsageError(f"invalid --format: '{own.form}'; must be one of {', '.join(FORMS)}")
    if own.zero and own.form not in ZERO_FORMS:
        raise UsageError(
            f"--zero conflicts with --format {own.form}; its lines cannot end with NUL",
            hint=f"use --format {' or '.join(ZERO_FORMS)}",
        )
    if own.form == "hashdeep" and not set(config.algorithms) <= set(HASHDEEP_ALGORITHMS):
        raise UsageError(
            f"invalid --algorithm for --format hashdeep; its columns are {', '.join(HASHDEEP_ALGORITHMS)}",
            hint="use --format csv, sums or dfxml for other digests",
        )
    if config.perceptual_algorithms and own.form not in PERCEPTUAL_FORMS:
        raise UsageError(
            f"invalid --algorithm for --format {own.form}; it cannot hold a perceptual hash",
            hint=f"use --format {', '.join(PERCEPTUAL_FORMS[:-1])} or {PERCEPTUAL_FORMS[-1]}",
        )
    if own.piece_bytes is not None and own.piece_bytes < 1:
        raise UsageError(f"invalid --piece: '{own.piece_bytes}'; must be at least 1 byte")
    if own.piece_bytes is not None and config.inside:
        raise UsageError("--piece conflicts with --inside; only files have pieces")
    if own.piece_bytes is not None and config.perceptual_algorithms:
        raise UsageError("--piece conflicts with perceptual hashes; they are of whole images")


def _form(own: HashOptions, config: ScanConfig) -> HashForm:
    match own.form:
        case "jsonl":
            return JsonLines()
        case "csv":
            return Table((*config.algorithms, *config.perceptual_algorithms), pieces=own.piece_bytes is not None)
        case "hashdeep":
            return HashdeepLines(config.algorithms)
        case "sums":
            return ChecksumLines(ends_with_nul=own.zero)
        case "dfxml":
            from hashaudit_cli.ui.dfxml_lines import Dfxml

            return Dfxml()
        case _:
            return TaggedLines(ends_with_nul=own.zero)


def _hash_input(out: Output, form: HashForm, config: ScanConfig, piece_bytes: int | None) -> None:
    """Writes the hashes of standard input.

    Raises:
        UsageError: a perceptual hash is asked for.
        HashauditError: it cannot be read, or the hashes cannot be written.
    """
    if config.perceptual_algorithms:
        raise UsageError("perceptual hashes of standard input are not supported", hint="name a file")
    path = os.fsencode(STANDARD_INPUT_NAME)
    size, digests = hash_standard_input(
        config.algorithms,
        piece_bytes=piece_bytes,
        take_piece=lambda piece, found: out.write(form.piece_lines(HashedFile(path, None, found), piece)),
    )
    file = HashedFile(path, size, digests)
    out.write(form.lines(file) if piece_bytes is None else form.after_pieces(file))


def _hash_roots(config: ScanConfig, own: HashOptions, form: HashForm, out: Output, *, quiet: bool) -> Finished:
    """Writes the hashes of everything in the roots."""
    from hashaudit.scan.session import Session
    from hashaudit.workers.local.worker_start import start_server

    server = start_server(copies=True, low_impact=config.low_impact, images=bool(config.perceptual_algorithms))
    with obeying_signals() as control, server or contextlib.nullcontext(), Session(config, server=server) as session:
        show_preparation(session.prepare(), quiet=quiet)
        names = GivenNames(session.roots)

        def name_of(record: EntryRecord) -> bytes:
            path = file_path(record.entry)
            if config.inside and MEMBER_MARK in path:
                raise OutputError(
                    f"cannot write a path beside members of containers: '{quote(path)}'; it has {MEMBER_MARK.decode()}",
                    hint="use --format jsonl, or omit --inside",
                )
            return names.name(record.entry.root, path) if own.relative else path

        # If only perceptual hashes are requested, the digest that identifies the file is not part of the list.
        writer = HashWriter(out, form, config.algorithms, name_of=name_of, pieces=own.piece_bytes is not None)
        loop = session.main_loop(writer, control, own_files=OwnFiles(set(out.own_files), set(out.own_paths)))
        follow(loop.events(), control, quiet=quiet)
        finished = loop.finished
    if finished is None:
        raise RuntimeError("the main loop ended without a result")
    if not quiet:
        # An image without a perceptual hash is examined, but not hashed if only such hashes are wanted.
        without_hash = 0 if config.algorithms else writer.without_hash
        totals = finished.totals
        log(
            f"{counted(totals.examined - without_hash, 'file')} hashed, {counted(sum(totals.faults.values()), 'fault')}"
        )
    return finished


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
