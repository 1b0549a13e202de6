"""The options that several commands share."""

from typing import Annotated

import msgspec

from hashaudit.scan.config import ScanConfig
from hashaudit.scan.option import DeclaredOption, Group, Option, options_of


def output_option(help_text: str, metavar: str = "NEW", *, setting: str | None = None) -> Option:
    """Returns the option for the new file that a command writes, or standard output."""
    return Option(
        "output",
        help_text,
        Group.OUTPUT,
        short="o",
        metavar=metavar,
        shown="standard output",
        can_be_standard_output=True,
        setting=setting,
    )


class QuietOption(msgspec.Struct, frozen=True, kw_only=True):
    """The option of commands that report progress."""

    quiet: Annotated[bool, Option("quiet", "Report only findings and errors on standard error.", short="q")] = False
    log_json: Annotated[bool, Option("log-json", "Write each message on standard error as a line of JSON.")] = False


class JsonOption(msgspec.Struct, frozen=True, kw_only=True):
    """The option of commands that print a result."""

    as_json: Annotated[bool, Option("json", "Print JSON.", Group.OUTPUT)] = False


class SigningOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options of commands that sign."""

    key: Annotated[
        str | None,
        Option(
            "key",
            "Sign with this Ed25519 key.",
            Group.OUTPUT,
            metavar="FILE",
            shown="your own key, created at first use",
        ),
    ] = None
    unsigned: Annotated[
        bool,
        Option(
            "unsigned", "Do not sign. Corruption stays detectable, forgery does not.", Group.OUTPUT, negative="signed"
        ),
    ] = False
    passphrase_file: Annotated[
        str | None,
        Option(
            "passphrase-file",
            "Read the key's passphrase from the first line of FILE.",
            Group.OUTPUT,
            metavar="FILE",
            secret=True,
        ),
    ] = None
    passphrase_fd: Annotated[
        int | None,
        Option(
            "passphrase-fd",
            "Read the key's passphrase from open descriptor N.",
            Group.OUTPUT,
            metavar="N",
            secret=True,
        ),
    ] = None


class EndOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options about the end of a scan."""

    summary: Annotated[
        str | None,
        Option(
            "summary",
            "Replace FILE by a JSON summary at the end. It has counts, and no path of a file.",
            Group.OUTPUT,
            metavar="FILE",
            setting="summary-file",
            shown="none",
        ),
    ] = None
    metrics: Annotated[
        str | None,
        Option(
            "metrics",
            "Replace FILE by metrics for node_exporter's textfile collector at the end.",
            Group.OUTPUT,
            metavar="FILE",
            shown="none",
        ),
    ] = None
    journal: Annotated[
        bool, Option("journal", "Report findings and the end to the journal of systemd.", Group.OUTPUT)
    ] = False
    journal_socket: Annotated[
        str, Option("journal-socket", "Use this socket of the journal.", Group.OUTPUT, metavar="PATH")
    ] = "/run/systemd/journal/socket"
    finding_metrics: Annotated[
        bool, Option("finding-metrics", "Include the numbers of findings in the metrics.", Group.OUTPUT)
    ] = True
    on_end: Annotated[
        str | None,
        Option(
            "on-end",
            "Run this command at the end, with the JSON summary on its standard input.",
            Group.OUTPUT,
            metavar="CMD",
            shown="none",
        ),
    ] = None
    on_findings: Annotated[
        str | None,
        Option(
            "on-findings",
            "Run this command at the end if there are findings or differences, in the same way.",
            Group.OUTPUT,
            metavar="CMD",
            shown="none",
        ),
    ] = None


def select(table: type, *fields: str, **helps: str) -> tuple[DeclaredOption, ...]:
    """Returns some options of a class, in the order given.

    Args:
        table: an options class.
        fields: names of fields.
        helps: fields with another help text for this command.
    """
    declared = {one.field: one for one in options_of(table)}
    chosen = []
    for field in (*fields, *helps):
        one = declared[field]
        if field in helps:
            one = msgspec.structs.replace(one, option=msgspec.structs.replace(one.option, help=helps[field]))
        chosen.append(one)
    return tuple(chosen)


def members_of(help_text: str) -> tuple[DeclaredOption, ...]:
    """Returns the options about members of containers, for commands that examine none by default.

    Args:
        help_text: of ``--inside``.
    """
    first, *others = select(ScanConfig, "inside", "inside_depth", "inside_bytes")
    # A setting of its own: the containers that every scan opens are not the ones that a manifest is to have.
    option = msgspec.structs.replace(first.option, help=help_text, shown="none", setting="members-inside")
    return (msgspec.structs.replace(first, default=(), option=option), *others)
