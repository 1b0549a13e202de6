"""Runs hashdeep or one of md5deep's family: a scan of this program with their flags, names and output."""

import contextlib
import sys
from collections.abc import Iterator, Sequence

from hashaudit import __version__
from hashaudit.content.digests.digest_registry import DIGESTS
from hashaudit.errors import HostError, ListError
from hashaudit.exit_codes import ExitCode
from hashaudit.lists.list_parser import ListParser
from hashaudit.lists.manifests.manifest_entry import ManifestEntry
from hashaudit.manifest.known_files import Agreement, KnownFiles
from hashaudit.model.counted import counted
from hashaudit.model.file_pieces import PieceConfig
from hashaudit.model.results import AlgorithmName
from hashaudit.record.output import Output
from hashaudit.record.schema import EndReason
from hashaudit.scan.config import RecordScope, ScanConfig
from hashaudit.scan.own_files import OwnFiles
from hashaudit.sources.given_names import GivenNames
from hashaudit_cli.hashdeep.deep_display import DeepDisplay
from hashaudit_cli.hashdeep.deep_flags import (
    ORDER,
    USER_ERROR,
    DeepFlags,
    DeepUsageError,
    Mode,
    Show,
    parse_flags,
)
from hashaudit_cli.hashdeep.deep_lines import DeepLines
from hashaudit_cli.hashdeep.deep_roots import (
    IS_A_DIRECTORY,
    DeepRoot,
    WantedFiles,
    clean_name,
    named_roots,
    reason_to_omit,
)
from hashaudit_cli.standard_input import hash_standard_input
from hashaudit_cli.ui.hash_forms import HashForm
from hashaudit_cli.ui.scan_display import follow, show_preparation
from hashaudit_cli.ui.signals import obeying_signals
from hashaudit_cli.ui.terminal import standard_output

UNUSED_HASHES = 1
"""Bit of the exit code: a known hash was not found. An audit that fails has it too."""
UNMATCHED_INPUTS = 2
"""Bit of the exit code: a file is not known."""

TRIAGE_BYTES = 512
"""Bytes at the beginning of a file that the first hash of triage mode is of."""

STANDARD_INPUT_NAME = b"stdin"

_SHOWN_LINES = 10
"""Lines without a hash that are reported one by one."""

COPYRIGHT = "hashaudit is free software under the Apache License 2.0, without warranty of any kind."


def run_deep(program: str, words: Sequence[str]) -> int:
    """Runs a command line and returns its exit code.

    Args:
        program: ``hashdeep`` or one of the family.
        words: the command line behind it.

    Raises:
        HashauditError: the run cannot start or continue.
    """
    try:
        flags = parse_flags(program, words)
    except DeepUsageError as error:
        print(f"{program}: {error}\nTry `{program} -h` for more information.", file=sys.stderr)
        return USER_ERROR
    if flags.show is not None:
        print(_text(flags))
        return ExitCode.COMPLETE
    known = KnownFiles(ignores_case=flags.ignores_case)
    # A line without a hash makes no audit pass: the file that it names is not compared.
    algorithms, is_damaged = _load(flags, known)
    if flags.mode is not Mode.COMPUTE and not known:
        print(f"{program}: Unable to load any matching files.", file=sys.stderr)
        return USER_ERROR
    lines = DeepLines(flags, algorithms)
    banner = lines.banner(words) if flags.is_hashdeep and not flags.is_dfxml else b""
    with contextlib.closing(Output.create(flags.output) if flags.output else standard_output()) as output:
        display = DeepDisplay(flags, lines, known, algorithms, output, banner=banner, dfxml=_dfxml(flags))
        display.is_incomplete = is_damaged
        stopped_by = _examine(flags, algorithms, display, output)
        if stopped_by is not None:
            return stopped_by
        display.end()
        output.sync()
    return _exit_code(flags, display, known)


def _exit_code(flags: DeepFlags, display: DeepDisplay, known: KnownFiles) -> int:
    code = ExitCode.INCOMPLETE if display.is_incomplete else 0
    if flags.mode is Mode.AUDIT:
        return code | (0 if display.has_passed() else UNUSED_HASHES)
    if flags.mode is not Mode.COMPUTE:
        code |= UNUSED_HASHES if known.unused() else 0
        unmatched = display.agreements[Agreement.NONE] + display.agreements[Agreement.COLLISION]
        code |= UNMATCHED_INPUTS if unmatched else 0
    return code


