"""The option that names further files in a list: ``--files-from FILE``."""

import sys
from typing import Annotated

import msgspec

from hashaudit.errors import HostError, UsageError
from hashaudit.host.files import open_regular
from hashaudit.scan.config import ScanConfig
from hashaudit.scan.option import Group, Option
from hashaudit_cli.settings import Settings

MAX_RECORDED_NAMES = 10_000
MAX_RECORDED_BYTES = 2 << 20
"""Names in a list that a findings file records as roots in its first line, and their length."""


class NamedFilesOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options of commands that take ROOTs from a list."""

    files_from: Annotated[
        str | None,
        Option(
            "files-from",
            "Take further ROOTs from the lines of FILE, or from standard input (-). A missing one is a fault.",
            Group.FILES,
            metavar="FILE",
            shown="none",
        ),
    ] = None
    ends_with_nul: Annotated[
        bool, Option("null", "In --files-from, NUL ends each name, as from find -print0.", Group.FILES, short="0")
    ] = False


def named_files(options: NamedFilesOptions) -> tuple[bytes, ...]:
    """Returns the names in the list, or none without one.

    Raises:
        UsageError: the options conflict, or the list has no name or an invalid one.
        HostError: the list cannot be read.
    """
    source = options.files_from
    if source is None:
        if options.ends_with_nul:
            raise UsageError(
                "-0 needs --files-from", hint="for output that ends with NUL, use --zero where there is one"
            )
        return ()
    # Start-up: most scans have no such list.
    from hashaudit.sources.name_list import read_names  # noqa: PLC0415 # as above
    from hashaudit_cli.standard_input import STANDARD_INPUT_NAME, require_standard_input  # noqa: PLC0415 # as above

    separator = b"\0" if options.ends_with_nul else b"\n"
    try:
        if source == STANDARD_INPUT_NAME:
            require_standard_input()
            names = tuple(read_names(sys.stdin.buffer, separator=separator))
        else:
            with open_regular(source) as file:
                names = tuple(read_names(file, separator=separator))
    except OSError as error:
        raise HostError(f"cannot read the list of files: '{source}'; {error.strerror}") from error
    if not names:
        raise UsageError(f"no names in the list of files: '{source}'")
    return names


def with_named_files(settings: Settings, config: ScanConfig) -> ScanConfig:
    """Returns the configuration of a scan with the ROOTs that its list names.

    Raises:
        UsageError: the options conflict, or the names are more than the first line of a findings file can hold.
        HostError: the list cannot be read.
    """
    names = named_files(settings.make(NamedFilesOptions))
    if len(names) > MAX_RECORDED_NAMES or sum(map(len, names)) > MAX_RECORDED_BYTES:
        raise UsageError(
            f"too many names in --files-from; a findings file records at most {MAX_RECORDED_NAMES:,} of them",
            hint="scan the directory that holds the files, with --include",
        )
    return msgspec.structs.replace(config, roots=(*config.roots, *names), listed_roots=len(names)) if names else config