def _dfxml(flags: DeepFlags) -> HashForm | None:
    if not flags.is_dfxml:
        return None
    from hashaudit_cli.ui.dfxml_lines import Dfxml  # noqa: PLC0415 # start-up: it loads the exports

    return Dfxml()


def _load(flags: DeepFlags, known: KnownFiles) -> tuple[tuple[AlgorithmName, ...], bool]:
    """Loads the known files.

    Returns:
        The digests to compute, in the order of hashdeep's columns, and whether a list or a line of one is missing.
    """
    wanted, is_damaged = set(flags.algorithms), False
    own = None if flags.is_hashdeep else flags.algorithms[0]
    for path in flags.known_lists:
        entries: list[ManifestEntry] = []
        try:
            with ListParser(forks=True) as parser:
                parser.begin_manifests([path])
                info = parser.read_manifest(path, own, entries.extend, is_known_list=True)
        except ListError as error:
            print(f"{flags.program}: {error}", file=sys.stderr)
            is_damaged = True
            continue
        known.add(entries)
        if flags.is_hashdeep:
            wanted.update(name for entry in entries for name in entry.digests if name in ORDER)
        is_damaged |= bool(info.malformed_count)
        if flags.warns_of_lines:
            _report_lines(flags.program, path, info.malformed, info.malformed_count)
    known.add(ManifestEntry(text.encode(), {flags.algorithms[0]: bytes.fromhex(text)}) for text in flags.known_hashes)
    return tuple(name for name in ORDER if name in wanted), is_damaged


def _report_lines(program: str, path: str, numbers: Sequence[int], count: int) -> None:
    for number in numbers[:_SHOWN_LINES]:
        print(f"{program}: {path}: No hash found in line {number}", file=sys.stderr)
    if count > _SHOWN_LINES:
        further = counted(count - _SHOWN_LINES, "further line")
        print(f"{program}: {path}: No hash found in {further}", file=sys.stderr)


def _examine(
    flags: DeepFlags, algorithms: tuple[AlgorithmName, ...], display: DeepDisplay, output: Output
) -> int | None:
    """Hashes what the command line names; returns the exit code of a run that was stopped."""
    if not flags.files and flags.list_of_files is None:
        if flags.is_triage:
            raise HostError("standard input cannot be hashed in triage mode", hint="name a file")
        _hash_input(flags, algorithms, display)
        return None
    roots = list(_existing(flags, display))
    return _walk(flags, algorithms, display, output, roots) if roots else None


def _hash_input(flags: DeepFlags, algorithms: tuple[AlgorithmName, ...], display: DeepDisplay) -> None:
    def take(digests: dict[str, str]) -> dict[AlgorithmName, str]:
        return {AlgorithmName(name): value for name, value in digests.items()}

    size, digests = hash_standard_input(
        algorithms,
        piece_bytes=flags.piece_bytes,
        take_piece=lambda piece, found: display.take(STANDARD_INPUT_NAME, None, take(found), piece, None),
    )
    if flags.piece_bytes is None:
        display.take(STANDARD_INPUT_NAME, size, take(digests), None, None)


def _existing(flags: DeepFlags, display: DeepDisplay) -> Iterator[DeepRoot]:
    """Yields the roots to walk, and reports the others."""
    for root in named_roots(flags):
        try:
            reason = reason_to_omit(root, flags)
        except OSError as error:
            display.report(root.name, error.strerror or "cannot be examined")
            continue
        if reason is None:
            yield root
        elif reason:
            display.report(root.name, reason, is_miss=reason != IS_A_DIRECTORY)


def _walk(
    flags: DeepFlags,
    algorithms: tuple[AlgorithmName, ...],
    display: DeepDisplay,
    output: Output,
    roots: Sequence[DeepRoot],
) -> int | None:
    from hashaudit.scan.check_config import checked  # noqa: PLC0415 # start-up: standard input needs none
    from hashaudit.scan.session import Session  # noqa: PLC0415 # start-up: standard input needs none
    from hashaudit.workers.local.worker_start import start_server  # noqa: PLC0415 # start-up: standard input needs none

    config = checked(scan_config(flags, algorithms, roots))
    server = start_server(copies=True, low_impact=False, images=False)
    with obeying_signals() as control, server or contextlib.nullcontext(), Session(config, server=server) as session:
        show_preparation(session.prepare(), quiet=True)
        set_names(display, flags, GivenNames(session.roots, [root.name for root in roots]))
        loop = session.main_loop(
            display,
            control,
            own_files=OwnFiles(set(output.own_files), set(output.own_paths)),
            selection=lambda source: WantedFiles(source, flags, display.report_skip, display.take_larger),
        )
        follow(loop.events(), control, quiet=not flags.shows_progress)
        finished = loop.finished
    if finished is None:
        raise RuntimeError("the main loop ended without a result")
    return None if finished.reason is EndReason.COMPLETED else finished.exit_code


def scan_config(flags: DeepFlags, algorithms: Sequence[AlgorithmName], roots: Sequence[DeepRoot]) -> ScanConfig:
    """Returns the options of the scan."""
    pieces = None if flags.piece_bytes is None else PieceConfig(flags.piece_bytes)
    if flags.is_triage:
        pieces = PieceConfig(TRIAGE_BYTES, first_only=True)
    return ScanConfig(
        roots=tuple(root.path for root in roots),
        algorithms=tuple(name for name in DIGESTS if name in algorithms),
        record=RecordScope.ALL,
        perceptual=False,
        inside=(),
        workers=flags.workers,
        # By default links are followed to everything that they lead to.
        follow_links=flags.file_types is None or "l" in flags.file_types,
        pieces=pieces,
        listed_roots=len(roots),
        follows_each_path=True,
    )


def set_names(display: DeepDisplay, flags: DeepFlags, names: GivenNames) -> None:
    """Gives the display the names of entries."""

    def full_name_of(root: int, path: bytes) -> bytes:
        name = names.name(root, path)
        return name if flags.is_relative else clean_name(name)

    display.full_name_of = full_name_of
    display.name_of = lambda root, path: _bare(full_name_of(root, path)) if flags.is_bare else full_name_of(root, path)


def _bare(name: bytes) -> bytes:
    return name.rpartition(b"/")[2]


def _text(flags: DeepFlags) -> str:
    if flags.show is Show.VERSION:
        return f"{flags.program} of hashaudit {__version__}, with the flags of version 4.4"
    if flags.show is Show.COPYRIGHT:
        return COPYRIGHT
    rows = _HASHDEEP_HELP if flags.is_hashdeep else _FAMILY_HELP
    lines = [f"{flags.program} [FLAG]... [FILE]...", *(f"  {flag:<12}{text}" for flag, text in (*rows, *_SHARED_HELP))]
    return "\n".join(lines)


_HASHDEEP_HELP = (
    ("-c ALGO,...", "compute md5, sha1, sha256 (default: md5,sha256)"),
    ("-k FILE", "load known hashes, from a file of hashdeep"),
    ("-a", "audit: compare with the known files (-v: counts, -vv: differences, -vvv: every file)"),
    ("-m, -x", "list the files that are known, or that are not; -M, -X: with their hashes"),
    ("-w", "with -m: show the known file"),
    ("-E", "ignore the case of names"),
    ("-V", "show the version"),
)
_FAMILY_HELP = (
    ("-m, -x FILE", "list the files whose hash FILE has, or has not; -M, -X: with their hashes"),
    ("-a, -A HASH", "the same for one hash"),
    ("-w", "show the known file"),
    ("-n", "list the known files that were not found"),
    ("-z, -t, -q", "show sizes; show times of change; omit names"),
    ("-k, -c", "an asterisk before names; comma separated values"),
    ("-Z", "triage: size, hash of the first 512 bytes, hash of the file"),
    ("-S", "report only lines of FILE without a hash"),
    ("-v, -V", "show the version; show the licence"),
)
_SHARED_HELP = (
    ("-r", "enter directories"),
    ("-f FILE", "hash the files that FILE names, one a line"),
    ("-p SIZE", "hash pieces of this size"),
    ("-i, -I SIZE", "hash only files up to this size; -I: show asterisks for others"),
    ("-o f|l|fl", "read only regular files, follow links"),
    ("-l, -b", "relative names; names without directories"),
    ("-0", "end lines with NUL"),
    ("-d", "write DFXML"),
    ("-u", "write characters as U+XXXX"),
    ("-W FILE", "write to this new file"),
    ("-j N", "use N processes"),
    ("-e, -s", "show progress; suppress messages about files"),
)
